//! What is past its time: audio, videos, tokens.

use blobs::Blob;
use contracts::{SweepRetention, Timestamp};
use runtime::{Failure, OrFail as _};

use crate::{Sweep, seconds};

/// The rows change first: a blob whose removal fails is named by no row any more, and the orphans' sweep gets it.
pub(crate) async fn retention(deps: Sweep, _: SweepRetention) -> Result<(), Failure> {
    let now = Timestamp::now();
    let audios = deps.db.expire_jobs(now).await.or_retry()?;
    let before = now.before(seconds(deps.config.keep_videos_seconds));
    let videos = deps.db.videos_to_remove(before).await.or_retry()?;
    let blobs = audios.into_iter().map(Blob::Audio).chain(videos.into_iter().map(Blob::Video));
    for blob in blobs {
        deps.blobs.delete(blob).await.or_retry()?;
    }
    deps.db.forget_expired_tokens(now).await.or_retry()?;
    Ok(())
}
