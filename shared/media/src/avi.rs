//! Long AVI files: libav keeps 24 bytes for each chunk, 66 MB in ten hours, and needs them for jumps alone.

use crate::libav::ReadAt;

/// An index of more chunks than this is long: libav keeps 2.4 MB of it.
const LONG: u32 = 100_000;
/// An entry of the index, in bytes.
const ENTRY: u32 = 16;
/// Of a file whose index is not where it should be, from so many bytes on.
const LARGE: u64 = 64 << 20;
/// Of chunks side by side; more than this is no sane file.
const MOST: usize = 64;

/// Whether `bytes` are an AVI with an index that is better left alone.
pub(crate) fn is_long(bytes: &dyn ReadAt) -> bool {
    let Some((b"RIFF", riff)) = chunk(bytes, 0).as_ref().map(|(kind, size)| (kind, *size)) else {
        return false;
    };
    if four(bytes, 8) != Some(*b"AVI ") {
        return false;
    }
    let end = 8 + u64::from(riff);
    // Of files beyond a gigabyte there are several, each with an index of its own (OpenDML).
    if chunk(bytes, end).is_some_and(|(kind, _)| &kind == b"RIFF") {
        return true;
    }
    let mut at = 12;
    for _ in 0..MOST {
        match chunk(bytes, at) {
            Some((kind, size)) if &kind == b"idx1" => return size / ENTRY > LONG,
            Some((_, size)) => at += 8 + u64::from(size) + u64::from(size % 2),
            None => break,
        }
    }
    bytes.size() > LARGE
}

/// What kind of chunk there is, and how long its content is in bytes.
fn chunk(bytes: &dyn ReadAt, at: u64) -> Option<([u8; 4], u32)> {
    Some((four(bytes, at)?, u32::from_le_bytes(four(bytes, at + 4)?)))
}

fn four(bytes: &dyn ReadAt, at: u64) -> Option<[u8; 4]> {
    let mut four = [0; 4];
    (bytes.read_at(at, &mut four).ok()? == 4).then_some(four)
}

#[cfg(test)]
mod tests {
    use crate::libav::InMemory;

    fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [kind.as_slice(), &(content.len() as u32).to_le_bytes(), content].concat()
    }

    fn file(entries: usize) -> Vec<u8> {
        let index = chunk(b"idx1", &vec![0; entries * 16]);
        chunk(b"RIFF", &[b"AVI ", chunk(b"LIST", b"movi").as_slice(), &index].concat())
    }

    #[test]
    fn what_is_long_has_many_chunks_or_several_parts() {
        let is_long = |bytes: Vec<u8>| super::is_long(&InMemory(bytes));
        assert!(is_long(file(100_001)));
        assert!(is_long([file(1), file(1)].concat()));
        assert!(!is_long(file(100_000)));
        let mut cut = file(100_001);
        cut.truncate(20);
        assert!(!is_long(cut) && !is_long(vec![]) && !is_long(b"RIFF\0\0\0\0WAVE".to_vec()));
    }
}
