//! Lists of deliveries, and what is done to those that have ended.

use std::sync::atomic::{AtomicBool, Ordering};

use contracts::{
    DeliveryDue, DeliveryId, DestinationId, EventId, JobId, Outcome, Recorded, Timestamp, UserId,
};
use sqlx::{Row as _, any::AnyRow};

use super::{Deliveries, Delivery, read};
use crate::{Error, Result, outbox, pool::RETRY_TIME};

impl Deliveries<'_> {
    /// What a job's owner was or is to be told about it, oldest first. What can't be read is left out and logged.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn of_job(&self, job: JobId) -> Result<Vec<Delivery>> {
        let of_job = sqlx::query("SELECT * FROM deliveries WHERE job_id = ? ORDER BY id LIMIT 1000");
        Ok(readable(&self.db.fetch_all(of_job.bind(job.to_string())).await?).collect())
    }

    /// Deliveries that ended so, newest first, at most `limit`, older than `before` if given. What can't be read is left
    /// out and logged.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn ended(
        &self,
        outcome: Outcome,
        limit: u32,
        before: Option<DeliveryId>,
    ) -> Result<Vec<Delivery>> {
        let ended = "SELECT * FROM deliveries WHERE outcome = ? AND id < ? ORDER BY id DESC LIMIT ?";
        self.page(ended, outcome.as_str(), limit, before).await
    }

    /// What a user was or is to be told, about all jobs and about none, newest first, at most `limit`, older than `before`
    /// if given. What can't be read is left out and logged.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn of_user(
        &self,
        user: UserId,
        limit: u32,
        before: Option<DeliveryId>,
    ) -> Result<Vec<Delivery>> {
        let of_user = "SELECT * FROM deliveries WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
        self.page(of_user, &user.to_string(), limit, before).await
    }

    /// The same of what a destination was or is to be told.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn of_destination(
        &self,
        destination: DestinationId,
        limit: u32,
        before: Option<DeliveryId>,
    ) -> Result<Vec<Delivery>> {
        let of_one = "SELECT * FROM deliveries WHERE destination_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
        self.page(of_one, &destination.to_string(), limit, before).await
    }

    /// A page of what `sql` finds by `key`.
    async fn page(
        &self,
        sql: &'static str,
        key: &str,
        limit: u32,
        before: Option<DeliveryId>,
    ) -> Result<Vec<Delivery>> {
        // 'z' sorts after every id.
        let mut before = before.map_or_else(|| "z".to_owned(), |id| id.to_string());
        let (mut found, wanted) = (Vec::new(), usize::try_from(limit).unwrap_or(usize::MAX));
        loop {
            let missing = wanted - found.len();
            let page = sqlx::query(sql).bind(key).bind(&before);
            let page = page.bind(i64::try_from(missing).unwrap_or(i64::MAX));
            let rows = self.db.fetch_all(page).await?;
            found.extend(readable(&rows));
            // A page that is not full is the last, and in its place come those before what can't be read.
            match rows.last() {
                Some(last) if rows.len() == missing && found.len() < wanted => before = last.try_get("id")?,
                _ => return Ok(found),
            }
        }
    }

    /// Lets a delivery that has ended be made again, with a fresh count of attempts. `None` if there is none that has
    /// ended.
    ///
    /// # Errors
    /// As the database fails, after 20 seconds.
    pub async fn repeat(&self, id: DeliveryId) -> Result<Option<Recorded<DeliveryDue>>> {
        let now = self.db.settle(RETRY_TIME, || self.db.now()).await?;
        let (event, again) = (EventId::generate(), AtomicBool::new(false));
        self.db
            .settle(RETRY_TIME, || self.try_to_repeat(id, event, now, again.swap(true, Ordering::Relaxed)))
            .await
    }

    async fn try_to_repeat(
        &self,
        id: DeliveryId,
        event: EventId,
        now: Timestamp,
        again: bool,
    ) -> Result<Option<Recorded<DeliveryDue>>> {
        let (due, mut tx) = (DeliveryDue { delivery_id: id }, self.db.begin().await?);
        if again {
            // An earlier try may have gone through although its answer was lost; perhaps it was sent meanwhile.
            let ours = sqlx::query("SELECT 1 AS one FROM deliveries WHERE id = ? AND created_at = ?");
            let ours = ours.bind(id.to_string()).bind(now.millis()).fetch_optional(&mut *tx).await?;
            if ours.is_some() {
                return outbox::recorded(&tx, due, event, now).map(Some);
            }
        }
        // Its age counts from now: it was asked for again.
        let done = sqlx::query(
            "UPDATE deliveries SET outcome = NULL, ended_at = NULL, attempts = 0, due_at = ?, created_at = ? WHERE id = ? AND ended_at IS NOT NULL",
        )
        .bind(now.millis())
        .bind(now.millis())
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        let recorded = outbox::record(&mut tx, due, event, now).await?;
        tx.commit().await?;
        Ok(Some(recorded))
    }

    /// A dead letter is put aside: it counts as dropped. False if the delivery is none.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn drop_dead(&self, id: DeliveryId) -> Result<bool> {
        let put_aside =
            sqlx::query("UPDATE deliveries SET outcome = 'dropped' WHERE id = ? AND outcome = 'dead'");
        Ok(self.db.execute(put_aside.bind(id.to_string())).await? == 1)
    }

    /// Removes up to `limit` deliveries that were made before `before` and have ended, but no dead letters; returns how
    /// many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_ended(&self, before: Timestamp, limit: u32) -> Result<u64> {
        let first = DeliveryId::first_of(before).to_string();
        let mut gone = 0;
        // One range of the index for each outcome: dead letters, which stay, are not even read.
        for outcome in Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Dead) {
            let old =
                sqlx::query("SELECT id FROM deliveries WHERE outcome = ? AND id < ? ORDER BY id LIMIT ?")
                    .bind(outcome.as_str())
                    .bind(&first)
                    .bind(i64::from(limit) - i64::try_from(gone).unwrap_or(i64::MAX));
            for row in &self.db.fetch_all(old).await? {
                let delete = sqlx::query("DELETE FROM deliveries WHERE id = ? AND ended_at IS NOT NULL");
                gone += self.db.execute(delete.bind(row.try_get::<String, _>("id")?)).await?;
            }
        }
        Ok(gone)
    }
}

/// One that a newer version has written must not hide the others.
fn readable(rows: &[AnyRow]) -> impl Iterator<Item = Delivery> {
    let log = |error: &Error| tracing::error!(%error, "a delivery that can't be read is left out of a list");
    rows.iter().filter_map(move |row| read(row).inspect_err(log).ok())
}
