//! The words that the functions share: ids, events, job states, conversion options, failure codes.
//!
//! Read [`events`] first: it lists every event of Tapedeck in the order in which they happen.
//!
//! Architecture invariant: no IO, no async, and no dependency on any other crate of ours. Whatever is in
//! here may be linked into every function at no cost.

mod class;
mod clock;
mod delivery;
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
pub use delivery::{Channel, Message, Outcome, UnknownWord, pause_after};
pub use events::{
    ALL_EVENT_TYPES, AudioReady, ConversionFailed, DeliveryDue, Ended, Envelope, Event, Recorded, SweepBlobs,
    SweepDue, UserRegistered, VideoUploaded,
};
pub use failure::{FailureCode, UnknownFailureCode};
pub use id::{AudioId, DeliveryId, EventId, FeedId, Id, InvalidId, JobId, KeyId, TokenId, UserId, VideoId};
pub use options::{
    BitrateMode, ChapterPolicy, CoverPolicy, Format, InvalidOption, NotifyBy, Options, Preset, SilencePolicy,
    TagPolicy, is_folder,
};
pub use outage::Outage;
pub use schemas::{Described, data_schema, described, short_name};
pub use stage::{Stage, UnknownStage};
pub use state::{State, UnknownState};
pub use timestamp::Timestamp;
pub use trace::Trace;
