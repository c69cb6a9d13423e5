//! `tapedeck probe FILE`: what a file is, as JSON.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use media::{Engine, Probe};

use crate::convert::source;

/// Exit codes: 0 it is a media file, 1 it can't be read, 4 it is no media file.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 it is a media file, 1 it can't be read, 4 it is no media file")]
pub(crate) struct ProbeOptions {
    /// The file; - is standard input.
    file: PathBuf,
}

pub(crate) async fn probe(options: ProbeOptions) -> ExitCode {
    let said = match look(&options).await {
        Ok(probe) => json(&probe).map_err(|error| (7, error.to_string())),
        Err(error) => Err(error),
    };
    match said {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err((code, error)) => {
            eprintln!("tapedeck: {}: {error}", options.file.display());
            ExitCode::from(code)
        }
    }
}

async fn look(options: &ProbeOptions) -> Result<Probe, (u8, String)> {
    let source = source(&options.file).map_err(|error| (1, error.to_string()))?;
    let engine = Engine::this_program().map_err(|error| (7, error.to_string()))?;
    engine.probe(&source).await.map_err(|error| {
        let code = match error {
            media::Error::Source(_) => 1,
            media::Error::Unreadable(_) => 4,
            media::Error::TimedOut => 6,
            _ => 7,
        };
        (code, error.to_string())
    })
}

/// Durations as seconds.
fn json(probe: &Probe) -> serde_json::Result<String> {
    let chapters: Vec<_> = probe
        .chapters
        .iter()
        .map(|chapter| {
            serde_json::json!({
                "start": chapter.start.as_secs_f64(),
                "end": chapter.end.as_secs_f64(),
                "title": chapter.title,
            })
        })
        .collect();
    serde_json::to_string_pretty(&serde_json::json!({
        "container": probe.container,
        "duration": probe.duration.map(|duration| duration.as_secs_f64()),
        "streams": probe.streams,
        "tags": probe.tags,
        "chapters": chapters,
        "cover": probe.cover,
    }))
}
