//! Deliveries: mails and calls, their attempts and their outcomes.
//!
//! A delivery is written by the transaction that makes it true. Whoever sends claims it by compare-and-set; a claim that
//! is not settled is due again at its end. Attempts and due times stand here, so a broker that loses the event loses
//! nothing. One that has ended stays for a while, so that an administrator can list and repeat it.
//!
//! - `deliveries/attempt.rs`: to claim one, and to note what became of it.
//! - `deliveries/kept.rs`: lists, and what is done to those that have ended.

mod attempt;
mod kept;

use std::{collections::HashSet, time::Duration};

pub use attempt::{Attempt, DeliveryClaim};
use contracts::{
    Channel, DeliveryDue, DeliveryId, DestinationId, EventId, JobId, Message, Outcome, Recorded, Timestamp,
    Trace, UserId,
};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Error, Result, outbox,
    pool::Tx,
    row::{parsed, parsed_or_null, stored_trace, time, time_or_null, trace},
};

/// A mail or a call.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Names it.
    pub id: DeliveryId,
    /// Whom.
    pub user_id: UserId,
    /// About which job, and which of its ends (1 for the first).
    pub about: Option<(JobId, u32)>,
    /// What.
    pub message: Message,
    /// How.
    pub channel: Channel,
    /// Which destination is called, if the channel is that.
    pub destination: Option<DestinationId>,
    /// How often it was begun.
    pub attempts: u32,
    /// When it is due; while somebody sends it, when that claim ends. `None` once it has ended.
    pub due_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Why it ended so, or why the latest attempt failed.
    pub detail: Option<String>,
    /// The trace of what is told.
    pub trace: Trace,
    /// When it became true.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

pub(crate) struct NewDelivery {
    pub(crate) id: DeliveryId,
    pub(crate) user_id: UserId,
    pub(crate) about: Option<(JobId, u32)>,
    pub(crate) message: Message,
    pub(crate) channel: Channel,
    pub(crate) destination: Option<DestinationId>,
}

impl NewDelivery {
    /// A mail to a user that is about no job.
    pub(crate) fn mail(user_id: UserId, message: Message) -> Self {
        Self {
            id: DeliveryId::generate(),
            user_id,
            about: None,
            message,
            channel: Channel::Mail,
            destination: None,
        }
    }

    pub(crate) fn due(&self) -> DeliveryDue {
        DeliveryDue { delivery_id: self.id }
    }
}

/// A delivery is due so long before it is written: whoever hears of it at once may know the server's time a little less
/// well than who wrote it, and must not find that it is not due yet.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);

/// Writes a delivery and its event, as part of the transaction that makes it true.
pub(crate) async fn record(
    tx: &mut Tx,
    new: &NewDelivery,
    event: EventId,
    now: Timestamp,
) -> Result<Recorded<DeliveryDue>> {
    sqlx::query(
        "INSERT INTO deliveries (id, user_id, job_id, end_no, message, channel, destination_id, attempts, due_at, created_at, trace) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
    )
    .bind(new.id.to_string())
    .bind(new.user_id.to_string())
    .bind(new.about.map(|(job, _)| job.to_string()))
    .bind(i64::from(new.about.map_or(0, |(_, end)| end)))
    .bind(new.message.as_str())
    .bind(new.channel.as_str())
    .bind(new.destination.map(|id| id.to_string()))
    .bind(now.before(CLOCKS_DIFFER).millis())
    .bind(now.millis())
    .bind(stored_trace(tx.trace()))
    .execute(&mut **tx)
    .await?;
    outbox::record(tx, new.due(), event, now).await
}

/// Drops the deliveries of a job that have not ended.
pub(crate) async fn drop_of_job(tx: &mut Tx, job: &str, why: &str, now: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE deliveries SET outcome = 'dropped', detail = ?, ended_at = ?, due_at = NULL, claim = NULL WHERE job_id = ? AND ended_at IS NULL",
    )
    .bind(why)
    .bind(now.millis())
    .bind(job)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Drops the deliveries to a destination that have not ended.
