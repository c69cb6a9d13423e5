//! Uploads in several parts: a job in the state `uploading`, and beside it a row that says how far its video is.
//!
//! The row is the truth. A part stores bytes first and notes them then ([`Uploads::note`]), so the blob has at least what
//! the row says. One request writes at a time: the one whose id is noted as `part`. There is no lease: whoever comes next
//! asks ([`Uploads::ask`]) whether it is still alive, and takes over from one that does not answer.
//!
//! The job's `look_at` is when an upload that nobody goes on with is removed; its row says the same, and is kept as long
//! after the end, for clients that have not heard of it.

use std::time::Duration;

use contracts::{EventId, JobId, State, Timestamp, UserId, VideoId};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, NewJob, Result,
    pool::Tx,
    request_keys,
    row::{count_or_null, cut, parsed, parsed_or_null, stored, time, time_or_null},
};

/// How long a part has to answer, before it counts as dead.
pub const ANSWER: Duration = Duration::from_secs(5);

/// An upload that begins.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// Its job; the upload has the same id.
    pub job: NewJob,
    /// The client's name for the file.
    pub name: String,
    /// Bytes of the whole; `None`: not known yet.
    pub length: Option<u64>,
    /// As the client has sent it, at most 4,000 characters.
    pub metadata: String,
}

/// How far an upload is.
#[derive(Clone, Debug)]
pub struct PartialUpload {
    /// Of its job.
    pub id: JobId,
    /// Whose it is.
    pub user_id: UserId,
    /// Where the video is.
    pub video_id: VideoId,
    /// Of its job; `uploading` until all has come.
    pub state: State,
    /// Bytes of the whole; `None`: not known yet.
    pub length: Option<u64>,
    /// Bytes that have come.
    pub received: u64,
    /// The state of the digest over them, as it was noted; empty at the beginning.
    pub digest: String,
    /// As the client has sent it.
    pub metadata: String,
    /// The request that writes it now.
    pub part: Option<EventId>,
    /// When another request asked whether that is alive; `None`: nobody did, or it has answered.
    pub asked_at: Option<Timestamp>,
    /// When it will be removed.
    pub expires_at: Timestamp,
}

/// The uploads in several parts.
#[derive(Clone, Copy, Debug)]
pub struct Uploads<'a> {
    db: &'a Db,
}

impl Db {
    /// The uploads in several parts.
    #[must_use]
    pub fn uploads(&self) -> Uploads<'_> {
        Uploads { db: self }
    }
}

