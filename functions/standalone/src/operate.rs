//! What an operator does once for functions that run as processes of their own.

use std::{error::Error, fs, path::Path};

use blobs::Blobs;
use db::{CONNECTIONS, Db};
use identity::{Links, Proofs, SigningKey};
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

pub(crate) fn keys(folder: &Path) -> Result {
    fs::create_dir_all(folder)?;
    let signing = SigningKey::load_or_create(&folder.join("signing.pem"))?;
    Links::load_or_create(&folder.join("links.key"))?;
    Proofs::load_or_create(&folder.join("proofs.key"))?;
    Ok(fs::write(folder.join("public.pem"), signing.verifying_key().to_pem()?)?)
}
