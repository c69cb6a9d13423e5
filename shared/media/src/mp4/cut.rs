//! How to show libav a shorter track: with smaller numbers of entries in its tables. What it then leaves unread of them
//! it skips, as it does with anything behind the entries that a box counts.

use std::rc::Rc;

use super::samples::Samples;
use super::tables::{Table, Tables};
use super::track::Track;
use super::view::Patch;
use super::{Cut, Last};
use crate::libav::ReadAt;

/// The last sample that is left, and the changes. `None` if the track can't be shortened.
pub(super) fn shorten(track: &Track, bytes: &Rc<dyn ReadAt>, cut: Cut) -> Option<(Last, Vec<Patch>)> {
    let mut samples = Samples::new(bytes, &track.tables);
    let last = walk(track, &mut samples, cut)?;
    let Tables { chunks, places, sizes, shifts, keys, extra, .. } = &track.tables;
    let kept = last.index + 1;
    let (chunk, runs, left) = samples.passed();
    let mut patches = vec![count(sizes.table, kept), count(*places, chunk), count(*chunks, runs)];
    if left > 0 {
        let offset = chunks.first + u64::from(runs - 1) * 12 + 4;
        patches.push(Patch { offset, bytes: samples.of_first()?.to_be_bytes() });
    }
    // libav takes the last two entries for less reliable than the others.
    patches.extend(shifts.map(|shifts| count(shifts, kept.saturating_add(2))));
    patches.extend(keys.map(|keys| count(keys, kept)));
    patches.extend(extra.iter().map(|extra| Patch { offset: extra.start + 4, bytes: *b"free" }));
    Some((last, patches))
}

/// To the last sample to keep: behind the start of what is to be heard, by more than decoders need to get going, and at
/// the end of a chunk, or in the first one of a run, which alone can be shortened.
fn walk(track: &Track, samples: &mut Samples, cut: Cut) -> Option<Last> {
    let start = track.edit.map_or(0, |edit| edit.start);
    let enough = start.saturating_add(2 * i64::from(track.timescale));
    let enough = if start == 0 { 0 } else { enough };
    loop {
        let sample = samples.next().ok()??;
        let (_, _, left) = samples.passed();
        let short =
            left == 0 || sample.index.saturating_add(left) >= cut.above && samples.of_first().is_some();
        if sample.index + 1 >= cut.keep && sample.time >= enough && short && !samples.is_over() {
            return Some(Last { index: sample.index, offset: sample.offset, time: sample.time });
        }
        if sample.index >= cut.above {
            return None;
        }
    }
}

fn count(table: Table, most: u32) -> Patch {
    Patch { offset: table.counted, bytes: table.count.min(most).to_be_bytes() }
}
