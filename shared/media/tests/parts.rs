//! A result in parts: one file for each chapter.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bytes::Bytes;
use common::{Bytewise, Memory, Mp3, engine, fixture, hanging};
use media::{Chapters, Engine, Error, Format, Limits, Part, Probe, Settings, Sink, Summary, Tags};

/// A sink that keeps every part.
#[derive(Default)]
struct Parts(Vec<(Part, Memory)>);

impl Sink for Parts {
    async fn begin(&mut self, part: &Part) -> io::Result<()> {
        self.0.push((part.clone(), Memory::default()));
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.last_mut().unwrap().1.write(bytes).await
    }

    async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> io::Result<()> {
        self.0.last_mut().unwrap().1.rewrite(offset, bytes).await
    }
}

fn splitting() -> Settings {
    Settings { chapters: Chapters::Split, ..Settings::default() }
}

async fn split(name: &str, settings: Settings) -> (Summary, Vec<(Part, Vec<u8>)>) {
    let mut parts = Parts::default();
    let summary = engine().convert(&fixture(name), &settings, &mut parts, |_| ()).await.unwrap();
    let parts: Vec<_> = parts.0.into_iter().map(|(part, memory)| (part, memory.0)).collect();
    assert_eq!(summary.bytes, parts.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    (summary, parts)
}

async fn whole(name: &str, settings: Settings) -> Vec<u8> {
    let mut sink = Memory::default();
    engine().convert(&fixture(name), &settings, &mut sink, |_| ()).await.unwrap();
    sink.0
}

fn titles(parts: &[(Part, Vec<u8>)]) -> Vec<(u32, u32, &str)> {
    parts.iter().map(|(part, _)| (part.number, part.total, part.title.as_str())).collect()
}

async fn probe(bytes: &[u8]) -> Probe {
    engine().probe(&Bytewise::new(bytes.to_vec())).await.unwrap()
}

/// The samples of a WAV.
fn sound(wav: &[u8]) -> &[u8] {
    &wav[wav.windows(4).position(|bytes| bytes == b"data").unwrap() + 8..]
}

#[tokio::test]
async fn each_chapter_is_an_mp3_of_its_own_with_its_exact_length() {
    let (summary, parts) = split("chapters.mp4", splitting()).await;
    assert_eq!(titles(&parts), [(1, 2, "One"), (2, 2, "Zwei")]);
    let samples: Vec<_> = parts.iter().map(|(_, bytes)| Mp3::read(bytes).samples()).collect();
    assert_eq!(samples[0], 66150, "1.5 s");
    let all = Mp3::read(&whole("chapters.mp4", Settings::default()).await).samples();
    assert_eq!(samples.iter().sum::<u64>(), all);
    assert_eq!(summary.duration, Duration::from_nanos(all * 1_000_000_000 / 44100));
}

#[tokio::test]
async fn each_part_says_what_it_is() {
    let (_, parts) = split("chapters.mp4", splitting()).await;
    let tag = Mp3::read(&parts[1].1).tag;
    assert_eq!(
        (tag["TIT2"].as_str(), tag["TALB"].as_str(), tag["TRCK"].as_str()),
        ("Zwei", "Two Parts", "2/2")
    );
    let tags = Tags { album: Some("Mine".into()), artist: Some("Me".into()), ..Tags::default() };
    let (_, parts) = split("chapters.mp4", Settings { tags, ..splitting() }).await;
    let tag = Mp3::read(&parts[0].1).tag;
    assert_eq!((tag["TIT2"].as_str(), tag["TALB"].as_str(), tag["TPE1"].as_str()), ("One", "Mine", "Me"));
}

#[tokio::test]
async fn parts_have_the_cover_and_no_marks_in_every_format() {
    for (format, cover) in [
        (Format::Mp3, true),
        (Format::M4a, true),
        (Format::Flac, true),
        (Format::Opus, false),
        (Format::Ogg, false),
        (Format::Wav, false),
    ] {
        // A copy would be of the whole.
        let (_, parts) = split("chapters.mp4", Settings { format, copy: true, ..splitting() }).await;
        assert_eq!(parts.len(), 2, "{format:?}");
        for (part, bytes) in &parts {
            let said = probe(bytes).await;
            assert_eq!((said.cover, said.chapters.len()), (cover, 0), "{format:?}");
            assert_eq!(said.tags["title"], part.title, "{format:?}");
            assert!(said.tags["track"].starts_with(&part.number.to_string()), "{format:?}: {:?}", said.tags);
        }
    }
}

#[tokio::test]
async fn the_parts_together_are_the_whole_without_a_gap_also_when_it_is_made_louder() {
    for loudness in [None, Some(-9.0)] {
        let settings = Settings { format: Format::Wav, loudness, ..Settings::default() };
        let all = whole("chapters.mp4", settings.clone()).await;
        let (_, parts) = split("chapters.mp4", Settings { chapters: Chapters::Split, ..settings }).await;
        let joined: Vec<_> = parts.iter().flat_map(|(_, bytes)| sound(bytes)).copied().collect();
        assert!(joined == sound(&all), "{loudness:?}");
    }
}

#[tokio::test]
async fn start_and_end_shorten_the_chapters_and_drop_those_outside() {
    let time = |millis| Some(Duration::from_millis(millis));
    let lengths = async |start, end| {
        let (_, parts) = split("chapters.mp4", Settings { start, end, ..splitting() }).await;
        let length = |(part, bytes): &(Part, Vec<u8>)| (part.title.clone(), Mp3::read(bytes).samples());
        parts.iter().map(length).collect::<Vec<_>>()
    };
    let (one, two) = (|samples| ("One".to_owned(), samples), |samples| ("Zwei".to_owned(), samples));
    assert_eq!(lengths(time(500), time(2000)).await, [one(44100), two(22050)]);
    assert_eq!(lengths(time(1500), time(2000)).await, [two(22050)]);
    assert_eq!(lengths(None, time(1500)).await, [one(66150)]);
    // Less than a frame.
    assert_eq!(lengths(time(1499), time(1501)).await, [one(44), two(44)]);
}

#[tokio::test]
async fn without_chapters_there_is_one_part_that_is_the_whole() {
    let (summary, parts) = split("moov-end.mp4", splitting()).await;
    assert_eq!(titles(&parts), [(1, 1, "Two Tones")]);
    let all = Mp3::read(&whole("moov-end.mp4", Settings::default()).await).samples();
    assert_eq!(Mp3::read(&parts[0].1).samples(), all);
    assert_eq!(summary.warnings, []);
}

#[tokio::test]
async fn the_most_that_may_come_out_is_of_all_parts_together() {
    let (_, parts) = split("chapters.mp4", splitting()).await;
    let limits = Limits { output_bytes: parts[1].1.len() as u64 + 100, ..Limits::default() };
    let engine = engine().limits(limits);
    let outcome = engine.convert(&fixture("chapters.mp4"), &splitting(), &mut Parts::default(), |_| ()).await;
    assert!(matches!(outcome, Err(Error::TooLarge)), "{outcome:?}");
}

#[tokio::test]
async fn a_sink_that_takes_no_parts_is_told() {
    let mut sink = Memory::default();
    let outcome = engine().convert(&fixture("chapters.mp4"), &splitting(), &mut sink, |_| ()).await;
    assert!(matches!(outcome, Err(Error::Sink(error)) if error.kind() == io::ErrorKind::Unsupported));
}

/// What becomes of a worker that says these messages, each a kind and a body, whatever it is asked.
async fn told(messages: &[(u8, Vec<u8>)], settings: Settings) -> (Result<Summary, Error>, Vec<Part>) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("liar");
    let frame = |(kind, body): &(u8, Vec<u8>)| {
        [&(body.len() as u32 + 1).to_le_bytes(), [*kind].as_slice(), body.as_slice()].concat()
    };
    let said = messages.iter().flat_map(frame).map(|byte| format!("\\{byte:03o}"));
    // It goes on until it is stopped.
    let script = format!("#!/bin/sh\nprintf '{}' >&0\nexec sleep 600\n", said.collect::<String>());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let (mut parts, limits) =
        (Parts::default(), Limits { wall: Duration::from_secs(20), ..Limits::default() });
    let engine = Engine::at(program).limits(limits);
    let outcome = engine.convert(&hanging(), &settings, &mut parts, |_| ()).await;
    (outcome, parts.0.into_iter().map(|(part, _)| part).collect())
}

