//! A file's bytes, a block at a time.

use std::io;
use std::rc::Rc;

use crate::libav::ReadAt;
use crate::protocol::BLOCK;

/// The block around the last place that was read. It is one that the service keeps and fetches as a whole.
pub(super) struct Window {
    bytes: Rc<dyn ReadAt>,
    start: u64,
    block: Vec<u8>,
}

impl Window {
    pub(super) fn new(bytes: Rc<dyn ReadAt>) -> Self {
        Self { bytes, start: 0, block: Vec::new() }
    }

    /// Of the file, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.bytes.size()
    }

    /// Reads as many bytes as there are; how many.
    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let rest = &mut buffer[done..];
            let known = self.from(offset.saturating_add(done as u64))?;
            if known.is_empty() {
                break;
            }
            let step = known.len().min(rest.len());
            rest[..step].copy_from_slice(&known[..step]);
            done += step;
        }
        Ok(done)
    }

    /// So many bytes, which the file must have.
    pub(super) fn array<const N: usize>(&mut self, offset: u64) -> io::Result<[u8; N]> {
        let mut array = [0; N];
        match self.read(offset, &mut array)? {
            read if read == N => Ok(array),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    pub(super) fn u32(&mut self, offset: u64) -> io::Result<u32> {
        self.array(offset).map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, offset: u64) -> io::Result<u64> {
        self.array(offset).map(u64::from_be_bytes)
    }

    /// The bytes from `offset` to the end of their block; none at the end of the file.
    fn from(&mut self, offset: u64) -> io::Result<&[u8]> {
        let start = offset - offset % BLOCK as u64;
        if self.block.is_empty() || self.start != start {
            self.load(start)?;
        }
        Ok(self.block.get((offset - start) as usize..).unwrap_or_default())
    }

    fn load(&mut self, start: u64) -> io::Result<()> {
        self.start = start;
        self.block.resize(BLOCK, 0);
        let mut read = 0;
        while read < BLOCK {
            match self.bytes.read_at(start.saturating_add(read as u64), &mut self.block[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) => {
                    self.block.clear();
                    return Err(error);
                }
            }
        }
        self.block.truncate(read);
        Ok(())
    }
}
