//! Classes of accounts: what theirs may use, and what they have used.

use std::time::Duration;

use contracts::{JobId, Timestamp, UserId};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Error, Quota, Result, limits,
    pool::Tx,
    row::{count_or_null, stored},
};

/// The class of everybody of whom nothing else is said, and whose limits apply where a class has no row.
pub const STANDARD: &str = "standard";
/// The class of those who have no account of their own.
pub const GUEST: &str = "guest";

/// What the accounts of a class may use. `None`: as much as the installation allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// A word.
    pub name: String,
    /// Bytes of a video.
    pub bytes_per_file: Option<u64>,
    /// Minutes of video that are converted in 24 hours, by a bucket that fills evenly.
    pub minutes_a_day: Option<u64>,
    /// Jobs that arrive, wait or are converted.
    pub jobs_at_once: Option<u64>,
    /// Days that audio is kept.
    pub keep_days: Option<u64>,
}

impl Class {
    /// In milliseconds of video.
    fn video_a_day(&self) -> Option<Quota> {
        self.minutes_a_day.map(|minutes| Quota::a_day(minutes.saturating_mul(60_000)))
    }
}

/// What an account may use and has used.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// Its class.
    pub class: Class,
    /// Jobs that arrive, wait or are converted now.
    pub jobs: u64,
    /// How much video was converted in the last 24 hours, as far as that is limited.
    pub video: Duration,
}

impl Allowance {
    /// How much video may be converted now; `None`: any length.
    #[must_use]
    pub fn video_left(&self) -> Option<Duration> {
        let minutes = self.class.minutes_a_day?;
        Some(Duration::from_secs(minutes.saturating_mul(60)).saturating_sub(self.video))
    }

    /// How long it takes until a minute may be converted again.
    #[must_use]
    pub fn video_wait(&self) -> Duration {
        let Some(minutes) = self.class.minutes_a_day.filter(|minutes| *minutes > 0) else {
            return Duration::from_secs(86_400);
        };
        let day = Duration::from_secs(minutes.saturating_mul(60));
        let owed = self.video.saturating_sub(day) + Duration::from_secs(60);
        owed.mul_f64(1440.0 / minutes as f64)
    }
}

impl Db {
    /// All classes, by name.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn classes(&self) -> Result<Vec<Class>> {
        let rows = self.fetch_all(sqlx::query("SELECT * FROM classes ORDER BY name")).await?;
        rows.iter().map(read).collect()
    }

    /// Makes a class, or changes what its accounts may use.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn set_class(&self, class: &Class) -> Result<()> {
        let bind = |count: Option<u64>| count.map(stored);
        let update = sqlx::query(
            "UPDATE classes SET bytes_per_file = ?, minutes_a_day = ?, jobs_at_once = ?, keep_days = ? WHERE name = ?",
        )
        .bind(bind(class.bytes_per_file))
        .bind(bind(class.minutes_a_day))
        .bind(bind(class.jobs_at_once))
        .bind(bind(class.keep_days))
        .bind(&class.name);
        if self.execute(update).await? == 1 {
            return Ok(());
        }
        let insert = sqlx::query(
            "INSERT INTO classes (name, bytes_per_file, minutes_a_day, jobs_at_once, keep_days) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&class.name)
        .bind(bind(class.bytes_per_file))
        .bind(bind(class.minutes_a_day))
        .bind(bind(class.jobs_at_once))
        .bind(bind(class.keep_days));
        match self.execute(insert).await {
            // Somebody was quicker, or it was there and says the same.
            Ok(_) | Err(Error::Exists) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the user may use and has used; `None` if there is no such user.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn allowance(&self, user_id: UserId) -> Result<Option<Allowance>> {
        let Some(user) = self.user(user_id).await? else { return Ok(None) };
        let of_user =
            sqlx::query("SELECT * FROM classes WHERE name = ? OR name = 'standard'").bind(&user.class);
        let rows = self.fetch_all(of_user).await?;
        let class = pick(rows.iter().map(read).collect::<Result<_>>()?)?;
        let jobs = sqlx::query(
            "SELECT COUNT(*) AS at_once FROM jobs WHERE user_id = ? AND state IN ('uploading', 'queued', 'converting')",
        );
        let jobs: i64 = self.fetch_one(jobs.bind(user_id.to_string())).await?.try_get("at_once")?;
        let video = match class.video_a_day() {
            Some(quota) => self.taken(&video_bucket(&user_id.to_string()), quota).await?,
            None => 0,
        };
        Ok(Some(Allowance {
            class,
            jobs: u64::try_from(jobs).unwrap_or_default(),
            video: Duration::from_millis(video),
        }))
    }
}

/// The class itself, or standard if it has no row.
fn pick(mut classes: Vec<Class>) -> Result<Class> {
    classes.sort_by_key(|class| class.name == STANDARD);
    let first = classes.into_iter().next();
    first.ok_or_else(|| Error::Corrupt("there is no class `standard`".into()))
}

fn video_bucket(user_id: &str) -> String {
    format!("video {user_id}")
}

/// A conversion has ended well: counts its length, and says how long its result is kept, at the most `keep`.
pub(crate) async fn used(
    tx: &mut Tx,
    job_id: JobId,
    video: Option<Duration>,
    keep: Duration,
    now: Timestamp,
) -> Result<Duration> {
    let row = sqlx::query(
        "SELECT jobs.user_id, \
         CASE WHEN own.name IS NULL THEN standard.minutes_a_day ELSE own.minutes_a_day END AS minutes_a_day, \
         CASE WHEN own.name IS NULL THEN standard.keep_days ELSE own.keep_days END AS keep_days \
         FROM jobs JOIN classes standard ON standard.name = 'standard' LEFT JOIN users ON users.id = jobs.user_id \
         LEFT JOIN classes own ON own.name = users.class WHERE jobs.id = ?",
    )
    .bind(job_id.to_string())
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(keep) };
    if let (Some(minutes), Some(video)) = (count_or_null(&row, "minutes_a_day")?, video) {
        let (user, quota) =
            (row.try_get::<String, _>("user_id")?, Quota::a_day(minutes.saturating_mul(60_000)));
        let millis = u64::try_from(video.as_millis()).unwrap_or(u64::MAX);
        limits::charge(tx, &video_bucket(&user), millis, quota, now).await?;
    }
    let days = count_or_null(&row, "keep_days")?;
    Ok(days.map_or(keep, |days| keep.min(Duration::from_secs(days.saturating_mul(86_400)))))
}

fn read(row: &AnyRow) -> Result<Class> {
    Ok(Class {
        name: row.try_get("name")?,
        bytes_per_file: count_or_null(row, "bytes_per_file")?,
        minutes_a_day: count_or_null(row, "minutes_a_day")?,
        jobs_at_once: count_or_null(row, "jobs_at_once")?,
        keep_days: count_or_null(row, "keep_days")?,
    })
}
