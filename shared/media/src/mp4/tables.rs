//! The tables of a track (`stbl`, ISO/IEC 14496-12, 8.5 to 8.7), where they are and how long.

use std::io;

use super::boxes::{self, Box};
use super::window::Window;

/// A table in a box.
#[derive(Clone, Copy)]
pub(super) struct Table {
    /// Where the number of entries is.
    pub(super) counted: u64,
    pub(super) first: u64,
    pub(super) count: u32,
}

/// How long the samples are in bytes: `stsz` or `stz2`.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) table: Table,
    /// Of all, if it isn't 0.
    pub(super) fixed: u32,
    /// Of an entry: 4, 8, 16 or 32.
    pub(super) bits: u8,
}

impl Sizes {
    /// Of a sample.
    pub(super) fn of(self, window: &mut Window, index: u32) -> io::Result<u32> {
        let (first, index) = (self.table.first, u64::from(index));
        match (self.fixed, self.bits) {
            (0, 4) => {
                let [pair] = window.array(first + index / 2)?;
                Ok(u32::from(if index % 2 == 0 { pair >> 4 } else { pair & 15 }))
            }
            (0, 8) => window.array(first + index).map(|[size]| size.into()),
            (0, 16) => window.array(first + index * 2).map(|size| u16::from_be_bytes(size).into()),
            (0, _) => window.u32(first + index * 4),
            (fixed, _) => Ok(fixed),
        }
    }
}

/// `stbl`.
#[derive(Clone)]
pub(super) struct Tables {
    pub(super) times: Table,
    pub(super) chunks: Table,
    pub(super) places: Table,
    /// Whether `places` are of 64 bits.
    pub(super) wide: bool,
    pub(super) sizes: Sizes,
    pub(super) shifts: Option<Table>,
    pub(super) keys: Option<Table>,
    /// Boxes about single samples that matter only where pictures are decoded.
    pub(super) extra: Vec<Box>,
}

/// The tables in `stbl`. `None` if one is missing, there twice, or longer than its box.
pub(super) fn read(window: &mut Window, stbl: &[Box]) -> Option<Tables> {
    let (wide, places) = match boxes::only(stbl, b"co64") {
        Some(places) => (true, places),
        None => (false, boxes::only(stbl, b"stco")?),
    };
    let mut optional = |kind| match stbl.iter().any(|child| &child.kind == kind) {
        true => {
            Some(Some(table(window, boxes::only(stbl, kind)?, 4, 32 * if kind == b"ctts" { 2 } else { 1 })?))
        }
        false => Some(None),
    };
    let (shifts, keys) = (optional(b"ctts")?, optional(b"stss")?);
    Some(Tables {
        times: table(window, boxes::only(stbl, b"stts")?, 4, 64)?,
        chunks: table(window, boxes::only(stbl, b"stsc")?, 4, 96)?,
        places: table(window, places, 4, if wide { 64 } else { 32 })?,
        wide,
        sizes: sizes(window, stbl)?,
        shifts,
        keys,
        extra: stbl.iter().copied().filter(|one| is_extra(window, *one)).collect(),
    })
}

/// Of the groups of samples (`sbgp`, `sgpd`), libav looks at those where pictures can be entered.
fn is_extra(window: &mut Window, one: Box) -> bool {
    match &one.kind {
        b"sdtp" | b"stps" => true,
        b"sbgp" | b"sgpd" => {
            window.array(one.body + 4).is_ok_and(|kind| [*b"rap ", *b"sync"].contains(&kind))
        }
        _ => false,
    }
}

fn sizes(window: &mut Window, stbl: &[Box]) -> Option<Sizes> {
    if let Some(small) = boxes::only(stbl, b"stz2") {
        let [bits] = window.array(small.body + 7).ok()?;
        let table = table(window, small, 8, bits.into())?;
        return matches!(bits, 4 | 8 | 16).then_some(Sizes { table, fixed: 0, bits });
    }
    let sizes = boxes::only(stbl, b"stsz")?;
    let fixed = window.u32(sizes.body + 4).ok()?;
    let table = table(window, sizes, 8, if fixed == 0 { 32 } else { 0 })?;
    Some(Sizes { table, fixed, bits: 32 })
}

/// The table in a box, counted at `counted` bytes of its content, with entries of so many bits. `None` if the box is
/// too short for it.
fn table(window: &mut Window, of: Box, counted: u64, bits: u64) -> Option<Table> {
    let (counted, first) = (of.body + counted, of.body + counted + 4);
    let count = window.u32(counted).ok()?;
    let length = (u64::from(count) * bits).div_ceil(8);
    (first.checked_add(length)? <= of.end).then_some(Table { counted, first, count })
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::libav::InMemory;

    #[test]
    fn sizes_of_any_width_are_read() {
        let mut window =
            Window::new(Rc::new(InMemory(vec![0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0])));
        let mut read = |fixed, bits, index| {
            let table = Table { counted: 0, first: 1, count: 2 };
            Sizes { table, fixed, bits }.of(&mut window, index).unwrap()
        };
        assert_eq!([read(0, 4, 0), read(0, 4, 1), read(0, 4, 2)], [1, 2, 3]);
        assert_eq!([read(0, 8, 0), read(0, 8, 1)], [0x12, 0x34]);
        assert_eq!([read(0, 16, 0), read(0, 16, 1)], [0x1234, 0x5678]);
        assert_eq!([read(0, 32, 0), read(0, 32, 1)], [0x1234_5678, 0x9abc_def0]);
        assert_eq!([read(7, 32, 0), read(7, 32, 9)], [7, 7]);
    }
}
