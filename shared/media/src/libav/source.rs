//! An AVIOContext whose bytes come from Rust.
#![expect(unsafe_code, reason = "calls into libav, and is called back by it")]

use std::ffi::{c_int, c_void};
use std::io;

use ffmpeg_sys_next as ff;

use super::Fault;
use crate::protocol::BLOCK;

/// Bytes at any place, of a known length.
pub(crate) trait ReadAt {
    /// In bytes.
    fn size(&self) -> u64;
    /// Reads some bytes; 0 is the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// What the callbacks see.
struct Cursor {
    bytes: Box<dyn ReadAt>,
    position: u64,
}

/// Owns an AVIOContext and what it reads from.
pub(super) struct Source {
    context: *mut ff::AVIOContext,
    cursor: *mut Cursor,
}

impl Source {
    pub(super) fn new(bytes: impl ReadAt + 'static) -> Result<Self, Fault> {
        // SAFETY: no pointers; null is caught.
        let buffer = unsafe { ff::av_malloc(BLOCK) };
        if buffer.is_null() {
            return Err(Fault::NO_MEMORY);
        }
        let cursor = Box::into_raw(Box::new(Cursor { bytes: Box::new(bytes), position: 0 }));
        // SAFETY: the buffer becomes the context's own; `cursor` lives until drop, after the context is freed.
        let context = unsafe {
            ff::avio_alloc_context(
                buffer.cast(),
                BLOCK as c_int,
                0,
                cursor.cast(),
                Some(read),
                None,
                Some(seek),
            )
        };
        let source = Self { context, cursor };
        if source.context.is_null() { Err(Fault::NO_MEMORY) } else { Ok(source) }
    }

    /// From now on libav is told that it can't go back.
    pub(super) fn only_forward(&self) {
        // SAFETY: the context is ours, and libav uses it only during calls.
        unsafe { (*self.context).seekable = 0 };
    }

    /// For `AVFormatContext::pb`; valid as long as `self`.
    pub(super) fn context(&self) -> *mut ff::AVIOContext {
        self.context
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: both were allocated in `new` and nothing else owns them. libav may have swapped the buffer, so the
        // one to free is the context's.
        unsafe {
            if !self.context.is_null() {
                ff::av_freep((&raw mut (*self.context).buffer).cast());
                ff::avio_context_free(&mut self.context);
            }
            drop(Box::from_raw(self.cursor));
        }
    }
}

unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, len: c_int) -> c_int {
    // SAFETY: `opaque` is the cursor given in `Source::new`, used by one thread.
    let cursor = unsafe { &mut *opaque.cast::<Cursor>() };
    // At the end libav goes on with what is still in its buffer: it must stay as it is.
    if cursor.position >= cursor.bytes.size() {
        return ff::AVERROR_EOF;
    }
    // SAFETY: libav gives `len` writable bytes, whose old content it is done with.
    let buffer = unsafe {
        buffer.write_bytes(0, len.max(0) as usize);
        std::slice::from_raw_parts_mut(buffer, len.max(0) as usize)
    };
    match cursor.bytes.read_at(cursor.position, buffer) {
        Ok(0) => ff::AVERROR_EOF,
        Ok(read) => {
            cursor.position += read as u64;
            read as c_int
        }
        Err(_) => ff::AVERROR(libc::EIO),
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in `read`.
    let cursor = unsafe { &mut *opaque.cast::<Cursor>() };
    let size = cursor.bytes.size() as i64;
    let target = match whence & !(ff::AVSEEK_FORCE as c_int) {
        whence if whence == ff::AVSEEK_SIZE as c_int => return size,
        libc::SEEK_SET => Some(offset),
        libc::SEEK_CUR => (cursor.position as i64).checked_add(offset),
        libc::SEEK_END => size.checked_add(offset),
        _ => None,
    };
    match target {
        Some(target @ 0..) => {
            cursor.position = target as u64;
            target
        }
        _ => i64::from(ff::AVERROR(libc::EINVAL)),
    }
}

/// A file in memory, for tests.
#[cfg(test)]
pub(crate) struct InMemory(pub(crate) Vec<u8>);

#[cfg(test)]
impl ReadAt for InMemory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.0.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_at_the_end_leaves_the_buffer_as_it_is() {
        let source = Source::new(InMemory(vec![7; 10])).unwrap();
        let (cursor, mut buffer) = (source.cursor.cast(), [0; 16]);
        // SAFETY: as libav calls it, with a buffer of that length.
        let mut step = || unsafe { read(cursor, buffer.as_mut_ptr(), 16) };
        assert_eq!((step(), step()), (10, ff::AVERROR_EOF));
        assert_eq!(buffer[..10], [7; 10]);
    }
}
