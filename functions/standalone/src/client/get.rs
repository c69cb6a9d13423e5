//! `tapedeck get`: the audio of jobs. A download that is cut off goes on where it was.

use std::{
    fs,
    io::{self, BufRead as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use futures_util::TryStreamExt as _;
use hyper::{
    Method, StatusCode,
    header::{CONTENT_DISPOSITION, CONTENT_LENGTH, ETAG, HeaderName, IF_RANGE, RANGE},
};
use outbound::Answer;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Error, FirstError, HELP, Server, ServerOptions, bar, jobs, saved::SavedFiles};

/// Which audio, and where it goes.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct GetOptions {
    /// Jobs, by their ids.
    #[arg(required_unless_present = "all", value_name = "ID")]
    ids: Vec<String>,
    /// All jobs that are done. What is there already is not downloaded again.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// The folder for them; made if absent. Which file is which job's is noted there in .tapedeck-get: of two jobs with one
    /// name, as talk.mp3, the second becomes talk-ID.mp3.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    to: PathBuf,
    #[command(flatten)]
    server: ServerOptions,
    /// Overwrite files that exist, but none that this run has written.
    #[arg(long)]
    force: bool,
    /// A line of JSON for each: {"job", "saved"}.
    #[arg(long)]
    json: bool,
    /// No progress bars.
    #[arg(long, short)]
    quiet: bool,
}

/// How audio is saved.
pub(super) struct Saving {
    pub(super) kept: SavedFiles,
    pub(super) force: bool,
    pub(super) quiet: bool,
}

/// An audio that is to be saved.
struct Audio<'a> {
    job: &'a str,
    size: u64,
    etag: String,
    /// As the server calls it.
    name: String,
}

/// Tries in a row that bring nothing.
const TRIES: u32 = 6;
/// So long may nothing come.
const STALLED: Duration = Duration::from_secs(60);

pub(super) async fn get(options: GetOptions) -> Result<(), Error> {
    let server = Server::chosen(&options.server)?;
    let ids = if options.all { done(&server).await? } else { options.ids };
    let mut saving = Saving { kept: SavedFiles::of(&options.to), force: options.force, quiet: options.quiet };
    let mut first = FirstError::default();
    for id in &ids {
        let saved = save(&server, id, &mut saving).await;
        match (&saved, options.json) {
            (Ok(path), true) => println!("{}", json!({ "job": id, "saved": path })),
            (Ok(path), false) => println!("{}", path.display()),
            (Err(_), _) => {}
        }
        first.note(saved.map(drop));
    }
    first.result()
}

async fn done(server: &Server) -> Result<Vec<String>, Error> {
    let jobs = jobs::some(server, usize::MAX).await?;
    let done = jobs.iter().filter(|job| job["state"] == "done");
    Ok(done.filter_map(|job| job["id"].as_str().map(str::to_owned)).collect())
}

/// Saves the audio of a job; where. Its errors name the job.
pub(super) async fn save(server: &Server, id: &str, saving: &mut Saving) -> Result<PathBuf, Error> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::Usage(format!("{id} is no id of a job")));
    }
    let saved = async { put(server, &about(server, id).await?, saving).await };
    saved.await.map_err(|error| error.about(&format!("job {id}")))
}

async fn about<'a>(server: &Server, id: &'a str) -> Result<Audio<'a>, Error> {
    let head = match server.call(Method::HEAD, &format!("/jobs/{id}/audio"), &[]).await {
        // The answer to a HEAD has no words; the job has.
        Err(error @ (Error::Refused(_) | Error::Absent(_))) => return Err(why(server, id, error).await),
        head => head?,
    };
    let size = head.header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    let size = size.ok_or_else(|| Error::Away("The server did not say how long the audio is.".into()))?;
    let etag = head.header(ETAG).unwrap_or_default().to_owned();
    let name = name(&head).unwrap_or_else(|| id.to_owned());
    Ok(Audio { job: id, size, etag, name })
}

