//! Long MP4 files in little memory.
//!
//! libav's demuxer keeps 24 bytes and more for each sample of each track: 130 MB for ten hours. So of tracks with very
//! many samples it is shown the first few only, in a [`View`] of the file where the counts in the index (ISO/IEC
//! 14496-12, `stbl`) are smaller and all else is as it is, at the same place: what the sound is, its tags, its cover,
//! where it starts and what is to be cut off there come from libav as ever. When the packets that it knows run out,
//! [`Frames`] goes on in the original tables, a block at a time.
//!
//! - `window.rs` reads the source in blocks; `boxes.rs` finds boxes in it, `track.rs` and `tables.rs` what they say of a
//!   track.
//! - `samples.rs` walks through a track's tables, `frames.rs` does so for the sound, to the end of its edit list.
//! - `fragments.rs` tells files whose index comes in pieces, `walk.rs` goes along with libav from piece to piece.
//! - `pcm.rs` gives uncompressed sound the names that libav knows.
//! - `cut.rs` says how to shorten a track, `view.rs` shows it to libav.
//!
//! Whatever is unusual is left to libav alone, as are files that are damaged: fragments (`mvex`), encryption, several
//! sample descriptions or edits, uncompressed sound. Nothing here trusts a number of the file.

mod boxes;
mod cut;
mod fragments;
mod frames;
mod pcm;
mod samples;
mod tables;
mod track;
mod view;
mod walk;
mod window;

use std::rc::Rc;

use crate::libav::ReadAt;

pub(crate) use fragments::Fragments;
pub(crate) use frames::{Frame, Frames};
pub(crate) use track::Track;
pub(crate) use view::View;
pub(crate) use walk::Walk;

use window::Window;

/// When to shorten a track.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// Tracks with more samples than this.
    pub(crate) above: u32,
    /// To about this many.
    pub(crate) keep: u32,
}

impl Default for Cut {
    /// What libav keeps of 100 000 samples, twice while it goes through an edit list, is 5 MB.
    fn default() -> Self {
        Self { above: 100_000, keep: 500 }
    }
}

/// A long file and what to do about it.
pub(crate) struct Plan {
    pub(crate) view: View,
    /// The tracks of sound that are shortened in it.
    pub(crate) sounds: Vec<Sound>,
}

/// A track of sound that is shortened.
pub(crate) struct Sound {
    pub(crate) track: Track,
    pub(crate) last: Last,
}

/// The last sample that libav sees of a track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Last {
    /// Its number, from 0.
    pub(crate) index: u32,
    /// Where it is in the file.
    pub(crate) offset: u64,
    /// When it is decoded, in the track's units, without edits.
    pub(crate) time: i64,
}

/// The file as libav understands all of it, however long it is.
pub(crate) fn whole(bytes: Rc<dyn ReadAt>) -> View {
    let patches = pcm::names(&mut Window::new(Rc::clone(&bytes)));
    View::new(bytes, patches)
}

/// A file in fragments as if it began with this one. `None` if that can't be done.
pub(crate) fn from(bytes: &Rc<dyn ReadAt>, fragments: Fragments, fragment: u64) -> Option<View> {
    let mut patches = walk::hidden(fragments, fragment)?.to_vec();
    patches.extend(pcm::names(&mut Window::new(Rc::clone(bytes))));
    Some(View::new(Rc::clone(bytes), patches))
}

/// Whether the file is better shown to libav in part, and how. `None` if it is no plain MP4, or no long one.
pub(crate) fn plan(bytes: &Rc<dyn ReadAt>, cut: Cut) -> Option<Plan> {
    let mut window = Window::new(Rc::clone(bytes));
    let (mut patches, mut sounds) = (Vec::new(), Vec::new());
    for track in track::all(&mut window)? {
        if track.samples() <= cut.above || track.is_odd_sound() {
            continue;
        }
        let Some((last, shorter)) = cut::shorten(&track, bytes, cut) else { continue };
        patches.extend(shorter);
        if track.is_sound() {
            sounds.push(Sound { track, last });
        }
    }
    if !patches.is_empty() {
        patches.extend(pcm::names(&mut window));
    }
    (!patches.is_empty()).then(|| Plan { view: View::new(Rc::clone(bytes), patches), sounds })
}
