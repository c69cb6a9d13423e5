//! API keys. Only hashes are stored.

use contracts::{KeyId, Timestamp, UserId};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Result,
    request_keys::Stage,
    row::{parsed, time, time_or_null},
};

/// A stored API key.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Names the key.
    pub id: KeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it; at most 100 characters.
    pub name: String,
    /// What it may do: words separated by a blank.
    pub scopes: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last presented.
    pub last_used_at: Option<Timestamp>,
}

impl Db {
    /// Stores a key under the SHA-256 (hex) of its secret.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn create_key(
        &self,
        user_id: UserId,
        name: &str,
        scopes: &str,
        secret_hash: &str,
    ) -> Result<ApiKey> {
        let key = ApiKey {
            id: KeyId::generate(),
            user_id,
            name: name.to_owned(),
            scopes: scopes.to_owned(),
            created_at: self.now().await?,
            last_used_at: None,
        };
        let insert = sqlx::query(
            "INSERT INTO api_keys (id, user_id, name, scopes, secret_hash, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(key.id.to_string())
        .bind(user_id.to_string())
        .bind(name)
        .bind(scopes)
        .bind(secret_hash)
        .bind(key.created_at.millis());
        self.make(insert, key.id, Stage::Done, key.created_at).await?;
        Ok(key)
    }

    /// The key whose secret has this hash; notes that it was used.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn use_key(&self, secret_hash: &str) -> Result<Option<ApiKey>> {
        let row = sqlx::query("SELECT * FROM api_keys WHERE secret_hash = ?")
            .bind(secret_hash)
            .fetch_optional(&self.pool)
            .await?;
        let Some(key) = row.as_ref().map(read).transpose()? else { return Ok(None) };
        let now = self.now().await?;
        // To the minute is enough for people, and spares a write per request.
        if key.last_used_at.is_none_or(|last| now.millis() - last.millis() > 60_000) {
            sqlx::query("UPDATE api_keys SET last_used_at = ? WHERE id = ?")
                .bind(now.millis())
                .bind(key.id.to_string())
                .execute(&self.pool)
                .await?;
        }
        Ok(Some(key))
    }

    /// The user's keys, newest first.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn keys(&self, user_id: UserId) -> Result<Vec<ApiKey>> {
        let rows = sqlx::query("SELECT * FROM api_keys WHERE user_id = ? ORDER BY id DESC")
            .bind(user_id.to_string())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Removes a key. False if the user has no such key.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_key(&self, user_id: UserId, id: KeyId) -> Result<bool> {
        let done = sqlx::query("DELETE FROM api_keys WHERE id = ? AND user_id = ?")
            .bind(id.to_string())
            .bind(user_id.to_string())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<ApiKey> {
    Ok(ApiKey {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        name: row.try_get("name")?,
        scopes: row.try_get("scopes")?,
        created_at: time(row, "created_at")?,
        last_used_at: time_or_null(row, "last_used_at")?,
    })
}
