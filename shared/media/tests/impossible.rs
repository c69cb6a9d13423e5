//! Files, built by the byte, that say what no muxer would write: too many, too long, too deep, too late.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::time::Duration;

use common::mp4::Times;
use common::{Bytewise, Memory, assert_close, engine, matroska, mp4, ts};
use media::{Error, Limits, Settings, Summary, Warning};

/// Far more than the title that the longest of these needs.
const MEGABYTE: usize = 1 << 20;

async fn convert(bytes: Vec<u8>) -> Result<Summary, Error> {
    let limits = Limits { wall: Duration::from_secs(60), cpu: Duration::from_secs(20), ..Limits::default() };
    let (source, mut sink) = (Bytewise::new(bytes), Memory::default());
    engine().limits(limits).convert(&source, &Settings::default(), &mut sink, |_| ()).await
}

/// The summary, if there is one; else the reason must be one that the user can be told.
async fn ends(bytes: Vec<u8>, what: &str) -> Option<Summary> {
    match convert(bytes).await {
        Ok(summary) => Some(summary),
        Err(Error::Unreadable(_) | Error::NoAudio | Error::UnsupportedCodec(_)) => None,
        Err(error) => panic!("{what}: {error:?}"),
    }
}

/// A second of sound is in it, and it comes out.
async fn a_second_of(bytes: Vec<u8>, what: &str) -> Summary {
    let summary = ends(bytes, what).await.unwrap_or_else(|| panic!("{what} is not read"));
    assert_close(summary.duration, 1.0, what);
    summary
}

fn seconds_of_matroska(parts: &[Vec<u8>]) -> Vec<u8> {
    matroska::file(1000.0, &[&[matroska::tracks(1)], parts, &[matroska::second()]].concat())
}

#[tokio::test]
async fn what_the_test_builds_is_read_where_nothing_is_wrong_with_it() {
    assert_eq!(a_second_of(seconds_of_matroska(&[]), "Matroska").await.warnings, []);
    assert_eq!(a_second_of(mp4::file(&[mp4::track(1, &Times::default())]), "MP4").await.warnings, []);
}

#[tokio::test]
async fn thousands_of_tracks_are_one_sound_or_too_much() {
    let tracks = [matroska::tracks(3000), matroska::second()];
    ends(matroska::file(1000.0, &tracks), "3000 tracks in Matroska").await;
    let tracks: Vec<Vec<u8>> = (1..=3000).map(|number| mp4::track(number, &Times::default())).collect();
    ends(mp4::file(&tracks), "3000 tracks in MP4").await;
    let tracks = [matroska::tracks(900), matroska::second()];
    a_second_of(matroska::file(1000.0, &tracks), "900 tracks in Matroska").await;
}

#[tokio::test]
async fn five_thousand_streams_of_a_broadcast_are_one_sound_or_too_much() {
    let programs: Vec<Vec<u16>> =
        (0..25).map(|program| (0..200).map(|pid| 0x200 + program * 200 + pid).collect()).collect();
    let tables = ts::tables(&[&[vec![0x100]], &programs[..]].concat());
    let sound = common::made("-f lavfi -i sine=d=3 -c:a aac", "sound.ts");
    assert!(ts::without(&sound, &[]).len() == sound.len() && sound.len() > 20_000);
    ends([tables, ts::without(&sound, &[0, 17, 0x1000])].concat(), "5000 PIDs").await;
    let one = [ts::tables(&[vec![0x100]]), ts::without(&sound, &[0, 17, 0x1000])].concat();
    assert_close(convert(one).await.unwrap().duration, 3.0, "one PID");
}

