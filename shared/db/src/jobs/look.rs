//! Due jobs are recovered, expired or removed: each job whose `look_at` has come; all of it may run twice.
//!
//! | state | what has come | then |
//! |---|---|---|
//! | `uploading` | no heartbeat for an hour; in several parts: the end of the time that those are kept | the row goes, its video is garbage |
//! | `queued`, resting | the end of the rest | it waits again, with a ticket |
//! | `converting` | the end of the lease | it waits again, or fails after its last attempt |
//! | `done` | `expires_at` | `expired`, its audio is garbage |
//! | ended | the time that videos are kept | its video is garbage |
//! | ended, all removed | the time that jobs are kept | the row goes |

use std::time::Duration;

use contracts::{Envelope, EventId, JobId, State, Timestamp};

use sqlx::Row as _;

use super::{Job, Jobs, changes, end, labels, owner, read, upload::UPLOAD_DIES_AFTER};
use crate::{Error, Garbage, Result, garbage, pool::Tx, row::parsed, uploads};

/// A row that can't be read is looked at again after this time: a newer version may read it.
const UNREADABLE: Duration = Duration::from_secs(3600);

/// How long what has ended is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// A video after the end of its job, for a retry.
    pub videos: Duration,
    /// The row of a job after its end; not before its blobs are gone.
    pub jobs: Duration,
}

/// What a look at the jobs that are due has done.
#[derive(Clone, Debug, Default)]
pub struct LookOutcome {
    /// How many were due; fewer than asked for means that none is left.
    pub jobs: usize,
    /// Events to publish.
    pub events: Vec<Envelope>,
}

impl Jobs<'_> {
    /// Looks at the jobs that are due, the longest due first, at most `limit`.
    ///
    /// # Errors
    /// As the database fails; what was done before is done.
    pub async fn look(&self, keep: Retention, limit: u32) -> Result<LookOutcome> {
        let now = self.db.now().await?;
        let due = sqlx::query("SELECT id FROM jobs WHERE look_at <= ? ORDER BY look_at LIMIT ?");
        let rows = self.db.fetch_all(due.bind(now.millis()).bind(i64::from(limit))).await?;
        let mut looked = LookOutcome { jobs: rows.len(), events: Vec::new() };
        for row in &rows {
            let events = match parsed(row, "id") {
                Ok(id) => self.db.settle(Duration::ZERO, || self.look_at(id, keep)).await,
                Err(error) => Err(error),
            };
            match events {
                Ok(events) => looked.events.extend(events),
                Err(Error::Corrupt(problem)) => self.set_aside(row.try_get("id")?, &problem).await?,
                Err(error) => return Err(error),
            }
        }
        self.forget_deleted().await?;
        Ok(looked)
    }

    async fn look_at(&self, id: JobId, keep: Retention) -> Result<Vec<Envelope>> {
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let Some(job) = read::by_id(&mut tx, id).await? else { return Ok(Vec::new()) };
        let events = match job.state {
            State::Uploading => uploading(&mut tx, &job, now).await?,
            State::Queued => queued(&mut tx, &job, now).await?,
            State::Converting => converting(&mut tx, &job, now).await?,
            State::Done | State::Failed | State::Canceled | State::Expired => {
                ended(&mut tx, job, keep, now).await?;
                Vec::new()
            }
        };
        tx.commit().await?;
        Ok(events)
    }

    /// Puts off a job that can't be read, and takes it out of the queue, where it would be the first for ever. One that
    /// can be read in an hour, by a newer version, waits again then.
    pub(super) async fn set_aside(&self, id: &str, problem: &str) -> Result<()> {
        tracing::error!(job = id, problem, "a job can't be read; it is looked at again in an hour");
        let until = self.db.now().await?.after(UNREADABLE);
        let later = sqlx::query("UPDATE jobs SET look_at = ?, queue_rank = NULL WHERE id = ?");
        self.db.execute(later.bind(until.millis()).bind(id)).await.map(drop)
    }
}

