//! Deliveries: who is to be told of what, by which channel, and what became of it.
//!
//! A delivery is written by the transaction that makes it true. Whoever sends claims it by compare-and-set; a claim that
//! is not settled is due again at its end. Attempts and due times stand here, so a broker that loses the event loses
//! nothing. One that has ended stays for a while, so that an administrator can list and repeat it.

use std::time::Duration;

use contracts::{
    Channel, DeliveryDue, DeliveryId, EventId, JobId, Message, Outcome, Recorded, Timestamp, UserId,
    pause_after,
};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Error, Result, outbox,
    pool::{PATIENCE, Tx},
    row::{cut, parsed, parsed_or_null, time, time_or_null},
};

/// Something that somebody is told.
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
    /// How often it was begun.
    pub attempts: u32,
    /// When it is due; while somebody sends it, when that claim ends. `None` once it has ended.
    pub due_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Why it ended so, or why the latest attempt failed.
    pub detail: Option<String>,
    /// When it became true.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A delivery that the caller makes now.
#[derive(Clone, Debug)]
pub struct DeliveryClaim {
    /// What, as of now.
    pub delivery: Delivery,
    claim: EventId,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver has it.
    Sent,
    /// The receiver will never take it: why.
    Refused(String),
    /// It is of no use any more: why.
    Dropped(String),
    /// Perhaps later: why not now. The last attempt makes it a dead letter.
    Failed(String),
    /// Nothing was tried; it is due again after this time.
    Postponed(Duration),
}

/// What is never tried again: who was to be told of it three days ago needs no more news of it.
const GIVE_UP_AFTER: Duration = Duration::from_secs(4 * 86_400);

pub(crate) struct NewDelivery {
    pub(crate) id: DeliveryId,
    pub(crate) user_id: UserId,
    pub(crate) about: Option<(JobId, u32)>,
    pub(crate) message: Message,
    pub(crate) channel: Channel,
}

impl NewDelivery {
    /// A mail to a user that is about no job.
    pub(crate) fn mail(user_id: UserId, message: Message) -> Self {
        Self { id: DeliveryId::generate(), user_id, about: None, message, channel: Channel::Mail }
    }

    pub(crate) fn due(&self) -> DeliveryDue {
        DeliveryDue { delivery_id: self.id }
    }
}

/// Writes a delivery and its event, as part of the transaction that makes it true.
pub(crate) async fn record(
    tx: &mut Tx,
    new: &NewDelivery,
    event: EventId,
    now: Timestamp,
) -> Result<Recorded<DeliveryDue>> {
    sqlx::query(
        "INSERT INTO deliveries (id, user_id, job_id, end_no, message, channel, attempts, due_at, created_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
    )
    .bind(new.id.to_string())
    .bind(new.user_id.to_string())
    .bind(new.about.map(|(job, _)| job.to_string()))
    .bind(i64::from(new.about.map_or(0, |(_, end)| end)))
    .bind(new.message.as_str())
    .bind(new.channel.as_str())
    .bind(now.millis())
    .bind(now.millis())
    .execute(&mut **tx)
    .await?;
    outbox::record(tx, new.due(), event, now).await
}