#[tokio::test]
async fn times_that_jump_by_hours_do_not_matter() {
    let hour = 3_600_000;
    let jumps = [0, 3 * hour, 200, hour, 400, 9 * hour, 5 * hour, 700, 800, 2 * hour].map(matroska::tenth);
    a_second_of(matroska::file(1000.0, &[matroska::tracks(1), jumps.concat()]), "Matroska").await;
    let hour = 3600 * 8000;
    let steps = vec![800, hour as u32, 800, u32::MAX - 800, 0, 2 * hour as u32, 1, 800, u32::MAX, 800];
    let forth = Times { steps, ..Times::default() };
    a_second_of(mp4::file(&[mp4::track(1, &forth)]), "MP4").await;
    let offsets = vec![0, 3 * hour, -hour, 0, i32::MAX, i32::MIN, 0, -3 * hour, hour, 0];
    let back_and_forth = Times { offsets, ..Times::default() };
    a_second_of(mp4::file(&[mp4::track(1, &back_and_forth)]), "MP4 with offsets").await;
}

#[tokio::test]
async fn broadcasts_whose_clock_jumps_by_hours_do_not_matter() {
    let jumping = "-f lavfi -i sine=d=3 -c:a aac -bsf:a setts=pts=PTS+324000000*mod(floor(N/8)\\,3):dts=PTS+324000000*mod(floor(N/8)\\,3)";
    let summary = convert(common::made(jumping, "jumping.ts")).await.unwrap();
    assert!((2.9..3.2).contains(&summary.duration.as_secs_f64()), "{summary:?}");
}

#[tokio::test]
async fn a_declared_length_of_thirty_years_is_told_and_does_no_harm() {
    for milliseconds in [1e12, 1e300, f64::INFINITY, -1e12, f64::NAN] {
        let parts = [matroska::tracks(1), matroska::second()];
        let summary = a_second_of(matroska::file(milliseconds, &parts), "Matroska").await;
        assert!(summary.warnings.len() <= 1, "{summary:?}");
    }
    let summary =
        a_second_of(matroska::file(1e12, &[matroska::tracks(1), matroska::second()]), "Matroska").await;
    assert!(matches!(summary.warnings[..], [Warning::Truncated { .. }]), "{summary:?}");
    let times = Times { declared: u32::MAX, ..Times::default() };
    a_second_of(mp4::file(&[mp4::track(1, &times)]), "MP4").await;
}

#[tokio::test]
async fn boxes_in_boxes_end_somewhere() {
    for kind in [b"moov", b"trak", b"udta", b"meta"] {
        let nested = (0..60).fold(mp4::track(1, &Times::default()), |inner, _| mp4::item(kind, &inner));
        ends(mp4::file(&[nested]), "60 boxes in each other").await;
    }
    let nested = (0..60).fold(Vec::new(), |inner, _| matroska::element(0xb6, &inner));
    a_second_of(
        seconds_of_matroska(&[matroska::element(0x1043_a770, &matroska::element(0x45b9, &nested))]),
        "chapters in chapters",
    )
    .await;
}

#[tokio::test]
async fn boxes_that_claim_gigabytes_are_not_believed() {
    let sound = mp4::track(1, &Times::default());
    for kind in [b"free", b"udta", b"stsd", b"stts", b"stsz", b"ctts", b"covr", b"uuid", b"trak"] {
        for claim in [0, 1, 7, 0x7fff_ffff, u32::MAX] {
            let liar = mp4::claiming(kind, claim, &[0xff; 64]);
            ends(mp4::file(&[sound.clone(), liar.clone()]), &format!("{kind:?} of {claim} bytes at the end"))
                .await;
            ends(mp4::file(&[liar, sound.clone()]), &format!("{kind:?} of {claim} bytes in front")).await;
        }
    }
}

#[tokio::test]
async fn boxes_without_end_or_without_content_are_passed_over() {
    let sound = mp4::track(1, &Times::default());
    let empty = mp4::item(b"free", &[]).repeat(100_000);
    a_second_of(mp4::file(&[empty.clone(), sound.clone(), empty]), "100 000 empty boxes").await;
    let endless = [mp4::file(&[sound]), mp4::claiming(b"free", 0, &[0; 1000])].concat();
    a_second_of(endless, "a box to the end of the file").await;
}

