//! What the service and its worker say to each other: one table, both directions.
//!
//! A message is a length (u32, little endian, of what follows), a kind (one byte) and a body. Bodies that carry
//! bytes are raw, the few structured ones are JSON. The service asks for nothing: it sends a job and then answers
//! reads, one at a time. Whatever the worker says is untrusted: it may have been taken over by the file it reads.

use std::io;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::report::{Part, Peaks, Probe, Progress, Warning};
use crate::settings::Settings;

/// The longest message in bytes, kind included: nobody allocates more because the other side said so.
pub(crate) const LONGEST: usize = 256 * 1024;
/// The most that one [`FromWorker::Read`] asks for and one [`ToWorker::Bytes`] answers, in bytes. It is the chunk of
/// GridFS, where the sources are kept, so that an aligned read is one chunk.
pub(crate) const BLOCK: usize = 255 * 1024;
/// The most parts of a split result: as many as a probe tells chapters.
pub(crate) const MOST_PARTS: u32 = 256;
/// The length in front of each message.
pub(crate) const PREFIX: usize = 4;

/// From the service.
#[derive(Debug, PartialEq)]
pub(crate) enum ToWorker {
    /// The first message, once.
    Job(Job),
    /// The answer to a read: at least a byte, or none at the end of the source.
    Bytes(Bytes),
}

/// From the worker.
#[derive(Debug, PartialEq)]
pub(crate) enum FromWorker {
    /// Up to `len` bytes of the source from `offset`, please.
    Read { offset: u64, len: u32 },
    /// Encoded bytes, in order.
    Audio(Bytes),
    /// Encoded bytes instead of earlier ones.
    Rewrite { offset: u64, bytes: Bytes },
    /// What follows belongs to the next part, and offsets count from its start. Only where a split was asked for.
    Part(Part),
    /// The source is open, and declares to be so long.
    Opened(Option<Duration>),
    /// Sent a few times a second.
    Progress(Progress),
    /// The last message, when all is well.
    Done(Report),
    /// The last message, when not.
    Failed(Failure),
}

/// What the worker is to do and what it may use.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) task: Task,
    /// Of the source, in bytes.
    pub(crate) size: u64,
    pub(crate) cpu: Duration,
    pub(crate) memory_bytes: u64,
    /// That encode.
    pub(crate) threads: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Task {
    Probe,
    Convert(Settings),
}

/// The worker's part of what is known in the end. The service counts the bytes itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Report {
    Probed(Probe),
    Converted {
        source: Probe,
        codec: String,
        sample_rate: u32,
        channels: u8,
        samples: u64,
        peaks: Option<Peaks>,
        warnings: Vec<Warning>,
    },
}

/// Why the worker gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Failure {
    NoAudio,
    /// Which one was wanted.
    NoTrack(String),
    Unreadable(String),
    UnsupportedCodec(String),
    /// It needs a key.
    Encrypted,
    /// Nothing is left behind the wanted start. Where the sound ends.
    StartTooLate(String),
    /// Our fault, not the file's: a broken socket, an encoder that refuses.
    Internal(String),
}

