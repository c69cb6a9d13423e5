//! `queued -> converting`, and the heartbeat of a converter.

use std::time::Duration;

use contracts::{AudioId, Cost, EventId, JobId, Stage, State, Timestamp};

use super::{
    Job, Jobs,
    queue::{self, Waiting},
    read,
};
use crate::{Error, Result, pool::RETRY_TIME, row::parse};

/// How often a converter looks again when others had all jobs that it saw.
const ROUNDS: u32 = 20;
/// How many of the next jobs a converter tries to get before it looks again.
const CANDIDATES: u8 = 20;

/// A converter's right to a job, until it expires. All that a converter writes is bound to it.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The job.
    pub job_id: JobId,
    /// Unique to this attempt.
    pub owner: EventId,
    /// Where this attempt's audio goes.
    pub audio_id: AudioId,
}

/// A job that the caller may convert now.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The job, as of now.
    pub job: Job,
    /// The right to it.
    pub lease: Lease,
    /// What this attempt has taken: its wait, and what its converter adds before it says how the attempt has ended.
    pub cost: Cost,
}

impl Jobs<'_> {
    /// `queued -> converting`: takes the fairest waiting job for the time of `span`. `None` if none waits.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn claim_next(&self, span: Duration) -> Result<Option<Claimed>> {
        for _ in 0..ROUNDS {
            let waiting = self.next(i64::from(CANDIDATES)).await?;
            for (place, Waiting { id, since, .. }) in waiting.iter().enumerate() {
                let next = waiting.get(place + 1).map(|next| next.rank);
                match self.claim((id, *since), next, span).await {
                    Ok(None) => {}
                    Err(Error::Corrupt(problem)) => self.set_aside(id, &problem).await?,
                    ended => return ended,
                }
            }
            if waiting.is_empty() {
                return Ok(None);
            }
            // Others were faster each time. More may wait by now: whoever took those jobs may have had their tickets.
        }
        Ok(None)
    }

    /// The job with this id, which has waited since then, unless somebody else is faster. `next` is the rank of the job that
    /// waits after it.
    async fn claim(
        &self,
        (id, since): (&str, Timestamp),
        next: Option<i64>,
        span: Duration,
    ) -> Result<Option<Claimed>> {
        let job_id = parse("id", id)?;
        let lease = Lease { job_id, owner: EventId::generate(), audio_id: AudioId::generate() };
        let job = self.db.settle(RETRY_TIME, || self.try_to_claim(&lease, next, span)).await?;
        Ok(job.map(|job| {
            let waited_seconds = (job.changed_at.millis() - since.millis()).max(0) as f64 / 1000.0;
            Claimed { job, lease, cost: Cost { attempts: 1, waited_seconds, ..Cost::default() } }
        }))
    }

    async fn try_to_claim(&self, lease: &Lease, next: Option<i64>, span: Duration) -> Result<Option<Job>> {
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let Some(job) = read::by_id(&mut tx, lease.job_id).await? else { return Ok(None) };
        if job.state == State::Converting && job.lease_owner == Some(lease.owner) {
            // An earlier try went through and its answer was lost.
            return Ok(Some(job));
        }
        let Some(rank) = job.queue_rank else { return Ok(None) };
        let until = now.after(span).millis();
        let done = sqlx::query(
            "UPDATE jobs SET state = 'converting', attempts = attempts + 1, lease_owner = ?, lease_until = ?, look_at = ?, audio_id = ?, progress = 0, stage = NULL, queue_rank = NULL, updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END \
             WHERE id = ? AND state = 'queued' AND updated_at = ?",
        )
        .bind(lease.owner.to_string())
        .bind(until)
        .bind(until)
        .bind(lease.audio_id.to_string())
        .bind(now.millis())
        .bind(now.millis())
        .bind(now.millis())
        .bind(lease.job_id.to_string())
        .bind(job.updated_at.millis())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        queue::advance(&mut tx, rank, next, now).await?;
        let job = read::by_id(&mut tx, lease.job_id).await?;
        tx.commit().await?;
        Ok(job)
    }

    /// The heartbeat of a converter: extends its lease and notes its progress (0 to 1) and what it does. False if the
    /// lease is lost: somebody canceled or deleted the job, or another converter has it.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn extend_lease(
        &self,
        lease: &Lease,
        span: Duration,
        progress: f64,
        stage: Stage,
    ) -> Result<bool> {
        let now = self.db.now().await?;
        let until = now.after(span).millis();
        let extend = sqlx::query(
            "UPDATE jobs SET lease_until = ?, look_at = ?, progress = ?, stage = ?, updated_at = ? WHERE id = ? AND state = 'converting' AND lease_owner = ?",
        )
        .bind(until)
        .bind(until)
        .bind(progress.clamp(0.0, 1.0))
        .bind(stage.as_str())
        .bind(now.millis())
        .bind(lease.job_id.to_string())
        .bind(lease.owner.to_string());
        Ok(self.db.execute(extend).await? == 1)
    }
}
