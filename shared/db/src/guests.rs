//! Guests: accounts without an address, for a time.

use contracts::{JobId, NotifyBy, Timestamp, UserId};
use sqlx::Row as _;

use crate::{
    Db, GUEST, Result,
    row::{parsed, time_or_null},
};

impl Db {
    /// Makes a guest's account that is removed at `until`. Nobody is written to: it has no address. `password_hash` must be
    /// one that no password has.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn create_guest(&self, until: Timestamp, password_hash: &str) -> Result<UserId> {
        let id = UserId::generate();
        let insert = sqlx::query(
            "INSERT INTO users (id, email, password_hash, role, class, created_at, guest_until) VALUES (?, ?, ?, 'user', ?, ?, ?)",
        )
        .bind(id.to_string())
        // Unique, and of a domain that there is not (RFC 2606).
        .bind(format!("{id}@guest.invalid"))
        .bind(password_hash)
        .bind(GUEST)
        .bind(self.now().await?.millis())
        .bind(until.millis());
        self.execute(insert).await?;
        Ok(id)
    }

    /// How the owner of the job hears of its end: as `wanted`, or else as they have chosen for all jobs. A guest has no
    /// address, and is not written to.
    ///
    /// # Errors
    /// As the database fails.
    pub(crate) async fn notified_by(&self, job_id: JobId, wanted: Option<NotifyBy>) -> Result<NotifyBy> {
        let owner = sqlx::query(
            "SELECT users.guest_until, users.job_mails FROM jobs JOIN users ON users.id = jobs.user_id WHERE jobs.id = ?",
        );
        let Some(row) = self.fetch_optional(owner.bind(job_id.to_string())).await? else {
            return Ok(wanted.unwrap_or_default());
        };
        let chosen = if row.try_get::<i32, _>("job_mails")? == 0 { NotifyBy::None } else { NotifyBy::Mail };
        let is_guest = time_or_null(&row, "guest_until")?.is_some();
        Ok(if is_guest { NotifyBy::None } else { wanted.unwrap_or(chosen) })
    }

    /// Removes up to `limit` guests whose time is up, with all that is theirs; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_expired_guests(&self, limit: u32) -> Result<usize> {
        let now = self.now().await?.millis();
        let gone = sqlx::query("SELECT id FROM users WHERE guest_until < ? ORDER BY guest_until LIMIT ?");
        let gone = self.fetch_all(gone.bind(now).bind(i64::from(limit))).await?;
        for id in gone.iter().filter_map(|row| parsed(row, "id").ok()) {
            // None administers: who is made an administrator is no guest any more.
            self.delete_user(id).await?.ok();
        }
        Ok(gone.len())
    }
}
