//! Which sound is taken, and why none is.

use crate::libav::{Barred, Input, Sound};
use crate::protocol::Failure;
use crate::settings::Track;

/// The sound that is wanted, and that we can decode.
pub(super) fn choose(input: &Input, track: &Track) -> Result<Sound, Failure> {
    input.sound(track).map_err(barred)?.ok_or_else(|| missing(input, track))
}

/// As [`choose`], reading on until there is one.
pub(super) fn await_sound(input: &mut Input, track: &Track) -> Result<Sound, Failure> {
    match choose(input, track) {
        Err(Failure::NoAudio) => {
            let found = input.await_sound().map_err(super::fault::unreadable)?;
            found.ok_or_else(|| missing(input, track))
        }
        chosen => chosen,
    }
}

pub(super) fn barred(barred: Barred) -> Failure {
    match barred {
        Barred::Unsupported(codec) => Failure::UnsupportedCodec(codec),
        Barred::Encrypted => Failure::Encrypted,
    }
}

fn missing(input: &Input, track: &Track) -> Failure {
    match track {
        // No stream at all is no media file.
        Track::Best | Track::Mix if input.probe().streams.is_empty() => {
            Failure::Unreadable("there is nothing in it".into())
        }
        Track::Best | Track::Mix => Failure::NoAudio,
        Track::Number(number) => Failure::NoTrack(format!("number {number}")),
        Track::Language(language) => Failure::NoTrack(format!("in the language {language}")),
    }
}
