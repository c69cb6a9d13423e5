//! Requests that may be sent again. What a request with a key makes is noted under the key in the same transaction, so a
//! repeat finds it whatever became of the first answer. The answer itself is not stored: it follows from what was made.
//!
//! A video takes long to arrive. The key is noted with the job's row, before its first byte, and is done when the job is
//! queued. In between the job's heartbeat says whether the first request is alive; the upload of one that is not is
//! abandoned, so that at most one of both queues a job.

use std::{fmt::Display, time::Duration};

use contracts::{JobId, State, Timestamp};
use sqlx::{Any, Row as _, any::AnyArguments, query::Query};

use crate::{
    Db, Error, Result,
    pool::Tx,
    row::{parse, parsed, parsed_or_null, time, time_or_null},
};

/// How long a key is known.
const KEPT: Duration = Duration::from_hours(24);
/// A first request without a heartbeat for so long is replaced by its repeat: its client has left it.
const SILENT: Duration = Duration::from_secs(30);

/// Names what a request makes, for when it is sent again.
#[derive(Clone, Debug)]
pub struct RequestKey {
    /// Hash (64 hex digits) of the account, the route and the client's key.
    pub id: String,
    /// Hash (64 hex digits) of what is asked for.
    pub fingerprint: String,
}

/// What became of a key before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarlierRequest {
    /// Nothing, or nothing that is left: this is the first request.
    Nothing,
    /// It was sent with another request.
    Other,
    /// The first request is in hand.
    InHand,
    /// The id of what was made.
    Made(String),
}

impl Db {
    /// What became of the key before. An upload that was begun under it and is dead is given up.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn before(&self, key: &RequestKey) -> Result<EarlierRequest> {
        let now = self.now().await?;
        let known = sqlx::query(
            "SELECT request_keys.fingerprint, request_keys.made, request_keys.done_at, request_keys.expires_at, jobs.state, jobs.updated_at \
             FROM request_keys LEFT JOIN jobs ON jobs.id = request_keys.made WHERE request_keys.id = ?",
        );
        let Some(row) = self.fetch_optional(known.bind(&key.id)).await? else {
            return Ok(EarlierRequest::Nothing);
        };
        let (made, state) = (row.try_get::<String, _>("made")?, parsed_or_null::<State>(&row, "state")?);
        let (done, heard) = (time_or_null(&row, "done_at")?, time_or_null(&row, "updated_at")?);
        let in_hand =
            state == Some(State::Uploading) && heard.is_some_and(|heard| heard > now.before(SILENT));
        if time(&row, "expires_at")? <= now {
            self.free(key, &made).await?;
            return Ok(EarlierRequest::Nothing);
        }
        if done.is_none() && !in_hand {
            return self.free_ended(key, &made, state).await;
        }
        if row.try_get::<String, _>("fingerprint")? != key.fingerprint {
            return Ok(EarlierRequest::Other);
        }
        Ok(if done.is_some() { EarlierRequest::Made(made) } else { EarlierRequest::InHand })
    }

    /// Frees a key whose first request has ended without a result.
    async fn free_ended(&self, key: &RequestKey, made: &str, state: Option<State>) -> Result<EarlierRequest> {
        if state == Some(State::Uploading) && !self.jobs().abandon_upload(parse("made", made)?).await? {
            // It was accepted after all, in this moment.
            return Ok(EarlierRequest::InHand);
        }
        self.free(key, made).await?;
        Ok(EarlierRequest::Nothing)
    }

    /// Frees the key of this request: what it has made is gone.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn release_request_key(&self, made: impl Display) -> Result<()> {
        match &self.request {
            Some(key) => self.free(key, &made.to_string()).await,
            None => Ok(()),
        }
    }

    async fn free(&self, key: &RequestKey, made: &str) -> Result<()> {
        let free = sqlx::query("DELETE FROM request_keys WHERE id = ? AND made = ?");
        self.execute(free.bind(&key.id).bind(made)).await.map(drop)
    }

    /// Deletes up to `limit` keys that are past their time; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_expired_request_keys(&self, limit: u32) -> Result<u64> {
        let now = self.now().await?.millis();
        let old = sqlx::query("SELECT id FROM request_keys WHERE expires_at < ? ORDER BY expires_at LIMIT ?");
        let mut gone = 0;
        for row in &self.fetch_all(old.bind(now).bind(i64::from(limit))).await? {
            let delete = sqlx::query("DELETE FROM request_keys WHERE id = ? AND expires_at < ?");
            gone += self.execute(delete.bind(parsed::<String>(row, "id")?).bind(now)).await?;
        }
        Ok(gone)
    }

    /// Inserts the row of `made`, and notes it under the key of the request, if that has one.
    pub(crate) async fn make(
        &self,
        insert: Query<'_, Any, AnyArguments>,
        made: impl Display,
        stage: Stage,
        now: Timestamp,
    ) -> Result<()> {
        let Some(key) = &self.request else { return self.execute(insert).await.map(drop) };
        self.within_transaction(async {
            let mut tx = self.begin().await?;
            insert.execute(&mut *tx).await?;
            note(&mut tx, Some(key), made, stage, now).await?;
            Ok::<_, Error>(tx.commit().await?)
        })
        .await
    }
}

/// How far what is made is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It can still come to nothing.
    Begun,
    /// It is there, and the request will be answered so.
    Done,
}

/// Notes what is made under the key of a request, if that has one.
pub(crate) async fn note(
    tx: &mut Tx,
    key: Option<&RequestKey>,
    made: impl Display,
    stage: Stage,
    now: Timestamp,
) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    sqlx::query(
        "INSERT INTO request_keys (id, fingerprint, made, done_at, expires_at) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(&key.id)
    .bind(&key.fingerprint)
    .bind(made.to_string())
    .bind((stage == Stage::Done).then(|| now.millis()))
    .bind(now.after(KEPT).millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The job that was begun under the key of a request is accepted.
pub(crate) async fn done(tx: &mut Tx, key: Option<&RequestKey>, made: JobId, now: Timestamp) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    sqlx::query("UPDATE request_keys SET done_at = ? WHERE id = ? AND made = ?")
        .bind(now.millis())
        .bind(&key.id)
        .bind(made.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