pub(crate) async fn drop_of_destination(
    tx: &mut Tx,
    id: DestinationId,
    why: &str,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "UPDATE deliveries SET outcome = 'dropped', detail = ?, ended_at = ?, due_at = NULL, claim = NULL WHERE destination_id = ? AND ended_at IS NULL",
    )
    .bind(why)
    .bind(now.millis())
    .bind(id.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The deliveries of a job's end, as an earlier try has written them.
pub(crate) async fn written(tx: &mut Tx, job: JobId, end: u32) -> Result<HashSet<DeliveryId>> {
    let written = sqlx::query("SELECT id FROM deliveries WHERE job_id = ? AND end_no = ?")
        .bind(job.to_string())
        .bind(i64::from(end))
        .fetch_all(&mut **tx)
        .await?;
    written.iter().map(|row| parsed(row, "id")).collect()
}

/// The deliveries of a database.
#[derive(Clone, Copy, Debug)]
pub struct Deliveries<'a> {
    db: &'a Db,
}

impl Db {
    /// The deliveries.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries<'_> {
        Deliveries { db: self }
    }
}

impl Deliveries<'_> {
    /// The delivery with this id.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn get(&self, id: DeliveryId) -> Result<Option<Delivery>> {
        let by_id = sqlx::query("SELECT * FROM deliveries WHERE id = ?").bind(id.to_string());
        self.db.fetch_optional(by_id).await?.as_ref().map(read).transpose()
    }

    /// What is due by `channel` since `age` or longer, the longest due first, at most `limit`.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn due(&self, channel: Channel, age: Duration, limit: u32) -> Result<Vec<DeliveryId>> {
        let due = sqlx::query(
            "SELECT id FROM deliveries WHERE channel = ? AND due_at <= ? ORDER BY due_at LIMIT ?",
        )
        .bind(channel.as_str())
        .bind(self.db.now().await?.before(age).millis())
        .bind(i64::from(limit));
        let log = |error: &Error| tracing::error!(%error, "a delivery has an id that can't be read");
        let rows = self.db.fetch_all(due).await?;
        Ok(rows.iter().filter_map(|row| parsed(row, "id").inspect_err(log).ok()).collect())
    }

    /// Whether anything waits to be delivered, due or not.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn any_waiting(&self) -> Result<bool> {
        for channel in Channel::ALL {
            let waiting = sqlx::query(
                "SELECT 1 AS one FROM deliveries WHERE channel = ? AND due_at IS NOT NULL LIMIT 1",
            );
            if self.db.fetch_optional(waiting.bind(channel.as_str())).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Says again that something is due, for up to `limit` deliveries of each channel that have been due for `age`.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn announce(&self, age: Duration, limit: u32) -> Result<Vec<Recorded<DeliveryDue>>> {
        let mut due = Vec::new();
        for channel in Channel::ALL {
            due.extend(self.due(channel, age, limit).await?);
        }
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let mut events = Vec::new();
        for delivery_id in due {
            let event = DeliveryDue { delivery_id };
            events.push(outbox::record(&mut tx, event, EventId::generate(), now).await?);
        }
        tx.commit().await?;
        Ok(events)
    }
}

fn read(row: &AnyRow) -> Result<Delivery> {
    let count = |column| Ok::<_, Error>(u32::try_from(row.try_get::<i32, _>(column)?).unwrap_or(0));
    let job: Option<JobId> = parsed_or_null(row, "job_id")?;
    let end = count("end_no")?;
    Ok(Delivery {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        about: job.map(|job| (job, end)),
        message: parsed(row, "message")?,
        channel: parsed(row, "channel")?,
        destination: parsed_or_null(row, "destination_id")?,
        attempts: count("attempts")?,
        due_at: time_or_null(row, "due_at")?,
        outcome: parsed_or_null(row, "outcome")?,
        detail: row.try_get("detail")?,
        trace: trace(row)?,
        created_at: time(row, "created_at")?,
        ended_at: time_or_null(row, "ended_at")?,
    })
}
