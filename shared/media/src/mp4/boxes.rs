//! The boxes of which an MP4 file is made (ISO/IEC 14496-12, 4.2).

use super::window::Window;

/// Of boxes side by side; more than this is no sane file.
const MOST: usize = 1024;

/// A box and where its content is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Box {
    pub(super) kind: [u8; 4],
    pub(super) start: u64,
    pub(super) body: u64,
    pub(super) end: u64,
}

impl Box {
    /// Of the content, in bytes.
    pub(super) fn len(self) -> u64 {
        self.end - self.body
    }

    /// The boxes in it. `None` if they don't fill it.
    pub(super) fn children(self, window: &mut Window) -> Option<Vec<Self>> {
        let mut boxes = Vec::new();
        let mut next = self.body;
        while next < self.end {
            let child = read(window, next, self.end)?;
            if child.end > self.end || boxes.len() == MOST {
                return None;
            }
            next = child.end;
            boxes.push(child);
        }
        Some(boxes)
    }
}

/// The file's `moov`. A box that lasts longer than the file, as where the end was cut off, is the last.
pub(super) fn moov(window: &mut Window) -> Option<Box> {
    let size = window.size();
    let mut next = 0;
    for _ in 0..MOST {
        let found = read(window, next, size)?;
        if next == 0 && !matches!(&found.kind, b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip") {
            return None;
        }
        if &found.kind == b"moov" {
            return (found.end <= size).then_some(found);
        }
        next = found.end;
    }
    None
}

/// The only one of this kind.
pub(super) fn only(boxes: &[Box], kind: &[u8; 4]) -> Option<Box> {
    let mut found = boxes.iter().filter(|one| &one.kind == kind);
    found.next().copied().filter(|_| found.next().is_none())
}

/// The box that starts there, in something that ends at `end`.
fn read(window: &mut Window, start: u64, end: u64) -> Option<Box> {
    let header: [u8; 8] = window.array(start).ok()?;
    let [a, b, c, d, kind @ ..] = header;
    let (size, header) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (end.checked_sub(start)?, 8),
        1 => (window.u64(start.checked_add(8)?).ok()?, 16),
        size => (u64::from(size), 8),
    };
    if size < header {
        return None;
    }
    Some(Box { kind, start, body: start.checked_add(header)?, end: start.checked_add(size)? })
}
