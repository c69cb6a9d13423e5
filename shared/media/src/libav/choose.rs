//! Which of a file's sounds is taken.
#![expect(unsafe_code, reason = "calls into libav and reads its structs")]

use std::cmp::Reverse;
use std::ffi::c_int;

use ffmpeg_sys_next as ff;

use super::Input;
use super::describe::{self, kind};
use crate::report::Kind;
use crate::settings::Track;

/// A sound stream that can be decoded.
#[derive(Clone, Copy)]
pub(crate) struct Sound {
    /// The stream's.
    pub(crate) index: u32,
    pub(super) codec: &'static ff::AVCodec,
}

/// Why a sound that is there can't be taken.
#[derive(Debug, PartialEq)]
pub(crate) enum Barred {
    /// There is no decoder for it; its codec's name.
    Unsupported(String),
    /// It needs a key.
    Encrypted,
}

impl Input {
    /// The sound to take, and its decoder. `None` if there is none.
    pub(crate) fn sound(&self, track: &Track) -> Result<Option<Sound>, Barred> {
        let mut sounds = self.sounds();
        let wanted = match track {
            Track::Best | Track::Mix => {
                let decodable = |stream: &&ff::AVStream| decoder(stream).is_some();
                first_of(sounds.clone().filter(decodable)).or_else(|| first_of(sounds))
            }
            Track::Number(number) => sounds.nth(*number as usize),
            Track::Language(language) => first_of(sounds.filter(|stream| {
                let of = describe::stream(stream).language;
                of.is_some_and(|of| of.eq_ignore_ascii_case(language))
            })),
        };
        wanted.map(|stream| self.taken(stream)).transpose()
    }

    /// The sound of this index, if it can be decoded.
    pub(crate) fn sound_at(&self, index: u32) -> Option<Sound> {
        self.sounds().find(|stream| stream.index as u32 == index).and_then(|stream| self.taken(stream).ok())
    }

    /// Those that can be decoded, with their numbers among all of them.
    pub(crate) fn decodable(&self) -> Vec<(u32, Sound)> {
        let taken = |(number, stream)| Some((number, self.taken(stream).ok()?));
        (0..).zip(self.sounds()).filter_map(taken).collect()
    }

    fn taken(&self, stream: &ff::AVStream) -> Result<Sound, Barred> {
        if is_encrypted(stream) || self.is_protected(stream) {
            return Err(Barred::Encrypted);
        }
        let codec = decoder(stream).ok_or_else(|| Barred::Unsupported(describe::stream(stream).codec))?;
        Ok(Sound { index: stream.index as u32, codec })
    }

    /// What the file says of all of its streams (ASF), or each packet of its own (transport streams).
    fn is_protected(&self, stream: &ff::AVStream) -> bool {
        match self.container().as_str() {
            "asf" => self.has_tag(c"encryption") || self.has_tag(c"ASF_Protection_Type"),
            "mpegts" => u16::try_from(stream.id).is_ok_and(|pid| self.scrambled.contains(&pid)),
            _ => false,
        }
    }

    /// All sounds, in the order of the file.
    pub(super) fn sounds(&self) -> impl Iterator<Item = &ff::AVStream> + Clone {
        self.streams().filter(|stream| kind(stream) == Kind::Audio)
    }

    /// How many sounds there are, and the number of this one among them, if the file doesn't say by itself that this is
    /// the one to take: others can be taken as well, or one that goes before it can't be decoded.
    pub(crate) fn unsure(&self, sound: Sound) -> Option<(u32, u32)> {
        let place = self.sounds().position(|stream| stream.index as u32 == sound.index)?;
        let this = self.sounds().nth(place).map(rank)?;
        let mut others = self.sounds().filter(|stream| stream.index as u32 != sound.index);
        let stands =
            |stream: &ff::AVStream| rank(stream) > this || rank(stream) == this && decoder(stream).is_some();
        others.any(stands).then(|| (self.sounds().count() as u32, place as u32))
    }
}

/// The one that players take: the first of those that go before the others.
fn first_of<'a>(sounds: impl Iterator<Item = &'a ff::AVStream>) -> Option<&'a ff::AVStream> {
    // The first of equals.
    sounds.min_by_key(|stream| Reverse(rank(stream)))
}

/// What the file says of a sound, the higher the sooner it is taken: those that are marked as default come first; sounds
/// for those who hear or see little come last, and so do those of which nothing was found.
fn rank(stream: &ff::AVStream) -> (u8, bool) {
    const SPECIAL: c_int = (ff::AV_DISPOSITION_HEARING_IMPAIRED
        | ff::AV_DISPOSITION_VISUAL_IMPAIRED
        | ff::AV_DISPOSITION_COMMENT) as c_int;
    let has = |flags: c_int| stream.disposition & flags != 0;
    let default = has(ff::AV_DISPOSITION_DEFAULT as c_int);
    // SAFETY: a stream has parameters as long as it lives.
    let seen = unsafe { (*stream.codecpar).sample_rate > 0 };
    (u8::from(!has(SPECIAL)) + u8::from(default), seen)
}

fn decoder(stream: &ff::AVStream) -> Option<&'static ff::AVCodec> {
    // SAFETY: a stream has parameters as long as it lives; decoders are static.
    unsafe { ff::avcodec_find_decoder((*stream.codecpar).codec_id).as_ref() }
}

/// MP4's kinds of samples that are sound under a key, and what libav says of a track of Matroska's.
fn is_encrypted(stream: &ff::AVStream) -> bool {
    const KEYED: [&[u8; 4]; 4] = [b"enca", b"drms", b"p608", b"aavd"];
    // SAFETY: a stream has parameters as long as it lives.
    let tag = unsafe { (*stream.codecpar).codec_tag };
    KEYED.contains(&&tag.to_le_bytes()) || describe::has_tag(stream.metadata, c"enc_key_id")
}
