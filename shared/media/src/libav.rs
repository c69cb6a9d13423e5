//! libav (FFmpeg's libraries), in safe clothes: a file to a concern, and no `unsafe` outside of them.
//!
//! Everything that libav reads here is foreign. Only the worker process uses this module.

mod clock;
mod decoder;
mod describe;
mod encoder;
mod fault;
mod input;
mod muxer;
mod picture;
mod resample;
mod rest;
mod source;

pub(crate) use decoder::{Decoder, Received};
pub(crate) use encoder::{Encoder, Spend};
pub(crate) use fault::{Fault, quiet};
pub(crate) use input::{Input, Packet, Sound};
pub(crate) use muxer::Muxer;
pub(crate) use picture::Picture;
pub(crate) use resample::{Resampler, Shape};
#[cfg(test)]
pub(crate) use source::InMemory;
pub(crate) use source::ReadAt;
