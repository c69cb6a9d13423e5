//! Holds the blob store against the rows: what no row names and is old becomes garbage. A check, not a way of life:
//! whoever stops naming a blob names it as garbage in the same transaction. What is left for here comes from crashes of a
//! store, restored backups and the like.
//!
//! The walk goes page by page in the order of ids and notes how far it is, so that it may take days and go on after a
//! restart.

use std::time::{Duration, Instant, SystemTime};

use blobs::{Blob, Bucket};
use contracts::{EventId, SweepBlobs};
use db::{Garbage, Task};
use runtime::{Context, Failure, OrFail as _};

use crate::{BUDGET, LEASE, Sweep};

/// Blobs of one page: a directory is listed once for each.
const PAGE: usize = 10_000;
/// Blobs that one query asks for.
const ASKED: usize = 1000;

/// A part of the blob store.
struct Stage {
    name: &'static str,
    bucket: Bucket,
    /// What interrupted writes have left, not whole blobs.
    partials: bool,
}

/// What is walked over, in this order.
const STAGES: [Stage; 6] = [
    Stage { name: "videos", bucket: Bucket::Videos, partials: false },
    Stage { name: "audios", bucket: Bucket::Audios, partials: false },
    Stage { name: "video-partials", bucket: Bucket::Videos, partials: true },
    Stage { name: "audio-partials", bucket: Bucket::Audios, partials: true },
    Stage { name: "peaks", bucket: Bucket::Peaks, partials: false },
    Stage { name: "peaks-partials", bucket: Bucket::Peaks, partials: true },
];

/// How far the walk is.
#[derive(Debug, PartialEq)]
struct WalkPosition {
    /// Of [`STAGES`]; their number at the end.
    stage: usize,
    /// The id that was looked at last.
    after: Option<String>,
}

impl WalkPosition {
    /// From `STAGE/ID`, as the last walk has noted it. The beginning if it came to its end.
    fn noted(progress: &str) -> Self {
        let (name, id) = progress.split_once('/').unwrap_or_default();
        match STAGES.iter().position(|stage| stage.name == name) {
            Some(stage) => Self { stage, after: Some(id.to_owned()).filter(|id| !id.is_empty()) },
            None => Self { stage: 0, after: None },
        }
    }

    fn note(&self) -> String {
        let note = |stage: &Stage| format!("{}/{}", stage.name, self.after.as_deref().unwrap_or_default());
        STAGES.get(self.stage).map_or_else(String::new, note)
    }
}

pub(crate) async fn walk(cx: Context<Sweep>, _: SweepBlobs) -> Result<(), Failure> {
    let owner = EventId::generate();
    let Some(progress) = cx.db.take_lease(Task::Blobs, owner, LEASE).await.or_retry()? else {
        return Ok(());
    };
    let mut place = WalkPosition::noted(&progress);
    let walked = go_on(&cx, &mut place).await;
    // After an error too: the next walk goes on with the page that failed.
    let released = cx.db.release_lease(Task::Blobs, owner, &place.note()).await.or_retry();
    walked.and(released)
}

/// Walks to the end, or until the time is up.
async fn go_on(cx: &Context<Sweep>, place: &mut WalkPosition) -> Result<(), Failure> {
    let until = Instant::now() + BUDGET;
    while let Some(stage) = STAGES.get(place.stage) {
        if Instant::now() >= until || cx.call.shutdown.is_cancelled() {
            break;
        }
        *place = match page(cx, stage, place.after.as_deref()).await? {
            Some(last) => WalkPosition { stage: place.stage, after: Some(last) },
            None => WalkPosition { stage: place.stage + 1, after: None },
        };
    }
    Ok(())
}

/// Looks at one page; returns the id at which it ends, `None` if nothing is left.
async fn page(cx: &Sweep, stage: &Stage, after: Option<&str>) -> Result<Option<String>, Failure> {
    let stored = if stage.partials {
        cx.blobs.partials(stage.bucket, after, PAGE).await.or_retry()?
    } else {
        cx.blobs.page(stage.bucket, after, PAGE).await.or_retry()?
    };
    let age = Duration::from_secs(cx.config.orphan_seconds);
    let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    let old: Vec<Blob> =
        stored.iter().filter(|stored| stored.stored_at <= before).map(|stored| stored.blob).collect();
    for some in old.chunks(ASKED) {
        for orphan in orphans(cx, some).await.or_retry()? {
            tracing::warn!(?orphan, "orphan found: it will be removed");
            cx.db.name_garbage(orphan).await.or_retry()?;
        }
    }
    Ok(stored.last().map(|last| last.blob.id()))
}

/// Those that no row names.
async fn orphans(cx: &Sweep, blobs: &[Blob]) -> db::Result<Vec<Garbage>> {
    let (mut videos, mut audios) = (Vec::new(), Vec::new());
    for blob in blobs {
        match blob {
            Blob::Video(id) => videos.push(*id),
            // The waveform is named by the audio's id.
            Blob::Audio(id) | Blob::Peaks(id) => audios.push(*id),
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
        let place = |stage, after: Option<&str>| WalkPosition { stage, after: after.map(str::to_owned) };
        for (note, stage, after) in
            [("", 0, None), ("audios/01h", 1, Some("01h")), ("video-partials/", 2, None)]
        {
            assert_eq!(WalkPosition::noted(note), place(stage, after));
        }
        assert_eq!(WalkPosition::noted("of an older version/01h"), place(0, None));
        assert_eq!(place(1, Some("01h")).note(), "audios/01h");
        assert_eq!(place(2, None).note(), "video-partials/");
        assert_eq!(place(6, None).note(), "");
    }
}
