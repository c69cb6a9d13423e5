//! One request at a time writes an upload. One whose connection is dead may not know it yet, and then must not keep the
//! client that has reconnected waiting for a minute: the new request asks, and an idle writer releases the upload.

use std::{
    convert::Infallible,
    future::pending,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use axum::http::{HeaderValue, StatusCode, header};
use contracts::EventId;
use db::PartialUpload;
use runtime::{CancellationToken, Problem};
use tokio::time::{Instant, sleep};

use super::gone;
use crate::Upload;

/// How often the writer looks whether another request asks for the upload.
const LISTEN: Duration = Duration::from_secs(1);
/// How often the asking request looks for the answer.
const POLL: Duration = Duration::from_millis(200);

/// Makes `part` the writer; returns how far the upload is now. 423 if another writer makes progress.
pub(super) async fn take(
    deps: &Upload,
    upload: PartialUpload,
    part: EventId,
) -> Result<PartialUpload, Problem> {
    let uploads = deps.db.uploads();
    if !uploads.take(upload.id, part).await.map_err(Problem::of)? {
        settled(deps, upload.clone()).await?;
        if !uploads.take(upload.id, part).await.map_err(Problem::of)? {
            return Err(locked());
        }
    }
    uploads.get(upload.id).await.map_err(Problem::of)?.ok_or_else(gone)
}

/// Asks the writer, if there is one; returns how far the upload is when it has released the upload, has answered, or has
/// had its time to.
pub(super) async fn settled(deps: &Upload, upload: PartialUpload) -> Result<PartialUpload, Problem> {
    let (uploads, writing) = (deps.db.uploads(), upload.part);
    if writing.is_none() {
        return Ok(upload);
    }
    uploads.ask(upload.id).await.map_err(Problem::of)?;
    // A little longer than it has: then it may be taken over from.
    let until = Instant::now() + db::ANSWER + POLL;
    loop {
        let upload = uploads.get(upload.id).await.map_err(Problem::of)?.ok_or_else(gone)?;
        if upload.part != writing || upload.asked_at.is_none() || Instant::now() >= until {
            return Ok(upload);
        }
        sleep(POLL).await;
    }
}

pub(super) fn locked() -> Problem {
    let detail = "Another request is sending bytes of this upload. Try again when it has ended.";
    Problem::new(StatusCode::LOCKED, "locked", detail)
        .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// Whether the writer makes progress.
#[derive(Default)]
pub(super) struct WriterActivity {
    /// Bytes have come since the last look, or are being stored.
    moved: AtomicBool,
    storing: AtomicBool,
    /// The writer must stop.
    pub(super) stop: CancellationToken,
}

impl WriterActivity {
    pub(super) fn moved(&self) {
        self.moved.store(true, Relaxed);
    }

    /// What the store takes its time for is not the client's silence.
    pub(super) fn storing(&self, storing: bool) {
        self.storing.store(storing, Relaxed);
    }

    /// Answers requests that ask for the upload, until it is released; never returns.
    pub(super) async fn listen_for_ever(
        &self,
        deps: &Upload,
        upload: &PartialUpload,
        part: EventId,
    ) -> Infallible {
        self.listen(deps, upload, part).await;
        pending().await
    }

    async fn listen(&self, deps: &Upload, upload: &PartialUpload, part: EventId) {
        let uploads = deps.db.uploads();
        loop {
            sleep(LISTEN).await;
            let asked = match uploads.get(upload.id).await {
                Ok(Some(row)) if row.part == Some(part) => row.asked_at.is_some(),
                // Taken over, or the job is gone.
                Ok(_) => return self.stop.cancel(),
                Err(error) => {
                    tracing::warn!(upload = %upload.id, %error, "an upload could not be read");
                    continue;
                }
            };
            let alive = self.moved.swap(false, Relaxed) || self.storing.load(Relaxed);
            if asked && !alive {
                return self.stop.cancel();
            }
            if asked && let Err(error) = uploads.answer(upload.id, part).await {
                tracing::warn!(upload = %upload.id, %error, "liveness answer failed");
            }
        }
    }
}
