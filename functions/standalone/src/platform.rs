//! Every function merged, on shared parts. This is the only place that names all of them.

use blobs::Blobs;
use broker::Broker;
use db::Db;
use identity::{Links, Proofs, SigningKey, Verifier};
use media::Engine;
use notify::{Mailer, Webhooks};
use runtime::Function;

use crate::settings::Settings;

/// What the functions stand on.
pub(crate) struct Parts {
    pub(crate) db: Db,
    pub(crate) blobs: Blobs,
    pub(crate) broker: Broker,
    pub(crate) mailer: Mailer,
    pub(crate) signing_key: SigningKey,
    pub(crate) links: Links,
    pub(crate) proofs: Proofs,
    pub(crate) webhooks: Webhooks,
    pub(crate) engine: Engine,
    pub(crate) public_url: String,
}

pub(crate) fn platform(parts: Parts, settings: &Settings) -> Function {
    let Parts { db, blobs, broker, mailer, signing_key, links, proofs, webhooks, engine, public_url } = parts;
    let verifier = Verifier::new(signing_key.verifying_keys(), db.clone());
    let functions = [
        auth::function(db.clone(), broker.clone(), signing_key, proofs.clone(), settings.auth.clone()),
        upload::function(upload::Upload {
            db: db.clone(),
            blobs: blobs.clone(),
            broker: broker.clone(),
            verifier: verifier.clone(),
            config: settings.upload.clone(),
        }),
        convert::function(convert::Convert {
            db: db.clone(),
            blobs: blobs.clone(),
            engine,
            config: settings.convert.clone(),
        }),
        notify::function(notify::Notify {
            db: db.clone(),
            mailer,
            links: links.clone(),
            proofs,
            webhooks,
            public_url: public_url.clone(),
            link_days: settings.mail.link_days,
        }),
        download::function(download::Download {
            db: db.clone(),
            blobs: blobs.clone(),
            verifier: verifier.clone(),
            links,
            public_url,
        }),
        jobs::function(jobs::Jobs { db: db.clone(), blobs: blobs.clone(), broker: broker.clone(), verifier }),
        sweep::function(sweep::Sweep { db, blobs, broker, config: settings.sweep.clone() }),
    ];
    let platform = functions.into_iter().fold(Function::new(), Function::merge);
    let description = platform.clone().into_parts().1;
    platform.merge(gateway::function(description))
}
