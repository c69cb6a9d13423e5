//! What a migration leaves to be done by a program: the rows of version 0.0 that said who was told of what become
//! deliveries. A row in `leases` says that it is to be done, so a crash in the middle does it again.

use std::time::Duration;

use contracts::{Channel, DeliveryId, EventId, JobId, Message, NotifyBy, Options, State, Timestamp, UserId};
use serde::Deserialize;
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Result,
    deliveries::{self, NewDelivery},
    row::{parsed, time},
};

/// Who was not told of an end that is older than this is not told any more.
const STILL_NEWS: Duration = Duration::from_secs(3 * 86_400);

/// `dev.tapedeck.webhook.due.v1`, `dev.tapedeck.user.registered.v1` and `dev.tapedeck.user.password-reset-asked.v1`.
#[derive(Deserialize)]
struct Old {
    job_id: Option<JobId>,
    state: Option<State>,
    user_id: Option<UserId>,
}

impl Db {
    pub(crate) async fn upgrade(&self) -> Result<()> {
        let marker = sqlx::query("SELECT 1 AS one FROM leases WHERE name = 'upgrade'");
        if self.fetch_optional(marker).await?.is_none() {
            return Ok(());
        }
        self.mails_of_ends().await?;
        self.old_events().await?;
        self.drop_old_indexes().await;
        self.execute(sqlx::query("DELETE FROM leases WHERE name = 'upgrade'")).await.map(drop)
    }

    /// Jobs that have ended and whose mail was not sent, or whose webhook was not begun.
    async fn mails_of_ends(&self) -> Result<()> {
        let now = self.now().await?;
        let ended = sqlx::query(
            "SELECT id, user_id, state, options, \
             (SELECT COUNT(*) FROM notifications WHERE subject = jobs.id AND sent_at IS NOT NULL AND kind = CASE state WHEN 'done' THEN 'ready' ELSE 'failed' END) AS mailed, \
             (SELECT COUNT(*) FROM notifications WHERE subject = jobs.id AND sent_at IS NOT NULL AND kind = CASE state WHEN 'done' THEN 'webhook-done' ELSE 'webhook-failed' END) AS called \
             FROM jobs WHERE state IN ('done', 'failed') AND finished_at > ? AND end_no = 0",
        );
        for row in self.fetch_all(ended.bind(now.before(STILL_NEWS).millis())).await? {
            let (options, _) = Options::from_stored(&row.try_get::<String, _>("options")?);
            let job: JobId = parsed(&row, "id")?;
            if options.notify == NotifyBy::Mail && row.try_get::<i64, _>("mailed")? == 0 {
                self.end_delivery(&row, job, Channel::Mail, now).await?;
            }
            if options.webhook.is_some() && row.try_get::<i64, _>("called")? == 0 {
                self.end_delivery(&row, job, Channel::Webhook, now).await?;
            }
        }
        Ok(())
    }

    /// Events that nobody hears any more: what they asked for becomes a delivery. Dead letters and the rest go.
    async fn old_events(&self) -> Result<()> {
        let now = self.now().await?;
        let old = sqlx::query(
            "SELECT id, kind, data, due_at, dead_at FROM outbox WHERE dead_at IS NOT NULL OR kind IN ('dev.tapedeck.webhook.due.v1', 'dev.tapedeck.user.password-reset-asked.v1', 'dev.tapedeck.user.registered.v1')",
        );
        for row in self.fetch_all(old).await? {
            let id: String = row.try_get("id")?;
            let alive = row.try_get::<Option<i64>, _>("dead_at")?.is_none();
            let data: Option<Old> = serde_json::from_str(&row.try_get::<String, _>("data")?).ok();
            if let (true, Some(data)) = (alive, data) {
                self.old_event(&row, data, now).await?;
            }
            self.outbox().sent(&id).await?;
        }
        Ok(())
    }

    async fn old_event(&self, row: &AnyRow, data: Old, now: Timestamp) -> Result<()> {
        match (row.try_get::<String, _>("kind")?.as_str(), data) {
            ("dev.tapedeck.webhook.due.v1", Old { job_id: Some(job), state: Some(state), .. }) => {
                let row = sqlx::query("SELECT id, user_id, state FROM jobs WHERE id = ? AND state = ?")
                    .bind(job.to_string())
                    .bind(state.as_str());
                if let Some(row) = self.fetch_optional(row).await? {
                    self.end_delivery(&row, job, Channel::Webhook, now).await?;
                }
                Ok(())
            }
            ("dev.tapedeck.user.registered.v1", Old { user_id: Some(user), .. }) => {
                self.deliver(&NewDelivery::mail(user, Message::Welcome), now).await
            }
            (_, Old { user_id: Some(user), .. }) => {
                let asked = time(row, "due_at")?;
                self.deliver(&NewDelivery::mail(user, Message::PasswordReset), asked).await
            }
            _ => Ok(()),
        }
    }

    async fn end_delivery(&self, row: &AnyRow, job: JobId, channel: Channel, now: Timestamp) -> Result<()> {
        let done = parsed::<State>(row, "state")? == State::Done;
        let message = if done { Message::Ready } else { Message::Failed };
        // The columns of a job that ended before count its end as number 0.
        let about = Some((job, 0));
        let known = sqlx::query("SELECT 1 AS one FROM deliveries WHERE job_id = ? AND channel = ?")
            .bind(job.to_string())
            .bind(channel.as_str());
        if self.fetch_optional(known).await?.is_some() {
            return Ok(());
        }
        let user_id = parsed(row, "user_id")?;
        self.deliver(&NewDelivery { id: DeliveryId::generate(), user_id, about, message, channel }, now).await
    }

    async fn deliver(&self, new: &NewDelivery, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        deliveries::record(&mut tx, new, EventId::generate(), now).await?;
        Ok(tx.commit().await?)
    }

    /// The two databases drop an index by different words. One that is gone already is no error.
    async fn drop_old_indexes(&self) {
        for (index, table) in [("jobs_state", "jobs"), ("outbox_due", "outbox")] {
            let sql = self.drop_index(index, table);
            if let Err(error) = self.execute(sqlx::query(sqlx::AssertSqlSafe(sql))).await {
                tracing::debug!(index, %error, "not dropped");
            }
        }
    }
}
