//! What the mails say.

use std::{borrow::Cow, time::Duration};

use contracts::{DeliveryId, FailureCode, Timestamp, UserId};
use db::{Audio, Job};

use crate::{
    Mail,
    template::{self, Values},
};

const NO_TITLE: &str = "your video";

/// A template, as text and as HTML.
struct MailTemplate {
    text: &'static str,
    html: &'static str,
}

const READY: MailTemplate = MailTemplate {
    text: include_str!("../templates/ready.txt"),
    html: include_str!("../templates/ready.html"),
};
const FAILED: MailTemplate = MailTemplate {
    text: include_str!("../templates/failed.txt"),
    html: include_str!("../templates/failed.html"),
};
const WELCOME: MailTemplate = MailTemplate {
    text: include_str!("../templates/welcome.txt"),
    html: include_str!("../templates/welcome.html"),
};
const ALREADY_REGISTERED: MailTemplate = MailTemplate {
    text: include_str!("../templates/already-registered.txt"),
    html: include_str!("../templates/already-registered.html"),
};
const RESET: MailTemplate = MailTemplate {
    text: include_str!("../templates/reset.txt"),
    html: include_str!("../templates/reset.html"),
};

impl MailTemplate {
    fn write(&self, to: &str, id: String, subject: String, values: &Values<'_>) -> Mail {
        Mail {
            to: to.to_owned(),
            id,
            subject,
            text: template::text(self.text, values),
            html: template::html(self.html, values),
            link: values.iter().find(|(name, _)| *name == "link").map(|(_, link)| link.to_string()),
        }
    }
}

/// The audio can be downloaded, at `link`, until `until`.
pub(crate) fn ready(to: &str, job: &Job, audio: &Audio, link: &str, until: Timestamp) -> Mail {
    let title = title(job);
    let values: &Values<'_> = &[
        ("title", title.as_str().into()),
        ("what", what(job).into()),
        ("duration", clock(audio.duration).into()),
        ("size", size(audio.bytes).into()),
        ("link", link.into()),
        ("until", day(until).into()),
        ("audio_id", audio.id.to_string().into()),
        ("warning", job.warning.as_deref().unwrap_or_default().into()),
    ];
    READY.write(to, id(job, "ready"), format!("Your {} is ready: {title}", what(job)), values)
}

/// There is no audio: why, and what to do.
pub(crate) fn failed(to: &str, job: &Job, code: FailureCode, detail: &str, public_url: &str) -> Mail {
    let title = title(job);
    let values: &Values<'_> = &[
        ("title", title.as_str().into()),
        ("what", what(job).into()),
        ("sentence", code.sentence().into()),
        ("detail", one_line(detail)),
        ("link", public_url.into()),
        ("job_id", job.id.to_string().into()),
    ];
    FAILED.write(to, id(job, "failed"), format!("Your {} could not be made: {title}", what(job)), values)
}

/// Somebody registered with this address; `link` proves until `until` that it was its owner.
pub(crate) fn welcome(to: &str, user: UserId, link: &str, until: Timestamp) -> Mail {
    let values: &Values<'_> = &[("link", link.into()), ("until", day(until).into())];
    WELCOME.write(to, format!("{user}.welcome"), "Welcome to Tapedeck: confirm your address".into(), values)
}

/// Somebody has forgotten the password; `link` sets a new one.
pub(crate) fn reset(to: &str, user: UserId, asked_at: Timestamp, link: &str) -> Mail {
    let values: &Values<'_> = &[("link", link.into())];
    // Each time it is asked for is a mail of its own.
    let id = format!("{user}.reset-{}", asked_at.millis());
    RESET.write(to, id, "A new password for Tapedeck".into(), values)
}

/// Somebody tried to register with the address of an account.
pub(crate) fn already_registered(to: &str, delivery: DeliveryId, public_url: &str) -> Mail {
    let values: &Values<'_> = &[("link", public_url.into())];
    let subject = "You have an account at Tapedeck already".into();
    ALREADY_REGISTERED.write(to, format!("{delivery}.already-registered"), subject, values)
}

/// The same for each attempt; a job that is tried again ends again, and that is another mail.
fn id(job: &Job, kind: &str) -> String {
    match job.end_no {
        0 | 1 => format!("{}.{kind}", job.id),
        end => format!("{}.{kind}-{end}", job.id),
    }
}

/// What the job makes, in a word.
pub(crate) fn what(job: &Job) -> &'static str {
    if job.options.extension() == "mp3" { "MP3" } else { "audio" }
}

pub(crate) fn title(job: &Job) -> String {
    job.title().unwrap_or_else(|| NO_TITLE.into())
}

/// The detail may come from a decoder: no line of it may pass for a line of ours.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    text.split(char::is_control).collect::<Vec<_>>().join(" ").into()
}

/// `3:07`, `1:02:03`.
pub(crate) fn clock(span: Duration) -> String {
    let seconds = (span.as_millis() + 500) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// `312 bytes`, `4.2 MB`.
pub(crate) fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} bytes"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    let tenths = bytes / (unit / 10);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// `2026-11-21`, in UTC.
pub(crate) fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_written_for_people() {
        assert_eq!(clock(Duration::from_millis(187_400)), "3:07");
        assert_eq!(clock(Duration::from_secs(3_723)), "1:02:03");
        assert_eq!(size(312), "312 bytes");
        assert_eq!(size(4_200_000), "4.2 MB");
        assert_eq!(size(1_999_999), "1.9 MB");
    }

    #[test]
    fn a_day_is_the_date_in_utc() {
        assert_eq!(day(Timestamp::from_millis(1_700_000_000_000)), "2023-11-14");
    }
}
