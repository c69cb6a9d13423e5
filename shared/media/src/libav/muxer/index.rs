//! The index of an M4A (ISO/IEC 14496-12, `stbl`). libav keeps 64 bytes of each packet until it is written, 105 MB in ten
//! hours: so it is given many packets as one, and what it then says of its sound is replaced by what is so.

/// An index under way: two bytes for each packet.
#[derive(Default)]
pub(super) struct Index {
    /// Of each packet, in bytes.
    sizes: Vec<u16>,
    /// How often packets in a row have a length in time, and which.
    lengths: Vec<(u32, u32)>,
    /// When the last packet begins, and how long it is by itself.
    last: Option<(i64, i64)>,
    /// Packets in each of libav's.
    groups: Vec<u32>,
    /// How long packets usually are, and how far from the truth their times may be.
    usual: [i64; 2],
    rounding: i64,
}

impl Index {
    /// Packets are usually as long as one of these, and their times are rounded by so much.
    pub(super) fn rounded(&mut self, usual: [i64; 2], rounding: i64) {
        (self.usual, self.rounding) = (usual, rounding);
    }

    /// Where a packet begins that is said to begin at `at`. Matroska has whole milliseconds, so that packets lie a little
    /// beside the ends of those before: as they lie, ten hours would have a million lengths.
    fn exact(&self, at: i64) -> i64 {
        let Some((before, _)) = self.last else { return at };
        let mut ends = self.usual.iter().map(|length| before.saturating_add(*length));
        ends.find(|end| end.abs_diff(at) <= self.rounding.unsigned_abs()).unwrap_or(at)
    }

    /// A packet of so many bytes; when it begins. `None` if there is no place for such a one.
    pub(super) fn note(&mut self, size: usize, at: i64, length: i64) -> Option<i64> {
        let (size, at) = (u16::try_from(size).ok()?, self.exact(at));
        if let Some((before, _)) = self.last {
            self.passed(at.checked_sub(before)?)?;
        }
        self.sizes.push(size);
        self.last = Some((at, length));
        Some(at)
    }

    /// libav was given so many of them as one.
    pub(super) fn grouped(&mut self, packets: u32) {
        self.groups.push(packets);
    }

    /// Whether there is none yet.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// All is noted.
    pub(super) fn finish(&mut self) -> Option<()> {
        match self.last.take() {
            Some((_, length)) => self.passed(length.max(0)),
            None => Some(()),
        }
    }

    fn passed(&mut self, length: i64) -> Option<()> {
        let length = u32::try_from(length).ok()?;
        match self.lengths.last_mut() {
            Some((count, same)) if *same == length => *count += 1,
            _ => self.lengths.push((1, length)),
        }
        Some(())
    }

    /// Appends the box that this is, as it should be. `None` if it is damaged.
    pub(super) fn rewrite(&self, moov: &[u8], out: &mut Vec<u8>) -> Option<()> {
        out.reserve_exact(moov.len() + 4 * self.sizes.len() + 12 * (self.groups.len() + self.lengths.len()));
        self.put(moov, false, out)
    }

    /// `ours` is whether it belongs to the sound.
    fn put(&self, whole: &[u8], ours: bool, out: &mut Vec<u8>) -> Option<()> {
        let (kind, body) = (whole.get(4..8)?, whole.get(8..)?);
        let start = out.len();
        out.extend_from_slice(&whole[..8]);
        match kind {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" => {
                let ours = ours || kind == b"trak" && is_sound(body);
                let mut rest = body;
                while !rest.is_empty() {
                    let (one, more) = split(rest)?;
                    match one.get(4..8)? {
                        b"stsc" if ours => self.chunks(one, out)?,
                        _ => self.put(one, ours, out)?,
                    }
                    rest = more;
                }
            }
            b"stts" if ours => {
                let entries = self.lengths.iter().flat_map(|(count, length)| [*count, *length]);
                table(&[0, self.lengths.len() as u32], entries, out);
            }
            b"stsz" if ours => {
                let sizes = self.sizes.iter().map(|size| u32::from(*size));
                table(&[0, 0, self.sizes.len() as u32], sizes, out);
            }
            // All packets belong to the one group that there is.
            b"sbgp" if ours => {
                out.extend_from_slice(body.get(..8)?);
                table(&[1], [self.sizes.len() as u32, 1], out);
            }
            _ => out.extend_from_slice(body),
        }
        let size = u32::try_from(out.len() - start).ok()?.to_be_bytes();
        out.get_mut(start..start + 4)?.copy_from_slice(&size);
        Some(())
    }

    /// libav's chunks have as many of its packets as `stsc` says: how many of ours.
    fn chunks(&self, stsc: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let numbers: Vec<u32> = numbers(stsc.get(16..)?).collect();
        let (runs, _) = numbers.as_chunks::<3>();
        let mut groups = self.groups.iter().copied();
        let (mut entries, mut chunk, mut last) = (Vec::new(), 1, 0);
        for (place, [_, each, _]) in runs.iter().enumerate() {
            let end = runs.get(place + 1).map_or(u32::MAX, |next| next[0]);
            while chunk < end {
                let packets: u32 = groups.by_ref().take(*each as usize).sum();
                if packets == 0 {
                    break;
                }
                if packets != last {
                    entries.extend([chunk, packets, 1]);
                }
                (last, chunk) = (packets, chunk + 1);
            }
        }
        let start = out.len();
        out.extend_from_slice(stsc.get(..8)?);
        table(&[0, entries.len() as u32 / 3], entries, out);
        let size = ((out.len() - start) as u32).to_be_bytes();
        out.get_mut(start..start + 4)?.copy_from_slice(&size);
        Some(())
    }
}

