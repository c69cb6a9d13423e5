//! `tapedeck watch`: what becomes of files that are put into a folder.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the program under test is a child process")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/media/fixtures").join(name)
}

fn put(folder: &TempDir, name: &str, of: &str) {
    let place = folder.path().join(name);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::copy(fixture(of), place).unwrap();
}

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapedeck"));
    command.args(["watch", "--settle", "0", "--every", "1"]).args(arguments).current_dir(folder);
    command
}

/// Until all is done.
fn once(folder: &TempDir, arguments: &[&str]) -> (i32, String) {
    let output: Output = command(folder, arguments).arg("--once").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// Of all files below the folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => {
                names.extend(self::names(&entry.path()).into_iter().map(|below| format!("{name}/{below}")))
            }
            false => names.push(name),
        }
    }
    names.sort();
    names
}

fn until(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ended with its value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn videos_are_converted_beside_themselves_once_and_a_failure_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "in/a.mp4", "moov-end.mp4");
    put(&folder, "in/sub/b.mkv", "short-sound.mkv");
    put(&folder, "in/no.mp4", "text.mp4");
    let (code, said) = once(&folder, &["in"]);
    assert_eq!(code, 6, "{said}");
    assert_eq!(said.matches("It is not tried again").count(), 1, "{said}");
    let all = [".tapedeck-watch", "a.mp3", "a.mp4", "no.mp4", "sub/b.mkv", "sub/b.mp3"];
    assert_eq!(names(&folder.path().join("in")), all);
    // After a restart nothing is converted again, and nothing of ours is.
    let before = fs::metadata(folder.path().join("in/a.mp3")).unwrap().modified().unwrap();
    let (code, said) = once(&folder, &["in"]);
    let told = said.strip_prefix("tapedeck: in/no.mp4: ").unwrap();
    assert!(code == 6 && told.contains("was tried before") && !told.contains("no.mp4"), "{said}");
    assert_eq!(fs::metadata(folder.path().join("in/a.mp3")).unwrap().modified().unwrap(), before);
    assert_eq!(names(&folder.path().join("in")), all);
    // If that was forgotten, nobody knows whose audio is there.
    fs::remove_file(folder.path().join("in/.tapedeck-watch")).unwrap();
    fs::remove_file(folder.path().join("in/no.mp4")).unwrap();
    let (code, said) = once(&folder, &["in"]);
    assert!(code == 6 && said.contains("in/a.mp3 is there already"), "{code} {said}");
    assert_eq!(fs::metadata(folder.path().join("in/a.mp3")).unwrap().modified().unwrap(), before);
}

#[test]
fn videos_that_would_become_one_audio_are_told_until_one_is_renamed() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["in/x.m4v", "in/x.mov", "in/x.mp4"] {
        put(&folder, name, "moov-end.mp4");
    }
    for _ in 0..2 {
        let (code, said) = once(&folder, &["in"]);
        assert_eq!((code, said.matches("made from x.m4v").count()), (6, 2), "{said}");
    }
    fs::rename(folder.path().join("in/x.mov"), folder.path().join("in/y.mov")).unwrap();
    fs::remove_file(folder.path().join("in/x.mp4")).unwrap();
    let (code, said) = once(&folder, &["in"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(names(&folder.path().join("in")), [".tapedeck-watch", "x.m4v", "x.mp3", "y.mov", "y.mp3"]);
}

#[test]
fn a_video_that_was_replaced_is_converted_again_and_one_that_was_put_away_keeps_its_audio() {
    let folder = tempfile::tempdir().unwrap();
    let sound = |name: &str| fs::read(folder.path().join(name)).unwrap();
    put(&folder, "in/a.mp4", "moov-end.mp4");
    assert_eq!(once(&folder, &["in"]).0, 0);
    let first = sound("in/a.mp3");
    put(&folder, "in/a.mp4", "sample.mp4");
    let (code, said) = once(&folder, &["in"]);
    assert_eq!(code, 0, "{said}");
    let second = sound("in/a.mp3");
    assert_ne!(second, first);
    // Done before, and put away now; the next one of that name is another video.
    assert_eq!(once(&folder, &["in", "--done", "kept"]).0, 0);
    assert!(folder.path().join("kept/a.mp4").exists());
    put(&folder, "in/a.mp4", "moov-end.mp4");
    let (code, said) = once(&folder, &["in", "--done", "kept"]);
    assert!(code == 6 && said.contains("another video is at kept/a.mp4"), "{code} {said}");
    assert_eq!(sound("in/a.mp3"), second);
}

#[test]
fn what_was_made_is_no_input_of_a_later_run() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "in/a.mp4", "moov-end.mp4");
    assert_eq!(once(&folder, &["in", "--peaks"]).0, 0);
    assert_eq!(once(&folder, &["in", "--to", "in/out", "--done", "kept", "--format", "opus"]).0, 0);
    assert_eq!(once(&folder, &["in", "--format", "flac"]).0, 0);
    let all = [".tapedeck-watch", "a.mp3", "a.mp3.json", "out/.tapedeck-watch", "out/a.opus"];
    assert_eq!(names(&folder.path().join("in")), all);
    assert_eq!(names(&folder.path().join("kept")), ["a.mp4"]);
}

#[test]
fn videos_go_into_another_folder_and_are_moved_when_they_are_done() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "in/sub/a.mp4", "moov-end.mp4");
    put(&folder, "in/no.mp4", "text.mp4");
    let (code, said) = once(&folder, &["in", "--to", "in/out", "--done", "in/done", "--format", "opus"]);
    assert_eq!(code, 6, "{said}");
    let all = ["done/sub/a.mp4", "no.mp4", "out/.tapedeck-watch", "out/sub/a.opus"];
    assert_eq!(names(&folder.path().join("in")), all);
    assert_eq!(once(&folder, &["nowhere"]).0, 1);
    assert_eq!(once(&folder, &["in", "--bitrate", "much"]).0, 2);
}

#[test]
fn what_comes_later_or_is_renamed_into_place_is_converted_too_and_one_process_watches() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    let mut watching = command(&folder, &["in"]);
    let mut running = Running(watching.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("it does not start", || folder.path().join("in/.tapedeck-watch").exists());
    let (code, said) = once(&folder, &["in"]);
    assert!(code == 1 && said.contains("another tapedeck"), "{code} {said}");
    put(&folder, "in/a.mp4.part", "moov-end.mp4");
    put(&folder, "in/b.mp4", "moov-end.mp4");
    until("b.mp4", || folder.path().join("in/b.mp3").exists());
    assert!(!folder.path().join("in/a.mp3").exists());
    fs::rename(folder.path().join("in/a.mp4.part"), folder.path().join("in/a.mp4")).unwrap();
    until("a.mp4", || folder.path().join("in/a.mp3").exists());
    let term = Command::new("kill").arg(running.0.id().to_string()).status().unwrap();
    assert!(term.success());
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert_eq!(names(&folder.path().join("in")), [".tapedeck-watch", "a.mp3", "a.mp4", "b.mp3", "b.mp4"]);
}
