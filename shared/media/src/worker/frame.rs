//! Frames of MPEG audio layer III without checksums, as LAME writes them (ISO/IEC 11172-3 and 13818-3, 2.4).

/// In bytes, of the frame that begins here. `None` if none does.
pub(super) fn length(frame: &[u8]) -> Option<usize> {
    const MPEG1: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const MPEG2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let &[0xff, second, third, _, ..] = frame else { return None };
    let (rates, words, shift) = match second & 0xfe {
        0xfa => (MPEG1, 144_000, 0),
        0xf2 => (MPEG2, 72_000, 1),
        0xe2 => (MPEG2, 72_000, 2),
        _ => return None,
    };
    let rate = [44100, 48000, 32000].get(usize::from(third >> 2 & 3))? >> shift;
    let kbits = *rates.get(usize::from(third >> 4))?;
    (kbits > 0).then_some(words * kbits / rate + usize::from(third >> 1 & 1))
}

/// Where each of these frames begins. `None` if they are not whole frames.
pub(super) fn starts(bytes: &[u8]) -> Option<Vec<usize>> {
    let (mut starts, mut place) = (Vec::new(), 0);
    while place < bytes.len() {
        starts.push(place);
        place += length(&bytes[place..])?;
    }
    (place == bytes.len()).then_some(starts)
}

/// Bytes before the frame's main data: its header and its side information.
pub(super) fn prefix(frame: &[u8]) -> Option<usize> {
    let mono = frame.get(3)? >> 6 == 3;
    Some(match (is_mpeg1(frame), mono) {
        (true, false) => 36,
        (true, true) | (false, false) => 21,
        (false, true) => 13,
    })
}

/// How many bytes of main data before this frame belong to it (`main_data_begin`).
pub(super) fn reaches_back(frame: &[u8]) -> Option<usize> {
    let &[first, second] = frame.get(4..6)? else { return None };
    let bits = u16::from_be_bytes([first, second]);
    Some(usize::from(if is_mpeg1(frame) { bits >> 7 } else { bits >> 8 }))
}

fn is_mpeg1(frame: &[u8]) -> bool {
    frame[1] & 0x18 == 0x18
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_lengths_of_the_standard() {
        assert_eq!(length(&[0xff, 0xfb, 0x90, 0]), Some(417));
        assert_eq!(length(&[0xff, 0xfb, 0x92, 0]), Some(418));
        assert_eq!(length(&[0xff, 0xf3, 0x80, 0xc0]), Some(208));
        assert_eq!(length(&[0xff, 0xe3, 0x48, 0xc0]), Some(288));
        for other in [&b"ID3\x04"[..], b"\xff\xfb\xf0\0", b"\xff\xfb\x9c\0", b"\xff\xfd\x90\0", b"\xff\xfb"] {
            assert_eq!(length(other), None);
        }
    }

    #[test]
    fn frames_begin_where_the_last_one_ends() {
        let frame = [&[0xff, 0xfb, 0x90, 0][..], &[0; 413]].concat();
        let three = frame.repeat(3);
        assert_eq!(starts(&three), Some(vec![0, 417, 834]));
        assert_eq!(starts(&three[..1000]), None);
        assert_eq!(starts(&[0; 10]), None);
    }

    #[test]
    fn the_side_information_says_how_far_back_a_frame_reaches() {
        assert_eq!(reaches_back(&[0xff, 0xfb, 0x90, 0, 0xff, 0x80]), Some(511));
        assert_eq!(reaches_back(&[0xff, 0xf3, 0x80, 0xc0, 0x07, 0xff]), Some(7));
        assert_eq!(reaches_back(&[0xff, 0xfb, 0x90, 0]), None);
    }
}
