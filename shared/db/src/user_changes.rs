//! What changes about a user: password, role, class, whether they are locked out, the secret of their webhooks.

use contracts::{Timestamp, UserId};

use crate::{
    Db, LastAdmin, Result, Role, User, administrators::another_is_left, pool::Tx,
    settings::alone_with_administrators, tokens::end_log_ins, users::read,
};

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
    /// As the database fails. Inside, [`LastAdmin`] if nobody else administers; then nothing was changed.
    pub async fn change_user(
        &self,
        id: UserId,
        changes: &UserChanges,
    ) -> Result<Result<Option<User>, LastAdmin>> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        // One change after the other: none writes back what another has just taken away.
        alone_with_administrators(&mut tx).await?;
        let row =
            sqlx::query("SELECT * FROM users WHERE id = ?").bind(id.to_string()).fetch_optional(&mut *tx);
        let Some(before) = row.await?.as_ref().map(read).transpose()? else { return Ok(Ok(None)) };
        let after = changes.applied_to(before.clone(), now);
        if administers(&before) && !administers(&after) && !another_is_left(&mut tx, id).await? {
            return Ok(Err(LastAdmin));
        }
        write(&mut tx, &after).await?;
        tx.commit().await?;
        Ok(Ok(Some(after)))
    }

    /// Replaces the password's hash if it is still `old`. Ends all log-ins and removes all API keys: whoever knew the
    /// old password may have made some. False if the hash is another one by now, or the user is gone.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn change_password(&self, id: UserId, old: &str, new: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        if !replace_password(&mut tx, id, old, new).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Another hash of the same password: nothing ends. False if the hash is not `old` any more.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn rehash_password(&self, id: UserId, old: &str, new: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = replace_hash(&mut tx, id, old, new).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Says whether mails about jobs are sent, where the job does not say. The user as they are now, if there is one.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn set_job_mails(&self, id: UserId, wanted: bool) -> Result<Option<User>> {
        let set = sqlx::query("UPDATE users SET job_mails = ? WHERE id = ?");
        self.execute(set.bind(i32::from(wanted)).bind(id.to_string())).await?;
        self.user(id).await
    }

    /// Replaces the secret of the user's webhooks by the next one. The user as they are now, if there is one.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn replace_webhook_secret(&self, id: UserId) -> Result<Option<User>> {
        let now = self.now().await?;
        sqlx::query(
            "UPDATE users SET webhook_generation = webhook_generation + 1, webhook_replaced_at = ? WHERE id = ?",
        )
        .bind(now.millis())
        .bind(id.to_string())
        .execute(&self.pool)
        .await?;
        self.user(id).await
    }
}

impl UserChanges {
    fn applied_to(&self, user: User, now: Timestamp) -> User {
        let disabled_at = match self.disabled {
            None => user.disabled_at,
            Some(false) => None,
            Some(true) => user.disabled_at.or(Some(now)),
        };
        let class = self.class.clone().unwrap_or(user.class);
        let role = self.role.unwrap_or(user.role);
        // Somebody has to administer: that is no guest.
        let guest_until = user.guest_until.filter(|_| role == Role::User);
        User { role, class, disabled_at, guest_until, ..user }
    }
}

fn administers(user: &User) -> bool {
    user.role == Role::Admin && user.disabled_at.is_none()
}

async fn write(tx: &mut Tx, user: &User) -> Result<()> {
    sqlx::query("UPDATE users SET role = ?, class = ?, disabled_at = ?, guest_until = ? WHERE id = ?")
        .bind(user.role.as_str())
        .bind(&user.class)
        .bind(user.disabled_at.map(Timestamp::millis))
        .bind(user.guest_until.map(Timestamp::millis))
        .bind(user.id.to_string())
        .execute(&mut **tx)
        .await?;
    if user.disabled_at.is_some() {
        end_log_ins(tx, user.id).await?;
    }
    Ok(())
}

/// Whatever the old password has opened is closed: refresh tokens, API keys, feeds, and by the generation access tokens.
/// Destinations rest until their owner lets them be called again: somebody else may have added one.
pub(crate) async fn replace_password(tx: &mut Tx, id: UserId, old: &str, new: &str) -> Result<bool> {
    if !replace_hash(tx, id, old, new).await? {
        return Ok(false);
    }
    for statement in [
        "UPDATE users SET login_generation = login_generation + 1 WHERE id = ?",
        "DELETE FROM api_keys WHERE user_id = ?",
        "DELETE FROM feeds WHERE user_id = ?",
        "UPDATE destinations SET active = 0 WHERE user_id = ?",
    ] {
        sqlx::query(statement).bind(id.to_string()).execute(&mut **tx).await?;
    }
    end_log_ins(tx, id).await?;
    Ok(true)
}

async fn replace_hash(tx: &mut Tx, id: UserId, old: &str, new: &str) -> Result<bool> {
    let done = sqlx::query("UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?")
        .bind(new)
        .bind(id.to_string())
        .bind(old)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}
