//! `download` as a process of its own: what its program and its container do.

use std::error::Error;

use blobs::Blobs;
use db::Db;
use identity::{Links, Verifier, VerifyingKeys};
use runtime::{Service, required};

use crate::Download;

/// Opens what the function needs and serves it, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a key that can't be read, a port that is taken.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start("download").await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let keys = VerifyingKeys::load(required("PUBLIC_KEY_FILE", &parts.public_key_file)?.as_ref())?;
    let blobs = Blobs::open(required("BLOBS_URL", &parts.blobs_url)?)?;
    tokio::spawn({
        let (db, blobs) = (db.clone(), blobs.clone());
        async move { tokio::join!(db.ping(), blobs.ping()) }
    });
    let function = crate::function(Download {
        blobs,
        verifier: Verifier::new(keys, db.clone()),
        links: Links::load(required("LINKS_KEY_FILE", &parts.links_key_file)?.as_ref())?,
        public_url: required("PUBLIC_URL", &parts.public_url)?.to_owned(),
        db,
    });
    service.serve(function.into_parts().0).await
}
