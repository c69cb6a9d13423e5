//! `tapedeck upload`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{
    Error, First, HELP, Sending, Server, ServerOptions, bar,
    get::{self, Saving},
    jobs,
};
use crate::convert::Wanted;

/// Send videos to a server. An upload that is cut off goes on where it was when you run the same command again.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct UploadOptions {
    /// The videos.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    server: ServerOptions,
    /// Wait until the audio is ready.
    #[arg(long)]
    wait: bool,
    /// Wait, and download the audio into this folder.
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    /// Overwrite files that exist.
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
}

/// All videos are sent first: they are converted while the next ones are on their way.
pub(super) async fn upload(options: UploadOptions) -> Result<(), Error> {
    let fields = options.wanted.fields();
    // A mistake is told before anything is sent.
    contracts::Options::from_fields(fields.iter().map(|(name, value)| (*name, value.as_str())))?;
    let server = Server::chosen(&options.server)?;
    let (mut sent, mut first) = (Vec::new(), First::default());
    for file in &options.files {
        let sending = Sending::of(&server, file, &fields);
        let result = match sending {
            Ok(sending) => {
                let bar = bar::bytes(&file.display().to_string(), sending.size(), options.quiet);
                let result = sending.send(&server, &bar).await;
                bar.finish_and_clear();
                result
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(job) => sent.push((file, job)),
            Err(error) => {
                let fatal = matches!(error, Error::NotLoggedIn(_) | Error::Away(_));
                first.note(Err(error));
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
        for (file, job) in &sent {
            first.note(ended(&server, &options, file, job).await);
        }
    }
    first.result()
}

/// Waits for the end of a job, and saves its audio.
async fn ended(server: &Server, options: &UploadOptions, file: &Path, id: &str) -> Result<(), Error> {
    let bar = bar::conversion(&file.display().to_string(), options.quiet);
    let job = jobs::ended(server, id, &bar).await;
    bar.finish_and_clear();
    let job = job?;
    let failed = jobs::failure(&job);
    let saved = match (&options.to, &failed) {
        (Some(folder), None) => {
            let saving = Saving { folder, force: options.force, quiet: options.quiet };
            Some(get::save(server, id, &saving).await?)
        }
        _ => None,
    };
    let state = job["state"].as_str().unwrap_or_default().to_owned();
    match (options.json, &saved) {
        (true, _) => println!("{}", json!({ "file": file, "job": job, "saved": saved })),
        (false, Some(saved)) => println!("{}: {}", file.display(), saved.display()),
        (false, None) if failed.is_none() => println!("{}: job {id} is {state}", file.display()),
        (false, None) => {}
    }
    failed.map_or(Ok(()), |why| Err(Error::JobFailed(format!("{}: {why}", file.display()))))
}
