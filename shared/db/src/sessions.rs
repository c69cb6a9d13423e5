//! Log-ins that last, as their owner sees them: each family of refresh tokens, and each browser that has a cookie.
//! Of the cookie's secret only the hash is stored.

use contracts::{Timestamp, TokenId, UserId};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Result,
    pool::Tx,
    row::{cut, parsed, time},
};

/// A session that is used more often is noted once in so many milliseconds: enough for people, and spares writes.
const NOTED: i64 = 60_000;
/// Rows past their time that a new one sweeps up: more than it makes.
const SWEPT: i64 = 4;

/// From where somebody has logged in, as far as it is told.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// The address of the network; 48 characters are kept.
    pub address: String,
    /// What the program calls itself; 120 characters are kept.
    pub agent: String,
}

/// A log-in that lasts.
#[derive(Clone, Debug)]
pub struct Session {
    /// Names it; of refresh tokens, their family.
    pub id: TokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// From where it was used last.
    pub device: Device,
    /// When it began.
    pub created_at: Timestamp,
    /// To the minute.
    pub last_used_at: Timestamp,
    /// When it ends, unless it is used before.
    pub expires_at: Timestamp,
}

/// A cookie's session to be.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// SHA-256 of the secret, in hex.
    pub secret_hash: String,
    /// When it ends unless it is used before; each use puts that off by as much.
    pub expires_at: Timestamp,
    /// From where.
    pub device: Device,
}

impl Db {
    /// Begins the session of a cookie.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn start_session(&self, user_id: UserId, new: &NewSession) -> Result<TokenId> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let session = Session {
            id: TokenId::generate(),
            user_id,
            device: new.device.clone(),
            created_at: now,
            last_used_at: now,
            expires_at: new.expires_at,
        };
        insert(&mut tx, &session, Some(&new.secret_hash)).await?;
        tx.commit().await?;
        self.delete_expired_sessions(now).await?;
        Ok(session.id)
    }

    /// Sessions whose time is up open nothing; a few rows of such go whenever one is made.
    async fn delete_expired_sessions(&self, now: Timestamp) -> Result<()> {
        let old = sqlx::query("SELECT id FROM sessions WHERE expires_at < ? ORDER BY expires_at LIMIT ?");
        for row in &self.fetch_all(old.bind(now.millis()).bind(SWEPT)).await? {
            let delete = sqlx::query("DELETE FROM sessions WHERE id = ? AND expires_at < ?");
            self.execute(delete.bind(row.try_get::<String, _>("id")?).bind(now.millis())).await?;
        }
        Ok(())
    }

    /// The session whose cookie's secret has this hash, if its time is not up; puts that off.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn use_session(&self, secret_hash: &str) -> Result<Option<Session>> {
        let row = sqlx::query("SELECT * FROM sessions WHERE secret_hash = ?").bind(secret_hash);
        let Some(session) = self.fetch_optional(row).await?.as_ref().map(read).transpose()? else {
            return Ok(None);
        };
        let now = self.now().await?;
        if session.expires_at < now {
            return Ok(None);
        }
        if now.millis() - session.last_used_at.millis() > NOTED {
            let lifetime = session.expires_at.millis() - session.last_used_at.millis();
            let note = sqlx::query("UPDATE sessions SET last_used_at = ?, expires_at = ? WHERE id = ?")
                .bind(now.millis())
                .bind(now.millis() + lifetime)
                .bind(session.id.to_string());
            self.execute(note).await?;
        }
        Ok(Some(session))
    }

    /// The user's sessions whose time is not up, newest first.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn sessions(&self, user_id: UserId) -> Result<Vec<Session>> {
        let now = self.now().await?;
        let all = sqlx::query(
            "SELECT * FROM sessions WHERE user_id = ? AND expires_at >= ? ORDER BY id DESC LIMIT 200",
        );
        let rows = self.fetch_all(all.bind(user_id.to_string()).bind(now.millis())).await?;
        rows.iter().map(read).collect()
    }

    /// Ends a session with its refresh tokens. False if the user has no such session.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn end_session(&self, user_id: UserId, id: TokenId) -> Result<bool> {
        let mut tx = self.begin().await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE id = ? AND user_id = ?")
            .bind(id.to_string())
            .bind(user_id.to_string())
            .execute(&mut *tx)
            .await?;
        if ended.rows_affected() == 1 {
            sqlx::query("DELETE FROM refresh_tokens WHERE family = ?")
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(ended.rows_affected() == 1)
    }
}

/// With a secret it is a cookie's.
pub(crate) async fn insert(tx: &mut Tx, session: &Session, secret_hash: Option<&str>) -> Result<()> {
    sqlx::query(
        "INSERT INTO sessions (id, user_id, secret_hash, address, agent, created_at, last_used_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(session.id.to_string())
    .bind(session.user_id.to_string())
    .bind(secret_hash)
    .bind(cut(&session.device.address, 48))
    .bind(cut(&session.device.agent, 120))
    .bind(session.created_at.millis())
    .bind(session.last_used_at.millis())
    .bind(session.expires_at.millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A family of refresh tokens was used. One from before there were sessions becomes one.
pub(crate) async fn used(tx: &mut Tx, session: &Session) -> Result<()> {
    let noted = sqlx::query(
        "UPDATE sessions SET address = ?, agent = ?, last_used_at = ?, expires_at = ? WHERE id = ?",
    )
    .bind(cut(&session.device.address, 48))
    .bind(cut(&session.device.agent, 120))
    .bind(session.last_used_at.millis())
    .bind(session.expires_at.millis())
    .bind(session.id.to_string())
    .execute(&mut **tx)
    .await?;
    match noted.rows_affected() {
        0 => insert(tx, session, None).await,
        _ => Ok(()),
    }
}

fn read(row: &AnyRow) -> Result<Session> {
    Ok(Session {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        device: Device { address: row.try_get("address")?, agent: row.try_get("agent")? },
        created_at: time(row, "created_at")?,
        last_used_at: time(row, "last_used_at")?,
        expires_at: time(row, "expires_at")?,
    })
}
