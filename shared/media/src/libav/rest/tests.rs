use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::process::Command;

use super::*;
use crate::clock::Clock;
use crate::libav::{InMemory, Input, Muxer, Sound, Times};
use crate::mp4::Cut;
use crate::settings::Track;

/// Whatever is longer than a moment.
const SHORT: Cut = Cut { above: 150, keep: 5 };
const NEVER: Cut = Cut { above: u32::MAX, keep: 0 };

fn open(bytes: &[u8], cut: Cut) -> Result<Input, Fault> {
    Input::open_cut(Rc::new(InMemory(bytes.to_vec())), cut)
}

/// What a packet is: its times, length, flags, place, bytes and side data.
type Seen = (i64, i64, i64, c_int, i64, usize, u64);

fn seen(packet: &ff::AVPacket) -> Seen {
    let mut hasher = DefaultHasher::new();
    // SAFETY: a packet has so many bytes and pieces of side data.
    unsafe {
        std::slice::from_raw_parts(packet.data, packet.size as usize).hash(&mut hasher);
        for side in (0..packet.side_data_elems).map(|place| &*packet.side_data.add(place as usize)) {
            std::slice::from_raw_parts(side.data, side.size).hash(&mut hasher);
        }
    }
    let ff::AVPacket { pts, dts, duration, flags, pos, size, .. } = *packet;
    (pts, dts, duration, flags, pos, size as usize, hasher.finish())
}

/// The packets of a sound, and how it ended.
fn packets(input: &mut Input, number: u32) -> (Vec<Seen>, Option<Fault>) {
    let Ok(Some(Sound { index, .. })) = input.sound(&Track::Number(number)) else { return (vec![], None) };
    input.select(index);
    let mut all = Vec::new();
    loop {
        match input.next_packet() {
            // SAFETY: valid until the next is read.
            Ok(Some(packet)) if packet.stream() == index => all.push(seen(unsafe { &*packet.as_ptr() })),
            Ok(Some(_)) => {}
            Ok(None) => return (all, None),
            Err(fault) => return (all, Some(fault)),
        }
    }
}

/// Whether a shortened view was made and each sound is the same by it; and how many packets it has.
fn compare(name: &str, bytes: &[u8]) -> usize {
    let (mut short, mut whole) = (open(bytes, SHORT).unwrap(), open(bytes, NEVER).unwrap());
    assert!(!short.rests.is_empty(), "{name}: not shortened");
    assert_eq!(short.probe(), whole.probe(), "{name}");
    let (ours, theirs) = (packets(&mut short, 0), packets(&mut whole, 0));
    for (place, (one, other)) in ours.0.iter().zip(&theirs.0).enumerate() {
        assert_eq!(one, other, "{name}: packet {place} of {}", theirs.0.len());
    }
    assert_eq!((ours.0.len(), ours.1), (theirs.0.len(), theirs.1), "{name}");
    theirs.0.len()
}

/// What copying the sound into an M4A gives.
fn copied(bytes: &[u8], cut: Cut) -> Vec<u8> {
    let mut input = open(bytes, cut).unwrap();
    let sound = input.sound(&Track::Best).unwrap().unwrap();
    let mut muxer = Muxer::new(c"ipod").unwrap();
    input.announce(sound.index, &mut muxer).unwrap();
    muxer.begin(None).unwrap();
    input.select(sound.index);
    let mut times = Times::new(Clock::new(input.trust(), None, None));
    while input.copy_packet(sound, &mut times, &mut muxer).unwrap().is_some() {}
    muxer.finish().unwrap();
    let (mut out, (place, header)) = (Vec::new(), muxer.header());
    let (place, header) = (place as usize, header.to_vec());
    muxer.take(&mut out);
    out[place..place + header.len()].copy_from_slice(&header);
    out
}

