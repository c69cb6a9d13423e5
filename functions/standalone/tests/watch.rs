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
    assert_eq!((code, said.as_str()), (6, ""), "it is known that one has failed");
    assert_eq!(fs::metadata(folder.path().join("in/a.mp3")).unwrap().modified().unwrap(), before);
    assert_eq!(names(&folder.path().join("in")), all);
    // Whatever was forgotten: the audio is there.
    fs::remove_file(folder.path().join("in/.tapedeck-watch")).unwrap();
    fs::remove_file(folder.path().join("in/no.mp4")).unwrap();
    let (code, said) = once(&folder, &["in"]);
    assert_eq!((code, said.as_str()), (0, ""));
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
