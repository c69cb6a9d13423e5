//! Progress, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for `bytes` of something; hidden if `quiet`, and where there is no terminal.
pub(super) fn bytes(name: &str, bytes: u64, quiet: bool) -> ProgressBar {
    styled(name, bytes, "{msg:30!} {bar:30} {bytes:>10} of {total_bytes}  {bytes_per_sec}  {eta} left", quiet)
}

/// A bar for a conversion, in thousandths.
pub(super) fn conversion(name: &str, quiet: bool) -> ProgressBar {
    styled(name, 1000, "{msg:30!} {bar:30} {percent:>3} %", quiet)
}

fn styled(name: &str, length: u64, template: &str, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    bar
}
