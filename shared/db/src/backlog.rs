//! What waits, for whoever watches the platform.

use std::time::Duration;

use contracts::{JobId, Outcome, State, Timestamp};
use sqlx::Row as _;

use crate::{
    Db, Result,
    row::{count_or_null, parsed, time},
};

/// What waits now. Asked from indexes alone, by ranges that hold only what waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that wait for a converter.
    pub waiting: u64,
    /// How long the job that is next has waited; zero if none waits. While conversions go on it stays short: only without
    /// converters it grows like the clock.
    pub next_waits: Duration,
    /// For each kind of row that says when it needs somebody (`jobs`, `outbox`, `garbage`, `guests`, `mail`, `webhook`,
    /// `destination`): how long ago the earliest was due; zero if none is due.
    pub overdue: Vec<(&'static str, Duration)>,
    /// Deliveries that were given up, and that nobody has dropped or repeated yet.
    pub dead_deliveries: u64,
}

impl Db {
    /// What waits now.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn backlog(&self) -> Result<Backlog> {
        let now = self.now().await?;
        let waiting = sqlx::query("SELECT COUNT(*) AS n FROM jobs WHERE queue_rank IS NOT NULL");
        let next = sqlx::query(
            "SELECT updated_at FROM jobs WHERE queue_rank IS NOT NULL ORDER BY queue_rank, id LIMIT 1",
        );
        let next = self.fetch_optional(next).await?;
        let next = next.map(|row| time(&row, "updated_at")).transpose()?;
        let dead = sqlx::query("SELECT COUNT(*) AS n FROM deliveries WHERE outcome = ?");
        let earliest = self.earliest().await?.into_iter();
        Ok(Backlog {
            waiting: count(&self.fetch_one(waiting).await?)?,
            next_waits: since(next, now),
            overdue: earliest.map(|(kind, due)| (kind, since(due, now))).collect(),
            dead_deliveries: count(&self.fetch_one(dead.bind(Outcome::Dead.as_str())).await?)?,
        })
    }
}

/// Longer than a converter has its job without a heartbeat. A job that is converted is looked at by then, so that it is
/// found among the few that are due so soon.
const LONGEST_LEASE: Duration = Duration::from_secs(3600);

impl Db {
    /// How many jobs wait for a converter or have one.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn unfinished_jobs(&self) -> Result<u64> {
        let waiting = sqlx::query("SELECT COUNT(*) AS n FROM jobs WHERE queue_rank IS NOT NULL");
        let converting =
            sqlx::query("SELECT COUNT(*) AS n FROM jobs WHERE look_at <= ? AND state = 'converting'");
        let soon = self.now().await?.after(LONGEST_LEASE).millis();
        Ok(count(&self.fetch_one(waiting).await?)? + count(&self.fetch_one(converting.bind(soon)).await?)?)
    }

    /// Whether any does: the first row of an index, or none.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn has_unfinished_jobs(&self) -> Result<bool> {
        let waiting = sqlx::query("SELECT 1 AS one FROM jobs WHERE queue_rank IS NOT NULL LIMIT 1");
        if self.fetch_optional(waiting).await?.is_some() {
            return Ok(true);
        }
        let converting = sqlx::query(
            "SELECT 1 AS one FROM jobs WHERE look_at <= ? AND state = 'converting' ORDER BY look_at LIMIT 1",
        );
        let soon = self.now().await?.after(LONGEST_LEASE).millis();
        Ok(self.fetch_optional(converting.bind(soon)).await?.is_some())
    }
}

/// What became of the jobs that were uploaded since a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOutcomes {
    /// How many are in each state; states without any are left out.
    pub states: Vec<(State, u64)>,
    /// Bytes of their videos.
    pub video_bytes: u64,
    /// Bytes of their audios.
    pub audio_bytes: u64,
}

impl Db {
    /// What became of the jobs that were uploaded since `since`: a range of the primary key.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn course(&self, since: Timestamp) -> Result<JobOutcomes> {
        let sums = sqlx::query(
            "SELECT state, COUNT(*) AS n, CAST(SUM(source_bytes) AS SIGNED) AS video_bytes, CAST(SUM(audio_bytes) AS SIGNED) AS audio_bytes \
             FROM jobs WHERE id > ? GROUP BY state",
        );
        let mut course = JobOutcomes::default();
        for row in &self.fetch_all(sums.bind(JobId::first_of(since).to_string())).await? {
            // One that a newer version knows is none of ours to tell.
            let Ok(state) = parsed(row, "state") else { continue };
            course.states.push((state, count(row)?));
            course.video_bytes += count_or_null(row, "video_bytes")?.unwrap_or(0);
            course.audio_bytes += count_or_null(row, "audio_bytes")?.unwrap_or(0);
        }
        Ok(course)
    }
}

fn count(row: &sqlx::any::AnyRow) -> Result<u64> {
    Ok(u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or_default())
}

fn since(then: Option<Timestamp>, now: Timestamp) -> Duration {
    let millis = then.map_or(0, |then| now.millis().saturating_sub(then.millis()));
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
