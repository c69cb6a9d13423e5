//! A walk through the samples of a track, in its tables (ISO/IEC 14496-12, 8.6 and 8.7).

use std::io;
use std::rc::Rc;

use super::tables::{Sizes, Tables};
use super::window::Window;
use crate::libav::ReadAt;

/// A longer sample than this many units is a mistake, or time that goes back: libav says so and makes it one unit.
const LONGEST: u32 = u32::MAX - 48_000 * 10;

/// Where a sample is and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// From 0.
    pub(super) index: u32,
    /// In the file.
    pub(super) offset: u64,
    /// In bytes.
    pub(super) size: u32,
    /// When it is decoded, and until when, in the track's units, without edits.
    pub(super) time: i64,
    pub(super) end: i64,
}

/// The walk. Each table has a window of its own, so that nothing is read twice.
pub(super) struct Samples {
    times: Times,
    chunks: Chunks,
    sizes: Window,
    table: Sizes,
    index: u32,
}

/// How long samples last: `stts`.
struct Times {
    window: Window,
    next: u64,
    runs: u32,
    /// Samples of the run under way, and how many of them went by.
    count: u32,
    used: u32,
    length: u32,
    time: i64,
}

/// Where samples are: `stsc`, and `stco` or `co64`.
struct Chunks {
    runs: Window,
    places: Window,
    tables: Tables,
    /// Of `stsc`, how many entries went by.
    run: u32,
    /// The chunk under way, from 1.
    chunk: u32,
    /// The first of those that are like it.
    like: u32,
    /// Samples in each chunk of the run.
    each: u32,
    /// Samples that are left of the chunk.
    left: u32,
    /// Where the next sample is.
    offset: u64,
}

impl Samples {
    pub(super) fn new(bytes: &Rc<dyn ReadAt>, tables: &Tables) -> Self {
        let window = || Window::new(Rc::clone(bytes));
        Self {
            times: Times {
                window: window(),
                next: tables.times.first,
                runs: tables.times.count,
                count: 0,
                used: 0,
                length: 0,
                time: 0,
            },
            chunks: Chunks {
                runs: window(),
                places: window(),
                tables: tables.clone(),
                run: 0,
                chunk: 0,
                like: 0,
                each: 0,
                left: 0,
                offset: 0,
            },
            sizes: window(),
            table: tables.sizes,
            index: 0,
        }
    }

    /// The next sample; `None` at the end of any table.
    pub(super) fn next(&mut self) -> io::Result<Option<Sample>> {
        if self.index == self.table.table.count || !self.chunks.reach()? {
            return Ok(None);
        }
        let size = self.table.of(&mut self.sizes, self.index)?;
        let (time, end) = self.times.pass()?;
        let sample = Sample { index: self.index, offset: self.chunks.pass(size), size, time, end };
        self.index += 1;
        Ok(Some(sample))
    }

    /// Whether there is no next one.
    pub(super) fn is_over(&self) -> bool {
        let Chunks { left, chunk, tables, .. } = &self.chunks;
        self.index == self.table.table.count || *left == 0 && *chunk == tables.places.count
    }

    /// How many chunks and entries of `stsc` went by, and how many samples of the last chunk are left.
    pub(super) fn passed(&self) -> (u32, u32, u32) {
        (self.chunks.chunk, self.chunks.run, self.chunks.left)
    }

    /// How many samples of the chunk under way went by, if it is the first of its run in `stsc`.
    pub(super) fn of_first(&self) -> Option<u32> {
        let Chunks { chunk, like, each, left, .. } = self.chunks;
        (chunk == like).then(|| each - left)
    }
}

impl Times {
    /// From when to when the next sample lasts.
    fn pass(&mut self) -> io::Result<(i64, i64)> {
        // As libav does: the last run lasts for all that follow.
        if self.used == self.count && self.runs > 0 {
            (self.count, self.length) = (self.window.u32(self.next)?, self.window.u32(self.next + 4)?);
            self.length = if self.length > LONGEST { 1 } else { self.length };
            (self.used, self.runs, self.next) = (0, self.runs - 1, self.next + 8);
        }
        let time = self.time;
        self.time = time.saturating_add(self.length.into());
        self.used = self.used.saturating_add(1);
        Ok((time, self.time))
    }
}

impl Chunks {
    /// Goes to the next chunk where this one is over; `false` if there is none.
    fn reach(&mut self) -> io::Result<bool> {
        while self.left == 0 {
            if self.chunk == self.tables.places.count {
                return Ok(false);
            }
            self.chunk += 1;
            self.enter()?;
        }
        Ok(true)
    }

    fn enter(&mut self) -> io::Result<()> {
        let Tables { chunks, places, wide, .. } = self.tables;
        if self.run < chunks.count {
            let entry = chunks.first + u64::from(self.run) * 12;
            // Whatever the first entry says, it is for the first chunk.
            if self.run == 0 || self.runs.u32(entry)? == self.chunk {
                self.each = self.runs.u32(entry + 4)?;
                self.like = self.chunk;
                self.run += 1;
            }
        }
        self.left = self.each;
        let place = u64::from(self.chunk - 1);
        self.offset = match wide {
            true => self.places.u64(places.first + place * 8)?,
            false => self.places.u32(places.first + place * 4)?.into(),
        };
        Ok(())
    }

    /// Where the next sample is, which is so long.
    fn pass(&mut self, size: u32) -> u64 {
        let offset = self.offset;
        self.offset = offset.saturating_add(size.into());
        self.left -= 1;
        offset
    }
}
