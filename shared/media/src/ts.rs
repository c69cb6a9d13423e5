//! Scrambled sound of transport streams (ISO/IEC 13818-1, 2.4.3.3), which libav takes for sound that is damaged.

use std::collections::BTreeMap;

use crate::libav::ReadAt;
use crate::protocol::BLOCK;

/// How far apart packets begin, and where in that the packet is: alone, behind a time of arrival, before a checksum.
const KINDS: [(usize, usize); 3] = [(188, 0), (192, 4), (204, 0)];
/// What a packet begins with.
const SYNC: u8 = 0x47;
/// Packets in a row that begin with it where there are packets at all.
const SURE: usize = 5;
/// Of a stream's packets with content, this many of ten are scrambled at least where it is one that needs a key.
const MOST_OF_TEN: u32 = 9;

/// The streams, by their PIDs, that are scrambled where the file begins.
pub(crate) fn scrambled(bytes: &dyn ReadAt) -> Vec<u16> {
    let mut block = vec![0; BLOCK];
    let mut read = 0;
    while let Some(rest) = block.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match bytes.read_at(read as u64, rest) {
            Ok(more @ 1..) => read += more,
            _ => break,
        }
    }
    block.truncate(read);
    KINDS.iter().find_map(|kind| packets(&block, *kind)).unwrap_or_default()
}

/// The scrambled ones, if these are packets of this kind.
fn packets(bytes: &[u8], (apart, offset): (usize, usize)) -> Option<Vec<u16>> {
    let is_start = |first: &usize| {
        let mut starts = (0..SURE).map(|place| bytes.get(first + place * apart + offset));
        starts.all(|byte| byte == Some(&SYNC))
    };
    let first = (0..apart).find(is_start)?;
    let mut streams: BTreeMap<u16, (u32, u32)> = BTreeMap::new();
    for packet in bytes.get(first..)?.chunks_exact(apart) {
        let Some(&[SYNC, high, low, flags]) = packet.get(offset..offset + 4) else { continue };
        let has_content = flags & 0x10 != 0;
        let (all, hidden) = streams.entry(u16::from_be_bytes([high & 0x1f, low])).or_default();
        *all += u32::from(has_content);
        *hidden += u32::from(has_content && flags & 0xc0 != 0);
    }
    let hidden = |(all, hidden): &(u32, u32)| *hidden > 0 && hidden * 10 >= all * MOST_OF_TEN;
    Some(streams.into_iter().filter(|(_, counts)| hidden(counts)).map(|(pid, _)| pid).collect())
}

#[cfg(test)]
mod tests {
    use crate::libav::InMemory;

    /// Packets of the streams 256 and 257, of which the latter is scrambled; each with so much before and behind it.
    fn stream(before: usize, behind: usize) -> Vec<u8> {
        let packet = |place: u8| {
            let (stream, scrambled) = if place % 2 == 1 { (1, 0xc0) } else { (0, 0) };
            let content = [&[0x47, 1, stream, 0x10 | scrambled][..], &[place; 184]].concat();
            [vec![0; before], content, vec![0; behind]].concat()
        };
        (0..200).flat_map(packet).collect()
    }

    #[test]
    fn streams_that_need_a_key_are_found_in_packets_of_any_kind() {
        for (before, behind) in [(0, 0), (4, 0), (0, 16)] {
            let file = stream(before, behind);
            for cut in [0, 1, 77] {
                let found = super::scrambled(&InMemory(file[cut..].to_vec()));
                assert_eq!(found, [257], "{before} {behind} {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_transport_stream_has_none() {
        for file in [vec![], vec![0x47; 700], vec![0; 10_000]] {
            assert_eq!(super::scrambled(&InMemory(file)), [0_u16; 0]);
        }
    }
}
