//! What the boxes of a track say (`trak`, ISO/IEC 14496-12, 8.3).

use super::boxes::{self, Box};
use super::tables::{self, Tables};
use super::window::Window;

/// Of tracks in a file that we look at.
const MOST: usize = 64;
/// The kinds of sound whose samples are what libav's packets are (mp4ra.org). Others are cut up or put together by
/// libav, are encrypted, or hold a sample for each value.
const SOUNDS: [&[u8; 4]; 8] = [b"mp4a", b"alac", b"Opus", b"ac-3", b"ec-3", b"fLaC", b"samr", b"sawb"];

/// A track.
#[derive(Clone)]
pub(crate) struct Track {
    /// As in `tkhd`.
    pub(crate) id: u32,
    handler: [u8; 4],
    /// The only kind of its samples and that they are in this file; `None` if there are several kinds or files.
    kind: Option<[u8; 4]>,
    /// In units a second.
    pub(crate) timescale: u32,
    /// The part of it that is to be heard; `None` without an edit list.
    pub(super) edit: Option<Edit>,
    pub(super) tables: Tables,
}

/// The one part of a track that is to be heard, in its units.
#[derive(Clone, Copy)]
pub(super) struct Edit {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Track {
    pub(super) fn samples(&self) -> u32 {
        self.tables.sizes.table.count
    }

    /// Whether its samples are about equally long.
    pub(crate) fn has_even_times(&self) -> bool {
        self.tables.times.count <= 3
    }

    pub(super) fn is_sound(&self) -> bool {
        &self.handler == b"soun"
    }

    /// Sound that is not one sample after another, all of a kind, each to be decoded without the others.
    pub(super) fn is_odd_sound(&self) -> bool {
        let known = self.kind.is_some_and(|kind| SOUNDS.contains(&&kind));
        let Tables { shifts, keys, extra, .. } = &self.tables;
        self.is_sound() && !(known && shifts.is_none() && keys.is_none() && extra.is_empty())
    }
}

/// The tracks of the file. Those that are unusual are left out; `None` if the whole file is.
pub(super) fn all(window: &mut Window) -> Option<Vec<Track>> {
    let moov = boxes::moov(window)?.children(window)?;
    if moov.iter().any(|child| &child.kind == b"mvex") {
        return None;
    }
    let header = boxes::only(&moov, b"mvhd")?;
    let first = moov.iter().find(|child| &child.kind == b"trak")?;
    let (timescale, _) = units(window, header)?;
    let tracks = moov.iter().filter(|child| &child.kind == b"trak").take(MOST);
    // libav reads an edit list in the units that it knows by then.
    (header.start < first.start).then(|| tracks.filter_map(|trak| track(window, *trak, timescale)).collect())
}

fn track(window: &mut Window, trak: Box, movie: u32) -> Option<Track> {
    let trak = trak.children(window)?;
    let header = boxes::only(&trak, b"tkhd")?;
    let place = if version(window, header)? == 1 { 20 } else { 12 };
    let id = window.u32(header.body + place).ok()?;
    let media = boxes::only(&trak, b"mdia")?.children(window)?;
    let (timescale, duration) = units(window, boxes::only(&media, b"mdhd")?)?;
    let handler = boxes::only(&media, b"hdlr")?;
    let handler = window.array(handler.body + 8).ok()?;
    let information = boxes::only(&media, b"minf")?.children(window)?;
    let stbl = boxes::only(&information, b"stbl")?.children(window)?;
    let kind = boxes::only(&information, b"dinf").and_then(|data| only_kind(window, data, &stbl));
    let edit = match trak.iter().any(|child| &child.kind == b"edts") {
        true => Some(edit(window, boxes::only(&trak, b"edts")?, timescale, movie)?),
        false => None,
    };
    let known = duration > 0 && duration < u64::from(u32::MAX);
    known.then_some(Track { id, handler, kind, timescale, edit, tables: tables::read(window, &stbl)? })
}

fn version(window: &mut Window, of: Box) -> Option<u8> {
    window.array(of.body).ok().map(|[version]| version)
}

/// Units a second and the length in them: of `mvhd` or `mdhd`.
pub(super) fn units(window: &mut Window, of: Box) -> Option<(u32, u64)> {
    let (scale, length) = match version(window, of)? {
        1 => (window.u32(of.body + 20), window.u64(of.body + 24)),
        _ => (window.u32(of.body + 12), window.u32(of.body + 16).map(u64::from)),
    };
    scale.ok().filter(|scale| *scale > 0 && i32::try_from(*scale).is_ok()).zip(length.ok())
}

/// The kind of the samples, if there is one only, and one place for their data: this file.
fn only_kind(window: &mut Window, data: Box, stbl: &[Box]) -> Option<[u8; 4]> {
    let references = boxes::only(&data.children(window)?, b"dref")?;
    let descriptions = boxes::only(stbl, b"stsd")?;
    let here = window.u32(references.body + 4).ok()? == 1 && window.u32(references.body + 16).ok()? == 1;
    (here && window.u32(descriptions.body + 4).ok()? == 1)
        .then(|| window.array(descriptions.body + 12).ok())?
}

/// The only edit that isn't empty, behind those that are: a later start.
fn edit(window: &mut Window, edits: Box, timescale: u32, movie: u32) -> Option<Edit> {
    let list = boxes::only(&edits.children(window)?, b"elst")?;
    let wide = version(window, list)? == 1;
    let (count, step) = (window.u32(list.body + 4).ok()?, if wide { 20 } else { 12 });
    if !(1..=16).contains(&count) || list.len() != 8 + u64::from(count) * step {
        return None;
    }
    let mut found = None;
    for entry in (0..u64::from(count)).map(|place| list.body + 8 + place * step) {
        let (length, start) = match wide {
            true => (window.u64(entry), window.u64(entry + 8).map(u64::cast_signed)),
            false => (
                window.u32(entry).map(u64::from),
                window.u32(entry + 4).map(|time| time.cast_signed().into()),
            ),
        };
        match (length.ok()?, start.ok()?, found) {
            (_, -1, None) => {}
            (length @ 1.., start @ 0.., None) => {
                // Rounded as libav does.
                let length = u128::from(length) * u128::from(timescale);
                let length = (length + u128::from(movie / 2)) / u128::from(movie);
                let end = start.checked_add(i64::try_from(length).ok()?)?;
                found = Some(Edit { start, end });
            }
            _ => return None,
        }
    }
    found
}
