//! What an operator does by hand: the schema and the keys of functions that run as processes of their own, and an
//! administrator where there is none.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use blobs::Blobs;
use clap::Args;
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

/// The account that shall administer, and where it is.
#[derive(Args)]
pub(crate) struct AdminOptions {
    /// The mail address of the account.
    email: String,
    /// The folder in which `serve` keeps everything; not read if DATABASE_URL is set. The service may be running.
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

pub(crate) async fn admin(options: AdminOptions) -> Result {
    let in_folder = || format!("sqlite:{}", options.data.join("tapedeck.db").display());
    let url = PartsConfig::from_env()?.database_url.unwrap_or_else(in_folder);
    // Opening it would make an empty one.
    if let Some(path) = url.strip_prefix("sqlite:").filter(|path| !Path::new(path).exists()) {
        return Err(format!(
            "there is no database {path}. Name its folder with --data, or set DATABASE_URL."
        )
        .into());
    }
    let email = options.email.trim().to_ascii_lowercase();
    let admin = Db::open(&url, 1)?.make_admin(&email).await?;
    let admin = admin.ok_or_else(|| format!("there is no account {email}. Register it first."))?;
    println!("{} is an administrator now.", admin.email);
    Ok(())
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
