//! Every fixture and every file that the engine's table of formats (`shared/media/FORMATS.md`) is made of is told as what
//! it is: whole, and with its beginning cut off where that is a thing that happens to it.

#![expect(clippy::disallowed_methods, reason = "ffmpeg's own program makes the files")]

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use upload::fuzz::{ENOUGH, container};

const MEDIA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/media");

/// A container's ending, the names that it may be told by, and whether it is still read when its beginning is cut off.
const KINDS: [(&str, &[&str], bool); 27] = [
    ("mp4", &["mp4"], false),
    ("m4v", &["mp4"], false),
    ("m4a", &["mp4"], false),
    ("fmp4", &["mp4"], false),
    ("mov", &["mov"], false),
    ("3gp", &["3gp"], false),
    ("mkv", &["matroska"], false),
    ("mka", &["matroska"], false),
    ("webm", &["webm"], false),
    ("avi", &["avi"], false),
    ("flv", &["flv"], false),
    ("asf", &["asf"], false),
    ("wmv", &["asf"], false),
    ("wma", &["asf"], false),
    ("ogg", &["ogg"], false),
    ("opus", &["ogg"], false),
    ("flac", &["flac"], false),
    ("wav", &["wav"], false),
    ("w64", &["w64"], false),
    ("aiff", &["aiff"], false),
    ("caf", &["caf"], false),
    ("au", &["au"], false),
    ("amr", &["amr"], false),
    ("ts", &["mpeg-ts"], true),
    ("m2ts", &["mpeg-ts"], true),
    ("mpg", &["mpeg-ps"], true),
    ("vob", &["mpeg-ps"], true),
];
/// Sound without a container.
const RAW: [(&str, &[&str], bool); 6] = [
    ("mp3", &["mp3"], true),
    ("aac", &["aac"], true),
    ("ac3", &["ac3"], true),
    ("eac3", &["eac3"], true),
    ("dts", &["dts"], true),
    ("thd", &["truehd"], true),
];

/// How much is cut off: the middle of a packet, a frame and a pack.
const CUT: usize = 77;

#[test]
fn every_fixture_and_every_file_of_the_table_of_formats_is_told() {
    let fixtures = files(&Path::new(MEDIA).join("fixtures"));
    let formats = files(&formats());
    assert!(fixtures.len() > 20 && formats.len() > 100, "{} and {} files", fixtures.len(), formats.len());
    let wrong: Vec<_> = fixtures.iter().chain(&formats).filter_map(|file| judge(file).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn judge(file: &Path) -> Result<(), String> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let head = head(file);
    if name == "text.mp4" {
        return if container(&head).is_none() { Ok(()) } else { Err("text is taken".into()) };
    }
    let ending = file.extension().unwrap().to_str().unwrap();
    let kind = KINDS.iter().chain(&RAW).find(|(kind, ..)| *kind == ending);
    let (_, names, may_be_cut) = kind.ok_or(format!("{name}: an ending that is not in this test"))?;
    let cuts = if *may_be_cut { &[0, CUT][..] } else { &[0] };
    for cut in cuts {
        let told = container(&head[*cut..][..(head.len() - cut).min(ENOUGH)]);
        if !told.is_some_and(|told| names.contains(&told)) {
            return Err(format!(
                "{name} without its first {cut} bytes is told as {told:?}, not as {names:?}"
            ));
        }
    }
    Ok(())
}

fn head(file: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    fs::File::open(file).unwrap().take((ENOUGH + CUT) as u64).read_to_end(&mut head).unwrap();
    head
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let media = |file: &PathBuf| file.extension().is_some_and(|ending| ending != "sh" && ending != "md");
    files.filter(media).collect()
}

/// The files, made once: it takes about a minute. The engine's own test makes the same ones; if it did, they are used.
fn formats() -> PathBuf {
    let script = Path::new(MEDIA).join("tests/formats/make.sh");
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let is_made = |folder: &PathBuf| fs::read(folder.join("made-by")).ok() == fs::read(&script).ok();
    if let Some(made) =
        ["formats", "upload-formats"].map(|name| temporary.join(name)).into_iter().find(is_made)
    {
        return made;
    }
    let folder = temporary.join("upload-formats");
    let made = Command::new("sh").arg(&script).arg(&folder).status().unwrap();
    assert!(made.success(), "the files could not be made; is ffmpeg installed?");
    fs::copy(&script, folder.join("made-by")).unwrap();
    folder
}