#[tokio::test]
async fn elements_that_claim_gigabytes_are_not_believed() {
    // Private data of a codec, a tag, attachments, cues, chapters, what is unknown.
    for id in [0x63a2, 0x1254_c367, 0x1941_a469, 0x1c53_bb6b, 0x1043_a770, 0xec, 0x465c, 0x4487] {
        for claim in [2 << 30, (1 << 56) - 2, (1 << 56) - 1] {
            let liar = matroska::claiming(id, claim, &[0; 64]);
            ends(seconds_of_matroska(&[liar]), &format!("{id:x} of {claim} bytes")).await;
        }
    }
}

#[tokio::test]
async fn a_tag_that_claims_all_that_it_can_is_not_believed() {
    let mp3 = common::made("-f lavfi -i sine=d=1 -c:a libmp3lame -id3v2_version 0", "sound.mp3");
    let claims = [&b"ID3\x04\0\0\x7f\x7f\x7f\x7f"[..], &mp3].concat();
    ends(claims, "a tag of 256 MB").await;
    let frame = [&b"ID3\x04\0\0\0\0\x02\0APIC\x7f\x7f\x7f\x7f\0\0"[..], &[0; 246], &mp3].concat();
    ends(frame, "a frame of 256 MB in a tag of 256 bytes").await;
    let many = [&b"ID3\x04\0\0\0\0\x02\0"[..], &[0; 256]].concat().repeat(2000);
    ends([many, mp3].concat(), "2000 tags").await;
}

#[tokio::test]
async fn a_cover_of_fifty_megabytes_is_left_out() {
    let picture = vec![0xff; 50 * MEGABYTE];
    let summary = a_second_of(seconds_of_matroska(&[matroska::cover(&picture)]), "Matroska").await;
    assert!(summary.bytes < 100_000, "{summary:?}");
    let data = mp4::item(b"data", &[&[0, 0, 0, 13, 0, 0, 0, 0], &picture[..]].concat());
    let list = mp4::item(b"ilst", &mp4::item(b"covr", &data));
    let meta =
        [&[0; 4], &mp4::item(b"hdlr", b"\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0")[..], &list].concat();
    let udta = mp4::item(b"udta", &mp4::item(b"meta", &meta));
    let summary = a_second_of(mp4::file(&[mp4::track(1, &Times::default()), udta]), "MP4").await;
    assert!(summary.bytes < 100_000, "{summary:?}");
}

#[tokio::test]
async fn of_ten_thousand_chapters_the_first_are_kept() {
    let summary = a_second_of(seconds_of_matroska(&[matroska::chapters(10_000, b"Part")]), "Matroska").await;
    assert_eq!(summary.source.chapters.len(), 256);
    assert_eq!(summary.source.chapters[1].title, "Part");
}

#[tokio::test]
async fn a_title_of_ten_megabytes_is_cut() {
    let title = vec![b'T'; 10 * MEGABYTE];
    let summary =
        a_second_of(seconds_of_matroska(&[matroska::tag(None, b"TITLE", &title)]), "Matroska").await;
    assert_eq!(summary.source.tags["title"].len(), 1000);
    assert!(summary.bytes < 100_000, "{summary:?}");
}

#[tokio::test]
async fn a_file_that_says_as_much_as_it_can_is_still_told_in_one_message() {
    // Each byte becomes two. What is no UTF-8, and would become three, is left out.
    let long = [b'"'; 1000];
    let tag = |track, number| matroska::tag(track, format!("{number}{:\"<90}", "").as_bytes(), &long);
    let tags = (0..80).flat_map(|number| tag((number >= 40).then_some(1), number)).collect();
    let parts = [matroska::tracks(100), tags, matroska::chapters(300, &[b'"'; 200]), matroska::second()];
    let summary = a_second_of(matroska::file(1000.0, &parts), "Matroska").await;
    let source = summary.source;
    assert_eq!((source.streams.len(), source.tags.len(), source.chapters.len()), (64, 32, 256));
}
