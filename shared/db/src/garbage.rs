//! Blobs that no row names any more, named here by the transaction that stopped naming them, until they are removed.

use std::time::Duration;

use contracts::{AudioId, Timestamp, VideoId, pause_after};
use sqlx::{Row as _, any::AnyRow};

use crate::{Db, Error, Result, pool::Tx, row::parsed};

/// A blob that is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// An uploaded video.
    Video(VideoId),
    /// An audio, whole or in part, and its waveform, if there is one.
    Audio(AudioId),
}

impl Garbage {
    fn bucket(self) -> &'static str {
        match self {
            Self::Video(_) => "videos",
            Self::Audio(_) => "audios",
        }
    }

    fn id(self) -> String {
        match self {
            Self::Video(id) => id.to_string(),
            Self::Audio(id) => id.to_string(),
        }
    }
}

/// Names a blob that is to be removed at `due`. One that is named already stays as it is.
pub(crate) async fn name(tx: &mut Tx, blob: Garbage, due: Timestamp) -> Result<()> {
    let inserted = sqlx::query("INSERT INTO garbage (bucket, blob_id, attempts, due_at) VALUES (?, ?, 0, ?)")
        .bind(blob.bucket())
        .bind(blob.id())
        .bind(due.millis())
        .execute(&mut **tx)
        .await;
    match inserted.map_err(Error::from) {
        Ok(_) | Err(Error::Exists) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Db {
    /// Blobs that are due to be removed, the longest due first, at most `limit`; fewer if some rows can't be read.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn due_garbage(&self, limit: u32) -> Result<Vec<Garbage>> {
        let due =
            sqlx::query("SELECT bucket, blob_id FROM garbage WHERE due_at <= ? ORDER BY due_at LIMIT ?");
        let rows = self.fetch_all(due.bind(self.now().await?.millis()).bind(i64::from(limit))).await?;
        let mut due = Vec::new();
        for row in &rows {
            match read(row) {
                Ok(blob) => due.push(blob),
                // A newer version may read it: it is put off, longer each time, so that it holds up nobody.
                Err(Error::Corrupt(problem)) => {
                    let (bucket, id): (String, String) = (row.try_get("bucket")?, row.try_get("blob_id")?);
                    tracing::error!(bucket, id, problem, "a blob that is to be removed can't be read");
                    self.stays(&bucket, &id).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(due)
    }

    /// Names a blob that nobody knows as garbage, due at once.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn name_garbage(&self, blob: Garbage) -> Result<()> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        name(&mut tx, blob, now).await?;
        Ok(tx.commit().await?)
    }

    /// The blobs are removed.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn garbage_removed(&self, blob: Garbage) -> Result<()> {
        let gone = sqlx::query("DELETE FROM garbage WHERE bucket = ? AND blob_id = ?");
        self.execute(gone.bind(blob.bucket()).bind(blob.id())).await.map(drop)
    }

    /// The blob could not be removed: it is due again later, at last once a day.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn garbage_stays(&self, blob: Garbage) -> Result<()> {
        self.stays(blob.bucket(), &blob.id()).await
    }

    async fn stays(&self, bucket: &str, id: &str) -> Result<()> {
        let now = self.now().await?;
        let row = sqlx::query("SELECT attempts FROM garbage WHERE bucket = ? AND blob_id = ?");
        let row = self.fetch_optional(row.bind(bucket).bind(id)).await?;
        let Some(row) = row else { return Ok(()) };
        let attempts = row.try_get::<i32, _>("attempts")?.saturating_add(1);
        let pause = pause_after(u32::try_from(attempts).unwrap_or(u32::MAX)).unwrap_or(DAY);
        let later =
            sqlx::query("UPDATE garbage SET attempts = ?, due_at = ? WHERE bucket = ? AND blob_id = ?")
                .bind(attempts)
                .bind(now.after(pause).millis())
                .bind(bucket)
                .bind(id);
        self.execute(later).await.map(drop)
    }
}

fn read(row: &AnyRow) -> Result<Garbage> {
    match row.try_get::<String, _>("bucket")?.as_str() {
        "videos" => Ok(Garbage::Video(parsed(row, "blob_id")?)),
        "audios" => Ok(Garbage::Audio(parsed(row, "blob_id")?)),
        other => Err(Error::Corrupt(format!("bucket: {other}"))),
    }
}

const DAY: Duration = Duration::from_secs(86_400);
