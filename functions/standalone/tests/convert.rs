//! `tapedeck convert` and `tapedeck probe` as a user meets them: exit codes, files, options.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the program under test is a child process")]

use std::{
    fs,
    io::Read as _,
    os::unix::fs::FileTypeExt as _,
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
fn presets_name_the_format_too_and_the_waveform_goes_beside_the_audio() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4")]);
    let arguments =
        ["convert", "talk.mp4", "talk.m4b", "--preset", "audiobook", "--peaks", "--fade", "1", "--quiet"];
    let (code, output) = tapedeck(&folder, &arguments);
    assert_eq!((code, output.stderr.is_empty()), (0, true), "{output:?}");
    assert_eq!(&fs::read(folder.path().join("talk.m4b")).unwrap()[4..12], b"ftypM4B ");
    let peaks = fs::read_to_string(folder.path().join("talk.m4b.json")).unwrap();
    let peaks: serde_json::Value = serde_json::from_str(&peaks).unwrap();
    assert_eq!(peaks["data"].as_array().unwrap().len() as u64, peaks["length"].as_u64().unwrap() * 2);
    // An output that is an MP3 by its name stays one.
    assert_eq!(
        tapedeck(&folder, &["convert", "talk.mp4", "talk.mp3", "--preset", "audiobook", "--quiet"]).0,
        0
    );
    assert!(fs::read(folder.path().join("talk.mp3")).unwrap().starts_with(b"ID3"));
    let (code, _) = tapedeck(&folder, &["convert", "talk.mp4", "/dev/null", "--peaks"]);
    assert_eq!(
        (code, names(&folder)),
        (2, vec!["talk.m4b".into(), "talk.m4b.json".into(), "talk.mp3".into(), "talk.mp4".into()])
    );
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
        (&["talk.mp4", "--start", "1:00:00"], 2),
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
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.starts_with("tapedeck: ") || said.contains("[possible values: mp3, "), "{said}");
        assert!(!arguments.contains(&"--start") || said.contains("The sound ends at 0:00:04"), "{said}");
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

/// Runs the program with this on its standard input.
fn fed(folder: &TempDir, arguments: &[&str], input: std::process::Stdio) -> (i32, Output) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tapedeck"));
    let output = program.args(arguments).current_dir(folder).stdin(input).output().unwrap();
    (output.status.code().unwrap(), output)
}

#[test]
fn devices_stay_devices() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4")]);
    // A device of our own, since a mistake would replace the system's.
    let status = Command::new("mknod").args(["null", "c", "1", "3"]).current_dir(&folder).status().unwrap();
    let device = if status.success() { "null" } else { "/dev/null" };
    for arguments in [&["convert", "talk.mp4", device][..], &["convert", "talk.mp4", device, "--force"]] {
        let (code, output) = tapedeck(&folder, arguments);
        assert_eq!(code, 0, "{output:?}");
        let kind = fs::symlink_metadata(folder.path().join(device)).unwrap().file_type();
        assert!(kind.is_char_device());
    }
    assert!(names(&folder).iter().all(|name| !name.contains("part")));
}

#[test]
fn a_pipe_gets_the_audio_and_stays_a_pipe() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4")]);
    assert!(Command::new("mkfifo").arg("pipe").current_dir(&folder).status().unwrap().success());
    let path = folder.path().join("pipe");
    let reader = std::thread::spawn(move || fs::read(path).unwrap());
    let (code, output) = tapedeck(&folder, &["convert", "talk.mp4", "pipe", "--force"]);
    assert_eq!(code, 0, "{output:?}");
    assert!(reader.join().unwrap().starts_with(b"ID3"));
    assert!(fs::symlink_metadata(folder.path().join("pipe")).unwrap().file_type().is_fifo());
}

#[test]
fn a_link_stays_a_link_and_its_file_is_replaced_by_force() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4"), ("real/old.mp3", "text.mp4")]);
    let link = folder.path().join("link.mp3");
    std::os::unix::fs::symlink("real/old.mp3", &link).unwrap();
    assert_eq!(tapedeck(&folder, &["convert", "talk.mp4", "link.mp3"]).0, 2);
    assert_eq!(tapedeck(&folder, &["convert", "talk.mp4", "link.mp3", "--force"]).0, 0);
    assert!(fs::symlink_metadata(&link).unwrap().file_type().is_symlink());
    assert!(fs::read(folder.path().join("real/old.mp3")).unwrap().starts_with(b"ID3"));
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling.mp3")).unwrap();
    assert_eq!(tapedeck(&folder, &["convert", "talk.mp4", "dangling.mp3", "--force"]).0, 1);
    assert!(fs::symlink_metadata(folder.path().join("dangling.mp3")).unwrap().file_type().is_symlink());
}

