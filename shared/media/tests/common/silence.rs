//! A long source that takes no room.

use std::io;

use bytes::Bytes;
use media::Source;

/// Silence as WAV with 8-bit samples, 8 kHz, one channel, made as it is read.
pub(crate) struct Silence {
    header: Vec<u8>,
    size: u64,
}

impl Silence {
    pub(crate) fn new(seconds: u32) -> Self {
        let bytes = 8000 * seconds;
        let format =
            b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data";
        let header = [format.as_slice(), &bytes.to_le_bytes()].concat();
        Self { size: u64::from(bytes) + header.len() as u64, header }
    }
}

impl Source for Silence {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0x80; len];
        if offset == 0 {
            bytes[..self.header.len()].copy_from_slice(&self.header);
        }
        Ok(bytes.into())
    }
}
