//! The conversion engine: a video in, its sound out, by a sandboxed process that is all that ever reads the video.
//!
//! ```text
//!  service process                          worker process (same program, private first argument)
//!  ---------------                          -----------------------------------------------------
//!  Engine::convert                          worker::run_if_asked
//!    Source -> blocks (kept, read ahead) ->   libav: demux, decode, resample    probe, open, extract
//!    Sink   <- checked, counted          <-   LAME, ID3                         encode, tag
//!               one socket pair, protocol.rs
//! ```
//!
//! - [`Engine`] starts a worker for each job, answers its reads from a [`Source`], hands what it encodes to a
//!   [`Sink`], and takes nothing that it says for granted. [`Limits`] bound time, memory and output; dropping the
//!   future kills the worker; a worker that dies is an [`Error`].
//! - [`worker`] holds both ends of that process; `worker/steps.rs` is the list of what it does, `worker/parts.rs` gives
//!   each part of a split result an encoder and a tag of its own.
//! - `libav` and `lame` are the only `unsafe` code next to the worker's limits, a file to a concern.
//! - `mp4` finds the sound's packets in long MP4s, whose index would fill libav's memory; `avi` and `libav/unindexed.rs`
//!   keep libav from noting down where each packet of other long files is. `ts` tells scrambled broadcasts.
//! - `worker/mp3.rs` encodes on all cores, with the same bytes for any number of them; `worker/confine.rs` is the
//!   sandbox. `src/bin/engine-bench.rs` measures both beside ffmpeg and moviepy; `src/bin/media-test-helper.rs` is what
//!   tests need another process for.
//! - `native/` builds the libav that is linked: only the parts named in `native/parts.txt`; `build.rs` builds LAME.
//!
//! A binary that uses this crate calls [`worker::run_if_asked`] first thing in `main`, before its runtime starts.
//!
//! # What is deliberately absent
//!
//! - Blob stores and events: bytes come and go by two traits.
//! - A pool of workers: starting one costs a few milliseconds, and a fresh one has nothing of the job before.
//! - Temporary files: both ways stream, and memory doesn't grow with length.
//! - Pictures: they are skipped, not decoded; no video decoder is even linked.
//! - ffmpeg's command line, filters, protocols and playlists: a file can't make us open another.

mod avi;
mod clock;
mod cpu;
mod engine;
mod error;
mod files;
mod format;
#[doc(hidden)]
pub mod fuzz;
mod lame;
mod libav;
mod mp4;
mod ports;
mod protocol;
mod report;
mod settings;
mod ts;
pub mod worker;

pub use cpu::CpuTime;
pub use engine::{Engine, Limits};
pub use error::Error;
pub use files::{FileSink, FileSource};
pub use ports::{REWRITE_WITHIN, Sink, Source};
pub use report::{Chapter, Kind, Part, Peaks, Probe, Progress, Stream, Summary, Warning};
pub use settings::{
    Chapters, Cover, Format, InvalidSettings, MP3_SAMPLE_RATES, Rate, Settings, Silence, Tags, Track,
};
