//! Every parser, over good inputs, over those that broke one before, and over thousands that are damaged.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::panic::catch_unwind;
use std::path::PathBuf;

use fuzz::random::{Random, damage};
use fuzz::targets::target;

/// Of damaged inputs for each parser.
const DAMAGED: u64 = 4000;

fn holds(name: &str) {
    let target = target(name);
    let found = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("found").join(name);
    let found = std::fs::read_dir(found).into_iter().flatten();
    let found = found.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let seeds: Vec<Vec<u8>> = (target.seeds)().into_iter().chain(found).collect();
    let damaged = (0..DAMAGED).map(|number| {
        let mut random = Random::new(0x7461_7065_6465_636b, number);
        let (seed, other) = (random.one(&seeds).unwrap(), random.one(&seeds).unwrap());
        damage(&mut random, seed, other, 16 << 10)
    });
    for input in seeds.iter().cloned().chain(damaged) {
        if catch_unwind(|| (target.run)(&input)).is_err() {
            panic!("{name} breaks on b\"{}\"", input.escape_ascii());
        }
    }
}

#[test]
fn forms_say_the_same_however_they_are_cut() {
    holds("form");
}

#[test]
fn names_of_files_come_in_as_they_are_and_go_out_without_paths() {
    holds("names");
}

#[test]
fn options_that_are_taken_are_stored_and_read_as_they_are() {
    holds("options");
}

#[test]
fn ranges_are_within_the_file() {
    holds("range");
}

#[test]
fn heads_that_are_passed_on_say_nothing_of_the_connection_and_no_strangers_word() {
    holds("proxy");
}

#[test]
fn events_that_are_taken_are_cloudevents_and_travel_on_as_they_are() {
    holds("event");
}

#[test]
fn messages_that_are_taken_are_cloudevents_and_travel_on_as_they_are() {
    holds("message");
}

#[test]
fn ids_and_times_that_are_read_can_be_written() {
    holds("ids");
}

#[test]
fn the_kind_of_any_bytes_is_told_by_their_beginning() {
    holds("sniff");
}

#[test]
fn views_of_mp4_files_are_as_long_as_these_and_frames_lie_within() {
    holds("mp4");
}

#[test]
fn scrambled_streams_are_told_once_and_are_there() {
    holds("ts");
}

#[test]
fn only_an_avi_is_a_long_avi() {
    holds("avi");
}

#[test]
fn messages_of_workers_mean_the_same_when_written_again() {
    holds("worker");
}

#[test]
fn tags_are_as_long_as_they_say_and_joined_pieces_are_whole_frames() {
    holds("mp3");
}

#[test]
fn good_files_get_as_far_as_they_are_meant_to() {
    let seeds = |name: &str| (target(name).seeds)();
    let fragments = seeds("mp4").into_iter().map(|seed| media::fuzz::mp4(seed[2..].to_vec(), 20, 5, 10));
    let begin: Vec<_> = fragments.map(|read| (read.fragments.is_some(), read.begin.len())).collect();
    assert!(begin.contains(&(true, 0)) && begin.contains(&(true, 3)), "{begin:?}");
    assert!(seeds("ts").into_iter().all(|seed| media::fuzz::scrambled(seed) == [257]));
    assert_eq!(seeds("avi").into_iter().filter(|seed| media::fuzz::is_long_avi(seed.clone())).count(), 2);
}

#[test]
fn every_parser_is_held_and_has_a_program_for_libfuzzer() {
    let manifest = include_str!("../libfuzzer/Cargo.toml");
    let here = include_str!("parsers.rs");
    for target in &fuzz::TARGETS {
        assert!(here.contains(&format!("holds(\"{}\")", target.name)), "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
}