fn part(number: u32, total: u32, title: &str) -> (u8, Vec<u8>) {
    (7, format!(r#"{{"number":{number},"total":{total},"title":"{title}"}}"#).into())
}

#[tokio::test]
async fn a_worker_that_tells_absurd_parts_is_stopped() {
    let (first, sound) = (part(1, 3, "x"), (2, b"sound".to_vec()));
    for (messages, settings) in [
        (vec![sound.clone()], splitting()),
        (vec![first.clone()], Settings::default()),
        (vec![first.clone(), part(2, 3, "x")], splitting()),
        (vec![first.clone(), sound.clone(), first.clone()], splitting()),
        (vec![first, sound, part(3, 3, "x")], splitting()),
        (vec![part(0, 1, "x")], splitting()),
        (vec![part(1, 0, "x")], splitting()),
        (vec![part(1, 257, "x")], splitting()),
        (vec![(7, r#"{"number":1}"#.into())], splitting()),
    ] {
        let (outcome, parts) = told(&messages, settings).await;
        assert!(matches!(outcome, Err(Error::Crashed(_))), "{messages:?}: {outcome:?}");
        assert!(parts.len() < messages.len(), "{messages:?}: {parts:?}");
    }
}

#[tokio::test]
async fn a_rewrite_stays_within_its_part() {
    let sound = (2, b"sound".to_vec());
    for (offset, fits) in [(2_u64, true), (3, false)] {
        let rewrite = (3, [&offset.to_le_bytes(), b"new".as_slice()].concat());
        let end = (6, br#"{"Unreadable":"so far, so good"}"#.to_vec());
        let messages = [part(1, 2, "x"), sound.clone(), part(2, 2, "x"), sound.clone(), rewrite, end];
        let (outcome, _) = told(&messages, splitting()).await;
        assert_eq!(matches!(outcome, Err(Error::Unreadable(_))), fits, "{offset}: {outcome:?}");
        assert_eq!(matches!(outcome, Err(Error::Crashed(_))), !fits, "{offset}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_title_is_a_short_line() {
    let messages = [part(1, 1, &"long\\n".repeat(1000)), part(1, 1, "again")];
    let (_, parts) = told(&messages, splitting()).await;
    assert_eq!(parts[0].title, "long".repeat(30));
}
