//! Blobs that no row names, whole or half-written. A row names its blob before the first byte, so an old blob without a
//! row is left over from a crash, a lost lease or a deleted account.

use std::time::SystemTime;

use blobs::{Blob, Bucket, Stored};
use contracts::SweepOrphans;
use runtime::{Failure, OrFail as _};

use crate::{Sweep, seconds};

/// Blobs that are looked at together.
const PAGE: usize = 1000;

pub(crate) async fn orphans(deps: Sweep, _: SweepOrphans) -> Result<(), Failure> {
    let mut removed = 0;
    for bucket in Bucket::ALL {
        for whole in [false, true] {
            removed += sweep(&deps, bucket, whole).await?;
        }
    }
    if removed > 0 {
        tracing::info!(removed, "blobs that no row named");
    }
    Ok(())
}

/// Removes what is old and unnamed of all pages; returns how many.
async fn sweep(deps: &Sweep, bucket: Bucket, whole: bool) -> Result<usize, Failure> {
    let age = seconds(deps.config.orphan_seconds);
    let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    let (mut removed, mut after) = (0, None);
    loop {
        let page = if whole {
            deps.blobs.page(bucket, after.as_deref(), PAGE).await.or_retry()?
        } else {
            deps.blobs.partials(bucket, after.as_deref(), PAGE).await.or_retry()?
        };
        let Some(last) = page.last() else { return Ok(removed) };
        after = Some(last.blob.id());
        for Stored { blob, .. } in page.into_iter().filter(|stored| stored.stored_at <= before) {
            // A half-written one that a row names is still being written, however slowly.
            if !named(deps, blob).await? {
                removed += usize::from(deps.blobs.delete(blob).await.or_retry()?);
            }
        }
    }
}

async fn named(deps: &Sweep, blob: Blob) -> Result<bool, Failure> {
    match blob {
        Blob::Video(id) => deps.db.names_video(id).await.or_retry(),
        Blob::Audio(id) => deps.db.names_audio(id).await.or_retry(),
    }
}
