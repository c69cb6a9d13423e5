//! The handler.

use std::time::Instant;

use contracts::{AudioReady, ConversionFailed, Cost, Ended, Envelope, Recorded, Timestamp, VideoUploaded};
use db::{Claimed, Release, Released};
use runtime::{Context, Failure, OrFail as _, Reply, SpanKind, Traced};

use crate::{
    Convert, allowance, cache, lease,
    outcome::Outcome,
    run::{self, Progress},
};

/// What became of the job.
pub(crate) enum Converted {
    Ready(Ended<AudioReady>),
    Failed(Ended<ConversionFailed>),
    /// Requeued, with a ticket for the next converter.
    Again(Recorded<VideoUploaded>),
    /// No job waits, or the job was taken away, or it rests for a while.
    Nothing,
}

impl Reply for Converted {
    fn into_envelopes(self) -> Vec<Envelope> {
        match self {
            Self::Ready(ended) => ended.into_envelopes(),
            Self::Failed(ended) => ended.into_envelopes(),
            Self::Again(ticket) => ticket.into_envelopes(),
            Self::Nothing => Vec::new(),
        }
    }
}

/// The event is a ticket: it says that some job waits, and the fairest one is taken.
pub(crate) async fn convert(cx: Context<Convert>, _: VideoUploaded) -> Result<Converted, Failure> {
    let Some(mut claimed) = claim(&cx).await? else { return Ok(Converted::Nothing) };
    let mut traced = traced(&cx, &claimed);
    let cx = for_job(cx, &traced);
    let (progress, begun, begun_at) = (Progress::default(), Instant::now(), Timestamp::now());
    let left = allowance::left(&cx, &claimed).await;
    let outcome = tokio::select! {
        outcome = make(&cx, &claimed, &progress) => outcome,
        outcome = lease::ends(&cx, &claimed.lease, &progress) => outcome,
        outcome = allowance::exceeded(left, &progress) => outcome,
        () = cx.call.shutdown.cancelled() => Outcome::Shutdown,
    };
    claimed.cost = claimed.cost + Cost { ran_seconds: begun.elapsed().as_secs_f64(), ..progress.cost() };
    outcome.measure(&claimed.cost);
    progress.trace(traced.trace(), begun_at);
    if !matches!(outcome, Outcome::Done(_)) {
        traced.failed("");
    }
    drop(traced);
    // The lease is extended while the outcome is saved; `settle` finds out if it was lost.
    tokio::select! {
        settled = settle(&cx, &claimed, outcome) => settled,
        () = lease::extend(&cx, &claimed.lease, &progress) => Ok(Converted::Nothing),
    }
}

/// Jobs of locked accounts are canceled instead.
async fn claim(cx: &Convert) -> Result<Option<Claimed>, Failure> {
    while let Some(claimed) = cx.db.jobs().claim_next(cx.config.lease()).await.or_retry()? {
        let owner = cx.db.user(claimed.job.user_id).await.or_retry()?;
        if owner.is_none_or(|owner| owner.disabled_at.is_none()) {
            return Ok(Some(claimed));
        }
        tracing::info!(job = %claimed.job.id, "canceled: the account is locked");
        cx.db.jobs().cancel(claimed.job.id).await.or_retry()?;
    }
    Ok(None)
}

/// An attempt belongs to the trace of its job, which may be another than the ticket's.
fn traced(cx: &Context<Convert>, claimed: &Claimed) -> Traced {
    let cause = cx.call.trace.within(&claimed.job.trace);
    let mut traced = Traced::begin(SpanKind::Internal, "convert", "", cause);
    traced.set("tapedeck.job.id", claimed.job.id.to_string());
    traced.set("tapedeck.job.attempt", i64::from(claimed.job.attempts));
    traced
}

/// What is said of the job belongs to its trace.
fn for_job(cx: Context<Convert>, traced: &Traced) -> Context<Convert> {
    let db = cx.db.caused_by(traced.trace());
    Context::new(Convert { db, ..(*cx).clone() }, cx.call)
}

/// By an earlier result if there is one, else by the engine.
async fn make(cx: &Convert, claimed: &Claimed, progress: &Progress) -> Outcome {
    if !claimed.job.understood {
        return Outcome::Outage("unknown options: a newer version must convert it".into());
    }
    match cache::reuse(cx, claimed, progress).await {
        Some(outcome) => outcome,
        None => run::run(cx, claimed, progress).await,
    }
}

/// Writes the end of the attempt. The database is waited for (20 seconds in `db`); after that the job is found by its
/// expired lease.
async fn settle(cx: &Convert, claimed: &Claimed, outcome: Outcome) -> Result<Converted, Failure> {
    let lease = &claimed.lease;
    let release = match outcome {
        Outcome::Done(finished) => {
            let ended = cx.db.jobs().finish(claimed, &finished, cache::ENGINE).await.or_reject()?;
            return Ok(ended.map_or(Converted::Nothing, Converted::Ready));
        }
        Outcome::Failed(code, detail) => {
            let ended = cx.db.jobs().fail(claimed, code, &detail).await.or_reject()?;
            return Ok(ended.map_or(Converted::Nothing, Converted::Failed));
        }
        Outcome::LeaseLost => {
            tracing::info!(job = %lease.job_id, "the lease was lost");
            return Ok(Converted::Nothing);
        }
        Outcome::Crashed(cause) => {
            tracing::error!(job = %lease.job_id, attempt = claimed.job.attempts, cause, "an attempt crashed");
            Release::Crashed
        }
        Outcome::Outage(cause) => {
            tracing::warn!(job = %lease.job_id, outages = claimed.job.outages + 1, cause, "delayed");
            Release::Outage
        }
        Outcome::Shutdown => Release::Shutdown,
    };
    let released = cx.db.jobs().release(claimed, release).await.or_reject()?;
    Ok(match released {
        Some(Released::Waiting(ticket)) => Converted::Again(ticket),
        Some(Released::Failed(ended)) => Converted::Failed(ended),
        Some(Released::Resting(_)) | None => Converted::Nothing,
    })
}
