//! `tapedeck jobs`: the list; and waiting for a job.

use clap::Args;
use indicatif::ProgressBar;
use serde_json::Value;

use super::{Error, HELP, Server, ServerOptions};

/// Which jobs.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    server: ServerOptions,
    /// How many at the most, newest first.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// A line of JSON for each job, as the server says it.
    #[arg(long)]
    json: bool,
}

/// Most jobs of one answer.
const PAGE: usize = 100;

pub(super) async fn list(options: ListOptions) -> Result<(), Error> {
    let server = Server::chosen(&options.server)?;
    for job in some(&server, options.limit).await? {
        match options.json {
            true => println!("{job}"),
            false => println!("{}", line(&job)),
        }
    }
    Ok(())
}

/// The newest jobs.
pub(super) async fn some(server: &Server, limit: usize) -> Result<Vec<Value>, Error> {
    let (mut jobs, mut cursor) = (Vec::new(), String::new());
    while jobs.len() < limit {
        let wanted = PAGE.min(limit - jobs.len());
        let page: Value = server.json(&format!("/jobs?limit={wanted}{cursor}")).await?;
        jobs.extend(page["jobs"].as_array().into_iter().flatten().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    Ok(jobs)
}

fn line(job: &Value) -> String {
    let text = |value: &Value| plain(value.as_str().unwrap_or_default());
    let state = text(&job["state"]);
    let progress = match (state.as_str(), job["progress"].as_f64()) {
        ("converting", Some(progress)) => format!("{:.0} %", progress * 100.0),
        _ => String::new(),
    };
    let why = failure(job).map_or_else(String::new, |why| format!("  {}", plain(&why)));
    format!(
        "{}  {state:<10} {progress:>5}  {}  {}{why}",
        text(&job["id"]),
        text(&job["created_at"]).get(..16).unwrap_or_default(),
        text(&job["source"]["name"])
    )
}

/// Names come from others: nothing in them moves the cursor.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// Waits for the end, by long polls.
pub(super) async fn ended(server: &Server, id: &str, bar: &ProgressBar) -> Result<Value, Error> {
    loop {
        // A bar moves every few seconds; where there is none, nothing is to be seen.
        let wait = if bar.is_hidden() { 30 } else { 2 };
        let job: Value = server.json(&format!("/jobs/{id}?wait={wait}")).await?;
        let thousandths = (job["progress"].as_f64().unwrap_or_default() * 1000.0).clamp(0.0, 1000.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        bar.set_position(thousandths as u64);
        if matches!(job["state"].as_str(), Some("done" | "failed" | "canceled" | "expired")) {
            return Ok(job);
        }
    }
}

/// Why there is no audio, if a job has ended without one.
pub(super) fn failure(job: &Value) -> Option<String> {
    match job["state"].as_str()? {
        "failed" => Some(job["error"]["detail"].as_str().unwrap_or("it has failed").to_owned()),
        state @ ("canceled" | "expired") => Some(format!("the job is {state}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_one_line_whatever_its_video_is_called() {
        let job = json!({"id": "01h", "state": "failed", "progress": 0.5, "created_at": "2026-11-26T08:00:00Z",
            "source": {"name": "a\u{1b}[2J\nb.mp4"}, "error": {"code": "no_audio", "detail": "It has no sound."}});
        let said = line(&job);
        assert!(said.ends_with("2026-11-26T08:00  a?[2J?b.mp4  It has no sound."), "{said}");
        assert!(!said.contains('%'));
    }
}
