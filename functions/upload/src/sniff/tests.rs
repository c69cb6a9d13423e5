use super::*;

#[test]
fn what_the_converter_reads_and_what_is_taken_are_one_list() {
    // Only asked what they are by the demuxer of program streams: they hold no sound.
    const VIDEO_ALONE: [&str; 4] = ["h264", "hevc", "m4v", "mpegvideo"];
    let parts =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/media/native/parts.txt"));
    let parts = parts.unwrap();
    let demuxers = parts.lines().filter_map(|line| line.strip_prefix("demuxer ")?.split_whitespace().next());
    let mut read: Vec<_> = demuxers.filter(|name| !VIDEO_ALONE.contains(name)).collect();
    let mut taken: Vec<_> = FILES.iter().chain(&STREAMS).map(|(name, _)| *name).collect();
    read.sort_unstable();
    taken.sort_unstable();
    assert_eq!(read, taken);
}

#[test]
fn a_first_box_of_mp4_may_say_nothing() {
    let file = |first: &[u8; 4], length: u32| {
        let mut file = length.to_be_bytes().to_vec();
        file.extend_from_slice(first);
        file.resize(length.min(200) as usize, 0);
        file.extend_from_slice(b"\0\0\0\x18ftypisom____");
        file
    };
    for first in [b"uuid", b"junk", b"prft", b"free", b"wide", b"emsg"] {
        assert_eq!(container(&file(first, 40)), Some("mp4"), "{}", first.escape_ascii());
        assert_eq!(container(&file(first, 1_000_000)), Some("mov"), "a long {}", first.escape_ascii());
    }
    assert_eq!(container(&file(b"what", 40)), None);
    assert_eq!(container(&file(b"free", 4)), None, "shorter than its own head");
}

#[test]
fn a_box_longer_than_all_files_ends_the_walk() {
    let first = b"\0\0\0\x10free________";
    for length in [u64::MAX, u64::MAX - 15, u64::MAX - 7] {
        let second = [&b"\0\0\0\x01free"[..], &length.to_be_bytes(), &[0; 64]].concat();
        // Added up, the lengths would lead back to the first box, for ever.
        assert_eq!(container(&[&first[..], &second].concat()), Some("mov"), "{length}");
    }
}

/// 20 frames of `length` bytes that begin with `header`.
fn frames(header: &[u8], length: usize) -> Vec<u8> {
    let mut frame = header.to_vec();
    frame.resize(length, 0xd5);
    frame.repeat(20)
}

#[test]
fn frames_are_found_at_the_beginning_in_mid_frame_and_behind_zeros() {
    for (name, header, length) in [
        // 128 kbit/s at 44.1 kHz.
        ("mp3", &[0xff, 0xfb, 0x90, 0x00][..], 417),
        // Layer II, 192 kbit/s at 48 kHz; layer I, 384 kbit/s at 48 kHz.
        ("mp3", &[0xff, 0xfd, 0xa4, 0x00], 576),
        ("mp3", &[0xff, 0xff, 0xc4, 0x00], 384),
        ("aac", &[0xff, 0xf1, 0x50, 0x80, 0x20, 0x1f, 0xfc], 256),
        ("latm", &[0x56, 0xe0, 0xfd], 256),
        // 192 kbit/s at 48 kHz.
        ("ac3", &[0x0b, 0x77, 0, 0, 0x14, 0x40], 768),
        ("eac3", &[0x0b, 0x77, 0x01, 0x7f, 0x3f, 0x80], 768),
        ("mpeg-ts", &[0x47, 0x01, 0x00, 0x10], 188),
        ("mpeg-ts", &[0, 0, 0, 1, 0x47, 0x01, 0x00, 0x10], 192),
        ("mpeg-ts", &[0x47, 0x01, 0x00, 0x10], 204),
        ("mpeg-ps", &[0, 0, 1, 0xba, 0x44], 2048),
        ("mpeg-ps", &[0, 0, 1, 0xe0, 1, 250], 512),
        ("truehd", &[0, 0, 0, 0, 0xf8, 0x72, 0x6f, 0xba, 0, 0, 0, 0, 0xb7, 0x52], 500),
    ] {
        let stream = frames(header, length);
        assert_eq!(container(&stream), Some(name), "{}", header.escape_ascii());
        assert_eq!(container(&stream[77..]), Some(name), "cut: {}", header.escape_ascii());
        let behind_zeros = [vec![0; 5000], stream].concat();
        assert_eq!(container(&behind_zeros), Some(name), "behind zeros: {}", header.escape_ascii());
    }
    assert_eq!(container(&[0xff, 0xfb, 0x90, 0x00]), None, "one frame header alone");
    assert_eq!(container(&[0; ENOUGH]), None, "zeros alone");
}

/// As a file of random bytes; the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn text_pictures_archives_programs_and_noise_are_nothing() {
    let noise = noise(ENOUGH);
    let mp3 = frames(&[0xff, 0xfb, 0x90, 0x00], 417);
    let within = |beginning: &[u8]| [beginning, &mp3].concat();
    let tar = [&b"a.mp3"[..], &[0; 252], b"ustar\0", &[0; 249], &mp3].concat();
    let others: [&[u8]; 18] = [
        b"",
        b"G",
        b"hello, world, this is text",
        b"<html>",
        b"PK\x03\x04zip file here",
        b"\x7fELF\x02\x01\x01",
        b"\x89PNG\r\n\x1a\n____",
        b"RIFF\0\0\0\0WEBPVP8 ",
        &[0xff; 4096],
        &b"G".repeat(5000),
        &b"GGGG, a line of text that begins with G, as does the next one.\n".repeat(188),
        &noise,
        &within(b"PK\x03\x04\x14\0\0\0\0\0 a stored sound"),
        &within(b"Rar!\x1a\x07\x00"),
        &within(b"%PDF-1.7"),
        &within(b"\xff\xd8\xff\xe0"),
        &within(b"7z\xbc\xaf\x27\x1c"),
        &tar,
    ];
    for bytes in others {
        assert_eq!(container(bytes), None, "{:?}", &bytes[..bytes.len().min(12)]);
    }
}

#[test]
fn programs_of_this_machine_are_nothing_not_even_in_pieces() {
    for program in ["/bin/sh", env!("CARGO")] {
        let program = std::fs::read(program).unwrap();
        for piece in program.chunks(ENOUGH).take(40) {
            assert_eq!(container(piece), None);
        }
    }
}
