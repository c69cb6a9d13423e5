//! Every event of Tapedeck, in the order in which they happen.
//!
//! An event carries ids only: no addresses, no file names, no bytes. Who hears it reads the state again.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{AudioId, EventId, FailureCode, JobId, State, Timestamp, UserId};

/// A CloudEvent of ours: its `type`, its `source`, and the `subject` that one occurrence is about.
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The CloudEvents `type`: reverse DNS, past tense, versioned.
    const TYPE: &'static str;
    /// The CloudEvents `source`: the function that says it.
    const SOURCE: &'static str;
    /// The CloudEvents `subject`: the id of the thing that it happened to.
    fn subject(&self) -> String;
}

/// Somebody registered; the address is still to be verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRegistered {
    /// The new user.
    pub user_id: UserId,
}
impl Event for UserRegistered {
    const TYPE: &'static str = "dev.tapedeck.user.registered.v1";
    const SOURCE: &'static str = "/tapedeck/functions/auth";
    fn subject(&self) -> String {
        self.user_id.to_string()
    }
}

/// Somebody who has forgotten the password of this account asked for a mail that sets a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordResetAsked {
    /// Whose password.
    pub user_id: UserId,
    /// When: the mail is good for a while from then on.
    pub asked_at: Timestamp,
}
impl Event for PasswordResetAsked {
    const TYPE: &'static str = "dev.tapedeck.user.password-reset-asked.v1";
    const SOURCE: &'static str = "/tapedeck/functions/auth";
    fn subject(&self) -> String {
        self.user_id.to_string()
    }
}

/// A video is stored and its job is queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoUploaded {
    /// The job to convert.
    pub job_id: JobId,
}
impl Event for VideoUploaded {
    const TYPE: &'static str = "dev.tapedeck.video.uploaded.v1";
    const SOURCE: &'static str = "/tapedeck/functions/upload";
    fn subject(&self) -> String {
        self.job_id.to_string()
    }
}

/// The conversion ended well: the audio can be downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioReady {
    /// The job that is done.
    pub job_id: JobId,
    /// Its audio.
    pub audio_id: AudioId,
}
impl Event for AudioReady {
    const TYPE: &'static str = "dev.tapedeck.audio.ready.v1";
    const SOURCE: &'static str = "/tapedeck/functions/convert";
    fn subject(&self) -> String {
        self.job_id.to_string()
    }
}

/// The conversion ended without audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversionFailed {
    /// The job that failed.
    pub job_id: JobId,
    /// Why.
    pub code: FailureCode,
}
impl Event for ConversionFailed {
    const TYPE: &'static str = "dev.tapedeck.conversion.failed.v1";
    const SOURCE: &'static str = "/tapedeck/functions/convert";
    fn subject(&self) -> String {
        self.job_id.to_string()
    }
}

/// The webhook of a job that has ended is due to be called, for the first time or again.
///
/// Each attempt is an event of its own that becomes due in the outbox: hours may lie between two, which no broker's
/// redelivery can do, and a webhook that fails holds up nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDue {
    /// The job that the webhook tells of.
    pub job_id: JobId,
    /// The end that it tells of: [`State::Done`] or [`State::Failed`].
    pub state: State,
    /// 1 for the first.
    pub attempt: u32,
}
impl Event for WebhookDue {
    const TYPE: &'static str = "dev.tapedeck.webhook.due.v1";
    const SOURCE: &'static str = "/tapedeck/functions/notify";
    fn subject(&self) -> String {
        self.job_id.to_string()
    }
}

/// Time to publish the outbox rows that nobody published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepOutbox {}
/// Time to take jobs from converters and uploads that died.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepLeases {}
/// Time to remove audio past its retention, and rows that nobody needs any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRetention {}
/// Time to remove blobs that no row names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepOrphans {}

impl Event for SweepOutbox {
    const TYPE: &'static str = "dev.tapedeck.sweep.outbox.v1";
    const SOURCE: &'static str = "/tapedeck/clock";
    fn subject(&self) -> String {
        "outbox".into()
    }
}
impl Event for SweepLeases {
    const TYPE: &'static str = "dev.tapedeck.sweep.leases.v1";
    const SOURCE: &'static str = "/tapedeck/clock";
    fn subject(&self) -> String {
        "leases".into()
    }
}
impl Event for SweepRetention {
    const TYPE: &'static str = "dev.tapedeck.sweep.retention.v1";
    const SOURCE: &'static str = "/tapedeck/clock";
    fn subject(&self) -> String {
        "retention".into()
    }
}
impl Event for SweepOrphans {
    const TYPE: &'static str = "dev.tapedeck.sweep.orphans.v1";
    const SOURCE: &'static str = "/tapedeck/clock";
    fn subject(&self) -> String {
        "orphans".into()
    }
}

/// Every event type, for the checks that hold the manifests against this page.
pub const ALL_EVENT_TYPES: [&str; 10] = [
    UserRegistered::TYPE,
    PasswordResetAsked::TYPE,
    VideoUploaded::TYPE,
    AudioReady::TYPE,
    ConversionFailed::TYPE,
    WebhookDue::TYPE,
    SweepOutbox::TYPE,
    SweepLeases::TYPE,
    SweepRetention::TYPE,
    SweepOrphans::TYPE,
];

/// One occurrence of an event as it travels and as it stands in the outbox: the CloudEvents attributes that
/// we set, and the data as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// The same for every delivery and every second publish of this occurrence. A ULID when it is ours;
    /// whatever the source likes when it is not (a PingSource's is a UUID).
    pub id: String,
    /// [`Event::TYPE`].
    pub kind: String,
    /// [`Event::SOURCE`].
    pub source: String,
    /// [`Event::subject`]; empty if the event has none.
    pub subject: String,
    /// When it happened.
    pub time: Timestamp,
    /// The event itself.
    pub data: serde_json::Value,
}

impl Envelope {
    /// A new occurrence of `event`, now.
    ///
    /// # Errors
    /// Only if the event can't be written as JSON.
    pub fn of<E: Event>(event: &E) -> serde_json::Result<Self> {
        Ok(Self {
            id: EventId::generate().to_string(),
            kind: E::TYPE.into(),
            source: E::SOURCE.into(),
            subject: event.subject(),
            time: Timestamp::now(),
            data: serde_json::to_value(event)?,
        })
    }
}

/// An event that stands in the outbox already, written by the transaction that made it true.
///
/// Handlers return it so that the transport can pass it on at once instead of waiting for the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<E> {
    /// What happened.
    pub event: E,
    /// The same as it stands in the outbox.
    pub envelope: Envelope,
}
