//! What ntfy and Apprise say: a title, a line or two, and a link.

use contracts::{Message, Timestamp};
use db::{Audio, Delivery, Job};
use serde_json::{Value, json};

use crate::{
    Notify,
    letters::{clock, day, one_line, size, title, what},
};

/// Longest title, in characters.
const TITLE: usize = 200;

/// A short message.
pub(crate) struct Note {
    message: Message,
    title: String,
    text: String,
    link: String,
}

impl Note {
    /// About the end of a job, or a try. `None`: there is nothing to say.
    pub(crate) fn new(cx: &Notify, delivery: &Delivery, job: Option<&Job>, now: Timestamp) -> Option<Self> {
        let home = cx.public_url.clone();
        let (title, text, link) = match (delivery.message, job) {
            (Message::Ready, Some(job)) => {
                let audio = job.audio.as_ref()?;
                let (link, until) = cx.link(job, audio, now);
                (format!("Your {} is ready: {}", what(job), title(job)), ready(job, audio, until), link)
            }
            (Message::Failed, Some(job)) => {
                let (code, detail) = job.error.as_ref()?;
                let text = format!("{} {}", code.sentence(), one_line(detail));
                (format!("Your {} could not be made: {}", what(job), title(job)), text, home)
            }
            (Message::Test, _) => {
                ("Tapedeck can tell you".into(), "You will hear of your jobs here.".into(), home)
            }
            _ => return None,
        };
        let title = one_line(&title).chars().take(TITLE).collect();
        Some(Self { message: delivery.message, title, text: text.trim().to_owned(), link })
    }

    /// For this topic, as JSON (docs.ntfy.sh/publish). Tags that name an emoji are shown as that.
    pub(crate) fn ntfy(&self, topic: &str) -> Value {
        let tag = match self.message {
            Message::Ready => "musical_note",
            Message::Test => "wave",
            _ => "warning",
        };
        let Self { title, text, link, .. } = self;
        json!({"topic": topic, "title": title, "message": text, "tags": [tag], "click": link})
    }

    /// For an Apprise API server.
    pub(crate) fn apprise(&self) -> Value {
        let kind = match self.message {
            Message::Ready => "success",
            Message::Test => "info",
            _ => "failure",
        };
        let body = format!("{}\n{}", self.text, self.link);
        json!({"title": self.title, "body": body, "type": kind, "format": "text"})
    }
}

fn ready(job: &Job, audio: &Audio, until: Timestamp) -> String {
    let about =
        format!("{}, {}. The link works until {}.", clock(audio.duration), size(audio.bytes), day(until));
    let warning = one_line(job.warning.as_deref().unwrap_or_default()).into_owned();
    format!("{about} {warning}")
}
