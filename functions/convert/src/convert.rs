//! The handler.

use contracts::{AudioReady, ConversionFailed, Envelope, FailureCode, Recorded, VideoUploaded};
use db::{Claimed, Lease, MAX_ATTEMPTS};
use runtime::{Failure, OrFail as _, Reply};

use crate::{
    Convert, cache, lease,
    outcome::Outcome,
    run::{self, Progress},
};

/// What became of the job.
pub(crate) enum Converted {
    Ready(Recorded<AudioReady>),
    Failed(Recorded<ConversionFailed>),
    /// Somebody else has the job, or nobody wants it any more.
    Nothing,
}

impl Reply for Converted {
    fn into_envelopes(self) -> Vec<Envelope> {
        match self {
            Self::Ready(recorded) => recorded.into_envelopes(),
            Self::Failed(recorded) => recorded.into_envelopes(),
            Self::Nothing => Vec::new(),
        }
    }
}

pub(crate) async fn convert(deps: Convert, event: VideoUploaded) -> Result<Converted, Failure> {
    let Some(claimed) = deps.db.claim_job(event.job_id, deps.config.lease()).await.or_retry()? else {
        return Ok(Converted::Nothing);
    };
    let progress = Progress::default();
    let outcome = tokio::select! {
        outcome = make(&deps, &claimed, &progress) => outcome,
        () = lease::lost(&deps, &claimed.lease, &progress) => Outcome::LeaseLost,
    };
    settle(&deps, &claimed, outcome).await
}

/// By an earlier result if there is one, else by the engine.
async fn make(deps: &Convert, claimed: &Claimed, progress: &Progress) -> Outcome {
    match cache::reuse(deps, claimed).await {
        Some(outcome) => outcome,
        None => run::run(deps, claimed, progress).await,
    }
}

async fn settle(deps: &Convert, claimed: &Claimed, outcome: Outcome) -> Result<Converted, Failure> {
    let lease = &claimed.lease;
    match outcome {
        Outcome::Done(finished) => {
            let recorded = deps.db.finish_job(lease, &finished, cache::ENGINE).await.or_retry()?;
            // The lease went in the last moment: the audio is nobody's.
            let Some(recorded) = recorded else { return lost(deps, lease).await };
            Ok(Converted::Ready(recorded))
        }
        Outcome::Failed(code, detail) => fail(deps, claimed, code, &detail).await,
        Outcome::Crashed(cause) if claimed.job.attempts >= MAX_ATTEMPTS => {
            tracing::error!(job = %lease.job_id, cause, "gave up after the last attempt");
            fail(deps, claimed, FailureCode::Internal, "").await
        }
        Outcome::Crashed(cause) => give_back(deps, lease, true, cause).await,
        // An outage is not the job's fault: it doesn't use up an attempt.
        Outcome::StoreAway(cause) => give_back(deps, lease, false, cause).await,
        Outcome::LeaseLost => lost(deps, lease).await,
    }
}

async fn fail(
    deps: &Convert,
    claimed: &Claimed,
    code: FailureCode,
    detail: &str,
) -> Result<Converted, Failure> {
    let recorded = deps.db.fail_job(&claimed.lease, code, detail).await.or_retry()?;
    let Some(recorded) = recorded else { return Ok(Converted::Nothing) };
    Ok(Converted::Failed(recorded))
}

async fn give_back(deps: &Convert, lease: &Lease, counts: bool, cause: String) -> Result<Converted, Failure> {
    deps.db.release_job(lease, counts).await.or_retry()?;
    Err(Failure::Retry(cause))
}

async fn lost(deps: &Convert, lease: &Lease) -> Result<Converted, Failure> {
    tracing::info!(job = %lease.job_id, "the job was taken away");
    if let Err(error) = deps.blobs.delete(blobs::Blob::Audio(lease.audio_id)).await {
        tracing::warn!(%error, "audio of a lost lease is left to the sweep");
    }
    Ok(Converted::Nothing)
}
