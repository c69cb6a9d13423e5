//! What an operator does by hand: the schema and the keys of functions that run as processes of their own, an
//! administrator where there is none, dead letters, and jobs that have failed.

use std::{
    error::Error,
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use blobs::Blobs;
use clap::{Args, Subcommand};
use contracts::{DeliveryId, Outcome, Timestamp};
use db::{CONNECTIONS, Db};
use identity::{Links, Proofs, SigningKey, VerifyingKeys};
use runtime::{Config as _, LogConfig, PartsConfig, required, start_logging};

type Result = std::result::Result<(), Box<dyn Error>>;

pub(crate) async fn migrate() -> Result {
    start_logging(&LogConfig::from_env()?);
    let parts = PartsConfig::from_env()?;
    let url = parts.database()?;
    if !url.starts_with("sqlite:") {
        Db::create_if_absent(&url).await?;
    }
    let db = Db::open(&url, CONNECTIONS)?;
    db.migrate().await?;
    Ok(Blobs::open(required("BLOBS_URL", &parts.blobs_url)?)?.prepare().await?)
}

/// Which database.
#[derive(Args)]
pub(crate) struct DatabaseOptions {
    /// The folder in which `serve` keeps everything; not read if DATABASE_URL is set. The service may be running.
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

impl DatabaseOptions {
    /// Opens it; one that is not there is not made.
    pub(crate) fn open(&self) -> std::result::Result<Db, Box<dyn Error>> {
        let in_folder = || format!("sqlite:{}", self.data.join("tapedeck.db").display());
        let url = PartsConfig::from_env()?.database().unwrap_or_else(|_| in_folder());
        // Opening it would make an empty one.
        if let Some(path) = url.strip_prefix("sqlite:").filter(|path| !Path::new(path).exists()) {
            let advice = "Name its folder with --data, or set DATABASE_URL.";
            return Err(format!("there is no database {path}. {advice}").into());
        }
        Ok(Db::open(&url, 1)?)
    }
}

/// The account that shall administer, and where it is.
#[derive(Args)]
pub(crate) struct AdminOptions {
    /// The mail address of the account.
    email: String,
    #[command(flatten)]
    place: DatabaseOptions,
}

pub(crate) async fn admin(options: AdminOptions) -> Result {
    let email = options.email.trim().to_ascii_lowercase();
    let admin = options.place.open()?.make_admin(&email).await?;
    let admin = admin.ok_or_else(|| format!("there is no account {email}. Register it first."))?;
    println!("{} is an administrator now.", admin.email);
    Ok(())
}

/// What is to be done with deliveries that have ended.
#[derive(Subcommand)]
pub(crate) enum Deliveries {
    /// List those with this outcome, newest first; the dead letters, if none is named.
    List {
        /// sent, refused, dropped or dead.
        #[arg(long, default_value = "dead")]
        outcome: Outcome,
        /// How many at the most.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        place: DatabaseOptions,
    },
    /// Make one again.
    Repeat {
        /// Its id, as `list` says.
        id: DeliveryId,
        #[command(flatten)]
        place: DatabaseOptions,
    },
    /// Drop a dead letter.
    Drop {
        /// Its id, as `list` says.
        id: DeliveryId,
        #[command(flatten)]
        place: DatabaseOptions,
    },
}

/// Events that this writes are published by the sweep of the platform.
pub(crate) async fn deliveries(what: Deliveries) -> Result {
    match what {
        Deliveries::List { outcome, limit, place } => {
            for delivery in place.open()?.deliveries().ended(outcome, limit, None).await? {
                let about = delivery.about.map_or_else(String::new, |(job, _)| format!(" of job {job}"));
                println!(
                    "{} {} {}{about} after {}, {}: {}",
                    delivery.id,
                    delivery.channel,
                    delivery.message,
                    counted(delivery.attempts, "attempt", "attempts"),
                    delivery.ended_at.map_or_else(String::new, |time| time.to_string()),
                    delivery.detail.unwrap_or_default(),
                );
            }
            Ok(())
        }
        Deliveries::Repeat { id, place } => {
            let repeated = place.open()?.deliveries().repeat(id).await?;
            repeated.map(drop).ok_or_else(|| format!("there is no delivery {id} that has ended").into())
        }
        Deliveries::Drop { id, place } => {
            let dropped = place.open()?.deliveries().drop_dead(id).await?;
            dropped.then_some(()).ok_or_else(|| format!("there is no dead letter {id}").into())
        }
    }
}

/// What is to be done with jobs.
#[derive(Subcommand)]
pub(crate) enum Jobs {
    /// Operator: try failed jobs of all accounts of the database again whose video is kept. Those that timed out or failed
    /// inside; the others would fail again.
    Retry {
        /// Those that were uploaded since then, as 2026-11-26T08:00:00Z.
        #[arg(long, value_parser = time)]
        failed_since: Timestamp,
        /// Those too that fail by their video or options: no sound, unreadable, protected, too long, too large, a start
        /// behind the end.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        place: DatabaseOptions,
    },
}

fn time(text: &str) -> std::result::Result<Timestamp, String> {
    serde_json::from_value(text.into()).map_err(|_| "expected RFC 3339, as 2026-11-26T08:00:00Z".into())
}

/// Events that this writes are published by the sweep of the platform.
pub(crate) async fn jobs(what: Jobs) -> Result {
    let Jobs::Retry { failed_since, all, place } = what;
    let retried = place.open()?.jobs().retry_failed(failed_since, |code| all || code.may_pass()).await?;
    println!("{} again.", counted(retried.len(), "job waits", "jobs wait"));
    Ok(())
}

fn counted<N: Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    format!("{count} {}", if count == N::from(1) { one } else { many })
}

/// Public keys that are there stay: what they have signed is good until it ends.
pub(crate) fn keys(folder: &Path) -> Result {
    fs::create_dir_all(folder)?;
    let signing = SigningKey::load_or_create(&folder.join("signing.pem"))?;
    Links::load_or_create(&folder.join("links.key"))?;
    Proofs::load_or_create(&folder.join("proofs.key"))?;
    let public = folder.join("public.pem");
    let keys = if public.exists() { signing.beside(VerifyingKeys::load(&public)?) } else { signing };
    Ok(fs::write(public, keys.verifying_keys().to_pem()?)?)
}
