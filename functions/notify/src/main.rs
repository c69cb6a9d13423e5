//! `notify` as a process of its own.

use std::{error::Error, process::ExitCode};

use broker::{Broker, BrokerConfig};
use db::Db;
use identity::{Links, Proofs};
use notify::{MailConfig, Notify, WebhookConfig};
use runtime::{Config as _, Service, ended, required};

#[tokio::main]
async fn main() -> ExitCode {
    ended(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start().await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(&BrokerConfig::from_env()?, db.clone())?;
    let links = Links::load(required("LINKS_KEY_FILE", &parts.links_key_file)?.as_ref())?;
    let proofs = Proofs::load(required("PROOFS_KEY_FILE", &parts.proofs_key_file)?.as_ref())?;
    let config = (&MailConfig::from_env()?, &WebhookConfig::from_env()?);
    let public_url = required("PUBLIC_URL", &parts.public_url)?;
    let function = notify::function(Notify::new(db, (links, proofs), config, public_url)?);
    broker::serve("notify", function, &broker, service).await
}
