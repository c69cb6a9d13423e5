//! Podcast feeds: what a person's podcast app may have, until the feed is removed.

use contracts::{FeedId, Timestamp, UserId};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Result,
    request_keys::Stage,
    row::{parsed, time},
};

/// A feed. Who knows the secret that is made of its id reads it.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Names the feed.
    pub id: FeedId,
    /// Whose it is.
    pub user_id: UserId,
    /// Only jobs of this folder; all jobs without one.
    pub folder: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Db {
    /// Makes a feed, unless the user has `most` of them already: then `None`. (Two at once may make one more.)
    ///
    /// # Errors
    /// As the database fails.
    pub async fn create_feed(
        &self,
        user_id: UserId,
        folder: Option<&str>,
        most: usize,
    ) -> Result<Option<Feed>> {
        if self.feeds(user_id).await?.len() >= most {
            return Ok(None);
        }
        let created_at = self.now().await?;
        let feed = Feed { id: FeedId::generate(), user_id, folder: folder.map(str::to_owned), created_at };
        let insert = sqlx::query("INSERT INTO feeds (id, user_id, folder, created_at) VALUES (?, ?, ?, ?)")
            .bind(feed.id.to_string())
            .bind(user_id.to_string())
            .bind(folder)
            .bind(created_at.millis());
        self.make(insert, feed.id, Stage::Done, created_at).await?;
        Ok(Some(feed))
    }

    /// The user's feeds, newest first.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn feeds(&self, user_id: UserId) -> Result<Vec<Feed>> {
        let feeds = sqlx::query("SELECT * FROM feeds WHERE user_id = ? ORDER BY id DESC");
        let rows = self.fetch_all(feeds.bind(user_id.to_string())).await?;
        rows.iter().map(read).collect()
    }

    /// The feed with this id, if it was not removed and its owner's account is not locked.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn feed(&self, id: FeedId) -> Result<Option<Feed>> {
        let feed = sqlx::query(
            "SELECT feeds.* FROM feeds JOIN users ON users.id = feeds.user_id WHERE feeds.id = ? AND users.disabled_at IS NULL",
        );
        self.fetch_optional(feed.bind(id.to_string())).await?.as_ref().map(read).transpose()
    }

    /// Removes a feed. False if the user has no such feed.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_feed(&self, user_id: UserId, id: FeedId) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM feeds WHERE id = ? AND user_id = ?");
        Ok(self.execute(delete.bind(id.to_string()).bind(user_id.to_string())).await? == 1)
    }

    /// Removes all feeds of a user.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_feeds(&self, user_id: UserId) -> Result<()> {
        let delete = sqlx::query("DELETE FROM feeds WHERE user_id = ?");
        self.execute(delete.bind(user_id.to_string())).await.map(drop)
    }
}

fn read(row: &AnyRow) -> Result<Feed> {
    Ok(Feed {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        folder: row.try_get("folder")?,
        created_at: time(row, "created_at")?,
    })
}