fn table(head: &[u32], entries: impl IntoIterator<Item = u32>, out: &mut Vec<u8>) {
    let all = head.iter().copied().chain(entries);
    all.for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The first box, and what follows it.
fn split(boxes: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = numbers(boxes.get(..4)?).next()?;
    boxes.split_at_checked(size as usize).filter(|(one, _)| one.len() >= 8)
}

/// Whether a track is one of sound.
fn is_sound(track: &[u8]) -> bool {
    let media = find(track, b"mdia").and_then(|media| find(media, b"hdlr"));
    media.and_then(|handler| handler.get(8..12)) == Some(b"soun")
}

fn find<'a>(mut boxes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    while let Some((one, rest)) = split(boxes) {
        if one.get(4..8) == Some(kind) {
            return one.get(8..);
        }
        boxes = rest;
    }
    None
}

/// Where the index of a file begins of which this is the start: behind the boxes in front of it, the sound among them.
pub(super) fn place(head: &[u8]) -> Option<u64> {
    let mut place = 0_u64;
    loop {
        let header = head.get(usize::try_from(place).ok()?..)?;
        let size = match numbers(header.get(..4)?).next()? {
            1 => u64::from_be_bytes(*header.get(8..16)?.first_chunk()?),
            size => size.into(),
        };
        place = place.checked_add(size).filter(|_| size >= 8)?;
        if header.get(4..8)? == b"mdat" {
            return Some(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes(), kind.as_slice(), content].concat()
    }

    fn big(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn moov(handler: &[u8; 4], tables: &[u8]) -> Vec<u8> {
        let hdlr = boxed(b"hdlr", &[&[0; 8], handler.as_slice()].concat());
        let minf = boxed(b"minf", &boxed(b"stbl", tables));
        boxed(b"moov", &boxed(b"trak", &boxed(b"mdia", &[hdlr, minf].concat())))
    }

    /// Two chunks of libav's: one of two of its packets, one of one.
    fn coarse() -> Vec<u8> {
        let stts = boxed(b"stts", &big(&[0, 1, 3, 4096]));
        let stsz = boxed(b"stsz", &big(&[0, 0, 3, 10, 70, 30]));
        let stsc = boxed(b"stsc", &big(&[0, 2, 1, 2, 1, 2, 1, 1]));
        let stco = boxed(b"stco", &big(&[0, 2, 48, 128]));
        let sbgp = boxed(b"sbgp", &[b"\0\0\0\0roll".as_slice(), &big(&[1, 3, 1])].concat());
        [stts, stsc, stsz, stco, sbgp].concat()
    }

    #[test]
    fn each_packet_is_told_for_itself() {
        let mut index = Index::default();
        let packets = [(10, 0, 1024), (40, 1024, 1024), (30, 2048, 1024), (30, 4000, 77)];
        packets.iter().for_each(|(size, at, length)| assert_eq!(index.note(*size, *at, *length), Some(*at)));
        [1, 2, 1].iter().for_each(|count| index.grouped(*count));
        index.finish().unwrap();
        let mut out = Vec::new();
        index.rewrite(&moov(b"soun", &coarse()), &mut out).unwrap();
        let stts = boxed(b"stts", &big(&[0, 3, 2, 1024, 1, 1952, 1, 77]));
        let stsc = boxed(b"stsc", &big(&[0, 2, 1, 3, 1, 2, 1, 1]));
        let stsz = boxed(b"stsz", &big(&[0, 0, 4, 10, 40, 30, 30]));
        let stco = boxed(b"stco", &big(&[0, 2, 48, 128]));
        let sbgp = boxed(b"sbgp", &[b"\0\0\0\0roll".as_slice(), &big(&[1, 4, 1])].concat());
        assert_eq!(out, moov(b"soun", &[stts, stsc, stsz, stco, sbgp].concat()));
    }

    #[test]
    fn rounded_times_are_those_of_whole_packets_until_there_is_a_hole() {
        let mut index = Index::default();
        index.rounded([1024, 2048], 44);
        // 0, 23, 46, 70, 93 and 500 milliseconds at 44.1 kHz.
        let begin: Vec<_> =
            [0, 1014, 2029, 3087, 4101, 22050].map(|at| index.note(1, at, 1014).unwrap()).into();
        assert_eq!(begin, [0, 1024, 2048, 3072, 4096, 22050]);
        assert_eq!(index.lengths, [(4, 1024), (1, 22050 - 4096)]);
        assert_eq!(index.note(1, 22050 + 2010, 2000), Some(22050 + 2048));
    }

    #[test]
    fn other_tracks_stay_as_they_are_and_a_damaged_box_is_none() {
        let (text, mut out) = (moov(b"text", &coarse()), Vec::new());
        Index::default().rewrite(&text, &mut out).unwrap();
        assert_eq!(out, text);
        assert_eq!(Index::default().rewrite(&text[..text.len() - 1], &mut out), None);
        assert_eq!(Index::default().note(70_000, 0, 0), None);
    }

    #[test]
    fn the_index_is_behind_the_sound() {
        let front = [boxed(b"ftyp", b"M4A "), boxed(b"free", b"")].concat();
        assert_eq!(place(&[&front[..], &boxed(b"mdat", &[0; 100])].concat()), Some(20 + 108));
        let wide = [&big(&[1])[..], b"mdat", &big(&[2, 0])].concat();
        assert_eq!(place(&[front.clone(), wide].concat()), Some(20 + (2 << 32)));
        assert_eq!((place(&front), place(&[0; 16])), (None, None));
    }
}
