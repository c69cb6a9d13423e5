//! Sound that is under a key, or compressed, in containers of all kinds.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::matroska::{element, file, number, sound};
use common::recipe::{Recipe, codes};
use media::{Error, Format, Settings};

/// ASF's objects for the two ways of protecting all of a file ([MS-ASF] or its specification, 3.14 and 3.15).
fn protections() -> [Vec<u8>; 2] {
    let object = |guid: [u8; 16], content: Vec<u8>| {
        [&guid[..], &(content.len() as u64 + 24).to_le_bytes(), &content].concat()
    };
    let text = |text: &[u8]| [&(text.len() as u32).to_le_bytes(), text].concat();
    let old = [0xfb, 0xb3, 0x11, 0x22, 0x23, 0xbd, 0xd2, 0x11, 0xb4, 0xb7, 0, 0xa0, 0xc9, 0x55, 0xfc, 0x6e];
    let new =
        [0x14, 0xe6, 0x8a, 0x29, 0x22, 0x26, 0x17, 0x4c, 0xb9, 0x35, 0xda, 0xe0, 0x7e, 0xe9, 0x28, 0x9c];
    let all = [&b"secret"[..], b"DRM\0", b"key\0", b"https://example.org/\0"].map(text).concat();
    [object(old, all), object(new, text(b"secret"))]
}

#[tokio::test]
async fn a_protected_asf_is_copy_protected() {
    let recipe = Recipe::empty();
    recipe.run("-f lavfi -i sine=440:d=3 -c:a wmav2", "plain.wma");
    let plain = recipe.read("plain.wma");
    for protection in protections() {
        // Behind the header's own identity, length, number of objects and two bytes.
        let mut asf = [&plain[..30], &protection, &plain[30..]].concat();
        let length = u64::from_le_bytes(asf[16..24].try_into().unwrap()) + protection.len() as u64;
        asf[16..24].copy_from_slice(&length.to_le_bytes());
        asf[24] += 1;
        recipe.write("key.wma", &asf);
        let ended = recipe.convert("key.wma", Settings::default()).await;
        assert!(matches!(ended, Err(Error::Encrypted)), "{ended:?}");
    }
    assert!(recipe.convert("plain.wma", Settings::default()).await.is_ok());
}

#[tokio::test]
async fn a_scrambled_broadcast_is_copy_protected_and_one_with_a_free_sound_is_not() {
    let recipe = Recipe::new();
    recipe.run("-i a.mp4 -f lavfi -i sine=1000:d=10 -map 0 -map 1 -c:v copy -c:a mp2", "free.ts");
    let free = recipe.read("free.ts");
    // ffmpeg's PIDs: pictures, and both sounds.
    let scrambled = |pids: &[u16]| {
        let mut stream = free.clone();
        for packet in stream.chunks_exact_mut(188) {
            if pids.contains(&u16::from_be_bytes([packet[1] & 0x1f, packet[2]])) {
                packet[3] |= 0x80;
                let start = if packet[3] & 0x20 == 0 { 4 } else { 5 + usize::from(packet[4]) };
                packet[start.min(188)..]
                    .iter_mut()
                    .enumerate()
                    .for_each(|(place, byte)| *byte ^= (91 + place * 37) as u8);
            }
        }
        stream
    };
    for (name, pids) in [("all.ts", &[0x100, 0x101, 0x102][..]), ("sounds.ts", &[0x101, 0x102])] {
        recipe.write(name, &scrambled(pids));
        for format in [Format::Mp3, Format::M4a] {
            let settings = Settings { format, copy: true, ..Settings::default() };
            let ended = recipe.convert(name, settings).await;
            assert!(matches!(ended, Err(Error::Encrypted)), "{name}: {ended:?}");
        }
    }
    recipe.write("one.ts", &scrambled(&[0x100, 0x101]));
    let (summary, pcm) = recipe.samples("one.ts", Settings::default()).await;
    assert!(common::recipe::peak(&pcm) > 0.1 && summary.duration.as_secs() >= 9, "{summary:?}");
}

/// These bytes in the format of zlib, not made smaller (RFC 1950, RFC 1951).
fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = bytes.chunks(65_535);
    let last = blocks.len() - 1;
    for (place, block) in blocks.enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(place == last));
        out.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        out.extend(block);
    }
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend((b << 16 | a).to_be_bytes());
    out
}

#[tokio::test]
async fn compressed_tracks_of_matroska_are_the_sound() {
    // ContentEncodings with one ContentCompression of the kind 0 (RFC 9559, 5.1.4.1.31).
    let encoding = element(0x6240, &element(0x5034, &number(0x4254, 0)));
    let mut entry = sound(1);
    let body = [&entry.split_off(9)[..], &element(0x6d80, &encoding)].concat();
    let compressed = element(0x1654_ae6b, &element(0xae, &body));
    let sample = |place: u32| ((f64::from(place) / 3.0).sin() * 9000.0) as i16;
    let samples: Vec<u8> = (0..800).flat_map(|place| sample(place).to_le_bytes()).collect();
    let tenth = |tenths: u64, content: &[u8]| {
        let block = [&[0x81, 0, 0, 0x80][..], content].concat();
        element(0x1f43_b675, &[number(0xe7, tenths * 100), element(0xa3, &block)].concat())
    };
    let all = |content: &[u8]| (0..10).flat_map(|tenths| tenth(tenths, content)).collect::<Vec<u8>>();
    let recipe = Recipe::empty();
    recipe.write("plain.mkv", &file(1000.0, &[common::matroska::tracks(1), all(&samples)]));
    recipe.write("small.mkv", &file(1000.0, &[compressed, all(&zlib(&samples))]));
    let (_, expected) = recipe.samples("plain.mkv", Settings::default()).await;
    let (summary, found) = recipe.samples("small.mkv", Settings::default()).await;
    assert_eq!(expected.len(), 8000);
    assert!(expected == found && codes(&summary).is_empty(), "{:?}", summary.warnings);
}

#[tokio::test]
async fn an_mp4_with_a_compressed_index_is_read() {
    let boxed = |kind: &[u8; 4], content: &[u8]| {
        [&(content.len() as u32 + 8).to_be_bytes(), kind.as_slice(), content].concat()
    };
    let recipe = Recipe::new();
    let plain = recipe.read("a.mp4");
    let place = plain.windows(4).rposition(|kind| kind == b"moov").unwrap() - 4;
    let (front, moov) = plain.split_at(place);
    // QuickTime File Format, "Compressed Movie Resources".
    let data = [&(moov.len() as u32).to_be_bytes()[..], &zlib(moov)].concat();
    let inner = boxed(b"cmov", &[boxed(b"dcom", b"zlib"), boxed(b"cmvd", &data)].concat());
    recipe.write("small.mov", &[front, &boxed(b"moov", &inner)].concat());
    let (_, expected) = recipe.samples("a.mp4", Settings::default()).await;
    let (_, found) = recipe.samples("small.mov", Settings::default()).await;
    assert!(expected == found && expected.len() > 400_000);
}
