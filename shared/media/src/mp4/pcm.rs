//! Uncompressed sound as ISO has it (ISO/IEC 23003-5): `ipcm` and `fpcm`, whose `pcmC` says how long a sample is. libav takes
//! the former for 16 bits and doesn't know the latter, but it knows the same under QuickTime's names, and the order of
//! bytes from `pcmC`.

use super::boxes::{self, Box};
use super::view::Patch;
use super::window::Window;

/// From the start of a sample entry to the boxes in it: version 0 of a sound's.
const ENTRY: u64 = 36;
/// Of sample entries in a track.
const MOST: usize = 16;

/// The names to show libav instead.
pub(super) fn names(window: &mut Window) -> Vec<Patch> {
    let Some(tracks) = boxes::moov(window).and_then(|moov| moov.children(window)) else { return Vec::new() };
    let tracks = tracks.into_iter().filter(|track| &track.kind == b"trak");
    tracks.filter_map(|track| entries(window, track)).flatten().collect()
}

fn entries(window: &mut Window, track: Box) -> Option<Vec<Patch>> {
    let mut inner = track;
    for kind in [b"mdia", b"minf", b"stbl", b"stsd"] {
        inner = boxes::only(&inner.children(window)?, kind)?;
    }
    let entries = Box { body: inner.body.checked_add(8)?, ..inner };
    let entries = entries.children(window)?.into_iter().take(MOST);
    Some(entries.filter_map(|entry| rename(window, entry)).collect())
}

/// `None` for what is something else, or is what libav takes it for.
fn rename(window: &mut Window, entry: Box) -> Option<Patch> {
    let inner = Box { body: entry.start.checked_add(ENTRY)?, ..entry };
    if !matches!(&entry.kind, b"ipcm" | b"fpcm") || inner.body > entry.end {
        return None;
    }
    let config = boxes::only(&inner.children(window)?, b"pcmC")?;
    let bits: [u8; 1] = window.array(config.body + 5).ok()?;
    let name = match (&entry.kind, bits) {
        (b"ipcm", [24]) => b"in24",
        (b"ipcm", [32]) => b"in32",
        (b"fpcm", [32]) => b"fl32",
        (b"fpcm", [64]) => b"fl64",
        (b"ipcm", [16]) => return None,
        // Nothing that libav would decode as something else.
        (b"ipcm", _) => b"pcm?",
        _ => return None,
    };
    Some(Patch { offset: entry.start + 4, bytes: *name })
}