/// Why a job has no audio.
async fn why(server: &Server, id: &str, refused: Error) -> Error {
    let job: Value = match server.json(&format!("/jobs/{id}")).await {
        Ok(job) => job,
        Err(error) => return error,
    };
    match (jobs::failure(&job), job["state"].as_str()) {
        (Some(why), _) => Error::JobFailed(why),
        (None, Some("done")) | (None, None) => refused,
        (None, Some(state)) => Error::Refused(format!(
            "it is {state}: there is no audio yet. `tapedeck jobs` says when it is done."
        )),
    }
}

/// Puts the audio under its name; under one with the job's id, if the first is another job's. Never does one audio of a run
/// replace another.
async fn put(server: &Server, audio: &Audio<'_>, saving: &mut Saving) -> Result<PathBuf, Error> {
    let mut names = [audio.name.clone(), with_id(&audio.name, audio.job)];
    let folder = saving.kept.folder.clone();
    if let Some(place) = names.iter().position(|name| saving.kept.holds(name, audio.job, &audio.etag)) {
        if !saving.force {
            return Ok(folder.join(&names[place]));
        }
        names.swap(0, place);
    }
    fs::create_dir_all(&folder).map_err(|error| Error::File(folder.clone(), error))?;
    for name in &names {
        let target = folder.join(name);
        match there(server, audio, saving, &target, name).await? {
            There::Nothing => {
                let part = download(server, audio, &folder, saving.quiet).await?;
                fs::rename(&part, &target).map_err(|error| Error::File(target.clone(), error))?;
            }
            There::TheSame => {}
            There::AnotherJobs => continue,
            There::Unknown => {
                let detail = format!("{} exists and is another one; --force overwrites it", target.display());
                return Err(Error::Usage(detail));
            }
        }
        saving.kept.note(name, audio.job, &audio.etag)?;
        return Ok(target);
    }
    Err(Error::Usage(format!("{} and {} are other jobs'", names[0], names[1])))
}

/// What is at a place for an audio.
enum There {
    /// Nothing, or what may be overwritten.
    Nothing,
    TheSame,
    /// The audio of another job.
    AnotherJobs,
    /// Something that is not known to be of any job.
    Unknown,
}

async fn there(
    server: &Server,
    audio: &Audio<'_>,
    saving: &Saving,
    target: &Path,
    name: &str,
) -> Result<There, Error> {
    let Ok(found) = fs::metadata(target) else { return Ok(There::Nothing) };
    if saving.force && !saving.kept.is_of_this_run(name) {
        return Ok(There::Nothing);
    }
    // The same length says nothing: the same bytes do.
    let part = match found.is_file() && found.len() == audio.size {
        true => Some(download(server, audio, &saving.kept.folder, saving.quiet).await?),
        false => None,
    };
    let same = part.as_ref().is_some_and(|part| same(part, target).unwrap_or(false));
    if !same && saving.kept.is_of_another(name, audio.job) {
        // What was downloaded goes to the next place.
        return Ok(There::AnotherJobs);
    }
    if let Some(part) = part {
        fs::remove_file(part).map_err(|error| Error::File(target.to_owned(), error))?;
    }
    Ok(if same { There::TheSame } else { There::Unknown })
}

/// `talk-ID.mp3` for `talk.mp3`.
fn with_id(name: &str, id: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{id}.{extension}"),
        None => format!("{name}-{id}"),
    }
}

/// Whether two files of one length hold the same.
fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let open = |path| Ok::<_, io::Error>(io::BufReader::new(fs::File::open(path)?));
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] || (left.is_empty() != right.is_empty()) {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
        one.consume(length);
        other.consume(length);
    }
}