/// A message that breaks the rules above.
#[derive(Debug, thiserror::Error)]
#[error("garbled message: {0}")]
pub(crate) struct InvalidMessage(&'static str);

impl From<InvalidMessage> for io::Error {
    fn from(garbled: InvalidMessage) -> Self {
        Self::new(io::ErrorKind::InvalidData, garbled)
    }
}

impl ToWorker {
    pub(crate) fn encode(&self) -> Bytes {
        match self {
            Self::Job(job) => frame(1, &json(job)),
            Self::Bytes(bytes) => frame(2, bytes),
        }
    }

    pub(crate) fn decode(message: Bytes) -> Result<Self, InvalidMessage> {
        match split(message)? {
            (1, body) => Ok(Self::Job(parse(&body)?)),
            (2, body) => Ok(Self::Bytes(body)),
            _ => Err(InvalidMessage("unknown kind")),
        }
    }
}

impl FromWorker {
    pub(crate) fn encode(&self) -> Bytes {
        match self {
            Self::Read { offset, len } => {
                frame(1, &[offset.to_le_bytes().as_slice(), &len.to_le_bytes()].concat())
            }
            Self::Audio(bytes) => frame(2, bytes),
            Self::Rewrite { offset, bytes } => frame(3, &[offset.to_le_bytes().as_slice(), bytes].concat()),
            Self::Progress(progress) => frame(4, &times(progress)),
            Self::Done(report) => frame(5, &json(report)),
            Self::Failed(failure) => frame(6, &json(failure)),
            Self::Part(part) => frame(7, &json(part)),
            Self::Opened(declared) => frame(8, &json(declared)),
        }
    }

    pub(crate) fn decode(message: Bytes) -> Result<Self, InvalidMessage> {
        let (kind, mut body) = split(message)?;
        match kind {
            1 => Ok(Self::Read { offset: number(&mut body)?, len: body.try_get_u32_le().map_err(short)? }),
            2 => Ok(Self::Audio(body)),
            3 => Ok(Self::Rewrite { offset: number(&mut body)?, bytes: body }),
            4 => Ok(Self::Progress(progress(&mut body)?)),
            5 => Ok(Self::Done(parse(&body)?)),
            6 => Ok(Self::Failed(parse(&body)?)),
            7 => Ok(Self::Part(parse(&body)?)),
            8 => Ok(Self::Opened(parse(&body)?)),
            _ => Err(InvalidMessage("unknown kind")),
        }
    }
}

/// How long the message after this prefix is.
pub(crate) fn length(prefix: [u8; PREFIX]) -> Result<usize, InvalidMessage> {
    match u32::from_le_bytes(prefix) as usize {
        0 => Err(InvalidMessage("empty")),
        length if length > LONGEST => Err(InvalidMessage("too long")),
        length => Ok(length),
    }
}

fn frame(kind: u8, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + 1 + body.len());
    frame.put_u32_le(body.len() as u32 + 1);
    frame.put_u8(kind);
    frame.put_slice(body);
    frame.freeze()
}

fn split(mut message: Bytes) -> Result<(u8, Bytes), InvalidMessage> {
    Ok((message.try_get_u8().map_err(short)?, message))
}

fn number(body: &mut Bytes) -> Result<u64, InvalidMessage> {
    body.try_get_u64_le().map_err(short)
}

fn short(_: bytes::TryGetError) -> InvalidMessage {
    InvalidMessage("too short")
}

/// Microseconds; an unknown total is the largest number.
fn times(progress: &Progress) -> Vec<u8> {
    let total = progress.total.map_or(u64::MAX, |total| total.as_micros() as u64);
    [(progress.position.as_micros() as u64).to_le_bytes(), total.to_le_bytes()].concat()
}

fn progress(body: &mut Bytes) -> Result<Progress, InvalidMessage> {
    let position = Duration::from_micros(number(body)?);
    let total = Some(number(body)?).filter(|total| *total != u64::MAX).map(Duration::from_micros);
    Ok(Progress { position, total })
}

/// Our own types always have a JSON form; an empty body, which no type reads, stands for the impossible.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, InvalidMessage> {
    serde_json::from_slice(body).map_err(|_| InvalidMessage("not the JSON that is due"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(message: FromWorker) {
        let mut bytes = message.encode();
        let prefix = bytes.split_to(PREFIX);
        assert_eq!(length(prefix[..].try_into().unwrap()).unwrap(), bytes.len());
        assert_eq!(FromWorker::decode(bytes).unwrap(), message);
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        there_and_back(FromWorker::Read { offset: 1 << 40, len: 7 });
        there_and_back(FromWorker::Audio(Bytes::from_static(b"mp3")));
        there_and_back(FromWorker::Rewrite { offset: 3, bytes: Bytes::from_static(b"mp3") });
        there_and_back(FromWorker::Failed(Failure::UnsupportedCodec("wavpack".into())));
        there_and_back(FromWorker::Part(Part { number: 1, total: 2, title: "Zwei".into() }));
        there_and_back(FromWorker::Opened(None));
        there_and_back(FromWorker::Opened(Some(Duration::from_micros(1_500_001))));
        let position = Duration::from_millis(1500);
        there_and_back(FromWorker::Progress(Progress { position, total: None }));
        there_and_back(FromWorker::Progress(Progress { position, total: Some(position) }));
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(length([0; 4]).is_err());
        assert!(length([255; 4]).is_err());
        for message in [&b""[..], b"\x09", b"\x01short", b"\x05{}", b"\x04"] {
            assert!(FromWorker::decode(Bytes::from_static(message)).is_err(), "{message:?}");
        }
    }
}
