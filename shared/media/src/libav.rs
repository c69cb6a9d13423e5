//! libav (FFmpeg's libraries), in safe clothes: a file to a concern, and no `unsafe` outside of them.
//!
//! Everything that libav reads here is foreign. Only the worker process uses this module.

mod ahead;
mod choose;
mod copying;
mod decoder;
mod describe;
mod encoder;
mod fault;
mod input;
mod muxer;
mod packet;
mod picture;
mod renew;
mod resample;
mod rest;
mod source;
mod unindexed;

pub(crate) use choose::{Barred, Sound};
pub(crate) use copying::Times;
pub(crate) use decoder::{Decoder, Received};
pub(crate) use encoder::{Encoder, Spend};
pub(crate) use fault::{Fault, quiet};
pub(crate) use input::Input;
pub(crate) use muxer::Muxer;
pub(crate) use packet::{Owned, Packet};
pub(crate) use picture::Picture;
pub(crate) use resample::{Resampler, SILENCE, Shape};
#[cfg(test)]
pub(crate) use source::InMemory;
pub(crate) use source::ReadAt;
