//! Blobs that no row names. A row names its blob before the first byte, so an old blob without a row is left over
//! from a crash, a lost lease or a deleted account.

use blobs::{Blob, Bucket};
use contracts::SweepOrphans;
use runtime::{Failure, OrFail as _};

use crate::{Sweep, seconds};

pub(crate) async fn orphans(deps: Sweep, _: SweepOrphans) -> Result<(), Failure> {
    let age = seconds(deps.config.orphan_seconds);
    let mut removed = deps.blobs.remove_partials(age).await.or_retry()?;
    for bucket in Bucket::ALL {
        for blob in deps.blobs.older_than(bucket, age).await.or_retry()? {
            if !named(&deps, blob).await? {
                removed += usize::from(deps.blobs.delete(blob).await.or_retry()?);
            }
        }
    }
    if removed > 0 {
        tracing::info!(removed, "blobs that no row named");
    }
    Ok(())
}

async fn named(deps: &Sweep, blob: Blob) -> Result<bool, Failure> {
    match blob {
        Blob::Video(id) => deps.db.names_video(id).await.or_retry(),
        Blob::Audio(id) => deps.db.names_audio(id).await.or_retry(),
    }
}
