//! Guests: accounts without an address, for a time.

use contracts::{JobId, Timestamp, UserId};

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

    /// Whether the job is a guest's.
    ///
    /// # Errors
    /// As the database fails.
    pub(crate) async fn is_guests_job(&self, job_id: JobId) -> Result<bool> {
        let row = sqlx::query(
            "SELECT users.guest_until FROM jobs JOIN users ON users.id = jobs.user_id WHERE jobs.id = ?",
        );
        let row = self.fetch_optional(row.bind(job_id.to_string())).await?;
        Ok(row.map(|row| time_or_null(&row, "guest_until")).transpose()?.flatten().is_some())
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
