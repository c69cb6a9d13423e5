//! `tapedeck convert` and `tapedeck probe` as a user meets them: exit codes, files, options.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the program under test is a child process")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/media/fixtures").join(name)
}

/// Runs the program in `folder`; its exit code and what it said.
fn tapedeck(folder: &TempDir, arguments: &[&str]) -> (i32, Output) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tapedeck")).args(arguments).current_dir(folder).output().unwrap();
    (output.status.code().unwrap(), output)
}

/// A folder with fixtures in it, under names of its own.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, of) in files {
        let place = folder.path().join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(fixture(of), place).unwrap();
    }
    folder
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn one_file_becomes_another() {
    let folder = folder(&[("talk.mp4", "sample.mp4")]);
    let (code, output) = tapedeck(&folder, &["convert", "talk.mp4", "talk.mp3"]);
    assert_eq!(code, 0, "{output:?}");
    assert!(fs::read(folder.path().join("talk.mp3")).unwrap().starts_with(b"ID3"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("10.01 s, mp3"), "{output:?}");
    assert_eq!(names(&folder), ["talk.mp3", "talk.mp4"]);
}

#[test]
fn the_outputs_name_chooses_the_format() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4")]);
    let starts =
        [("flac", &b"fLaC"[..]), ("wav", b"RIFF"), ("opus", b"OggS"), ("ogg", b"OggS"), ("m4a", b"\0\0\0")];
    for (extension, start) in starts {
        let name = format!("talk.{extension}");
        let (code, output) = tapedeck(&folder, &["convert", "talk.mp4", &name, "--quiet"]);
        assert_eq!((code, output.stderr.is_empty()), (0, true), "{output:?}");
        assert!(fs::read(folder.path().join(&name)).unwrap().starts_with(start), "{name}");
    }
}

#[test]
fn an_output_that_exists_is_overwritten_only_by_force() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4"), ("talk.mp3", "text.mp4")]);
    let before = fs::read(folder.path().join("talk.mp3")).unwrap();
    let (code, output) = tapedeck(&folder, &["convert", "talk.mp4", "talk.mp3"]);
    assert_eq!(code, 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--force"), "{output:?}");
    assert_eq!(fs::read(folder.path().join("talk.mp3")).unwrap(), before);
    assert_eq!(tapedeck(&folder, &["convert", "talk.mp4", "talk.mp3", "--force"]).0, 0);
    assert_ne!(fs::read(folder.path().join("talk.mp3")).unwrap(), before);
}

#[test]
fn each_failure_has_a_code_and_leaves_nothing_behind() {
    let wrong = [
        (&["missing.mp4"][..], 1),
        (&["talk.mp4", "--bitrate", "129"], 2),
        (&["talk.mp4", "--format", "exe"], 2),
        (&["silent.mp4"], 3),
        (&["talk.mp4", "--track", "7"], 3),
        (&["text.mp4"], 4),
        (&["strange.mkv"], 5),
    ];
    for (arguments, expected) in wrong {
        let folder = folder(&[
            ("talk.mp4", "moov-end.mp4"),
            ("silent.mp4", "silent-movie.mp4"),
            ("text.mp4", "text.mp4"),
            ("strange.mkv", "unsupported.mkv"),
        ]);
        let before = names(&folder);
        let (input, options) = arguments.split_first().unwrap();
        let (code, output) = tapedeck(&folder, &[&["convert", input, "out.mp3"], options].concat());
        assert_eq!(code, expected, "{arguments:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("tapedeck: "), "{output:?}");
        assert_eq!(names(&folder), before, "{arguments:?}");
    }
}

#[test]
fn patterns_keep_their_folders_and_one_failure_stops_no_other() {
    let folder = folder(&[
        ("in/a.mp4", "moov-end.mp4"),
        ("in/deep/b.mkv", "video.mkv"),
        ("in/deep/bad.mp4", "silent-movie.mp4"),
    ]);
    let arguments = ["convert", "in/**/*", "--out", "out", "--format", "opus"];
    let (code, output) = tapedeck(&folder, &arguments);
    assert_eq!(code, 3, "{output:?}");
    let out = folder.path().join("out/in");
    assert!(out.join("a.opus").exists() && out.join("deep/b.opus").exists(), "{output:?}");
    assert_eq!(fs::read_dir(out.join("deep")).unwrap().count(), 1);
}

#[test]
fn several_files_need_a_folder_and_places_of_their_own() {
    let folder = folder(&[("a.mp4", "moov-end.mp4"), ("a.mkv", "video.mkv")]);
    assert_eq!(tapedeck(&folder, &["convert", "a.mp4", "a.mkv", "b.mp3"]).0, 2);
    assert_eq!(tapedeck(&folder, &["convert", "a.mp4", "a.mkv", "--out", "out"]).0, 2);
    assert_eq!(tapedeck(&folder, &["convert", "b*.mp4", "--out", "out"]).0, 2);
    assert_eq!(names(&folder), ["a.mkv", "a.mp4"]);
}

#[test]
fn a_probe_is_json() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4"), ("text.mp4", "text.mp4")]);
    let (code, output) = tapedeck(&folder, &["probe", "talk.mp4"]);
    assert_eq!(code, 0, "{output:?}");
    let probe: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(probe["tags"]["title"], "Two Tones");
    assert_eq!(probe["streams"][1]["codec"], "aac");
    assert!((probe["duration"].as_f64().unwrap() - 4.0).abs() < 0.1);
    assert_eq!(tapedeck(&folder, &["probe", "text.mp4"]).0, 4);
    assert_eq!(tapedeck(&folder, &["probe", "missing.mp4"]).0, 1);
}
