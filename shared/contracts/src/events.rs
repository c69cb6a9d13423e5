//! Every event of Tapedeck, in the order in which they happen.
//!
//! An event carries ids only: no addresses, no file names, no bytes. Subscribers read the state again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{AudioId, DeliveryId, EventId, FailureCode, JobId, Timestamp, UserId};

/// A CloudEvent of ours: its `type`, its `source`, and the `subject` that one occurrence is about.
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The CloudEvents `type`: reverse DNS, past tense, versioned.
    const TYPE: &'static str;
    /// The CloudEvents `source`: the publishing function.
    const SOURCE: &'static str;
    /// The CloudEvents `subject`: the id of the thing that it happened to.
    fn subject(&self) -> String;
}

/// Somebody registered; the address is still to be verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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

/// A video is stored and its job is queued.
///
/// In the converter's queue it is a ticket: whoever takes one converts the fairest waiting job, which may be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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

/// A mail or a webhook call is due, for the first time or again.
///
/// A hint: attempts and due times stand in the delivery's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryDue {
    /// What is due.
    pub delivery_id: DeliveryId,
}
impl Event for DeliveryDue {
    const TYPE: &'static str = "dev.tapedeck.delivery.due.v1";
    const SOURCE: &'static str = "/tapedeck/db";
    fn subject(&self) -> String {
        self.delivery_id.to_string()
    }
}

/// Time to look at the rows that are due: jobs, events, deliveries, garbage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SweepDue {}
/// Time to compare the blob store with the rows, a part at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SweepBlobs {}

impl Event for SweepDue {
    const TYPE: &'static str = "dev.tapedeck.sweep.due.v1";
    const SOURCE: &'static str = "/tapedeck/clock";
    fn subject(&self) -> String {
        "due".into()
    }
}
impl Event for SweepBlobs {
    const TYPE: &'static str = "dev.tapedeck.sweep.blobs.v1";
    const SOURCE: &'static str = "/tapedeck/clock";
    fn subject(&self) -> String {
        "blobs".into()
    }
}

/// Every event type, for the checks that hold the manifests against this page.
pub const ALL_EVENT_TYPES: [&str; 7] = [
    UserRegistered::TYPE,
    VideoUploaded::TYPE,
    AudioReady::TYPE,
    ConversionFailed::TYPE,
    DeliveryDue::TYPE,
    SweepDue::TYPE,
    SweepBlobs::TYPE,
];

/// The types that a function subscribes to through the broker. No such event may get lost because its queue is not bound
/// yet: it is published as mandatory. The others are facts that may have no subscriber; the clock sends its own.
pub const SUBSCRIBED_EVENT_TYPES: [&str; 2] = [VideoUploaded::TYPE, DeliveryDue::TYPE];

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
    /// CloudEvents extension attributes, as `traceparent`.
    pub extensions: BTreeMap<String, String>,
    /// The event itself.
    pub data: serde_json::Value,
}

impl Envelope {
    /// A new occurrence of `event` at `time`.
    ///
    /// # Errors
    /// Only if the event can't be written as JSON.
    pub fn of<E: Event>(event: &E, time: Timestamp) -> serde_json::Result<Self> {
        Ok(Self {
            id: EventId::generate().to_string(),
            kind: E::TYPE.into(),
            source: E::SOURCE.into(),
            subject: event.subject(),
            time,
            extensions: BTreeMap::new(),
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

/// The end of a job as it stands in the outbox: the event, and the deliveries it causes.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended<E> {
    /// What happened.
    pub fact: Recorded<E>,
    /// One for each channel.
    pub deliveries: Vec<Recorded<DeliveryDue>>,
}
