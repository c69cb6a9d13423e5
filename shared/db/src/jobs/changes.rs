//! What became of jobs: for whoever watches many of them.

use std::time::Duration;

use contracts::{JobId, Stage, State, Timestamp, UserId};
use sqlx::{Row as _, any::AnyRow};

use super::{
    Job, Jobs,
    read::{bound, placeholders, stage},
};
use crate::{
    Error, Result,
    pool::Tx,
    row::{parsed, time},
};

/// How long it is known that a job was deleted.
const KNOWN: Duration = Duration::from_secs(86_400);
/// Rows that are forgotten at once.
const AT_ONCE: i64 = 500;

/// That something has become of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The job.
    pub id: JobId,
    /// Whose it is.
    pub user_id: UserId,
    /// When: no other change of this job has the same time.
    pub at: Timestamp,
    /// Whether the job is gone; else its state has changed.
    pub deleted: bool,
}

/// A job at a glance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobSummary {
    /// The job.
    pub id: JobId,
    /// Where it is on its way.
    pub state: State,
    /// What is being done; none once it has ended.
    pub stage: Option<Stage>,
    /// 0 to 1.
    pub progress: f64,
    /// When the state last changed.
    pub changed_at: Timestamp,
}

impl Jobs<'_> {
    /// What became of the jobs of these users after `since`, in no order: of each job the last change. Deletions are
    /// known for a day.
    ///
    /// A change is seen a little after its time, when it is committed, and one of an earlier time may be seen later: ask
    /// with a time that lies back by more than a transaction takes (10 s).
    ///
    /// # Errors
    /// As the database fails.
    pub async fn changes(&self, users: &[UserId], since: Timestamp) -> Result<Vec<Change>> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let of_these = placeholders(users.len());
        // Both are read from an index alone.
        let changed = format!(
            "SELECT id, user_id, changed_at AS at_time FROM jobs WHERE user_id IN ({of_these}) AND changed_at > ?"
        );
        let deleted = format!(
            "SELECT id, user_id, deleted_at AS at_time FROM deleted_jobs WHERE user_id IN ({of_these}) AND deleted_at > ?"
        );
        let mut changes = Vec::new();
        for (sql, deleted) in [(changed, false), (deleted, true)] {
            let asked = bound(sqlx::AssertSqlSafe(sql), users).bind(since.millis());
            let rows = self.db.fetch_all(asked).await?;
            changes.extend(rows.iter().filter_map(|row| change(row, deleted)));
        }
        Ok(changes)
    }

    /// The latest changes of a user's jobs, newest first, at most `limit`; no deletions.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn latest_changes(&self, user: UserId, limit: u32) -> Result<Vec<Change>> {
        let latest = sqlx::query(
            "SELECT id, user_id, changed_at AS at_time FROM jobs WHERE user_id = ? ORDER BY changed_at DESC LIMIT ?",
        );
        let rows = self.db.fetch_all(latest.bind(user.to_string()).bind(i64::from(limit))).await?;
        Ok(rows.iter().filter_map(|row| change(row, false)).collect())
    }

    /// When something last became of a user's jobs, deletions included; none if nothing is known.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn last_change(&self, user: UserId) -> Result<Option<Timestamp>> {
        let mut last = None;
        for maximum in [
            "SELECT MAX(changed_at) AS at_time FROM jobs WHERE user_id = ?",
            "SELECT MAX(deleted_at) AS at_time FROM deleted_jobs WHERE user_id = ?",
        ] {
            let row = self.db.fetch_one(sqlx::query(maximum).bind(user.to_string())).await?;
            last = last.max(crate::row::time_or_null(&row, "at_time")?);
        }
        Ok(last)
    }

    /// These jobs at a glance; those that are gone or can't be read are left out.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn glances(&self, ids: &[JobId]) -> Result<Vec<JobSummary>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT id, state, stage, progress, changed_at FROM jobs WHERE id IN ({})",
            placeholders(ids.len())
        );
        let rows = self.db.fetch_all(bound(sqlx::AssertSqlSafe(sql), ids)).await?;
        Ok(rows.iter().filter_map(|row| job_summary(row).ok()).collect())
    }

    /// Forgets deletions that are older than a day, a few at a time.
    pub(super) async fn forget_deleted(&self) -> Result<()> {
        let old = sqlx::query("SELECT id FROM deleted_jobs WHERE deleted_at < ? ORDER BY deleted_at LIMIT ?");
        let before = self.db.now().await?.before(KNOWN).millis();
        let rows = self.db.fetch_all(old.bind(before).bind(AT_ONCE)).await?;
        let ids: Vec<String> = rows.iter().map(|row| Ok(row.try_get("id")?)).collect::<Result<_>>()?;
        if ids.is_empty() {
            return Ok(());
        }
        let sql = format!("DELETE FROM deleted_jobs WHERE id IN ({})", placeholders(ids.len()));
        self.db.execute(bound(sqlx::AssertSqlSafe(sql), &ids)).await.map(drop)
    }
}

/// Notes that the job is gone.
pub(super) async fn note_deleted(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<()> {
    let inserted = sqlx::query("INSERT INTO deleted_jobs (id, user_id, deleted_at) VALUES (?, ?, ?)")
        .bind(job.id.to_string())
        .bind(job.user_id.to_string())
        .bind(now.max(Timestamp::from_millis(job.changed_at.millis() + 1)).millis())
        .execute(&mut **tx)
        .await;
    match inserted.map_err(Error::from) {
        Ok(_) | Err(Error::Exists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `None` for one that can't be read.
fn change(row: &AnyRow, deleted: bool) -> Option<Change> {
    let (id, user_id) = (parsed(row, "id").ok()?, parsed(row, "user_id").ok()?);
    Some(Change { id, user_id, at: time(row, "at_time").ok()?, deleted })
}

fn job_summary(row: &AnyRow) -> Result<JobSummary> {
    let state = parsed(row, "state")?;
    Ok(JobSummary {
        id: parsed(row, "id")?,
        state,
        stage: stage(row, state)?,
        progress: row.try_get("progress")?,
        changed_at: time(row, "changed_at")?,
    })
}
