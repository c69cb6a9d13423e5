//! Refresh tokens: each is used once and followed by the next of its family. Only hashes are stored.

use contracts::{Timestamp, TokenId, UserId};
use sqlx::any::AnyRow;

use crate::{
    Db, Device, Result, Session,
    pool::Tx,
    row::{parsed, time, time_or_null},
    sessions,
};

/// A stored refresh token.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// Names this token.
    pub id: TokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// The log-in that it descends from.
    pub family: TokenId,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was exchanged for the next one.
    pub used_at: Option<Timestamp>,
}

/// A refresh token to store.
#[derive(Clone, Debug)]
pub struct NewRefreshToken {
    /// SHA-256 of the secret, in hex.
    pub secret_hash: String,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// Who asks for it.
    pub device: Device,
}

/// What became of an attempt to exchange a refresh token.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// The next token is stored; the old one is spent.
    Rotated(RefreshToken),
    /// It was spent before: somebody has a copy. The whole family is gone now.
    Reused,
    /// Nobody knows it, or it is too old.
    Unknown,
}

impl Db {
    /// Stores the first refresh token of a log-in.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn start_token_family(&self, user_id: UserId, new: &NewRefreshToken) -> Result<RefreshToken> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let token = insert(&mut tx, (user_id, TokenId::generate()), new, now).await?;
        sessions::insert(&mut tx, &session(&token, new, now), None).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Exchanges the refresh token with this hash for `next`, once.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn rotate_refresh_token(&self, secret_hash: &str, next: &NewRefreshToken) -> Result<Rotation> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let row = sqlx::query("SELECT * FROM refresh_tokens WHERE secret_hash = ?")
            .bind(secret_hash)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(old) = row.as_ref().map(read).transpose()? else { return Ok(Rotation::Unknown) };
        if old.expires_at < now {
            return Ok(Rotation::Unknown);
        }
        let spent = sqlx::query("UPDATE refresh_tokens SET used_at = ? WHERE id = ? AND used_at IS NULL")
            .bind(now.millis())
            .bind(old.id.to_string())
            .execute(&mut *tx)
            .await?;
        let rotation = if spent.rows_affected() == 0 {
            delete_family(&mut tx, old.family).await?;
            Rotation::Reused
        } else {
            let token = insert(&mut tx, (old.user_id, old.family), next, now).await?;
            sessions::used(&mut tx, &session(&token, next, now)).await?;
            Rotation::Rotated(token)
        };
        tx.commit().await?;
        Ok(rotation)
    }

    /// Ends the log-in that this refresh token belongs to. False if nobody knows it.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn revoke_token_family(&self, secret_hash: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let row = sqlx::query("SELECT * FROM refresh_tokens WHERE secret_hash = ?")
            .bind(secret_hash)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(token) = row.as_ref().map(read).transpose()? else { return Ok(false) };
        delete_family(&mut tx, token.family).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends all log-ins of a user.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn revoke_all_tokens(&self, user_id: UserId) -> Result<()> {
        let mut tx = self.begin().await?;
        end_log_ins(&mut tx, user_id).await?;
        Ok(tx.commit().await?)
    }
}

/// Refresh tokens and cookies; access tokens end by themselves, or by another login generation.
pub(crate) async fn end_log_ins(tx: &mut Tx, user_id: UserId) -> Result<()> {
    for statement in
        ["DELETE FROM refresh_tokens WHERE user_id = ?", "DELETE FROM sessions WHERE user_id = ?"]
    {
        sqlx::query(statement).bind(user_id.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}

/// The log-in of this token as its owner sees it.
fn session(token: &RefreshToken, new: &NewRefreshToken, now: Timestamp) -> Session {
    Session {
        id: token.family,
        user_id: token.user_id,
        device: new.device.clone(),
        created_at: now,
        last_used_at: now,
        expires_at: token.expires_at,
    }
}

async fn insert(
    tx: &mut Tx,
    (user_id, family): (UserId, TokenId),
    new: &NewRefreshToken,
    now: Timestamp,
) -> Result<RefreshToken> {
    let id = TokenId::generate();
    sqlx::query(
        "INSERT INTO refresh_tokens (id, user_id, family, secret_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(id.to_string())
    .bind(user_id.to_string())
    .bind(family.to_string())
    .bind(&new.secret_hash)
    .bind(now.millis())
    .bind(new.expires_at.millis())
    .execute(&mut **tx)
    .await?;
    Ok(RefreshToken { id, user_id, family, expires_at: new.expires_at, used_at: None })
}

async fn delete_family(tx: &mut Tx, family: TokenId) -> Result<()> {
    for statement in ["DELETE FROM refresh_tokens WHERE family = ?", "DELETE FROM sessions WHERE id = ?"] {
        sqlx::query(statement).bind(family.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<RefreshToken> {
    Ok(RefreshToken {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        family: parsed(row, "family")?,
        expires_at: time(row, "expires_at")?,
        used_at: time_or_null(row, "used_at")?,
    })
}