async fn uploading(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<Vec<Envelope>> {
    let given_up_at = uploads::given_up_at(tx, job.id).await?;
    let dies = given_up_at.unwrap_or(job.updated_at.after(UPLOAD_DIES_AFTER));
    if dies > now {
        look_again(tx, job, Some(dies)).await?;
    } else if forget_upload(tx, job).await? {
        garbage::name(tx, Garbage::Video(job.video_id), now).await?;
        changes::note_deleted(tx, job, now).await?;
        labels::forget_all(tx, job).await?;
    }
    Ok(Vec::new())
}

/// Unless a heartbeat has come meanwhile.
async fn forget_upload(tx: &mut Tx, job: &Job) -> Result<bool> {
    let gone = sqlx::query("DELETE FROM jobs WHERE id = ? AND state = 'uploading' AND updated_at <= ?")
        .bind(job.id.to_string())
        .bind(job.updated_at.millis())
        .execute(&mut **tx)
        .await?;
    Ok(gone.rows_affected() == 1)
}

async fn queued(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<Vec<Envelope>> {
    if job.queue_rank.is_some() {
        look_again(tx, job, None).await?;
        return Ok(Vec::new());
    }
    Ok(vec![end::wait_again(tx, job.id, EventId::generate(), now).await?.envelope])
}

async fn converting(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<Vec<Envelope>> {
    match job.lease_until {
        Some(until) if until > now => {
            look_again(tx, job, Some(until)).await?;
            Ok(Vec::new())
        }
        _ => end::expire_lease(tx, job, now).await,
    }
}

/// Each step is bound to the state that it was decided on: a retry that comes between wins.
async fn ended(tx: &mut Tx, mut job: Job, keep: Retention, now: Timestamp) -> Result<()> {
    let finished = job.finished_at.unwrap_or(job.updated_at);
    let expires = job.expires_at.unwrap_or(now);
    if job.state == State::Done && expires <= now {
        if !expire(tx, &job, now).await? {
            return Ok(());
        }
        (job.state, job.updated_at) = (State::Expired, now);
    }
    if job.video_removed_at.is_none() && finished.after(keep.videos) <= now {
        if !remove_video(tx, &job, now).await? {
            return Ok(());
        }
        job.video_removed_at = Some(now);
    }
    if job.state != State::Done && job.video_removed_at.is_some() && finished.after(keep.jobs) <= now {
        owner::delete(tx, &job, "the job is past the time that it is kept", now).await?;
        return changes::note_deleted(tx, &job, now).await;
    }
    let video = (job.video_removed_at.is_none()).then(|| finished.after(keep.videos));
    let audio = (job.state == State::Done).then_some(expires);
    let row = finished.after(keep.jobs);
    let next = [video, audio].into_iter().flatten().min().unwrap_or(row);
    look_again(tx, &job, Some(next)).await
}

async fn expire(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<bool> {
    let done =
        sqlx::query("UPDATE jobs SET state = 'expired', updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END WHERE id = ? AND state = 'done'")
            .bind(now.millis())
            .bind(now.millis())
            .bind(now.millis())
            .bind(job.id.to_string())
            .execute(&mut **tx)
            .await?;
    if let (1, Some(audio)) = (done.rows_affected(), job.attempt_audio) {
        garbage::name(tx, Garbage::Audio(audio), now).await?;
    }
    Ok(done.rows_affected() == 1)
}

async fn remove_video(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE jobs SET video_removed_at = ? WHERE id = ? AND state IN ('done', 'failed', 'canceled', 'expired') AND end_no = ? AND video_removed_at IS NULL",
    )
    .bind(now.millis())
    .bind(job.id.to_string())
    .bind(i64::from(job.end_no))
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 1 {
        garbage::name(tx, Garbage::Video(job.video_id), now).await?;
    }
    Ok(done.rows_affected() == 1)
}

/// Sets when to look again, unless a transition has set it meanwhile. (Not told by `look_at` itself: with an index beside
/// the primary key to choose from, MySQL locks ranges of it.)
async fn look_again(tx: &mut Tx, job: &Job, at: Option<Timestamp>) -> Result<()> {
    sqlx::query("UPDATE jobs SET look_at = ? WHERE id = ? AND state = ? AND updated_at <= ?")
        .bind(at.map(Timestamp::millis))
        .bind(job.id.to_string())
        .bind(job.state.as_str())
        .bind(job.updated_at.millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
