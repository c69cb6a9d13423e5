//! Many jobs at once.

use contracts::{JobId, UserId};
use sqlx::query::Query;

use super::{
    Job, Jobs,
    read::{bound, placeholders, readable},
};
use crate::Result;

/// A text as it stands in `folder_key` and `tag_key`: no collation takes it for another one.
pub(super) fn hex_key(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

impl Jobs<'_> {
    /// A user's jobs, newest first, at most `limit`, older than `before` if given. One that can't be read is left out
    /// and logged.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn list(&self, user_id: UserId, limit: u32, before: Option<JobId>) -> Result<Vec<Job>> {
        let page = sqlx::query("SELECT * FROM jobs WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?")
            .bind(user_id.to_string());
        self.page(page, before, limit).await
    }

    /// The same of one folder.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn list_folder(
        &self,
        user_id: UserId,
        folder: &str,
        limit: u32,
        before: Option<JobId>,
    ) -> Result<Vec<Job>> {
        let page = sqlx::query(
            "SELECT * FROM jobs WHERE user_id = ? AND folder_key = ? AND id < ? ORDER BY id DESC LIMIT ?",
        )
        .bind(user_id.to_string())
        .bind(hex_key(folder));
        self.page(page, before, limit).await
    }

    pub(super) async fn page(
        &self,
        page: Query<'_, sqlx::Any, sqlx::any::AnyArguments>,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Job>> {
        // 'z' sorts after every id.
        let before = before.map_or_else(|| "z".to_owned(), |id| id.to_string());
        Ok(readable(&self.db.fetch_all(page.bind(before).bind(i64::from(limit))).await?))
    }

    /// A user's jobs whose audio can be had, of one folder if one is given: those that were done last, first. One that
    /// can't be read is left out and logged.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn done(&self, user_id: UserId, folder: Option<&str>, limit: u32) -> Result<Vec<Job>> {
        let (user, now) = (user_id.to_string(), self.db.now().await?.millis());
        let done = match folder {
            None => sqlx::query(
                "SELECT * FROM jobs WHERE user_id = ? AND state = 'done' AND expires_at > ? ORDER BY finished_at DESC, id DESC LIMIT ?",
            )
            .bind(user),
            Some(folder) => sqlx::query(
                "SELECT * FROM jobs WHERE user_id = ? AND folder_key = ? AND state = 'done' AND expires_at > ? ORDER BY finished_at DESC, id DESC LIMIT ?",
            )
            .bind(user)
            .bind(hex_key(folder)),
        };
        Ok(readable(&self.db.fetch_all(done.bind(now).bind(i64::from(limit))).await?))
    }

    /// These jobs; those that are gone or can't be read are left out.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn all(&self, ids: &[JobId]) -> Result<Vec<Job>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT * FROM jobs WHERE id IN ({})", placeholders(ids.len()));
        Ok(readable(&self.db.fetch_all(bound(sqlx::AssertSqlSafe(sql), ids)).await?))
    }
}
