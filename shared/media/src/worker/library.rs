//! The formats whose encoders and containers are libav's.

use std::collections::BTreeMap;
use std::ffi::CStr;

use super::metadata::Metadata;
use crate::libav::{Encoder, Fault, Muxer, Shape, Spend};
use crate::protocol::Failure;
use crate::report::Chapter;
use crate::settings::{Format, Rate, Settings};

/// Average bit rates of AAC in kbit/s a channel, by quality.
const AAC: [u32; 10] = [128, 112, 96, 80, 72, 64, 56, 48, 40, 32];
/// Average bit rates of Opus in kbit/s a channel, by quality.
const OPUS: [u32; 10] = [128, 96, 80, 64, 56, 48, 40, 32, 24, 16];
/// Vorbis' qualities -1 to 10 and what they come to for two channels at 44.1 kHz, in kbit/s (xiph.org).
const VORBIS: [(i8, u32); 12] = [
    (-1, 45),
    (0, 64),
    (1, 80),
    (2, 96),
    (3, 112),
    (4, 128),
    (5, 160),
    (6, 192),
    (7, 224),
    (8, 256),
    (9, 320),
    (10, 500),
];

/// An encoder and its container.
pub(super) struct Library {
    muxer: Muxer,
    encoder: Encoder,
}

impl Library {
    /// `bits` are those of a sample of the source.
    pub(super) fn new(
        settings: &Settings,
        shape: Shape,
        bits: u8,
        metadata: &Metadata,
    ) -> Result<Self, Failure> {
        let spend = spend(settings, shape, bits);
        let mut muxer = Muxer::new(container(settings.format)).map_err(refused)?;
        let encoder = Encoder::new(codec(settings.format, spend), shape, spend, &muxer).map_err(refused)?;
        encoder
            .announce(&mut muxer)
            .and_then(|()| begin(&mut muxer, settings.format, metadata))
            .map_err(refused)?;
        Ok(Self { muxer, encoder })
    }

    /// Takes interleaved samples and appends to `out` what is ready.
    pub(super) fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), Failure> {
        self.encoder.encode(pcm, &mut self.muxer).map_err(refused)?;
        self.muxer.take(out);
        Ok(())
    }

    /// Encodes what is left.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.encoder.finish(&mut self.muxer).and_then(|()| self.muxer.finish()).map_err(refused)?;
        self.muxer.take(out);
        Ok(())
    }

    /// After [`finish`](Library::finish): what is to stand where.
    pub(super) fn header(&self) -> (u64, Vec<u8>) {
        let (place, bytes) = self.muxer.header();
        (place, bytes.to_vec())
    }
}

/// Writes a file's beginning: texts, chapters and cover as far as the format has a place for them.
pub(super) fn begin(muxer: &mut Muxer, format: Format, metadata: &Metadata) -> Result<(), Fault> {
    muxer.set_tags(&metadata.texts)?;
    if format == Format::M4b {
        muxer.is_audiobook()?;
    }
    match format {
        // libav would round the seconds of the same comments up.
        Format::Opus | Format::Ogg | Format::Flac => muxer.set_tags(&chapter_comments(&metadata.chapters))?,
        _ => muxer.set_chapters(&metadata.chapters)?,
    }
    let wanted = metadata.cover.as_ref().filter(|_| format.is_mp4() || format == Format::Flac);
    // A picture that is none is left out.
    let cover = wanted.filter(|cover| muxer.add_cover(cover).is_ok());
    muxer.begin(cover)
}

/// Chapters as Vorbis comments (wiki.xiph.org, "Chapter Extension").
fn chapter_comments(chapters: &[Chapter]) -> BTreeMap<String, String> {
    let comments = chapters.iter().enumerate().flat_map(|(place, chapter)| {
        let (seconds, millis) = (chapter.start.as_secs(), chapter.start.subsec_millis());
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let start = format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}");
        [(format!("CHAPTER{place:03}"), start), (format!("CHAPTER{place:03}NAME"), chapter.title.clone())]
    });
    comments.collect()
}

/// libav's name of the container.
pub(super) fn container(format: Format) -> &'static CStr {
    match format {
        Format::Mp3 => c"mp3",
        Format::M4a | Format::M4b => c"ipod",
        Format::Opus | Format::Ogg => c"ogg",
        Format::Flac => c"flac",
        Format::Wav => c"wav",
    }
}

fn codec(format: Format, spend: Spend) -> &'static CStr {
    match (format, spend) {
        (Format::M4a | Format::M4b, _) => c"aac",
        (Format::Opus, _) => c"libopus",
        (Format::Ogg, _) => c"libvorbis",
        (Format::Flac, _) => c"flac",
        (_, Spend::Lossless(24)) => c"pcm_s24le",
        _ => c"pcm_s16le",
    }
}

fn spend(settings: &Settings, shape: Shape, bits: u8) -> Spend {
    let channels = u32::from(shape.channels);
    match (settings.format, settings.rate) {
        (Format::M4a | Format::M4b, Rate::Vbr(quality)) => Spend::Bits(step(&AAC, quality) * channels * 1000),
        (Format::Opus, Rate::Vbr(quality)) => Spend::Bits(step(&OPUS, quality) * channels * 1000),
        // What RFC 6716 allows a channel.
        (Format::Opus, Rate::Cbr(kbits) | Rate::Abr(kbits)) => Spend::Bits(kbits.min(256 * channels) * 1000),
        (Format::Ogg, Rate::Vbr(quality)) => Spend::Quality(8 - quality.min(9) as i8),
        (Format::Ogg, Rate::Cbr(kbits) | Rate::Abr(kbits)) => {
            Spend::Quality(vorbis_quality(kbits * 2 / channels))
        }
        (_, Rate::Cbr(kbits) | Rate::Abr(kbits)) if settings.format.is_mp4() => Spend::Bits(kbits * 1000),
        _ => Spend::Lossless(if bits > 16 { 24 } else { 16 }),
    }
}

fn step(rates: &[u32; 10], quality: u8) -> u32 {
    rates[usize::from(quality.min(9))]
}

/// The quality whose bit rate for two channels is the nearest.
fn vorbis_quality(kbits: u32) -> i8 {
    VORBIS.into_iter().min_by_key(|(_, rate)| rate.abs_diff(kbits)).map_or(4, |(quality, _)| quality)
}

pub(super) fn refused(fault: Fault) -> Failure {
    Failure::Internal(format!("libav refuses to write: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quality_is_a_number_of_bits() {
        let of = |format, rate, channels| {
            let settings = Settings { format, rate, ..Settings::default() };
            spend(&settings, Shape { rate: 48000, channels }, 24)
        };
        assert_eq!(of(Format::M4a, Rate::Vbr(2), 2), Spend::Bits(192_000));
        assert_eq!(of(Format::Opus, Rate::Cbr(510), 1), Spend::Bits(256_000));
        assert_eq!(of(Format::Ogg, Rate::Vbr(9), 2), Spend::Quality(-1));
        assert_eq!(of(Format::Ogg, Rate::Cbr(130), 2), Spend::Quality(4));
        assert_eq!(of(Format::Wav, Rate::Vbr(2), 2), Spend::Lossless(24));
    }
}
