//! `tapedeck get`: the audio of jobs. A download that is cut off goes on where it was.

use std::{
    fs,
    io::Write as _,
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
use serde_json::json;

use super::{Error, First, HELP, Server, ServerOptions, bar, jobs};

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
    /// The folder for them; made if absent.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    to: PathBuf,
    #[command(flatten)]
    server: ServerOptions,
    /// Overwrite files that exist.
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
pub(super) struct Saving<'a> {
    pub(super) folder: &'a Path,
    pub(super) force: bool,
    pub(super) quiet: bool,
}

/// Tries in a row that bring nothing.
const TRIES: u32 = 6;
/// So long may nothing come.
const STALLED: Duration = Duration::from_secs(60);

pub(super) async fn get(options: GetOptions) -> Result<(), Error> {
    let server = Server::chosen(&options.server)?;
    let ids = if options.all { done(&server).await? } else { options.ids };
    let saving = Saving { folder: &options.to, force: options.force, quiet: options.quiet };
    let mut first = First::default();
    for id in &ids {
        let saved = save(&server, id, &saving).await;
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

/// Saves the audio of a job; where.
pub(super) async fn save(server: &Server, id: &str, saving: &Saving<'_>) -> Result<PathBuf, Error> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::Usage(format!("{id} is no id of a job")));
    }
    let path = format!("/jobs/{id}/audio");
    let head = server.call(Method::HEAD, &path, &[]).await?;
    let size = head.header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    let size = size.ok_or_else(|| Error::Away("The server did not say how long the audio is.".into()))?;
    let etag = head.header(ETAG).unwrap_or_default().to_owned();
    let target = saving.folder.join(name(&head).unwrap_or_else(|| id.to_owned()));
    let wrong = |error| Error::File(target.clone(), error);
    match fs::metadata(&target) {
        Ok(found) if found.len() == size && !saving.force => return Ok(target),
        Ok(_) if !saving.force => {
            let detail = format!("{} exists and is another one; --force overwrites it", target.display());
            return Err(Error::Usage(detail));
        }
        _ => {}
    }
    fs::create_dir_all(saving.folder).map_err(wrong)?;
    // Named by what it is a part of: a later version of the audio is begun anew.
    let version: String = etag.chars().filter(char::is_ascii_alphanumeric).collect();
    let part = saving.folder.join(format!(".tapedeck-{id}-{version}.part"));
    let bar = bar::bytes(&target.display().to_string(), size, saving.quiet);
    let mut tries = 0;
    loop {
        let have = fs::metadata(&part).map_or(0, |found| found.len());
        if have == size {
            break;
        }
        bar.set_position(have);
        let came = fetch(server, &path, (&part, have), &etag, &bar).await;
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
    fs::rename(&part, &target).map_err(wrong)?;
    Ok(target)
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