#[test]
fn a_name_of_another_format_is_refused_or_means_the_same() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4")]);
    for name in ["out.aac", "out.webm", "OUT.MP4", "out.aiff", "out.zip", "out.xyz"] {
        let (code, output) = tapedeck(&folder, &["convert", "talk.mp4", name]);
        assert_eq!(code, 2, "{name}: {output:?}");
    }
    for (name, start) in
        [("out.m4b", &b"\0\0\0"[..]), ("out.oga", b"OggS"), ("talk v1.2", b"ID3"), ("OUT.FLAC", b"fLaC")]
    {
        let (code, output) = tapedeck(&folder, &["convert", "talk.mp4", name]);
        assert_eq!(code, 0, "{name}: {output:?}");
        assert!(fs::read(folder.path().join(name)).unwrap().starts_with(start), "{name}");
    }
    assert_eq!(tapedeck(&folder, &["convert", "talk.mp4", "out.mp4", "--format", "m4a"]).0, 0);
    // Whoever names a format may call it what they like, but not by the name of another one.
    let to = |name, format| {
        let (code, output) = tapedeck(&folder, &["convert", "talk.mp4", name, "--format", format, "--quiet"]);
        (code, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(to("out.xyz", "opus").0, 0);
    assert_eq!(to("opus in.ogg", "opus").0, 0);
    let (code, said) = to("x.mp3", "opus");
    assert!(code == 2 && said.contains("x.mp3 would hold opus: call it x.opus"), "{code} {said}");
    fs::create_dir(folder.path().join("v1.mp3")).unwrap();
    assert_eq!(to("v1.mp3", "flac").0, 0);
    assert!(folder.path().join("v1.mp3/talk.flac").exists() && !folder.path().join("x.mp3").exists());
}

#[test]
fn an_input_is_never_its_own_output() {
    let folder = folder(&[("talk.mp3", "moov-end.mp4")]);
    fs::hard_link(folder.path().join("talk.mp3"), folder.path().join("same.mp3")).unwrap();
    for arguments in [&["talk.mp3", "./talk.mp3"][..], &["talk.mp3", "same.mp3"], &["talk.mp3", "--out", "."]]
    {
        let (code, output) = tapedeck(&folder, &[&["convert", "--force"], arguments].concat());
        assert_eq!(code, 2, "{arguments:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("is the input"), "{output:?}");
    }
    assert_eq!(fs::read(folder.path().join("talk.mp3")).unwrap(), fs::read(fixture("moov-end.mp4")).unwrap());
    let (code, output) = tapedeck(&folder, &["convert", "talk.mp3", "a.mp3", "--bitrate", "192k"]);
    assert!(code == 2 && String::from_utf8_lossy(&output.stderr).contains("without a unit"), "{output:?}");
    let (code, output) = tapedeck(&folder, &["convert", "in/talk.mp4"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(code == 2 && said.contains("`tapedeck convert in/talk.mp4 talk.mp3`"), "{said}");
}

#[test]
fn standard_input_and_output_have_names() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4")]);
    let open = || fs::File::open(folder.path().join("talk.mp4")).unwrap();
    for (input, output) in [("-", "-"), ("/dev/stdin", "/dev/stdout")] {
        let (code, ended) = fed(&folder, &["convert", input, output, "--format", "flac"], open().into());
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&ended.stderr));
        assert!(ended.stdout.starts_with(b"fLaC"));
        // Through a pipe, which can't be read here and there.
        let mut cat = Command::new("cat").stdin(open()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let (code, ended) = fed(&folder, &["convert", input, output], cat.stdout.take().unwrap().into());
        assert_eq!((code, cat.wait().unwrap().success()), (0, true));
        assert!(ended.stdout.starts_with(b"ID3"));
    }
    assert_eq!(fed(&folder, &["probe", "-"], open().into()).0, 0);
    assert_eq!(names(&folder), ["talk.mp4"]);
}

#[test]
fn files_of_other_programs_are_left_alone() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4"), ("talk.mp3.part", "text.mp4")]);
    assert_eq!(tapedeck(&folder, &["convert", "talk.mp4", "talk.mp3"]).0, 0);
    assert_eq!(
        fs::read(folder.path().join("talk.mp3.part")).unwrap(),
        fs::read(fixture("text.mp4")).unwrap()
    );
    assert_eq!(names(&folder), ["talk.mp3", "talk.mp3.part", "talk.mp4"]);
}

#[test]
fn two_runs_to_one_output_do_not_share_a_file() {
    let folder = folder(&[("talk.mp4", "sample.mp4")]);
    let run = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tapedeck"));
        program.args(["convert", "talk.mp4", "talk.mp3", "--quiet"]).current_dir(&folder).spawn().unwrap()
    };
    let codes: Vec<_> = [run(), run()].map(|mut run| run.wait().unwrap().code().unwrap()).into();
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 2].contains(code)), "{codes:?}");
    assert_eq!(names(&folder), ["talk.mp3", "talk.mp4"]);
}

#[test]
fn names_may_be_as_long_as_the_file_system_takes() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4")]);
    let name = format!("{}.mp3", "x".repeat(251));
    assert_eq!(tapedeck(&folder, &["convert", "talk.mp4", &name]).0, 0);
    assert!(folder.path().join(name).exists());
}

#[test]
fn a_folder_that_is_not_there_is_made() {
    let folder = folder(&[("talk.mp4", "moov-end.mp4")]);
    assert_eq!(tapedeck(&folder, &["convert", "talk.mp4", "new/folder/"]).0, 0);
    assert!(folder.path().join("new/folder/talk.mp3").exists());
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
