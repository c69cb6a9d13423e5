//! The outbox: events that are true, waiting to be delivered or published.

use contracts::{Envelope, Event, Recorded, Timestamp};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Error, Result,
    pool::Tx,
    row::{cut, time},
};

/// An event that nobody has delivered yet.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The event.
    pub envelope: Envelope,
    /// How often its delivery has failed.
    pub attempts: u32,
}

/// An event that could not be delivered.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The event.
    pub envelope: Envelope,
    /// Why, for the operator.
    pub last_error: String,
}

/// Writes `event` to the outbox as part of the transaction that makes it true.
pub(crate) async fn record<E: Event>(tx: &mut Tx, event: E) -> Result<Recorded<E>> {
    record_for(tx, event, Timestamp::now()).await
}

/// The same for an event that nobody is to hear before `due`.
pub(crate) async fn record_for<E: Event>(tx: &mut Tx, event: E, due: Timestamp) -> Result<Recorded<E>> {
    let envelope = Envelope::of(&event).map_err(|error| Error::Corrupt(error.to_string()))?;
    sqlx::query("INSERT INTO outbox (id, kind, source, subject, time, data, attempts, due_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?)")
        .bind(&envelope.id)
        .bind(&envelope.kind)
        .bind(&envelope.source)
        .bind(&envelope.subject)
        .bind(envelope.time.millis())
        .bind(envelope.data.to_string())
        .bind(due.millis())
        .execute(&mut **tx)
        .await?;
    Ok(Recorded { event, envelope })
}

impl Db {
    /// Events of these types that are due, oldest first, at most `limit`, without the ones in `except`.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn due_events(&self, kind: &str, limit: u32, except: &[String]) -> Result<Vec<Pending>> {
        // The ones in hand stay rows until they are done: ask for so many more and leave them out here.
        let rows = sqlx::query(
            "SELECT * FROM outbox WHERE dead_at IS NULL AND due_at <= ? AND kind = ? ORDER BY due_at, id LIMIT ?",
        )
        .bind(Timestamp::now().millis())
        .bind(kind)
        .bind(i64::from(limit) + i64::try_from(except.len()).unwrap_or(i64::MAX / 2))
        .fetch_all(&self.pool)
        .await?;
        let pending: Vec<Pending> = rows.iter().map(read).collect::<Result<_>>()?;
        Ok(pending
            .into_iter()
            .filter(|pending| !except.contains(&pending.envelope.id))
            .take(limit as usize)
            .collect())
    }

    /// Events of all types that are due, oldest first, at most `limit`.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn unpublished_events(&self, limit: u32) -> Result<Vec<Pending>> {
        let rows = sqlx::query(
            "SELECT * FROM outbox WHERE dead_at IS NULL AND due_at <= ? ORDER BY due_at, id LIMIT ?",
        )
        .bind(Timestamp::now().millis())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// When the next event becomes due, if any waits.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>> {
        let row = sqlx::query("SELECT MIN(due_at) AS due FROM outbox WHERE dead_at IS NULL AND due_at > ?")
            .bind(Timestamp::now().millis())
            .fetch_one(&self.pool)
            .await?;
        crate::row::time_or_null(&row, "due")
    }

    /// The event was delivered or published: its row goes.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn event_sent(&self, id: &str) -> Result<()> {
        sqlx::query("DELETE FROM outbox WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// The delivery failed; it is due again at `due`.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn event_failed(&self, id: &str, due: Timestamp, error: &str) -> Result<()> {
        sqlx::query("UPDATE outbox SET attempts = attempts + 1, due_at = ?, last_error = ? WHERE id = ?")
            .bind(due.millis())
            .bind(cut(error, 500))
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The event can't be delivered: it becomes a dead letter.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn event_dead(&self, id: &str, error: &str) -> Result<()> {
        sqlx::query("UPDATE outbox SET dead_at = ?, last_error = ? WHERE id = ?")
            .bind(Timestamp::now().millis())
            .bind(cut(error, 500))
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// How many events wait for delivery (dead letters don't).
    ///
    /// # Errors
    /// As the database fails.
    pub async fn pending_events(&self) -> Result<u64> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM outbox WHERE dead_at IS NULL")
            .fetch_one(&self.pool)
            .await?;
        Ok(crate::row::count_or_null(&row, "n")?.unwrap_or(0))
    }

    /// The dead letters, oldest first.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        let rows = sqlx::query("SELECT * FROM outbox WHERE dead_at IS NOT NULL ORDER BY id LIMIT 1000")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let last_error = row.try_get::<Option<String>, _>("last_error")?.unwrap_or_default();
                Ok(DeadLetter { envelope: read(row)?.envelope, last_error })
            })
            .collect()
    }
}

fn read(row: &AnyRow) -> Result<Pending> {
    let data: String = row.try_get("data")?;
    let attempts: i32 = row.try_get("attempts")?;
    Ok(Pending {
        envelope: Envelope {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            source: row.try_get("source")?,
            subject: row.try_get("subject")?,
            time: time(row, "time")?,
            data: serde_json::from_str(&data).map_err(|error| Error::Corrupt(error.to_string()))?,
        },
        attempts: u32::try_from(attempts).unwrap_or(0),
    })
}
