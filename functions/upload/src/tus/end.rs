//! All has come.

use blobs::Blob;
use contracts::{JobId, State};
use db::{PartialUpload, Source};
use runtime::Problem;

use super::{digest::Digest, gone, metadata};
use crate::{Upload, refusal::Refusal, sniff};

/// The upload as it is afterwards: a job, if all of it has come. May be done again by whoever asks, so that an answer that
/// was lost, or a process that died, costs nothing.
pub(super) async fn if_complete(deps: &Upload, upload: PartialUpload) -> Result<PartialUpload, Problem> {
    if upload.state != State::Uploading || upload.length != Some(upload.received) {
        return Ok(upload);
    }
    match complete(deps, &upload).await {
        Ok(()) => deps.db.uploads().get(upload.id).await.map_err(Problem::of)?.ok_or_else(gone),
        Err(Refusal::UnknownContainer) => {
            abandon(deps, upload.id).await.map_err(Problem::of)?;
            Err(Refusal::UnknownContainer.into())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn complete(deps: &Upload, upload: &PartialUpload) -> Result<(), Refusal> {
    let video = Blob::Video(upload.video_id);
    deps.blobs.complete(video, upload.received).await?;
    let container = container(deps, video).await?;
    let digest = Digest::restored(&upload.digest);
    // They were read when the upload began.
    let (name, options) = metadata::read(&upload.metadata)
        .map_err(|_| db::Error::Corrupt(format!("the metadata of upload {}", upload.id)))?;
    let source = Source {
        name,
        bytes: upload.received,
        container: container.into(),
        digest: digest.map(Digest::finish),
        ..Source::default()
    };
    // `None`: another request was faster, or the job is gone. The caller looks.
    let Some(recorded) = deps.db.jobs().queue(upload.id, &source, &options).await? else { return Ok(()) };
    deps.broker.publish(&recorded.envelope).await;
    tracing::info!(job = %upload.id, bytes = upload.received, container, "accepted");
    Ok(())
}

async fn container(deps: &Upload, video: Blob) -> Result<&'static str, Refusal> {
    let reader = deps.blobs.open_blob(video).await?.ok_or(Refusal::Gone)?;
    let head = reader.read_at(0, sniff::ENOUGH).await?;
    sniff::container(&head).ok_or(Refusal::UnknownContainer)
}

/// Abandons an upload. Its bytes are removed; the job of one that has ended stays.
pub(super) async fn abandon(deps: &Upload, id: JobId) -> db::Result<()> {
    deps.db.jobs().abandon_upload(id).await?;
    deps.db.uploads().remove(id).await
}
