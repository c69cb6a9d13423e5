//! Mails as files, for a laptop and for tests.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::Mail;

/// Writes `mail`, whose wire form is `content`, into the directory, and prints its link on a terminal.
pub(crate) async fn store(directory: &Path, mail: &Mail, content: Vec<u8>) -> io::Result<()> {
    let path = directory.join(format!("{}.eml", mail.id.replace('.', "-")));
    tokio::task::spawn_blocking(move || write(&path, &content)).await.map_err(io::Error::other)??;
    print_line(mail);
    Ok(())
}

/// Written beside its place and renamed, so that a mail is there whole, once, or not at all.
fn write(path: &PathBuf, content: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    // It holds a link that opens the audio: nobody else on this machine needs to read it.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The one exception to "no token in what we print": this mailer is for the person at this terminal, and the
/// link is what they wait for. It goes to stdout, never to the log; and to none that is kept in a file.
fn print_line(mail: &Mail) {
    if !io::stdout().is_terminal() {
        return;
    }
    // A closed stdout loses the line, not the mail.
    let _ = writeln!(io::stdout(), "mail: {} {}", mail.subject, mail.link.as_deref().unwrap_or_default());
}
