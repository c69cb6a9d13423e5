//! What a migration leaves to be done by a program: the rows of version 0.0 that said who was told of what become
//! deliveries. A row in `leases` says that it is to be done, so a crash in the middle does it again.

use std::time::Duration;

use contracts::{Channel, DeliveryId, EventId, JobId, Message, NotifyBy, Options, State, Timestamp, UserId};
use serde::Deserialize;
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Result,
    deliveries::{self, NewDelivery},
    pool::Tx,
    row::{parsed, time},
};

/// Rows of one query.
const PAGE: i64 = 1000;

/// Who was not told of an end that is older than this is not told any more.
const NOTIFY_WITHIN: Duration = Duration::from_secs(3 * 86_400);

/// `dev.tapedeck.webhook.due.v1`, `dev.tapedeck.user.registered.v1` and `dev.tapedeck.user.password-reset-asked.v1`.
#[derive(Deserialize)]
struct LegacyEvent {
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

    /// Jobs that have ended and whose mail was not sent, or whose webhook was not begun. The whole table once, in pages:
    /// no call may take long.
    async fn mails_of_ends(&self) -> Result<()> {
        let now = self.now().await?;
        let mut after = String::new();
        loop {
            let page = sqlx::query(
                "SELECT id, user_id, state, options, CASE WHEN state IN ('done', 'failed') AND finished_at > ? AND end_no = 0 THEN 1 ELSE 0 END AS is_news, \
                 (SELECT COUNT(*) FROM notifications WHERE subject = jobs.id AND sent_at IS NOT NULL AND kind = CASE state WHEN 'done' THEN 'ready' ELSE 'failed' END) AS mailed, \
                 (SELECT COUNT(*) FROM notifications WHERE subject = jobs.id AND sent_at IS NOT NULL AND kind = CASE state WHEN 'done' THEN 'webhook-done' ELSE 'webhook-failed' END) AS called \
                 FROM jobs WHERE id > ? ORDER BY id LIMIT ?",
            );
            let page = page.bind(now.before(NOTIFY_WITHIN).millis()).bind(&after).bind(PAGE);
            let rows = self.fetch_all(page).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.try_get("id")?;
            for row in &rows {
                if row.try_get::<i64, _>("is_news")? == 1 {
                    self.deliver_end(row, now).await?;
                }
            }
        }
    }

    async fn deliver_end(&self, row: &AnyRow, now: Timestamp) -> Result<()> {
        let (options, _) = Options::from_stored(&row.try_get::<String, _>("options")?);
        let mut tx = self.begin().await?;
        if options.notify.unwrap_or_default() == NotifyBy::Mail && row.try_get::<i64, _>("mailed")? == 0 {
            end_delivery(&mut tx, row, Channel::Mail, now).await?;
        }
        if options.webhook.is_some() && row.try_get::<i64, _>("called")? == 0 {
            end_delivery(&mut tx, row, Channel::Webhook, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Events that nobody hears any more: what they asked for becomes a delivery. Dead letters and the rest go.
    async fn old_events(&self) -> Result<()> {
        let now = self.now().await?;
        loop {
            let old = sqlx::query(
                "SELECT id, kind, data, due_at, dead_at FROM outbox WHERE dead_at IS NOT NULL OR kind IN ('dev.tapedeck.webhook.due.v1', 'dev.tapedeck.user.password-reset-asked.v1', 'dev.tapedeck.user.registered.v1') LIMIT ?",
            );
            let rows = self.fetch_all(old.bind(PAGE)).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in &rows {
                let mut tx = self.begin().await?;
                if row.try_get::<Option<i64>, _>("dead_at")?.is_none() {
                    old_event(&mut tx, row, now).await?;
                }
                let gone = sqlx::query("DELETE FROM outbox WHERE id = ?");
                gone.bind(row.try_get::<String, _>("id")?).execute(&mut *tx).await?;
                tx.commit().await?;
            }
        }
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

async fn old_event(tx: &mut Tx, row: &AnyRow, now: Timestamp) -> Result<()> {
    let Ok(data) = serde_json::from_str(&row.try_get::<String, _>("data")?) else { return Ok(()) };
    let (new, since) = match (row.try_get::<String, _>("kind")?.as_str(), data) {
        ("dev.tapedeck.webhook.due.v1", LegacyEvent { job_id: Some(job), state: Some(state), .. }) => {
            let ended = sqlx::query("SELECT id, user_id, state FROM jobs WHERE id = ? AND state = ?")
                .bind(job.to_string())
                .bind(state.as_str())
                .fetch_optional(&mut **tx)
                .await?;
            let Some(ended) = ended else { return Ok(()) };
            return end_delivery(tx, &ended, Channel::Webhook, now).await;
        }
        ("dev.tapedeck.user.registered.v1", LegacyEvent { user_id: Some(user), .. }) => {
            // Who has registered by this version is to be told already.
            let known =
                sqlx::query("SELECT 1 AS one FROM deliveries WHERE user_id = ? AND message = 'welcome'");
            if known.bind(user.to_string()).fetch_optional(&mut **tx).await?.is_some() {
                return Ok(());
            }
            (NewDelivery::mail(user, Message::Welcome), now)
        }
        (_, LegacyEvent { user_id: Some(user), .. }) => {
            (NewDelivery::mail(user, Message::PasswordReset), time(row, "due_at")?)
        }
        _ => return Ok(()),
    };
    deliveries::record(tx, &new, EventId::generate(), since).await.map(drop)
}

async fn end_delivery(tx: &mut Tx, row: &AnyRow, channel: Channel, now: Timestamp) -> Result<()> {
    let job: JobId = parsed(row, "id")?;
    let known = sqlx::query("SELECT 1 AS one FROM deliveries WHERE job_id = ? AND channel = ?")
        .bind(job.to_string())
        .bind(channel.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    if known.is_some() {
        return Ok(());
    }
    let done = parsed::<State>(row, "state")? == State::Done;
    let message = if done { Message::Ready } else { Message::Failed };
    let user_id = parsed(row, "user_id")?;
    // The columns of a job that ended before count its end as number 0.
    let (id, about) = (DeliveryId::generate(), Some((job, 0)));
    let new = NewDelivery { id, user_id, about, message, channel, destination: None };
    deliveries::record(tx, &new, EventId::generate(), now).await.map(drop)
}
