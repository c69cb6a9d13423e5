//! Every function merged, on shared parts. This is the only place that names all of them.

use blobs::Blobs;
use broker::Broker;
use db::Db;
use identity::{Links, Proofs, SigningKey, Verifier};
use media::Engine;
use notify::Notify;
use runtime::{CancellationToken, Function};

use crate::settings::Settings;

/// What the functions stand on.
pub(crate) struct Parts {
    pub(crate) db: Db,
    pub(crate) blobs: Blobs,
    pub(crate) broker: Broker,
    pub(crate) signing_key: SigningKey,
    pub(crate) links: Links,
    pub(crate) proofs: Proofs,
    pub(crate) engine: Engine,
    pub(crate) public_url: String,
    pub(crate) shutdown: CancellationToken,
}

/// # Errors
/// As [`Notify::new`].
pub(crate) fn platform(parts: Parts, settings: &Settings) -> Result<Function, notify::Error> {
    let Parts { db, blobs, broker, signing_key, links, proofs, engine, public_url, shutdown } = parts;
    let config = (&settings.mail, &settings.webhook);
    let notify = Notify::new(db.clone(), (links.clone(), proofs.clone()), config, &public_url)?;
    let verifier = Verifier::new(signing_key.verifying_keys(), db.clone());
    let functions = [
        auth::function(
            db.clone(),
            broker.clone(),
            signing_key,
            proofs,
            settings.auth.clone().reached_at(&public_url),
        ),
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
        notify::function(notify),
        download::function(download::Download {
            db: db.clone(),
            blobs: blobs.clone(),
            verifier: verifier.clone(),
            links,
            public_url,
        }),
        jobs::function(jobs::Jobs::new(db.clone(), broker.clone(), verifier, shutdown)),
        sweep::function(sweep::Sweep::new(db, blobs, broker, settings.sweep.clone())),
    ];
    let platform = functions.into_iter().fold(Function::new(), Function::merge);
    let description = platform.clone().into_parts().1;
    Ok(platform.merge(gateway::function(description)))
}
