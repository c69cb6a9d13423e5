//! One attempt: claimed, made by the caller, and settled.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use contracts::{DeliveryId, EventId, Outcome, Timestamp, pause_after};
use sqlx::Row as _;

use super::{Deliveries, Delivery};
use crate::{Error, Result, pool::RETRY_TIME, row::cut};

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

impl Deliveries<'_> {
    /// Claims this delivery for the time of `span`. `None` if it is not due: it has ended, somebody else
    /// makes it, it is to be tried later, or it can't be read, which counts as a failed attempt.
    ///
    /// # Errors
    /// As the database fails, after 20 seconds.
    pub async fn claim(&self, id: DeliveryId, span: Duration) -> Result<Option<DeliveryClaim>> {
        let (key, again) = ((id, EventId::generate()), AtomicBool::new(false));
        let claimed = self.db.settle(RETRY_TIME, || async {
            // A try whose answer was lost may have gone through: then nobody else would get the delivery before `span` is over.
            let ours = again.swap(true, Ordering::Relaxed) && self.keep(key, span).await?;
            if ours || self.take(key, span).await? { self.get(id).await } else { Ok(None) }
        });
        match claimed.await {
            Ok(delivery) => Ok(delivery.map(|delivery| DeliveryClaim { delivery, claim: key.1 })),
            Err(Error::Corrupt(problem)) => self.unreadable(key, problem).await.map(|()| None),
            Err(error) => Err(error),
        }
    }

    async fn take(&self, (id, claim): (DeliveryId, EventId), span: Duration) -> Result<bool> {
        let now = self.db.now().await?;
        let take = sqlx::query(
            "UPDATE deliveries SET attempts = attempts + 1, claim = ?, due_at = ? WHERE id = ? AND ended_at IS NULL AND due_at <= ?",
        )
        .bind(claim.to_string())
        .bind(now.after(span).millis())
        .bind(id.to_string())
        .bind(now.millis());
        Ok(self.db.execute(take).await? == 1)
    }

    /// Lets a claim begin now. False if there is none.
    async fn keep(&self, (id, claim): (DeliveryId, EventId), span: Duration) -> Result<bool> {
        let keep = sqlx::query("UPDATE deliveries SET due_at = ? WHERE id = ? AND claim = ?")
            .bind(self.db.now().await?.after(span).millis())
            .bind(id.to_string())
            .bind(claim.to_string());
        Ok(self.db.execute(keep).await? == 1)
    }

    /// Notes what became of an attempt. One whose claim has run out meanwhile changes nothing, unless it was sent.
    ///
    /// # Errors
    /// As the database fails, after 20 seconds.
    pub async fn settle(&self, claim: &DeliveryClaim, attempt: Attempt) -> Result<()> {
        let now = self.db.settle(RETRY_TIME, || self.db.now()).await?;
        let delivery = &claim.delivery;
        let (key, why_before) = ((delivery.id, claim.claim), delivery.detail.clone());
        let late = now > delivery.created_at.after(GIVE_UP_AFTER);
        match attempt {
            Attempt::Sent => self.end(key, Outcome::Sent, None).await,
            Attempt::Refused(why) => self.end(key, Outcome::Refused, Some(why)).await,
            Attempt::Dropped(why) => self.end(key, Outcome::Dropped, Some(why)).await,
            Attempt::Failed(why) => match pause_after(delivery.attempts) {
                Some(pause) if !late => self.later(key, now.after(pause), 0, Some(why)).await,
                _ => self.end(key, Outcome::Dead, Some(why)).await,
            },
            Attempt::Postponed(_) if late => {
                self.end(key, Outcome::Dead, Some("the receiver was away for days".into())).await
            }
            Attempt::Postponed(pause) => self.later(key, now.after(pause), 1, why_before).await,
        }
    }

    /// A newer version may read it; until then it must not be tried for ever.
    async fn unreadable(&self, key: (DeliveryId, EventId), problem: String) -> Result<()> {
        tracing::error!(delivery = %key.0, problem, "a delivery can't be read");
        let row = sqlx::query("SELECT * FROM deliveries WHERE id = ?").bind(key.0.to_string());
        let row = self.db.fetch_optional(row).await?;
        let attempts = row.and_then(|row| row.try_get::<i32, _>("attempts").ok());
        match attempts.and_then(|attempts| pause_after(u32::try_from(attempts).ok()?)) {
            Some(pause) => {
                let due = self.db.now().await?.after(pause);
                self.later(key, due, 0, Some(problem)).await
            }
            None => self.end(key, Outcome::Dead, Some(problem)).await,
        }
    }

    async fn end(&self, key: (DeliveryId, EventId), outcome: Outcome, detail: Option<String>) -> Result<()> {
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
                .bind(key.0.to_string());
            let query = if ours.is_empty() { query } else { query.bind(key.1.to_string()) };
            self.db.execute(query).await.map(drop)
        };
        self.db.settle(RETRY_TIME, end).await
    }

    /// Due again at `due`; `untried` attempts are taken off the count.
    async fn later(
        &self,
        key: (DeliveryId, EventId),
        due: Timestamp,
        untried: i32,
        detail: Option<String>,
    ) -> Result<()> {
        let later = || async {
            let query = sqlx::query(
                "UPDATE deliveries SET due_at = ?, attempts = attempts - ?, detail = ?, claim = NULL WHERE id = ? AND claim = ?",
            )
            .bind(due.millis())
            .bind(untried)
            .bind(detail.as_deref().map(|text| cut(text, 500)))
            .bind(key.0.to_string())
            .bind(key.1.to_string());
            self.db.execute(query).await.map(drop)
        };
        self.db.settle(RETRY_TIME, later).await
    }
}
