//! Work that one process does for all: whoever has its lease.

use std::time::Duration;

use contracts::EventId;
use sqlx::Row as _;

use crate::{Db, Result};

/// Work that has a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The look at what is due.
    Sweep,
    /// The walk over the blob store.
    Blobs,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Blobs => "blobs",
        }
    }
}

impl Db {
    /// Takes or extends the lease of `task` for `span`. Returns how far the work is, as its last owner has noted;
    /// `None` if somebody else has the lease.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn take_lease(&self, task: Task, owner: EventId, span: Duration) -> Result<Option<String>> {
        let now = self.now().await?;
        let take = sqlx::query(
            "UPDATE leases SET owner = ?, until_at = ? WHERE name = ? AND (owner = ? OR until_at <= ?)",
        )
        .bind(owner.to_string())
        .bind(now.after(span).millis())
        .bind(task.name())
        .bind(owner.to_string())
        .bind(now.millis());
        if self.execute(take).await? == 0 {
            return Ok(None);
        }
        let progress = sqlx::query("SELECT progress FROM leases WHERE name = ?").bind(task.name());
        Ok(Some(self.fetch_one(progress).await?.try_get("progress")?))
    }

    /// Gives the lease back and notes how far the work is. Nothing happens if somebody else has it by now.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn release_lease(&self, task: Task, owner: EventId, progress: &str) -> Result<()> {
        let release =
            sqlx::query("UPDATE leases SET until_at = 0, progress = ? WHERE name = ? AND owner = ?")
                .bind(progress)
                .bind(task.name())
                .bind(owner.to_string());
        self.execute(release).await.map(drop)
    }
}
