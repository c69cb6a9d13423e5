//! The step from samples to bytes of the wanted format. One format today; the others become arms here.

use crate::lame::{Lame, Refused};
use crate::libav::Shape;
use crate::protocol::Failure;
use crate::settings::{Format, MP3_SAMPLE_RATES, Settings};

/// The encoder for one result.
pub(super) struct Encoder {
    lame: Lame,
    shape: Shape,
    encoded: Vec<u8>,
    /// Where the header frame stands in the result.
    start: u64,
}

impl Encoder {
    /// `start` is how many bytes, the tag, stand before the first frame.
    pub(super) fn new(settings: &Settings, shape: Shape, start: u64) -> Result<Self, Failure> {
        let Format::Mp3 = settings.format;
        let lame = Lame::new(settings.rate, shape.rate, shape.channels).map_err(refused)?;
        Ok(Self { lame, shape, encoded: Vec::new(), start })
    }

    /// The codec's short name.
    pub(super) fn codec(&self) -> &'static str {
        "mp3"
    }

    /// What it takes and what the result has.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Bytes that became ready with these samples.
    pub(super) fn encode(&mut self, pcm: &[f32]) -> Result<&[u8], Failure> {
        self.encoded.clear();
        self.lame.encode(pcm, &mut self.encoded).map_err(refused)?;
        Ok(&self.encoded)
    }

    /// The last bytes.
    pub(super) fn finish(&mut self) -> Result<&[u8], Failure> {
        self.encoded.clear();
        self.lame.finish(&mut self.encoded).map_err(refused)?;
        Ok(&self.encoded)
    }

    /// After [`finish`](Encoder::finish): what is to stand where.
    pub(super) fn header(&mut self) -> (u64, &[u8]) {
        (self.start, self.lame.header())
    }
}

/// The shape of the result for a source of this rate (Hz) and so many channels.
pub(super) fn shape(settings: &Settings, rate: u32, channels: u32) -> Shape {
    Shape {
        rate: settings.sample_rate.unwrap_or_else(|| nearest(rate)),
        channels: settings.channels.unwrap_or(if channels == 1 { 1 } else { 2 }),
    }
}

/// The rate itself if MP3 has it; else, above all of them, the highest of the same family (44.1 or 48 kHz); else the
/// next higher, so that nothing is lost.
fn nearest(rate: u32) -> u32 {
    match rate {
        _ if rate > 48000 && rate.is_multiple_of(44100) => 44100,
        _ => MP3_SAMPLE_RATES.into_iter().find(|possible| *possible >= rate).unwrap_or(48000),
    }
}

fn refused(refused: Refused) -> Failure {
    Failure::Internal(refused.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_mp3_lacks_become_their_neighbours() {
        let wanted =
            [(44100, 44100), (8000, 8000), (5512, 8000), (37800, 44100), (88200, 44100), (96000, 48000)];
        for (source, result) in wanted {
            assert_eq!(nearest(source), result, "{source}");
        }
    }

    #[test]
    fn one_channel_stays_one_and_many_become_two() {
        let channels = |source| shape(&Settings::default(), 48000, source).channels;
        assert_eq!([1, 2, 6].map(channels), [1, 2, 2]);
    }
}