/// Nobody is told any more what a job's deliveries were to tell.
pub(crate) async fn drop_of_job(tx: &mut Tx, job: JobId, why: &str, now: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE deliveries SET outcome = 'dropped', detail = ?, ended_at = ?, due_at = NULL, claim = NULL WHERE job_id = ? AND ended_at IS NULL",
    )
    .bind(why)
    .bind(now.millis())
    .bind(job.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
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
        self.db.fetch_all(due).await?.iter().map(|row| parsed(row, "id")).collect()
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

    /// Takes the right to make this delivery for the time of `span`. `None` if it is not due: it has ended, somebody else
    /// makes it, or it is to be tried later.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn claim(&self, id: DeliveryId, span: Duration) -> Result<Option<DeliveryClaim>> {
        let now = self.db.now().await?;
        let claim = EventId::generate();
        let take = sqlx::query(
            "UPDATE deliveries SET attempts = attempts + 1, claim = ?, due_at = ? WHERE id = ? AND ended_at IS NULL AND due_at <= ?",
        )
        .bind(claim.to_string())
        .bind(now.after(span).millis())
        .bind(id.to_string())
        .bind(now.millis());
        if self.db.execute(take).await? == 0 {
            return Ok(None);
        }
        Ok(self.get(id).await?.map(|delivery| DeliveryClaim { delivery, claim }))
    }

    /// Notes what became of an attempt. One whose claim has run out meanwhile changes nothing, unless it was sent.
    ///
    /// # Errors
    /// As the database fails, after 20 seconds.
    pub async fn settle(&self, claim: &DeliveryClaim, attempt: Attempt) -> Result<()> {
        let now = self.db.settle(PATIENCE, || self.db.now()).await?;
        let delivery = &claim.delivery;
        let late = now > delivery.created_at.after(GIVE_UP_AFTER);
        match attempt {
            Attempt::Sent => self.end(claim, Outcome::Sent, None).await,
            Attempt::Refused(why) => self.end(claim, Outcome::Refused, Some(why)).await,
            Attempt::Dropped(why) => self.end(claim, Outcome::Dropped, Some(why)).await,
            Attempt::Failed(why) => match pause_after(delivery.attempts) {
                Some(pause) if !late => self.later(claim, now.after(pause), 0, Some(why)).await,
                _ => self.end(claim, Outcome::Dead, Some(why)).await,
            },
            Attempt::Postponed(_) if late => {
                self.end(claim, Outcome::Dead, Some("the receiver was away for days".into())).await
            }
            Attempt::Postponed(pause) => self.later(claim, now.after(pause), 1, None).await,
        }
    }

    async fn end(&self, claim: &DeliveryClaim, outcome: Outcome, detail: Option<String>) -> Result<()> {
        let end = || async {
            let now = self.db.now().await?;
            let ours = if outcome == Outcome::Sent { "" } else { " AND claim = ?" };
            let sql = format!(
                "UPDATE deliveries SET outcome = ?, detail = ?, ended_at = ?, due_at = NULL, claim = NULL WHERE id = ? AND ended_at IS NULL{ours}"
            );
            let query = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(outcome.as_str())
                .bind(detail.as_deref().map(|text| cut(text, 500)))
                .bind(now.millis())
                .bind(claim.delivery.id.to_string());
            let query = if ours.is_empty() { query } else { query.bind(claim.claim.to_string()) };
            self.db.execute(query).await.map(drop)
        };
        self.db.settle(PATIENCE, end).await
    }

    /// Due again at `due`; `untried` attempts are taken off the count.
    async fn later(
        &self,
        claim: &DeliveryClaim,
        due: Timestamp,
        untried: i32,
        detail: Option<String>,
    ) -> Result<()> {
        let detail = detail.or_else(|| claim.delivery.detail.clone());
        let later = || async {
            let query = sqlx::query(
                "UPDATE deliveries SET due_at = ?, attempts = attempts - ?, detail = ?, claim = NULL WHERE id = ? AND claim = ?",
            )
            .bind(due.millis())
            .bind(untried)
            .bind(detail.as_deref().map(|text| cut(text, 500)))
            .bind(claim.delivery.id.to_string())
            .bind(claim.claim.to_string());
            self.db.execute(query).await.map(drop)
        };
        self.db.settle(PATIENCE, later).await
    }

    /// What a job's owner was or is to be told about it, oldest first.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn of_job(&self, job: JobId) -> Result<Vec<Delivery>> {
        let of_job = sqlx::query("SELECT * FROM deliveries WHERE job_id = ? ORDER BY id LIMIT 1000");
        self.db.fetch_all(of_job.bind(job.to_string())).await?.iter().map(read).collect()
    }

    /// Deliveries that ended so, newest first, at most `limit`, older than `before` if given.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn ended(
        &self,
        outcome: Outcome,
        limit: u32,
        before: Option<DeliveryId>,
    ) -> Result<Vec<Delivery>> {
        // 'z' sorts after every id.
        let before = before.map_or_else(|| "z".to_owned(), |id| id.to_string());
        let page =
            sqlx::query("SELECT * FROM deliveries WHERE outcome = ? AND id < ? ORDER BY id DESC LIMIT ?")
                .bind(outcome.as_str())
                .bind(before)
                .bind(i64::from(limit));
        self.db.fetch_all(page).await?.iter().map(read).collect()
    }

    /// Lets a delivery that has ended be made again, with a fresh count of attempts. `None` if there is none that has
    /// ended.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn repeat(&self, id: DeliveryId) -> Result<Option<Recorded<DeliveryDue>>> {
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
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
        let event = DeliveryDue { delivery_id: id };
        let recorded = outbox::record(&mut tx, event, EventId::generate(), now).await?;
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
    pub async fn forget(&self, before: Timestamp, limit: u32) -> Result<u64> {
        let old = sqlx::query(
            "SELECT id FROM deliveries WHERE id < ? AND ended_at IS NOT NULL AND outcome <> 'dead' ORDER BY id LIMIT ?",
        );
        let first = DeliveryId::first_of(before).to_string();
        let rows = self.db.fetch_all(old.bind(first).bind(i64::from(limit))).await?;
        let mut gone = 0;
        for row in &rows {
            let id: DeliveryId = parsed(row, "id")?;
            let delete = sqlx::query("DELETE FROM deliveries WHERE id = ? AND ended_at IS NOT NULL");
            gone += self.db.execute(delete.bind(id.to_string())).await?;
        }
        Ok(gone)
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
        attempts: count("attempts")?,
        due_at: time_or_null(row, "due_at")?,
        outcome: parsed_or_null(row, "outcome")?,
        detail: row.try_get("detail")?,
        created_at: time(row, "created_at")?,
        ended_at: time_or_null(row, "ended_at")?,
    })
}
