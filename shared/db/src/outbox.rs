//! The outbox: events that are true, waiting to be delivered (local broker) or published (others).

use std::time::Duration;

use contracts::{Envelope, Event, EventId, Recorded, Timestamp, pause_after};
use sqlx::{
    Any, Row as _,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::{
    Db, Error, Result,
    pool::Tx,
    row::{cut, time, time_or_null},
};

/// An event that nobody has delivered yet.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The event.
    pub envelope: Envelope,
    /// How often its delivery has failed.
    pub attempts: u32,
    due_at: Timestamp,
}

/// The event as this transaction writes it, or as the same one has written it before.
pub(crate) fn recorded<E: Event>(tx: &Tx, event: E, id: EventId, now: Timestamp) -> Result<Recorded<E>> {
    let envelope = Envelope::of(&event, now).map_err(|error| Error::Corrupt(error.to_string()))?;
    let (id, extensions) = (id.to_string(), tx.trace().extensions());
    Ok(Recorded { event, envelope: Envelope { id, extensions, ..envelope } })
}

/// Writes `event` to the outbox as part of the transaction that makes it true.
pub(crate) async fn record<E: Event>(
    tx: &mut Tx,
    event: E,
    id: EventId,
    now: Timestamp,
) -> Result<Recorded<E>> {
    let recorded = recorded(tx, event, id, now)?;
    let envelope = &recorded.envelope;
    sqlx::query("INSERT INTO outbox (id, kind, source, subject, time, extensions, data, attempts, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)")
        .bind(&envelope.id)
        .bind(&envelope.kind)
        .bind(&envelope.source)
        .bind(&envelope.subject)
        .bind(envelope.time.millis())
        .bind(serde_json::json!(envelope.extensions).to_string())
        .bind(envelope.data.to_string())
        .bind(now.millis())
        .execute(&mut **tx)
        .await?;
    Ok(recorded)
}

/// The outbox of a database.
#[derive(Clone, Copy, Debug)]
pub struct Outbox<'a> {
    db: &'a Db,
}

impl Db {
    /// The outbox.
    #[must_use]
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox { db: self }
    }
}

impl Outbox<'_> {
    /// Events of this type that are due, the longest due first, at most `limit`; fewer if some can't be read. Claim each
    /// before it is delivered.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn due(&self, kind: &str, limit: u32) -> Result<Vec<Pending>> {
        let due = sqlx::query("SELECT * FROM outbox WHERE kind = ? AND due_at <= ? ORDER BY due_at LIMIT ?")
            .bind(kind)
            .bind(self.db.now().await?.millis())
            .bind(i64::from(limit));
        self.readable(due).await
    }

    /// Events of all types that have been due for `age`, the longest due first, at most `limit`.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn unpublished(&self, age: Duration, limit: u32) -> Result<Vec<Pending>> {
        let due = sqlx::query("SELECT * FROM outbox WHERE due_at <= ? ORDER BY due_at LIMIT ?")
            .bind(self.db.now().await?.before(age).millis())
            .bind(i64::from(limit));
        self.readable(due).await
    }

    /// The rows that can be read. Any other is put off, so that it holds up nobody, longer each time; after the last it is
    /// dropped, as one that no broker takes: what it hints at stands in other rows.
    async fn readable(&self, due: Query<'_, Any, AnyArguments>) -> Result<Vec<Pending>> {
        let mut readable = Vec::new();
        for row in &self.db.fetch_all(due).await? {
            match read(row) {
                Ok(pending) => readable.push(pending),
                Err(Error::Corrupt(problem)) => self.postpone(row, &problem).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(readable)
    }

    async fn postpone(&self, row: &AnyRow, problem: &str) -> Result<()> {
        let Ok(id) = row.try_get::<String, _>("id") else {
            tracing::error!(problem, "an event can't be read, nor its id");
            return Ok(());
        };
        let attempts = u32::try_from(row.try_get::<i32, _>("attempts").unwrap_or(0)).unwrap_or(0);
        if let Some(pause) = pause_after(attempts + 1) {
            tracing::error!(event = id, problem, ?pause, "an event can't be read; it is put off");
            return self.failed(&id, pause, problem).await;
        }
        tracing::error!(event = id, problem, "an event could not be read for days; dropped");
        self.sent(&id).await
    }

    /// Keeps others away from an event for `span`; then it is due again. False if somebody else has it.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn claim(&self, pending: &Pending, span: Duration) -> Result<bool> {
        // The sum is no use for an index: MySQL would take that of due_at, and lock ranges of it.
        let take = sqlx::query("UPDATE outbox SET due_at = ? WHERE id = ? AND due_at + 0 = ?")
            .bind(self.db.now().await?.after(span).millis())
            .bind(&pending.envelope.id)
            .bind(pending.due_at.millis());
        Ok(self.db.execute(take).await? == 1)
    }

    /// The end of a claim: the event is due as it was before.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn release(&self, pending: &Pending) -> Result<()> {
        let due = sqlx::query("UPDATE outbox SET due_at = ? WHERE id = ?");
        self.db.execute(due.bind(pending.due_at.millis()).bind(&pending.envelope.id)).await.map(drop)
    }

    /// When the next event of this type becomes due, if any waits.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn next_due(&self, kind: &str) -> Result<Option<Timestamp>> {
        let next = sqlx::query("SELECT MIN(due_at) AS due FROM outbox WHERE kind = ?").bind(kind);
        time_or_null(&self.db.fetch_one(next).await?, "due")
    }

    /// The event was delivered or published, or nobody subscribes to it: its row goes.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn sent(&self, id: &str) -> Result<()> {
        self.db.execute(sqlx::query("DELETE FROM outbox WHERE id = ?").bind(id)).await.map(drop)
    }

    /// The event was not taken; it is due again after `pause`.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn failed(&self, id: &str, pause: Duration, error: &str) -> Result<()> {
        let later =
            sqlx::query("UPDATE outbox SET attempts = attempts + 1, due_at = ?, last_error = ? WHERE id = ?")
                .bind(self.db.now().await?.after(pause).millis())
                .bind(cut(error, 500))
                .bind(id);
        self.db.execute(later).await.map(drop)
    }

    /// Removes the events of a type that has no subscriber; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn drop_kind(&self, kind: &str) -> Result<u64> {
        self.db.execute(sqlx::query("DELETE FROM outbox WHERE kind = ?").bind(kind)).await
    }

    /// Whether any event waits, due or not.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn any_waiting(&self) -> Result<bool> {
        let any = sqlx::query("SELECT 1 AS one FROM outbox LIMIT 1");
        Ok(self.db.fetch_optional(any).await?.is_some())
    }
}

fn read(row: &AnyRow) -> Result<Pending> {
    let data: String = row.try_get("data")?;
    let extensions: String = row.try_get("extensions")?;
    let attempts: i32 = row.try_get("attempts")?;
    let json = |error: serde_json::Error| Error::Corrupt(error.to_string());
    Ok(Pending {
        envelope: Envelope {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            source: row.try_get("source")?,
            subject: row.try_get("subject")?,
            time: time(row, "time")?,
            extensions: serde_json::from_str(&extensions).map_err(json)?,
            data: serde_json::from_str(&data).map_err(json)?,
        },
        attempts: u32::try_from(attempts).unwrap_or(0),
        due_at: time(row, "due_at")?,
    })
}
