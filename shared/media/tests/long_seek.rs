//! A minute out of the end of a long file costs what a minute costs, and is the same as decoding all that is before it.
//! One hour; `MEDIA_HOURS=10 cargo test --package media --test long_seek -- --nocapture` is ten, and says what it took.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::time::{Duration, Instant};

use common::recipe::{Recipe, peak};
use media::Settings;

/// In minutes.
fn length() -> u64 {
    option_env!("MEDIA_HOURS").and_then(|hours| hours.parse().ok()).unwrap_or(1) * 60
}

#[tokio::test]
async fn a_minute_at_its_end_is_exact_and_reads_little() {
    let recipe = Recipe::empty();
    let (seconds, from) = (length() * 60, length() * 54);
    let source = format!(
        "-f lavfi -i testsrc2=s=16x16:r=1:d={seconds} -f lavfi -i aevalsrc=0.3*sin(1000*t+20*sin(t)):s=8000:d={seconds} -c:v mpeg4 -b:v 8k -g 10 -c:a aac -aac_pns 0 -b:a 12k"
    );
    recipe.run(&source, "long.mp4");
    for (name, most) in [("long.mp4", 0.2), ("long.mkv", 0.2), ("long.ts", 0.2)] {
        if name != "long.mp4" {
            recipe.run("-i long.mp4 -c copy", name);
        }
        let (all, whole) = recipe.samples(name, Settings::default()).await;
        let (start, end) = (Duration::from_secs(from), Duration::from_secs(from + 60));
        let begun = Instant::now();
        let settings = Settings { start: Some(start), end: Some(end), ..Settings::default() };
        let (part, minute) = recipe.samples(name, settings).await;
        let took = begun.elapsed();
        assert!(minute == whole[from as usize * 8000..][..60 * 8000], "{name}");
        assert!(peak(&minute) > 0.2, "{name}");
        let share = part.source_bytes_read as f64 / all.source_bytes_read as f64;
        println!("{name}: {took:?}, {} of {} bytes", part.source_bytes_read, all.source_bytes_read);
        assert!(share < most, "{name}: {share}");
    }
}