/// The audio as a hidden file in the folder. What an earlier run has begun goes on.
async fn download(server: &Server, audio: &Audio<'_>, folder: &Path, quiet: bool) -> Result<PathBuf, Error> {
    // Named by what it is a part of: a later version of the audio is begun anew.
    let version: String = audio.etag.chars().filter(char::is_ascii_alphanumeric).collect();
    let part = folder.join(format!(".tapedeck-{}-{version}.part", audio.job));
    let path = format!("/jobs/{}/audio", audio.job);
    let bar = bar::bytes(&folder.join(&audio.name).display().to_string(), audio.size, quiet);
    let mut tries = 0;
    loop {
        let have = fs::metadata(&part).map_or(0, |found| found.len());
        if have == audio.size {
            break;
        }
        bar.set_position(have);
        let came = fetch(server, &path, (&part, have), &audio.etag, &bar).await;
        let more = fs::metadata(&part).is_ok_and(|found| found.len() > have);
        tries = if more { 0 } else { tries + 1 };
        match came {
            Err(error @ Error::Away(_)) if tries == TRIES => return Err(error),
            Err(Error::Away(_)) => tokio::time::sleep(Duration::from_secs(1 << tries)).await,
            Err(error) => return Err(error),
            Ok(()) if tries == TRIES => return Err(Error::Away("The download does not go on.".into())),
            Ok(()) => {}
        }
    }
    bar.finish_and_clear();
    Ok(part)
}

/// What is missing.
async fn fetch(
    server: &Server,
    path: &str,
    (part, have): (&Path, u64),
    etag: &str,
    bar: &indicatif::ProgressBar,
) -> Result<(), Error> {
    let wrong = |error| Error::File(part.to_owned(), error);
    let range: &[(HeaderName, String)] = &[(RANGE, format!("bytes={have}-")), (IF_RANGE, etag.to_owned())];
    let answer = server.call(Method::GET, path, if have == 0 { &[] } else { range }).await?;
    let goes_on = answer.status == StatusCode::PARTIAL_CONTENT;
    let mut file = fs::File::options();
    let file = file.create(true).write(true).append(goes_on).truncate(!goes_on);
    let mut file = file.open(part).map_err(wrong)?;
    let mut content = answer.into_content();
    loop {
        match tokio::time::timeout(STALLED, content.try_next()).await {
            Ok(Ok(Some(bytes))) => {
                file.write_all(&bytes).map_err(wrong)?;
                bar.inc(bytes.len() as u64);
            }
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(Error::Away(format!("The download was cut off: {error}"))),
            Err(_) => return Err(Error::Away("The download stalled.".into())),
        }
    }
}

/// The server's name for the file, if it is one that stays in its folder.
fn name(answer: &Answer) -> Option<String> {
    safe(answer.header(CONTENT_DISPOSITION)?)
}

fn safe(disposition: &str) -> Option<String> {
    let mut parameters = disposition.split(';').map(str::trim);
    let extended = parameters.clone().find_map(|part| part.strip_prefix("filename*=UTF-8''"));
    let name = match extended {
        Some(encoded) => percent_decode_str(encoded).decode_utf8().ok()?.into_owned(),
        None => parameters.find_map(|part| part.strip_prefix("filename="))?.trim_matches('"').to_owned(),
    };
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|character| !character.is_control()).collect();
    let clean = clean.trim_start_matches('.').trim();
    (!clean.is_empty() && clean.len() <= 250).then(|| clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_server_never_leaves_the_folder() {
        for (said, kept) in [
            ("attachment; filename=\"a b.mp3\"", Some("a b.mp3")),
            ("attachment; filename=\"x\"; filename*=UTF-8''t%C3%A4pe.mp3", Some("täpe.mp3")),
            ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", Some("passwd")),
            ("attachment; filename=\"../../.bashrc\"", Some("bashrc")),
            ("attachment; filename=\"..\\\\..\\\\x.mp3\"", Some("x.mp3")),
            ("attachment; filename=\"a\nb\"", Some("ab")),
            ("attachment; filename=\"..\"", None),
            ("attachment", None),
        ] {
            assert_eq!(safe(said).as_deref(), kept, "{said}");
        }
    }
}
