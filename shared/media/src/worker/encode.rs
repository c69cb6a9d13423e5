//! The step from samples to bytes of the wanted format.

use super::library::Library;
use super::metadata::Metadata;
use super::mp3::{Failed, Mp3, SEGMENT};
use super::pool::Pool;
use crate::lame::Config;
use crate::libav::Shape;
use crate::protocol::Failure;
use crate::settings::{Format, Settings};

/// The encoder for one result.
pub(super) struct Encoder<'a> {
    coder: Coder<'a>,
    encoded: Vec<u8>,
    /// Where the result begins, in bytes after what was written before it: the tag.
    start: u64,
}

enum Coder<'a> {
    Mp3(Box<Mp3<'a>>),
    Library(Box<Library>),
}

/// The sound that an encoder is for.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) shape: Shape,
    /// Of a sample, where nothing was lost.
    pub(super) bits: u8,
}

impl<'a> Encoder<'a> {
    /// `start` is how many bytes, the tag, stand before the first frame.
    pub(super) fn new(
        settings: &Settings,
        source: Source,
        metadata: &Metadata,
        start: u64,
        pool: &'a Pool,
    ) -> Result<Self, Failure> {
        let Source { shape, bits } = source;
        let Shape { rate: sample_rate, channels } = shape;
        let coder = match settings.format {
            Format::Mp3 => {
                let config = Config { rate: settings.rate, sample_rate, channels, reservoir: true };
                Coder::Mp3(Mp3::new(pool, config, SEGMENT).map_err(failed)?.into())
            }
            _ => Coder::Library(Library::new(settings, shape, bits, metadata)?.into()),
        };
        Ok(Self { coder, encoded: Vec::new(), start })
    }

    /// Bytes that became ready with these samples.
    pub(super) fn encode(&mut self, pcm: &[f32]) -> Result<&[u8], Failure> {
        self.encoded.clear();
        match &mut self.coder {
            Coder::Mp3(mp3) => mp3.encode(pcm, &mut self.encoded).map_err(failed)?,
            Coder::Library(library) => library.encode(pcm, &mut self.encoded)?,
        }
        Ok(&self.encoded)
    }

    /// The last bytes.
    pub(super) fn finish(&mut self) -> Result<&[u8], Failure> {
        self.encoded.clear();
        match &mut self.coder {
            Coder::Mp3(mp3) => mp3.finish(&mut self.encoded).map_err(failed)?,
            Coder::Library(library) => library.finish(&mut self.encoded)?,
        }
        Ok(&self.encoded)
    }

    /// After [`finish`](Encoder::finish): what is to stand where.
    pub(super) fn header(&self) -> (u64, Vec<u8>) {
        let (place, bytes) = match &self.coder {
            Coder::Mp3(mp3) => (0, mp3.header()),
            Coder::Library(library) => library.header(),
        };
        (self.start + place, bytes)
    }
}

/// The short name of the codec that a format has.
pub(super) fn codec(format: Format) -> &'static str {
    match format {
        Format::Mp3 => "mp3",
        Format::M4a | Format::M4b => "aac",
        Format::Opus => "opus",
        Format::Ogg => "vorbis",
        Format::Flac => "flac",
        Format::Wav => "pcm",
    }
}

/// The shape of the result for a source of this rate (Hz) and so many channels.
pub(super) fn shape(settings: &Settings, rate: u32, channels: u32) -> Shape {
    Shape {
        rate: settings.sample_rate.unwrap_or_else(|| settings.format.nearest_rate(rate)),
        channels: settings.channels.unwrap_or(if channels == 1 { 1 } else { 2 }),
    }
}

fn failed(failed: Failed) -> Failure {
    Failure::Internal(failed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_channel_stays_one_and_many_become_two() {
        let channels = |source| shape(&Settings::default(), 48000, source).channels;
        assert_eq!([1, 2, 6].map(channels), [1, 2, 2]);
    }
}