/// The same file with places of 64 bits; its index must stand at its end.
fn with_wide_places(file: &[u8]) -> Vec<u8> {
    fn widen(boxes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = boxes;
        while !rest.is_empty() {
            let size = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let (one, next) = rest.split_at(size);
            let (kind, body) = (&one[4..8], &one[8..]);
            let (kind, body) = match kind {
                b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" => (kind, widen(body)),
                b"stco" => {
                    let places = body[8..].chunks_exact(4).flat_map(|place| [&[0; 4], place].concat());
                    (&b"co64"[..], body[..8].iter().copied().chain(places).collect())
                }
                _ => (kind, body.to_vec()),
            };
            out.extend([&(body.len() as u32 + 8).to_be_bytes(), kind, &body].concat());
            rest = next;
        }
        out
    }
    widen(file)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

/// What ffmpeg makes of 20 seconds of tones, with these options.
#[expect(clippy::disallowed_methods, reason = "ffmpeg's program makes the files")]
fn made(options: &str, name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (tags, file) = (folder.path().join("chapters"), folder.path().join(name));
    std::fs::write(&tags, ";FFMETADATA1\ntitle=Tones\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=7\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1\nSTART=7\nEND=20\ntitle=Two\n").unwrap();
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=20"]);
    command.args(["-f", "lavfi", "-i", "aevalsrc=0.3*sin(2764*t)*sin(3*t)|0.2*sin(4147*t):s=48000:d=20"]);
    command.args(["-i"]).arg(&tags).args([
        "-map_metadata",
        "2",
        "-strict",
        "-2",
        "-map",
        "0:v",
        "-map",
        "1:a",
    ]);
    command.args(["-c:v", "mpeg4", "-pix_fmt", "yuv420p", "-fflags", "+bitexact"]);
    command.args(options.split_whitespace()).arg(&file);
    assert!(command.status().unwrap().success(), "{options}");
    std::fs::read(file).unwrap()
}

#[test]
fn packets_are_libavs_one_by_one_in_any_codec() {
    for (options, name) in [
        ("-c:a aac", "sound.mp4"),
        ("-c:a alac", "sound.m4a"),
        ("-c:a libopus", "sound.mp4"),
        ("-c:a libmp3lame", "sound.mp4"),
        ("-c:a ac3", "sound.mp4"),
        ("-c:a eac3", "sound.mp4"),
        ("-c:a flac", "sound.mp4"),
        ("-c:a aac", "sound.mov"),
        ("-c:a aac -movflags +faststart", "sound.mp4"),
        ("-c:a aac -frag_interleave 1 -max_interleave_delta 1", "sound.mp4"),
        ("-c:a aac -af asetpts=PTS+3/TB", "sound.mp4"),
        ("-c:a aac -af asetpts=PTS+3/TB -t 15.3", "sound.mp4"),
        ("-c:a aac -t 15.3", "sound.mp4"),
        ("-c:a ac3 -t 15.3", "sound.mp4"),
        ("-c:a alac -t 15.3", "sound.mp4"),
        ("-c:a aac -map -0:v", "sound.m4a"),
    ] {
        let found = compare(options, &made(options, name));
        assert!(found > 150, "{options}: {found} packets");
    }
}

#[test]
fn packets_are_libavs_in_the_fixtures() {
    for name in ["moov-end.mp4", "moov-front.mp4", "video.mov", "late.mp4", "surround.mp4"] {
        compare(name, &fixture(name));
    }
}

#[test]
fn packets_are_libavs_where_places_have_64_bits() {
    let file = with_wide_places(&made("-c:a aac", "sound.mp4"));
    assert!(file.windows(4).any(|kind| kind == b"co64"));
    compare("wide", &file);
}

#[test]
fn packets_are_libavs_as_far_as_a_file_goes_that_was_cut_off() {
    let file = made("-c:a aac -movflags +faststart", "sound.mp4");
    for bytes in [file.len() / 2, file.len() / 2 + 1, file.len() * 3 / 4, file.len() - 1] {
        assert!(compare("cut off", &file[..bytes]) > 100);
    }
}

#[test]
fn the_best_of_several_sounds_is_the_same() {
    let two = "-map 1:a -c:a flac";
    for (first, second) in [
        // What is silent at first may have the most bits in the end.
        ("volume=if(gt(t\\,9)\\,1\\,0):eval=frame", "volume=0.01"),
        ("volume=0.01", "volume=if(gt(t\\,9)\\,1\\,0):eval=frame"),
        ("volume=1", "volume=0.01"),
    ] {
        let options = format!("{two} -filter:a:0 {first} -filter:a:1 {second}");
        let mut file = made(&options, "sound.mp4");
        // All tracks are enabled, so that none is the default.
        for place in 0..file.len() - 8 {
            if &file[place..place + 4] == b"tkhd" {
                file[place + 7] |= 1;
            }
        }
        let best = |cut| {
            let input = open(&file, cut).unwrap();
            (
                input.rests.len() > 1 || cut.above == NEVER.above,
                input.sound(&Track::Best).unwrap().unwrap().index,
            )
        };
        assert_eq!(best(SHORT), best(NEVER), "{options}");
        compare(&options, &file);
    }
}

#[test]
fn what_is_copied_is_the_same_to_the_byte() {
    for options in ["-c:a aac", "-c:a aac -af asetpts=PTS+3/TB -t 15.3", "-c:a alac"] {
        let file = made(options, "sound.mp4");
        assert!(copied(&file, SHORT) == copied(&file, NEVER), "{options}");
    }
}

#[test]
fn short_tracks_and_odd_ones_are_left_to_libav() {
    let file = made("-c:a aac", "sound.mp4");
    assert!(open(&file, Cut { above: 940, keep: 5 }).unwrap().rests.is_empty());
    for (options, name) in [
        ("-c:a aac -movflags frag_keyframe+empty_moov", "fragments.mp4"),
        ("-c:a pcm_s16le", "pcm.mov"),
        (
            "-c:a aac -movflags +faststart -encryption_scheme cenc-aes-ctr -encryption_key 00112233445566778899aabbccddeeff -encryption_kid 00112233445566778899aabbccddeeff",
            "secret.mp4",
        ),
        ("-c:a aac", "sound.mkv"),
    ] {
        assert!(open(&made(options, name), SHORT).unwrap().rests.is_empty(), "{options}");
    }
}

#[test]
fn a_damaged_index_ends_in_packets_or_a_fault() {
    let file = made("-c:a aac -movflags +faststart -t 8", "sound.mp4");
    let moov = file.windows(4).position(|kind| kind == b"moov").unwrap();
    let mdat = file.windows(4).position(|kind| kind == b"mdat").unwrap();
    let (mut seed, mut shortened) = (1_u64, 0);
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for _ in 0..400 {
        let mut damaged = file.clone();
        for _ in 0..=random(3) {
            damaged[moov + random(mdat - moov)] ^= 1 << random(8);
        }
        let Ok(mut input) = open(&damaged, SHORT) else { continue };
        shortened += usize::from(!input.rests.is_empty());
        // A fault may come again and again; what reads on ends after some of them.
        let (packets, _) = packets(&mut input, 0);
        assert!(packets.len() <= file.len(), "{} packets", packets.len());
    }
    assert!(shortened > 200, "{shortened}");
}
