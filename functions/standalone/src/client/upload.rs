//! `tapedeck upload`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Error, FirstError, HELP, Sending, Server, ServerOptions, bar,
    get::{self, Saving},
    jobs,
    saved::SavedFiles,
};
use crate::convert::Wanted;

/// Send videos to a server, or have it fetch them from links, where it does that. An upload that is cut off goes on where it
/// was when you run the same command again.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct UploadOptions {
    /// The videos: files, or https links.
    #[arg(required = true, value_name = "FILE|URL")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    server: ServerOptions,
    /// Wait until the audio is ready.
    #[arg(long)]
    wait: bool,
    /// Wait, and download the audio into this folder, as `get --to` does: of two with one name, as talk.mp3, the second
    /// becomes talk-ID.mp3.
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    /// Overwrite files that exist, but none that this run has written.
    #[arg(long, requires = "to")]
    force: bool,
    /// A line of JSON for each video: {"file", "job"}, and when waited for {"file", "job", "saved"} with the whole job.
    #[arg(long)]
    json: bool,
    /// No progress bars.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    filed: JobLabels,
}

/// What a server does besides.
#[derive(Args)]
pub(crate) struct JobLabels {
    /// The folder at the server to file the job under: `GET /jobs?folder=` lists it.
    #[arg(long, value_name = "NAME")]
    folder: Option<String>,
    /// How you hear of the end: mail or none.
    #[arg(long, value_parser = ["mail", "none"])]
    notify: Option<String>,
    /// An https address that the server calls when the job has ended.
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
}

impl JobLabels {
    /// What was given, by its name in a form.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let fields = [("folder", &self.folder), ("notify", &self.notify), ("webhook", &self.webhook)];
        fields.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)))
    }
}

/// All videos are sent first: they are converted while the next ones are on their way.
pub(super) async fn upload(options: UploadOptions) -> Result<(), Error> {
    let fields: Vec<_> = options.wanted.fields().into_iter().chain(options.filed.fields()).collect();
    // A mistake is told before anything is sent.
    contracts::Options::from_fields(fields.iter().map(|(name, value)| (*name, value.as_str())))?;
    let server = Server::chosen(&options.server)?;
    let (mut sent, mut first) = (Vec::new(), FirstError::default());
    for file in &options.files {
        let result = match link(file) {
            Some(link) => fetched(&server, link, &fields).await,
            None => sent_whole(&server, file, &fields, options.quiet).await,
        };
        match result {
            Ok(job) => sent.push((file, job)),
            Err(error) => {
                let fatal = matches!(error, Error::NotLoggedIn(_) | Error::Away(_));
                first.note(Err(error.about(&file.display().to_string())));
                if fatal {
                    break;
                }
                continue;
            }
        }
        let waits = options.wait || options.to.is_some();
        if let Some((file, job)) = sent.last().filter(|_| !waits) {
            match options.json {
                true => println!("{}", json!({ "file": file, "job": job })),
                false => println!("{}: job {job}", file.display()),
            }
        }
    }
    if options.wait || options.to.is_some() {
        let mut saving = options.to.as_deref().map(|folder| Saving {
            kept: SavedFiles::of(folder),
            force: options.force,
            quiet: options.quiet,
        });
        for (file, job) in &sent {
            let ended = ended(&server, &options, (file, job), saving.as_mut()).await;
            first.note(ended.map_err(|error| error.about(&file.display().to_string())));
        }
    }
    first.result()
}

/// A link, if this is none of a file.
fn link(file: &Path) -> Option<&str> {
    file.to_str().filter(|name| name.starts_with("https://") || name.starts_with("http://"))
}

/// The job of a file.
async fn sent_whole(
    server: &Server,
    file: &Path,
    fields: &[(&'static str, String)],
    quiet: bool,
) -> Result<String, Error> {
    let sending = Sending::of(server, file, fields)?;
    let bar = bar::bytes(&file.display().to_string(), sending.size(), quiet);
    let result = sending.send(server, &bar).await;
    bar.finish_and_clear();
    result
}

/// The job of a link: the server answers when it has all of the video.
async fn fetched(server: &Server, link: &str, fields: &[(&'static str, String)]) -> Result<String, Error> {
    let mut wanted: Map<String, Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    wanted.insert("url".into(), json!(link));
    let accepted: Accepted = server.make("/upload/url", &wanted.into()).await?;
    Ok(accepted.id)
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
}

/// Waits for the end of a job, and saves its audio.
async fn ended(
    server: &Server,
    options: &UploadOptions,
    (file, id): (&Path, &str),
    saving: Option<&mut Saving>,
) -> Result<(), Error> {
    let bar = bar::conversion(&file.display().to_string(), options.quiet);
    let job = jobs::ended(server, id, &bar).await;
    bar.finish_and_clear();
    let job = job?;
    let failed = jobs::failure(&job);
    let saved = match (saving, &failed) {
        (Some(saving), None) => Some(get::save(server, id, saving).await?),
        _ => None,
    };
    let state = job["state"].as_str().unwrap_or_default().to_owned();
    match (options.json, &saved) {
        (true, _) => println!("{}", json!({ "file": file, "job": job, "saved": saved })),
        (false, Some(saved)) => println!("{}: {}", file.display(), saved.display()),
        (false, None) if failed.is_none() => println!("{}: job {id} is {state}", file.display()),
        (false, None) => {}
    }
    failed.map_or(Ok(()), |why| Err(Error::JobFailed(why)))
}
