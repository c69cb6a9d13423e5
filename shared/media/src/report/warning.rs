//! What the user should know about a result: what came out, held against what the source promised.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Something that the user should know about the result. `Display` is the sentence, [`code`](Warning::code) its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// The source ends more than a second earlier than it declares.
    Truncated {
        /// The length that the source declares.
        expected: Duration,
        /// The length of the sound in it.
        found: Duration,
    },
    /// Parts could not be decoded and were left out.
    Damaged {
        /// How many packets; one is commonly 20 to 30 ms of sound.
        packets: u64,
    },
    /// The sound is missing for a while, again and again perhaps; silence stands in its place.
    Holes {
        /// How often.
        count: u32,
        /// How long all of the silence is.
        silence: Duration,
    },
    /// The source's clock was set while it was recorded, or the source is several recordings in a row: the sound goes on
    /// there without a gap, and times behind it are not the source's.
    ClockSet {
        /// How often.
        times: u32,
    },
    /// The sound ends and another one of the source goes on in its place; that was taken from there on.
    TakenOver {
        /// How often.
        times: u32,
    },
    /// The sound began with one channel and has more later: all is mixed into one.
    BecameMono {
        /// The most channels that it has.
        channels: u32,
    },
    /// The source changes its sample rate or its channels, which a copy can't: what is different was left out.
    Changed {
        /// How much was left out.
        missing: Duration,
    },
    /// There is nothing to hear in the result.
    Silent {
        /// The numbers of other sounds of the source, from 0, in which there is something.
        audible: Vec<u32>,
    },
    /// Much of the sound is louder than the format can hold, and distorted.
    Clipped {
        /// Samples in a thousand.
        permille: u32,
    },
    /// The source has other sounds, and neither the user nor a mark in the source itself says which one is wanted.
    OtherTracks {
        /// The number of the one that was taken, from 0.
        taken: u32,
        /// How many there are.
        count: u32,
    },
    /// The cover picture is of a kind, or of a size, that has no place in the result.
    CoverLeftOut,
    /// There are more chapters than the result has a place for.
    ChaptersLeftOut {
        /// How many it has.
        kept: u32,
        /// How many the source has.
        of: u32,
    },
}

impl Warning {
    /// A stable name, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Damaged { .. } => "damaged",
            Self::Holes { .. } => "holes",
            Self::ClockSet { .. } => "clock_set",
            Self::TakenOver { .. } => "taken_over",
            Self::BecameMono { .. } => "became_mono",
            Self::Changed { .. } => "changed",
            Self::Silent { .. } => "silent",
            Self::Clipped { .. } => "clipped",
            Self::OtherTracks { .. } => "other_tracks",
            Self::CoverLeftOut => "cover_left_out",
            Self::ChaptersLeftOut { .. } => "chapters_left_out",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { expected, found } => write!(
                f,
                "The video ends early: it says that it is {} long, but its sound ends after {}.",
                clock(*expected),
                clock(*found)
            ),
            Self::Damaged { packets: 1 } => {
                write!(f, "The video is damaged: a bit of its sound was left out.")
            }
            Self::Damaged { packets } => {
                write!(f, "The video is damaged: {packets} bits of its sound were left out.")
            }
            Self::Holes { count, silence } => write!(
                f,
                "The video's sound is missing {}; {:.1} s of silence stand in its place.",
                times(*count),
                silence.as_secs_f64()
            ),
            Self::ClockSet { times: count } => write!(
                f,
                "The video's clock was set {}, as where recordings are joined; the sound goes on there without a gap.",
                times(*count)
            ),
            Self::TakenOver { times: count } => {
                write!(f, "The video's sound ends {}, and another one that goes on was taken.", times(*count))
            }
            Self::BecameMono { channels } => write!(
                f,
                "The sound begins with one channel and has {channels} later; all was mixed into one. Ask for 2 channels to keep them."
            ),
            Self::Changed { missing } => write!(
                f,
                "The sound changes its format on the way; {} s that can't be copied were left out. Ask for a bitrate or a quality to have all of it.",
                missing.as_secs()
            ),
            Self::Silent { audible } => silent(f, audible),
            Self::Clipped { permille } => write!(
                f,
                "The sound is louder than can be: {}.{} % of it is distorted. Ask for a loudness of -16.",
                permille / 10,
                permille % 10
            ),
            Self::OtherTracks { taken, count } => {
                write!(f, "The video has {count} sounds; number {taken}, counted from 0, was taken.")
            }
            Self::CoverLeftOut => {
                write!(f, "The cover picture was left out: it is too large, or neither JPEG nor PNG.")
            }
            Self::ChaptersLeftOut { kept, of } => {
                write!(f, "The video has {of} chapters; the first {kept} were kept.")
            }
        }
    }
}

fn silent(f: &mut fmt::Formatter<'_>, audible: &[u32]) -> fmt::Result {
    write!(f, "There is nothing to hear in the sound that was taken.")?;
    let numbers: Vec<_> = audible.iter().take(MOST_NUMBERS).map(u32::to_string).collect();
    match numbers.len() {
        0 => Ok(()),
        _ => write!(f, " There is something in number {}, counted from 0.", numbers.join(", ")),
    }
}

/// Of tracks that are listed.
const MOST_NUMBERS: usize = 16;

fn times(count: u32) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{count} times"),
    }
}

/// `1:02:03` or `2:03`.
fn clock(duration: Duration) -> String {
    let (hours, minutes, seconds) =
        (duration.as_secs() / 3600, duration.as_secs() / 60 % 60, duration.as_secs() % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_source_is_told_in_a_sentence() {
        let warning =
            Warning::Truncated { expected: Duration::from_secs(3723), found: Duration::from_millis(37_400) };
        assert_eq!(
            warning.to_string(),
            "The video ends early: it says that it is 1:02:03 long, but its sound ends after 0:37."
        );
    }

    #[test]
    fn silence_names_the_sounds_that_have_something() {
        let said = |audible: &[u32]| Warning::Silent { audible: audible.to_vec() }.to_string();
        assert!(said(&[]).ends_with("was taken."));
        assert!(said(&[1, 3]).ends_with("number 1, 3, counted from 0."));
        assert!(said(&[7; 1000]).len() < 200);
    }
}