impl Uploads<'_> {
    /// Makes an upload and its job. It is removed if nothing comes for `keep`. Returns when that is.
    ///
    /// # Errors
    /// [`crate::Error::Exists`] if there is such a job; as the database fails.
    pub async fn create(&self, new: &NewUpload, keep: Duration) -> Result<Timestamp> {
        self.db.jobs().create(&new.job).await?;
        let now = self.db.now().await?;
        let expires_at = now.after(keep);
        let mut tx = self.db.begin().await?;
        sqlx::query("UPDATE jobs SET source_name = ?, source_bytes = ?, look_at = ? WHERE id = ? AND state = 'uploading'")
            .bind(cut(&new.name, 255))
            .bind(stored(new.length.unwrap_or(0)))
            .bind(expires_at.millis())
            .bind(new.job.id.to_string())
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO uploads (id, user_id, length, received, digest, metadata, expires_at) VALUES (?, ?, ?, 0, '', ?, ?)",
        )
        .bind(new.job.id.to_string())
        .bind(new.job.user_id.to_string())
        .bind(new.length.map(stored))
        .bind(&new.metadata)
        .bind(expires_at.millis())
        .execute(&mut *tx)
        .await?;
        request_keys::done(&mut tx, self.db.request.as_deref(), new.job.id, now).await?;
        tx.commit().await?;
        Ok(expires_at)
    }

    /// The upload with this id, as long as its job is there.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn get(&self, id: JobId) -> Result<Option<PartialUpload>> {
        let row = sqlx::query(
            "SELECT uploads.*, jobs.video_id, jobs.state FROM uploads JOIN jobs ON jobs.id = uploads.id WHERE uploads.id = ?",
        );
        self.db.fetch_optional(row.bind(id.to_string())).await?.as_ref().map(read).transpose()
    }

    /// Makes `part` the one that writes. False if another one does, and has not failed to answer for 5 seconds.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn take(&self, id: JobId, part: EventId) -> Result<bool> {
        let silent = self.db.now().await?.before(ANSWER);
        let take = sqlx::query(
            "UPDATE uploads SET part = ?, asked_at = NULL WHERE id = ? AND (part IS NULL OR part = ? OR asked_at <= ?)",
        )
        .bind(part.to_string())
        .bind(id.to_string())
        .bind(part.to_string())
        .bind(silent.millis());
        Ok(self.db.execute(take).await? == 1)
    }

    /// Asks the one that writes whether it is alive, unless somebody does so already.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn ask(&self, id: JobId) -> Result<()> {
        let ask = sqlx::query(
            "UPDATE uploads SET asked_at = ? WHERE id = ? AND part IS NOT NULL AND asked_at IS NULL",
        );
        self.db.execute(ask.bind(self.db.now().await?.millis()).bind(id.to_string())).await.map(drop)
    }

    /// Says that `part` is alive and goes on.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn answer(&self, id: JobId, part: EventId) -> Result<()> {
        let answer = sqlx::query("UPDATE uploads SET asked_at = NULL WHERE id = ? AND part = ?");
        self.db.execute(answer.bind(id.to_string()).bind(part.to_string())).await.map(drop)
    }

    /// Lets others write: `part` has noted all that it will.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn release(&self, id: JobId, part: EventId) -> Result<()> {
        let release =
            sqlx::query("UPDATE uploads SET part = NULL, asked_at = NULL WHERE id = ? AND part = ?");
        self.db.execute(release.bind(id.to_string()).bind(part.to_string())).await.map(drop)
    }

    /// Says how long the whole is, if that was not known.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn declare(&self, id: JobId, length: u64) -> Result<()> {
        let declare = sqlx::query("UPDATE uploads SET length = ? WHERE id = ? AND length IS NULL");
        self.db.execute(declare.bind(stored(length)).bind(id.to_string())).await.map(drop)
    }

    /// Notes that the first `received` bytes are stored, with the state of their digest. With `last`, `part` writes no
    /// more. Returns when the upload will be removed if nothing more comes; `None` if another one writes now, or the job
    /// is gone: then nothing was noted.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn note(
        &self,
        (id, part): (JobId, EventId),
        (received, digest): (u64, &str),
        last: bool,
        keep: Duration,
    ) -> Result<Option<Timestamp>> {
        let now = self.db.now().await?;
        let expires_at = now.after(keep);
        let noted = Noted { id, part, received, digest, last, now, expires_at };
        let done = self.db.settle(Duration::ZERO, || self.try_to_note(&noted)).await?;
        Ok(done.then_some(expires_at))
    }

    async fn try_to_note(&self, noted: &Noted<'_>) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let wanted =
            sqlx::query("UPDATE jobs SET updated_at = ?, look_at = ? WHERE id = ? AND state = 'uploading'")
                .bind(noted.now.millis())
                .bind(noted.expires_at.millis())
                .bind(noted.id.to_string())
                .execute(&mut *tx)
                .await?;
        let ours = sqlx::query(
            "UPDATE uploads SET received = ?, digest = ?, expires_at = ?, part = ?, asked_at = CASE WHEN ? = 1 THEN NULL ELSE asked_at END WHERE id = ? AND part = ?",
        )
        .bind(stored(noted.received))
        .bind(noted.digest)
        .bind(noted.expires_at.millis())
        .bind((!noted.last).then(|| noted.part.to_string()))
        .bind(i64::from(noted.last))
        .bind(noted.id.to_string())
        .bind(noted.part.to_string())
        .execute(&mut *tx)
        .await?;
        if wanted.rows_affected() == 0 || ours.rows_affected() == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes how far an upload is. Its job is not touched.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn remove(&self, id: JobId) -> Result<()> {
        let gone = sqlx::query("DELETE FROM uploads WHERE id = ?");
        self.db.execute(gone.bind(id.to_string())).await.map(drop)
    }

    /// Deletes up to `limit` uploads that are past their time; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_expired_uploads(&self, limit: u32) -> Result<u64> {
        let now = self.db.now().await?.millis();
        let old = sqlx::query("SELECT id FROM uploads WHERE expires_at < ? ORDER BY expires_at LIMIT ?");
        let mut gone = 0;
        for row in &self.db.fetch_all(old.bind(now).bind(i64::from(limit))).await? {
            let delete = sqlx::query("DELETE FROM uploads WHERE id = ? AND expires_at < ?");
            gone += self.db.execute(delete.bind(row.try_get::<String, _>("id")?).bind(now)).await?;
        }
        Ok(gone)
    }
}

struct Noted<'a> {
    id: JobId,
    part: EventId,
    received: u64,
    digest: &'a str,
    last: bool,
    now: Timestamp,
    expires_at: Timestamp,
}

/// When an upload in several parts is given up; `None` if it is none.
pub(crate) async fn given_up_at(tx: &mut Tx, id: JobId) -> Result<Option<Timestamp>> {
    let row = sqlx::query("SELECT expires_at FROM uploads WHERE id = ?")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    row.map(|row| time(&row, "expires_at")).transpose()
}

fn read(row: &AnyRow) -> Result<PartialUpload> {
    Ok(PartialUpload {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        video_id: parsed(row, "video_id")?,
        state: parsed(row, "state")?,
        length: count_or_null(row, "length")?,
        received: count_or_null(row, "received")?.unwrap_or(0),
        digest: row.try_get("digest")?,
        metadata: row.try_get("metadata")?,
        part: parsed_or_null(row, "part")?,
        asked_at: time_or_null(row, "asked_at")?,
        expires_at: time(row, "expires_at")?,
    })
}
