//! `tapedeck convert` and `tapedeck probe` as a user meets them: exit codes, files, options.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the program under test is a child process")]

use std::{
    fs,
    io::Read as _,
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
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("10.01 s, mp3"), "{said}");
    // The closing line says how many times faster than real time it was.
    let speed = said.trim_end().strip_suffix("x)").and_then(|said| said.rsplit('(').next());
    assert!(speed.and_then(|speed| speed.parse::<u32>().ok()).is_some(), "{said}");
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
fn chapters_become_files_in_a_zip() {
    let folder = folder(&[("talk.mp4", "chapters.mp4")]);
    let split = |output: &str, format: &str| {
        tapedeck(&folder, &["convert", "talk.mp4", output, "--chapters", "split", "--format", format])
    };
    let (code, output) = split("talk.opus", "opus");
    assert_eq!(code, 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("call it talk.zip"), "{output:?}");
    let (code, output) = split("talk.zip", "opus");
    assert_eq!(code, 0, "{output:?}");
    let file = fs::File::open(folder.path().join("talk.zip")).unwrap();
    let length = format!("{} bytes", file.metadata().unwrap().len());
    assert!(String::from_utf8_lossy(&output.stderr).contains(&length), "{output:?}");
    let mut archive = zip::ZipArchive::new(file).unwrap();
    for (place, name) in ["01 One.opus", "02 Zwei.opus"].into_iter().enumerate() {
        let mut member = archive.by_index(place).unwrap();
        assert_eq!(member.name().unwrap(), name);
        let mut start = [0; 4];
        member.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"OggS");
    }
    assert_eq!(split("../talk", "mp3").0, 2);
    assert_eq!(split(".", "flac").0, 2, "talk.zip exists");
}

#[test]
fn a_bitrate_is_constant_or_an_average() {
    let folder = folder(&[("talk.mp4", "sample.mp4")]);
    let header = |mode| {
        let arguments =
            ["convert", "talk.mp4", "talk.mp3", "--force", "--bitrate", "128", "--bitrate-mode", mode];
        assert_eq!(tapedeck(&folder, &arguments).0, 0);
        let mp3 = fs::read(folder.path().join("talk.mp3")).unwrap();
        ["Info", "Xing"].map(|name| mp3[..2000].windows(4).any(|four| four == name.as_bytes()))
    };
    // LAME's header is called "Info" where the rate is constant.
    assert_eq!((header("constant"), header("average")), ([true, false], [false, true]));
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
