//! Holds the blob store against the rows: what no row names and is old becomes garbage. A check, not a way of life:
//! whoever stops naming a blob names it as garbage in the same transaction. What is left for here comes from crashes of a
//! store, restored backups and the like.
//!
//! The walk goes page by page in the order of ids and notes how far it is, so that it may take days and go on after a
//! restart.

use std::time::{Duration, Instant, SystemTime};

use blobs::{Blob, Bucket, Stored};
use contracts::SweepBlobs;
use db::{Garbage, Task};
use runtime::{Context, Failure, OrFail as _};

use crate::Sweep;

/// How long one tick walks.
const BUDGET: Duration = Duration::from_secs(45);
/// How long the lease is: longer than a walk.
const LEASE: Duration = Duration::from_secs(120);
/// Blobs of one page: a directory is listed once for each.
const PAGE: usize = 2000;

/// What is walked over, in this order: whole blobs, then what interrupted writes have left.
const STAGES: [(&str, Bucket, bool); 4] = [
    ("videos", Bucket::Videos, false),
    ("audios", Bucket::Audios, false),
    ("video-partials", Bucket::Videos, true),
    ("audio-partials", Bucket::Audios, true),
];

pub(crate) async fn walk(cx: Context<Sweep>, _: SweepBlobs) -> Result<(), Failure> {
    let Some(progress) = cx.db.take_lease(Task::Blobs, cx.owner, LEASE).await.or_retry()? else {
        return Ok(());
    };
    let until = Instant::now() + BUDGET;
    let (mut stage, mut after) = place(&progress);
    while stage < STAGES.len() && Instant::now() < until && !cx.call.shutdown.is_cancelled() {
        match page(&cx, stage, after.as_deref()).await? {
            Some(last) => after = Some(last),
            None => (stage, after) = (stage + 1, None),
        }
    }
    let progress = STAGES
        .get(stage)
        .map_or(String::new(), |(name, ..)| format!("{name}/{}", after.as_deref().unwrap_or_default()));
    cx.db.release_lease(Task::Blobs, cx.owner, &progress).await.or_retry()
}

/// `STAGE/ID` as the last walk has left it; the beginning if it came to its end.
fn place(progress: &str) -> (usize, Option<String>) {
    let (name, id) = progress.split_once('/').unwrap_or_default();
    let stage = STAGES.iter().position(|(stage, ..)| *stage == name).unwrap_or(0);
    (stage, Some(id.to_owned()).filter(|id| !id.is_empty()))
}

/// Looks at one page; returns where it ends, `None` for the last one.
async fn page(cx: &Sweep, stage: usize, after: Option<&str>) -> Result<Option<String>, Failure> {
    let (_, bucket, partials) = STAGES[stage];
    let stored = if partials {
        cx.blobs.partials(bucket, after, PAGE).await.or_retry()?
    } else {
        cx.blobs.page(bucket, after, PAGE).await.or_retry()?
    };
    let age = Duration::from_secs(cx.config.orphan_seconds);
    let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    let old: Vec<Blob> =
        stored.iter().filter(|stored| stored.stored_at <= before).map(|stored| stored.blob).collect();
    for garbage in unnamed(cx, &old).await.or_retry()? {
        tracing::warn!(?garbage, "no row names it: it will be removed");
        cx.db.name_garbage(garbage).await.or_retry()?;
    }
    Ok(stored.last().map(|last: &Stored| last.blob.id()))
}

async fn unnamed(cx: &Sweep, blobs: &[Blob]) -> db::Result<Vec<Garbage>> {
    let (mut videos, mut audios) = (Vec::new(), Vec::new());
    for blob in blobs {
        match blob {
            Blob::Video(id) => videos.push(*id),
            Blob::Audio(id) => audios.push(*id),
        }
    }
    let known_videos = cx.db.jobs().known_videos(&videos).await?;
    let known_audios = cx.db.jobs().known_audios(&audios).await?;
    videos.retain(|id| !known_videos.contains(id));
    audios.retain(|id| !known_audios.contains(id));
    let videos = videos.into_iter().map(Garbage::Video);
    Ok(videos.chain(audios.into_iter().map(Garbage::Audio)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_goes_on_where_the_last_one_has_ended() {
        assert_eq!(place(""), (0, None));
        assert_eq!(place("audios/01h"), (1, Some("01h".into())));
        assert_eq!(place("video-partials/"), (2, None));
        assert_eq!(place("of an older version/01h"), (0, Some("01h".into())));
    }
}
