//! What the owner calls a job, and the tags by which it is found again.

use std::time::Duration;

use contracts::{JobId, Timestamp, UserId};

use super::{Job, Jobs, lists::hex_key, read};
use crate::{Error, Result, pool::Tx};

/// What to change of a job's labels; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// What it is called, at most 120 characters; `Some(None)`: as its title or its file says.
    pub name: Option<Option<String>>,
    /// At most 16 tags of at most 32 characters, none twice.
    pub tags: Option<Vec<String>>,
}

impl Jobs<'_> {
    /// Changes what a job is called and its tags. False if there is no such job.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn label(&self, id: JobId, labels: &Labels) -> Result<bool> {
        self.db.settle(Duration::ZERO, || self.try_to_label(id, labels)).await
    }

    async fn try_to_label(&self, id: JobId, labels: &Labels) -> Result<bool> {
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let Some(job) = read::locked(&mut tx, id).await? else { return Ok(false) };
        let name = labels.name.as_ref().unwrap_or(&job.name);
        let tags = labels.tags.as_ref().unwrap_or(&job.tags);
        set(&mut tx, &job, (name.as_deref(), tags), now).await?;
        for tag in job.tags.iter().filter(|tag| !tags.contains(tag)) {
            remove_tag(&mut tx, &job, tag).await?;
        }
        for tag in tags.iter().filter(|tag| !job.tags.contains(tag)) {
            sqlx::query("INSERT INTO job_tags (user_id, tag_key, job_id) VALUES (?, ?, ?)")
                .bind(job.user_id.to_string())
                .bind(hex_key(tag))
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// A user's jobs with this tag, of one folder if one is given, as [`Jobs::list`] lists them.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn list_tagged(
        &self,
        user_id: UserId,
        (tag, folder): (&str, Option<&str>),
        limit: u32,
        before: Option<JobId>,
    ) -> Result<Vec<Job>> {
        let page = sqlx::query(
            "SELECT jobs.* FROM job_tags JOIN jobs ON jobs.id = job_tags.job_id \
             WHERE job_tags.user_id = ? AND job_tags.tag_key = ? AND COALESCE(jobs.folder_key, '') = COALESCE(?, jobs.folder_key, '') AND job_tags.job_id < ? \
             ORDER BY job_tags.job_id DESC LIMIT ?",
        )
        .bind(user_id.to_string())
        .bind(hex_key(tag))
        .bind(folder.map(hex_key));
        self.page(page, before, limit).await
    }
}

async fn set(tx: &mut Tx, job: &Job, (name, tags): (Option<&str>, &[String]), now: Timestamp) -> Result<()> {
    let tags = (!tags.is_empty()).then(|| serde_json::to_string(tags)).transpose();
    // Whoever follows the job sees it, as a change of its state.
    sqlx::query(
        "UPDATE jobs SET name = ?, tags = ?, updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END WHERE id = ?",
    )
    .bind(name)
    .bind(tags.map_err(|error| Error::Corrupt(error.to_string()))?)
    .bind(now.millis())
    .bind(now.millis())
    .bind(now.millis())
    .bind(job.id.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn remove_tag(tx: &mut Tx, job: &Job, tag: &str) -> Result<()> {
    sqlx::query("DELETE FROM job_tags WHERE user_id = ? AND tag_key = ? AND job_id = ?")
        .bind(job.user_id.to_string())
        .bind(hex_key(tag))
        .bind(job.id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// For a job that goes.
pub(super) async fn forget_all(tx: &mut Tx, job: &Job) -> Result<()> {
    for tag in &job.tags {
        remove_tag(tx, job, tag).await?;
    }
    Ok(())
}
