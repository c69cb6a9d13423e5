//! `notify` as a process of its own.

use std::{error::Error, process::ExitCode};

use broker::{Broker, BrokerConfig};
use db::Db;
use identity::{Links, Proofs};
use notify::{MailConfig, Mailer, Notify, WebhookConfig, Webhooks};
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
    let mail = MailConfig::from_env()?;
    let function = notify::function(Notify {
        mailer: Mailer::open(&mail)?,
        links: Links::load(required("LINKS_KEY_FILE", &parts.links_key_file)?.as_ref())?,
        proofs: Proofs::load(required("PROOFS_KEY_FILE", &parts.proofs_key_file)?.as_ref())?,
        webhooks: Webhooks::new(&WebhookConfig::from_env()?)?,
        public_url: required("PUBLIC_URL", &parts.public_url)?.to_owned(),
        link_days: mail.link_days,
        db,
    });
    Ok(broker::serve("notify", function, &broker, service.listener, &service.config, service.shutdown)
        .await?)
}
