//! What changes about a user: password, role, class, whether they are locked out.

use contracts::{Timestamp, UserId};

use crate::{Db, Result, Role, User, users::read};

/// What an administrator changes; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChanges {
    /// What they may do.
    pub role: Option<Role>,
    /// Which limits apply to them.
    pub class: Option<String>,
    /// Whether they are locked out.
    pub disabled: Option<bool>,
}

impl Db {
    /// All users, newest first, at most `limit`, older than `before` if given.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn users(&self, limit: u32, before: Option<UserId>) -> Result<Vec<User>> {
        // 'z' sorts after every id.
        let before = before.map_or_else(|| "z".to_owned(), |id| id.to_string());
        let rows = sqlx::query("SELECT * FROM users WHERE id < ? ORDER BY id DESC LIMIT ?")
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Changes a user, and ends their log-ins if they are locked out now. `None` if there is no such user.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn change_user(&self, id: UserId, changes: &UserChanges) -> Result<Option<User>> {
        let mut tx = self.begin().await?;
        let row =
            sqlx::query("SELECT * FROM users WHERE id = ?").bind(id.to_string()).fetch_optional(&mut *tx);
        let Some(mut user) = row.await?.as_ref().map(read).transpose()? else { return Ok(None) };
        user.role = changes.role.unwrap_or(user.role);
        user.class = changes.class.clone().unwrap_or(user.class);
        user.disabled_at = match changes.disabled {
            None => user.disabled_at,
            Some(false) => None,
            Some(true) => user.disabled_at.or_else(|| Some(Timestamp::now())),
        };
        sqlx::query("UPDATE users SET role = ?, class = ?, disabled_at = ? WHERE id = ?")
            .bind(user.role.as_str())
            .bind(&user.class)
            .bind(user.disabled_at.map(Timestamp::millis))
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        if user.disabled_at.is_some() {
            sqlx::query("DELETE FROM refresh_tokens WHERE user_id = ?")
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(Some(user))
    }

    /// Replaces the password's hash and ends all log-ins. False if there is no such user.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn set_password_hash(&self, id: UserId, password_hash: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("UPDATE users SET password_hash = ? WHERE id = ?")
            .bind(password_hash)
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM refresh_tokens WHERE user_id = ?")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}
