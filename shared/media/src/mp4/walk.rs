//! From fragment to fragment of an MP4, beside libav.

use std::rc::Rc;

use super::Fragments;
use super::view::Patch;
use crate::libav::ReadAt;

/// Goes through the boxes behind the index, a header at a time.
pub(crate) struct Walk {
    bytes: Rc<dyn ReadAt>,
    /// Where the next box begins; `None` if that can't be told.
    next: Option<u64>,
    fragment: Option<u64>,
}

impl Walk {
    pub(crate) fn new(bytes: &Rc<dyn ReadAt>, fragments: Fragments) -> Self {
        Self { bytes: Rc::clone(bytes), next: Some(fragments.first), fragment: None }
    }

    /// Where the last fragment begins that does so before this place. Places don't go back.
    pub(crate) fn fragment_of(&mut self, place: u64) -> Option<u64> {
        while let Some(start) = self.next
            && start <= place
        {
            let (kind, size) = self.header(start).unzip();
            if kind == Some(*b"moof") {
                self.fragment = Some(start);
            }
            self.next = size.and_then(|size| start.checked_add(size));
        }
        self.fragment.filter(|_| self.next.is_some())
    }

    /// The box's kind, and how long all of it is.
    fn header(&self, start: u64) -> Option<([u8; 4], u64)> {
        let mut header = [0; 16];
        let mut read = 0;
        while read < header.len() {
            match self.bytes.read_at(start.checked_add(read as u64)?, &mut header[read..]) {
                Ok(more @ 1..) => read += more,
                _ => break,
            }
        }
        let [a, b, c, d, kind @ ..] = *header.first_chunk::<8>()?;
        let size = match u32::from_be_bytes([a, b, c, d]) {
            1 => u64::from_be_bytes(*header.last_chunk()?),
            size => size.into(),
        };
        (read >= 8 && size >= 8).then_some((kind, size))
    }
}

/// What shows all that is between the index and `fragment` as room that is free. `None` if that is too little.
pub(super) fn hidden(fragments: Fragments, fragment: u64) -> Option<[Patch; 4]> {
    let size = fragment.checked_sub(fragments.first).filter(|size| *size >= 16)?;
    let (high, low) = ((size >> 32) as u32, size as u32);
    let words = [1_u32.to_be_bytes(), *b"free", high.to_be_bytes(), low.to_be_bytes()];
    let mut offset = fragments.first;
    Some(words.map(|bytes| {
        offset += 4;
        Patch { offset: offset - 4, bytes }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libav::InMemory;

    fn boxed(kind: &[u8; 4], length: usize) -> Vec<u8> {
        [&(length as u32 + 8).to_be_bytes(), kind.as_slice(), &vec![0; length]].concat()
    }

    fn walk(file: Vec<u8>) -> Walk {
        Walk::new(&(Rc::new(InMemory(file)) as Rc<dyn ReadAt>), Fragments { length: None, first: 0 })
    }

    #[test]
    fn the_fragment_of_a_place_is_the_last_before_it() {
        let file = [boxed(b"moof", 4), boxed(b"mdat", 12), boxed(b"sidx", 0), boxed(b"moof", 4)].concat();
        let mut walk = walk([file, boxed(b"mdat", 100)].concat());
        let found = [20, 39, 40, 41, 70].map(|place| walk.fragment_of(place));
        assert_eq!(found, [Some(0), Some(0), Some(40), Some(40), Some(40)]);
    }

    #[test]
    fn behind_a_box_of_no_length_nothing_is_known() {
        let mut walk = walk([boxed(b"moof", 4), vec![0; 16]].concat());
        assert_eq!([5, 13, 14].map(|place| walk.fragment_of(place)), [Some(0), None, None]);
    }
}
