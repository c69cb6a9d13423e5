//! The words that the functions share: ids, events, job states, conversion options, failure codes.
//!
//! Read [`events`] first: it lists every event of Tapedeck in the order in which they happen.
//!
//! # Glossary
//!
//! One term for each thing; names, logs, errors and docs use these.
//!
//! | term | meaning |
//! |---|---|
//! | job | one video that becomes one audio: a row with a [`State`] |
//! | transition | the change of a job's state: one compare-and-set in a transaction |
//! | event | a CloudEvent that says what has happened ([`events`]); it carries ids only, and may come twice or late |
//! | outbox | rows of events, written in the transaction that makes them true; they are published from there |
//! | delivery | in the broker and the runtime: an event that reaches a handler. In the database, see below |
//! | redelivery | the same event again, under the same id; handlers are idempotent |
//! | ticket | the event in the conversion queue: it says that some job waits, not which one is next |
//! | claim | taking a row for a time by compare-and-set: a job, a delivery, an outbox row |
//! | lease | a claim that its holder extends: a converter's on a job, a sweep's on its work |
//! | heartbeat | what extends a lease, and what an upload sends while bytes come |
//! | expired lease | a lease whose converter has sent no heartbeat in time: the sweep recovers the job |
//! | requeue | a job waits again: after an expired lease, a shutdown, a retry |
//! | delayed | a job that waits until a store is back |
//! | attempt | one conversion of a job under one lease; a job has three |
//! | outage | an attempt that ended because a store was away; it is not counted as one of the three |
//! | a delivery's row | a mail or a call to a user: its [`Channel`], when it is due, its [`Outcome`] |
//! | destination | where else a user is told of jobs: a webhook, an ntfy topic, an Apprise key ([`DestinationKind`]) |
//! | dead letter | a delivery whose attempts are used up; an administrator lists, repeats and drops them. In `eventing/`: what a Trigger gives up |
//! | subscriber | a function that handles an event type |
//! | blob | a stored video, audio or waveform |
//! | garbage | the row of a blob that no job names any more: it is removed from there |
//! | orphan | a blob that neither a job nor a garbage row names; the walk over the blob store finds it |
//! | sweep | the function that looks at rows that are due: expired leases, deliveries, retention, garbage |
//! | due | the time from which a row is handled: `look_at`, `due_at` |
//! | upload | a video in transfer, in one request or in parts (tus) |
//!
//! Architecture invariant: no IO, no async, and no dependency on any other crate of ours. Whatever is in
//! here may be linked into every function at no cost.

mod class;
mod clock;
mod cost;
mod delivery;
mod destination;
mod events;
mod failure;
mod id;
mod options;
mod outage;
mod schemas;
mod stage;
mod state;
mod timestamp;
mod trace;

pub use class::share;
pub use clock::Clock;
pub use cost::Cost;
pub use delivery::{Channel, Message, Outcome, UnknownWord, pause_after};
pub use destination::{DestinationEvent, DestinationKind, topic_of};
pub use events::{
    ALL_EVENT_TYPES, AudioReady, ConversionFailed, DeliveryDue, Ended, Envelope, Event, Recorded,
    SUBSCRIBED_EVENT_TYPES, SweepBlobs, SweepDue, UserRegistered, VideoUploaded,
};
pub use failure::{FailureCode, UnknownFailureCode};
pub use id::{
    AudioId, DeliveryId, DestinationId, EventId, FeedId, Id, InvalidId, JobId, KeyId, TokenId, UserId,
    VideoId,
};
pub use options::{
    BitrateMode, ChapterPolicy, CoverPolicy, Format, InvalidOption, NotifyBy, Options, Preset, SilencePolicy,
    TagPolicy, is_folder, is_https_address, is_label,
};
pub use outage::Outage;
pub use schemas::{Described, data_schema, described, short_name};
pub use stage::{Stage, UnknownStage};
pub use state::{State, UnknownState};
pub use timestamp::Timestamp;
pub use trace::Trace;
