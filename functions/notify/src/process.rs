//! `notify` as a process of its own: what its program and its container do.

use std::error::Error;

use broker::{Broker, BrokerConfig};
use db::Db;
use identity::{Links, Proofs};
use runtime::{Config as _, Service, required};

use crate::{MailConfig, Notify, WebhookConfig};

/// Opens what the function needs and serves it, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a key that can't be read, a port that is taken.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start("notify").await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(&BrokerConfig::from_env()?, db.clone())?;
    let links = Links::load(required("LINKS_KEY_FILE", &parts.links_key_file)?.as_ref())?;
    let proofs = Proofs::load(required("PROOFS_KEY_FILE", &parts.proofs_key_file)?.as_ref())?;
    let config = (&MailConfig::from_env()?, &WebhookConfig::from_env()?);
    let public_url = required("PUBLIC_URL", &parts.public_url)?;
    let function = crate::function(Notify::new(db, (links, proofs), config, public_url)?);
    broker::serve("notify", function, &broker, service).await
}
