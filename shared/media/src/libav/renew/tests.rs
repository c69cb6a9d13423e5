use std::cell::Cell;
use std::ffi::c_int;
use std::process::Command;

use super::*;
use crate::libav::InMemory;
use crate::settings::Track;

thread_local! {
    /// How often it was time for another demuxer.
    pub(super) static CHANGES: Cell<u32> = const { Cell::new(0) };
}

/// What a packet is: its times, length, flags, place, bytes and pieces of side data.
type Seen = (i64, i64, i64, c_int, i64, Vec<u8>, c_int);

/// The packets of a sound, if demuxers change after at least so many of all.
fn packets(file: &[u8], number: u32, least: u32) -> Vec<Seen> {
    let mut input = Input::open_to_read(InMemory(file.to_vec())).unwrap();
    let index = input.sound(&Track::Number(number)).unwrap().unwrap().index;
    input.follow(index);
    input.renewal.as_mut().unwrap().least = least;
    CHANGES.set(0);
    let mut all = Vec::new();
    while let Some(packet) = input.next_packet().unwrap() {
        if packet.stream() == index {
            let ff::AVPacket { pts, dts, duration, flags, pos, data, size, side_data_elems, .. } =
                *packet.packet;
            // SAFETY: a packet has so many bytes.
            let bytes = unsafe { std::slice::from_raw_parts(data, size as usize) }.to_vec();
            all.push((pts, dts, duration, flags, pos, bytes, side_data_elems));
        }
    }
    all
}

/// What ffmpeg makes of 20 seconds of pictures and two sounds, in fragments.
#[expect(clippy::disallowed_methods, reason = "ffmpeg's program makes the files")]
fn made(options: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fragments.mp4");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=20"]);
    command.args(["-f", "lavfi", "-i", "aevalsrc=0.3*sin(2764*t)*sin(3*t)|0.2*sin(4147*t):s=48000:d=20"]);
    command.args(["-f", "lavfi", "-i", "sine=300:r=48000:d=20", "-map", "0", "-map", "1", "-map", "2"]);
    command.args("-c:v libx264 -preset ultrafast -g 20 -strict -2".split(' ')).args(options.split(' '));
    assert!(command.arg(&file).status().unwrap().success(), "{options}");
    std::fs::read(file).unwrap()
}

#[test]
fn packets_are_the_same_whoever_reads_them() {
    let [moof, absolute, often, late] = [
        "-movflags frag_keyframe+empty_moov+default_base_moof",
        "-movflags frag_keyframe",
        "-movflags empty_moov+omit_tfhd_offset -frag_duration 300000",
        "-movflags frag_keyframe+delay_moov",
    ];
    for (codec, how) in [
        ("aac", moof),
        ("aac", absolute),
        ("aac", often),
        ("libopus", moof),
        ("libmp3lame", moof),
        ("ac3", late),
        ("flac", moof),
        ("alac", absolute),
    ] {
        let file = made(&format!("-c:a {codec} {how}"));
        for number in [0, 1] {
            let (expected, found) = (packets(&file, number, u32::MAX), packets(&file, number, 100));
            assert!(CHANGES.get() > 5, "{codec} {how}: {} changes", CHANGES.get());
            let same = expected.iter().zip(&found).take_while(|(one, other)| one == other).count();
            assert_eq!((same, found.len()), (expected.len(), expected.len()), "{codec} {how} {number}");
        }
    }
}
