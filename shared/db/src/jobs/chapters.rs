//! The chapters of a job's audio, for players that can't read them out of it.

use std::time::Duration;

use contracts::JobId;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::{
    Jobs,
    read::{bound, placeholders},
};
use crate::{
    Error, Result,
    pool::Tx,
    row::{cut, parsed},
};

/// Width of the column, in characters.
const CHARACTERS: usize = 15_000;
/// Longest title, in characters: 256 chapters fit if most titles are short.
const TITLE: usize = 120;

/// A part of the audio that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// Milliseconds from the start of the audio.
    #[serde(rename = "s")]
    pub start_ms: u64,
    /// Its name; may be empty.
    #[serde(rename = "t")]
    pub title: String,
}

impl Chapter {
    /// One that begins at `start`; a long title is cut.
    #[must_use]
    pub fn new(start: Duration, title: &str) -> Self {
        let start_ms = u64::try_from(start.as_millis()).unwrap_or(u64::MAX);
        Self { start_ms, title: cut(title, TITLE) }
    }
}

impl Jobs<'_> {
    /// Notes the chapters of the audio that is made for a job, in place of those from an earlier attempt. Those at the
    /// end that find no room (15,000 characters) are left out.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn note_chapters(&self, id: JobId, chapters: &[Chapter]) -> Result<()> {
        let mut chapters = chapters.to_vec();
        let mut json = written(&chapters)?;
        while json.chars().count() > CHARACTERS {
            chapters.truncate(chapters.len() * 9 / 10);
            json = written(&chapters)?;
        }
        self.db.settle(Duration::ZERO, || self.try_to_note(id, (!chapters.is_empty()).then_some(&json))).await
    }

    async fn try_to_note(&self, id: JobId, json: Option<&String>) -> Result<()> {
        let mut tx = self.db.begin().await?;
        delete(&mut tx, &id.to_string()).await?;
        if let Some(json) = json {
            sqlx::query("INSERT INTO job_chapters (job_id, chapters) VALUES (?, ?)")
                .bind(id.to_string())
                .bind(json)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// The chapters of a job's audio, in order; none if it has none.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn chapters(&self, id: JobId) -> Result<Vec<Chapter>> {
        let stored = sqlx::query("SELECT chapters FROM job_chapters WHERE job_id = ?").bind(id.to_string());
        let Some(row) = self.db.fetch_optional(stored).await? else { return Ok(Vec::new()) };
        let json: String = row.try_get("chapters")?;
        serde_json::from_str(&json).map_err(|error| Error::Corrupt(format!("chapters: {error}")))
    }

    /// Which of these jobs have chapters.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn with_chapters(&self, ids: &[JobId]) -> Result<Vec<JobId>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT job_id FROM job_chapters WHERE job_id IN ({})", placeholders(ids.len()));
        let rows = self.db.fetch_all(bound(sqlx::AssertSqlSafe(sql), ids)).await?;
        rows.iter().map(|row| parsed(row, "job_id")).collect()
    }
}

/// For a job that goes.
pub(super) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    sqlx::query("DELETE FROM job_chapters WHERE job_id = ?").bind(id).execute(&mut **tx).await?;
    Ok(())
}

fn written(chapters: &[Chapter]) -> Result<String> {
    serde_json::to_string(chapters).map_err(|error| Error::Corrupt(error.to_string()))
}
