//! Tells the blob store what became of a job, for people who look into it. The job's row is what counts, so a store that
//! does not take it is only noted.

use blobs::{Blob, Description};
use contracts::State;
use db::{Claimed, Finished};

use crate::Convert;

pub(crate) async fn done(deps: &Convert, claimed: &Claimed, finished: &Finished) {
    let common =
        Description { job: Some(claimed.lease.job_id), status: Some(State::Done), ..Default::default() };
    let video = Description {
        codecs: finished.source_codec.iter().cloned().collect(),
        duration: finished.source_duration,
        ..common.clone()
    };
    let audio = Description {
        codecs: vec![finished.audio.codec.clone()],
        duration: Some(finished.audio.duration),
        ..common
    };
    note(deps, Blob::Video(claimed.job.video_id), &video).await;
    note(deps, Blob::Audio(finished.audio.id), &audio).await;
}

pub(crate) async fn failed(deps: &Convert, claimed: &Claimed) {
    let video = Description { status: Some(State::Failed), ..Default::default() };
    note(deps, Blob::Video(claimed.job.video_id), &video).await;
}

async fn note(deps: &Convert, blob: Blob, description: &Description) {
    if let Err(error) = deps.blobs.describe(blob, description).await {
        tracing::warn!(%error, "what became of a blob is not noted beside it");
    }
}
