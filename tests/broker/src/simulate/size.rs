//! What so many videos a day take, by arithmetic that is shown.

use super::{
    arrivals::{HOURS, LENGTHS, mean_work},
    root,
};
use crate::scaler::ScaledObject;

const A_DAY: [f64; 3] = [1e3, 1e5, 1e7];
/// MB of video and of audio per minute of sound: 720p as phones and lecture halls record it; MP3 at some 100 kbit/s.
const VIDEO_MB: f64 = 10.0;
const AUDIO_MB: f64 = 0.8;
/// Days that they are kept: `SWEEP_KEEP_VIDEOS_SECONDS`, `CONVERT_KEEP_DAYS`.
const VIDEO_DAYS: f64 = 1.0;
const AUDIO_DAYS: f64 = 30.0;
/// What one server is trusted with here: MB a second written and TB stored by a mongod, transactions a second made durable
/// by a MySQL, messages a second through RabbitMQ's quorum queues. Measure your own.
const SHARD_MB: f64 = 100.0;
const SHARD_TB: f64 = 4.0;
const MYSQL_COMMITS: f64 = 2000.0;
const RABBIT_MESSAGES: f64 = 10_000.0;
/// Workers are to be busy so much of the time in the busiest hour.
const BUSY: f64 = 0.7;
/// The paths that a video goes, each with the list of its steps that the crash tests hold.
const PATHS: [&str; 3] = ["upload", "convert", "deliver"];

/// Steps of a video on its way.
struct Steps {
    writes: usize,
    commits: usize,
    messages: usize,
}

/// Counts them in the lists of the crash tests, whatever may come beside them left out.
fn steps() -> Steps {
    let mut steps = Steps { writes: 0, commits: 0, messages: 0 };
    for path in PATHS {
        let list = std::fs::read_to_string(root().join(format!("tests/crash-points/{path}.txt"))).unwrap();
        for line in list.lines() {
            let words = line.trim_start_matches("sql ").trim_start();
            let writes = line.starts_with("sql ")
                && ["INSERT", "UPDATE", "DELETE"].iter().any(|verb| words.starts_with(verb));
            steps.writes += usize::from(writes);
            // What is set in by two more spaces is part of a transaction.
            steps.commits +=
                usize::from(line.starts_with("sql COMMIT") || (writes && !line.starts_with("sql   ")));
            steps.messages += usize::from(line.starts_with("amqp publish"));
        }
    }
    // The intake answers a video's event with a ticket, and so does the broker's copy for each Trigger that wants one.
    steps.messages += 1;
    steps
}

/// Minutes of sound of a video of the mix.
fn mean_minutes() -> f64 {
    LENGTHS.iter().map(|(minutes, share)| minutes * share / 100.0).sum()
}

/// Which part of a day's videos comes in its busiest hour.
fn busiest() -> f64 {
    HOURS.iter().copied().fold(0.0, f64::max) / HOURS.iter().sum::<f64>()
}

/// Of the page.
pub(crate) fn section(spec: &ScaledObject) -> String {
    let (steps, minutes) = (steps(), mean_minutes());
    let most = f64::from(spec.max) * BUSY / mean_work() * 3600.0 / busiest();
    format!(
        "A video of the mix has {minutes:.1} minutes of sound and {:.0} MB; its audio has {:.1} MB. The busiest hour has {:.1} % of the\n\
         day's videos. A video's way is {} statements that write to MySQL in {} transactions, and {} messages, as counted in the\n\
         lists of `tests/crash-points/` ({}).\n\n\
         | videos a day | {} | how |\n|---|---:|---:|---:|---|\n{}\n\
         The manifest's {} workers are enough for {} videos a day.\n",
        minutes * VIDEO_MB,
        minutes * AUDIO_MB,
        busiest() * 100.0,
        steps.writes,
        steps.commits,
        steps.messages,
        PATHS.join(", "),
        A_DAY.map(number).join(" | "),
        rows(&steps),
        spec.max,
        number(round(most)),
    )
}

/// A line of the table: what it is, for so many videos a day, how it is reckoned.
type Row<'a> = (&'a str, &'a dyn Fn(f64) -> f64, String);

fn rows(steps: &Steps) -> String {
    let [messages, writes, commits] = [steps.messages, steps.writes, steps.commits].map(|count| count as f64);
    let (minutes, work) = (mean_minutes(), mean_work());
    let (video, audio) = (minutes * VIDEO_MB, minutes * AUDIO_MB);
    let peak = |videos: f64| videos * busiest() / 3600.0;
    let megabytes = |videos: f64| peak(videos) * (video + audio);
    let stored = |videos: f64| videos * (video * VIDEO_DAYS + audio * AUDIO_DAYS) / 1e6;
    let rows: [Row<'_>; 10] = [
        ("videos a second in the busiest hour", &peak, format!("videos x {:.3} / 3600", busiest())),
        (
            "worker pods then (`maxReplicaCount`)",
            &|videos| (peak(videos) * work / BUSY).ceil(),
            format!("a second x {work:.1} s / {BUSY}"),
        ),
        ("cores that they use", &|videos| (peak(videos) * work).ceil(), format!("a second x {work:.1} s")),
        ("messages a second", &|videos| peak(videos) * messages, format!("a second x {messages}")),
        (
            "RabbitMQ clusters",
            &|videos| (peak(videos) * messages / RABBIT_MESSAGES).ceil(),
            format!("messages / {}", number(RABBIT_MESSAGES)),
        ),
        ("writes to MySQL a second", &|videos| peak(videos) * writes, format!("a second x {writes}")),
        (
            "MySQL servers that take them",
            &|videos| (peak(videos) * commits / MYSQL_COMMITS).ceil(),
            format!("a second x {commits} transactions / {}", number(MYSQL_COMMITS)),
        ),
        ("MB a second into GridFS", &megabytes, format!("a second x {:.0} MB", video + audio)),
        (
            "TB stored",
            &stored,
            format!("videos x ({video:.0} MB x {VIDEO_DAYS} d + {audio:.0} MB x {AUDIO_DAYS} d)"),
        ),
        (
            "GridFS shards",
            &|videos| (megabytes(videos) / SHARD_MB).max(stored(videos) / SHARD_TB).ceil(),
            format!("the more of MB / {SHARD_MB} and TB / {SHARD_TB}"),
        ),
    ];
    let line = |(name, value, how): &Row<'_>| {
        let values = A_DAY.map(|videos| number(value(videos))).join(" | ");
        format!("| {name} | {values} | {how} |\n")
    };
    rows.iter().map(line).collect()
}

/// To two digits.
fn round(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor() - 1.0);
    (value / power).floor() * power
}

/// With commas; below ten with two digits.
fn number(value: f64) -> String {
    if value < 10.0 && value.fract() > 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [0.25, 3.0, 12.6, 1_000.0, 10_000_000.0].map(number),
            ["0.25", "3", "13", "1,000", "10,000,000"]
        );
    }

    #[test]
    fn the_lists_of_the_crash_tests_have_a_videos_writes() {
        let steps = steps();
        assert!(steps.writes >= 15 && steps.commits >= 8 && steps.messages >= 4, "{}", steps.writes);
    }
}
