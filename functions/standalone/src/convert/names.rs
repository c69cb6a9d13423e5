//! What goes where: patterns become files, and each file has a place for its audio.

use std::{
    collections::HashSet,
    path::{Component, Path, PathBuf},
};

use contracts::Format;

use super::{ConvertOptions, Error, place::is_standard};

/// A video and the file for its audio.
#[derive(Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) input: PathBuf,
    pub(super) output: PathBuf,
}

/// The format that the output's name asks for, where there is one output. An ending that we don't write is a mistake; with
/// --format too, if it promises another audio than that. Names have points for other reasons too: an ending is letters and
/// digits, and not digits alone.
pub(super) fn format_of(options: &ConvertOptions) -> Result<Option<String>, Error> {
    let [_, output] = &options.files[..] else { return Ok(None) };
    if options.out.is_some() || is_folder(output) {
        return Ok(None);
    }
    let Some(extension) = output.extension() else { return Ok(None) };
    let ending = extension.to_string_lossy().to_lowercase();
    let wanted = options.wanted.format();
    let formats =
        [Format::Mp3, Format::M4a, Format::M4b, Format::Opus, Format::Ogg, Format::Flac, Format::Wav];
    let named = match ending.as_str() {
        // The same under another name.
        "oga" => Some("ogg"),
        // What becomes of chapters.
        "zip" => return Ok(None),
        other => formats.iter().map(|format| format.extension()).find(|known| *known == other),
    };
    match (named, wanted) {
        // Opus is written in Ogg.
        (Some("ogg"), Some("opus")) => Ok(None),
        (Some(named), Some(wanted)) if named != wanted => Err(Error::Usage(format!(
            "{} would hold {wanted}: call it {}, or leave --format out",
            output.display(),
            output.with_extension(wanted).display()
        ))),
        (Some(named), _) => Ok(Some(named.into())),
        // Whoever says the format may call it what they like.
        (None, None) if is_ending(&ending) => Err(Error::Usage(format!(
            "{ending} is no format that we write: call the output .mp3, .m4a, .m4b, .opus, .ogg, .flac or .wav, or give --format"
        ))),
        (None, _) => Ok(None),
    }
}

fn is_ending(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_folder(output: &Path) -> bool {
    output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// All that is to be done. `extension` is the outputs'.
pub(super) fn pairs(options: &ConvertOptions, extension: &str) -> Result<Vec<Pair>, Error> {
    match (&options.out, &options.files[..]) {
        (None, [input, output]) => {
            Ok(vec![Pair { input: input.clone(), output: output_file(input, output, extension)? }])
        }
        (None, [input]) => {
            let (name, input) = (input.with_extension(extension), input.display());
            let name = name.file_name().unwrap_or_default().display();
            let advice =
                format!("`tapedeck convert {input} {name}`, or `tapedeck convert {input} --out FOLDER`");
            Err(Error::Usage(format!("where shall the audio go? Try {advice}")))
        }
        (None, _) => Err(Error::Usage("several videos need a folder: give --out FOLDER".into())),
        (Some(folder), files) => into(folder, files, extension),
    }
}

fn output_file(input: &Path, output: &Path, extension: &str) -> Result<PathBuf, Error> {
    if is_folder(output) {
        let standard = is_standard(input, "/dev/stdin");
        let stem = input.file_stem().filter(|_| !standard).unwrap_or("sound".as_ref());
        return Ok(output.join(stem).with_added_extension(extension));
    }
    // A zip under the name of an audio would be opened by a player.
    let standard = is_standard(output, "/dev/stdout");
    let zip = output.extension().is_some_and(|given| given.eq_ignore_ascii_case("zip"));
    if extension == "zip" && !zip && !standard {
        let name = output.with_extension("zip");
        return Err(Error::Usage(format!("--chapters split makes a zip: call it {}", name.display())));
    }
    if zip && extension != "zip" {
        return Err(Error::Usage("only --chapters split makes a zip".into()));
    }
    Ok(output.to_owned())
}

fn into(folder: &Path, files: &[PathBuf], extension: &str) -> Result<Vec<Pair>, Error> {
    let mut pairs = Vec::new();
    let mut taken = HashSet::new();
    for pattern in files {
        for input in expanded(pattern)? {
            let output = folder.join(relative(&input).with_extension(extension));
            if !taken.insert(output.clone()) {
                return Err(Error::Usage(format!("two files would become {}", output.display())));
            }
            pairs.push(Pair { input, output });
        }
    }
    Ok(pairs)
}

/// The files that a pattern names; a file of just this name comes first, since names may hold `[` and `*`.
fn expanded(pattern: &Path) -> Result<Vec<PathBuf>, Error> {
    let text = pattern.to_string_lossy();
    if pattern.exists() || !text.contains(['*', '?', '[']) {
        return Ok(vec![pattern.to_owned()]);
    }
    let found = glob::glob(&text).map_err(|error| Error::Usage(format!("{text}: {error}")))?;
    let files: Vec<PathBuf> = found.filter_map(Result::ok).filter(|path| path.is_file()).collect();
    if files.is_empty() { Err(Error::Usage(format!("{text}: no such file"))) } else { Ok(files) }
}

/// Where a file goes below the folder: as it is named from here, or under its bare name if it is elsewhere.
fn relative(input: &Path) -> PathBuf {
    let outside = |part: Component<'_>| !matches!(part, Component::Normal(_) | Component::CurDir);
    match input.components().any(outside) {
        true => PathBuf::from(input.file_name().unwrap_or_default()),
        false => input.components().filter(|part| *part != Component::CurDir).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_from_here_are_kept_and_others_become_names() {
        for (input, place) in
            [("a/b.mp4", "a/b.mp4"), ("./a/b.mp4", "a/b.mp4"), ("/x/a.mp4", "a.mp4"), ("../y/a.mp4", "a.mp4")]
        {
            assert_eq!(relative(Path::new(input)), Path::new(place), "{input}");
        }
    }

    #[test]
    fn two_files_for_one_place_are_refused() {
        let files = [PathBuf::from("a.mp4"), PathBuf::from("a.mkv")];
        assert!(matches!(into(Path::new("out"), &files, "mp3"), Err(Error::Usage(_))));
    }
}
