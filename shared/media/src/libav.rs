//! libav (FFmpeg's libraries), in safe clothes: a file to a concern, and no `unsafe` outside of them.
//!
//! Everything that libav reads here is foreign. Only the worker process uses this module.

mod decoder;
mod describe;
mod fault;
mod input;
mod resample;
mod source;

pub(crate) use decoder::{Decoder, Received};
pub(crate) use fault::{Fault, quiet};
pub(crate) use input::{Input, Packet};
pub(crate) use resample::{Resampler, Shape};
pub(crate) use source::ReadAt;
