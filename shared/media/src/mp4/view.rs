//! A file with other bytes here and there.

use std::io;
use std::rc::Rc;

use crate::libav::ReadAt;

/// Bytes that are shown instead of those at `offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Patch {
    pub(super) offset: u64,
    pub(super) bytes: [u8; 4],
}

/// What libav sees of a long file.
pub(crate) struct View {
    bytes: Rc<dyn ReadAt>,
    patches: Vec<Patch>,
}

impl View {
    pub(super) fn new(bytes: Rc<dyn ReadAt>, patches: Vec<Patch>) -> Self {
        Self { bytes, patches }
    }
}

impl ReadAt for View {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read_at(offset, buffer)?;
        for patch in &self.patches {
            for (place, byte) in (patch.offset..).zip(patch.bytes) {
                let place = place.checked_sub(offset).and_then(|place| usize::try_from(place).ok());
                if let Some(old) = place.and_then(|place| buffer[..read].get_mut(place)) {
                    *old = byte;
                }
            }
        }
        Ok(read)
    }
}
