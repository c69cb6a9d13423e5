//! `converting -> done | failed | queued`: how an attempt ends.

use std::time::Duration;

use contracts::{
    AudioReady, Channel, ConversionFailed, DeliveryDue, DeliveryId, DestinationId, Ended, Event, EventId,
    FailureCode, JobId, Message, NotifyBy, Recorded, State, Timestamp, VideoUploaded, pause_after,
};

use super::{Audio, Claimed, Job, Jobs, Lease, queue, read};
use crate::{
    Garbage, Result, classes, costs,
    deliveries::{self, NewDelivery},
    destinations::{self, MOST_DESTINATIONS},
    garbage, outbox,
    pool::{RETRY_TIME, Tx},
    row::{cut, stored},
};

/// How often a converter may begin with a job before it counts as failed.
pub const MAX_ATTEMPTS: u32 = 3;

/// How often in a row a store may be away before a job counts as failed: about 40 hours by the table of
/// [`pause_after`].
const MAX_OUTAGES: u32 = 10;

/// The audio of an attempt that ended without a result is removed so much later: whoever wrote it may still be at it.
const STILL_WRITTEN: Duration = Duration::from_secs(3600);

/// A conversion that went well.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The result, already stored.
    pub audio: Audio,
    /// How large its waveform is in bytes, if there is one: stored too, under the audio's id.
    pub peaks: Option<u64>,
    /// What the source turned out to be.
    pub source_codec: Option<String>,
    /// How long the source turned out to be.
    pub source_duration: Option<Duration>,
    /// What is odd about the result.
    pub warning: Option<String>,
    /// How long the result is kept.
    pub keep: Duration,
}

/// Why an attempt ends without a result, and what that means for the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The attempt counts: the converter crashed.
    Crashed,
    /// It does not count: the converter has to end, another one takes over at once.
    Shutdown,
    /// It does not count, but the job rests for a while, longer each time: a store is away, or this version does not
    /// understand the job.
    Outage,
}

/// The ids of what follows from an end: the same in each try to write it.
struct Ids {
    fact: EventId,
    /// And the event that says so: as many as there can be, for mail, webhook and destinations.
    deliveries: Vec<(DeliveryId, EventId)>,
}

impl Ids {
    fn generate() -> Self {
        let deliveries = (0..2 + MOST_DESTINATIONS).map(|_| (DeliveryId::generate(), EventId::generate()));
        Self { fact: EventId::generate(), deliveries: deliveries.collect() }
    }
}

impl Jobs<'_> {
    /// `converting -> done`. `engine` names what made the audio, so that a better one does not take it for its own.
    /// `None` if the lease is lost: the caller removes its audio.
    ///
    /// # Errors
    /// As the database fails, after 20 seconds.
    pub async fn finish(
        &self,
        claimed: &Claimed,
        finished: &Finished,
        engine: &str,
    ) -> Result<Option<Ended<AudioReady>>> {
        let ids = Ids::generate();
        self.db.settle(RETRY_TIME, || self.try_to_finish(claimed, finished, engine, &ids)).await
    }

    async fn try_to_finish(
        &self,
        claimed: &Claimed,
        finished: &Finished,
        engine: &str,
        ids: &Ids,
    ) -> Result<Option<Ended<AudioReady>>> {
        let lease = &claimed.lease;
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let (video, keep) = (finished.source_duration, finished.keep);
        let keep = classes::used(&mut tx, lease.job_id, video, keep, now).await?;
        let done = sqlx::query(
            "UPDATE jobs SET state = 'done', progress = 1, audio_bytes = ?, audio_codec = ?, audio_bitrate = ?, audio_duration_ms = ?, audio_engine = ?, \
             source_codec = ?, source_duration_ms = ?, warning = ?, peaks_bytes = ?, finished_at = ?, expires_at = ?, updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END, look_at = ?, outages = 0, end_no = end_no + 1 \
             WHERE id = ? AND state = 'converting' AND lease_owner = ?",
        )
        .bind(stored(finished.audio.bytes))
        .bind(&finished.audio.codec)
        .bind(i64::from(finished.audio.bitrate))
        .bind(millis(finished.audio.duration))
        .bind(engine)
        .bind(finished.source_codec.as_deref().map(|codec| cut(codec, 64)))
        .bind(finished.source_duration.map(millis))
        .bind(finished.warning.as_deref().map(|text| cut(text, 500)))
        .bind(finished.peaks.map(stored))
        .bind(now.millis())
        .bind(now.after(keep).millis())
        .bind(now.millis())
        .bind(now.millis())
        .bind(now.millis())
        .bind(now.millis())
        .bind(lease.job_id.to_string())
        .bind(lease.owner.to_string())
        .execute(&mut *tx)
        .await?;
        let won = done.rows_affected() == 1;
        if won {
            costs::add(&mut tx, claimed, finished.audio.duration, now).await?;
        }
        let fact = AudioReady { job_id: lease.job_id, audio_id: lease.audio_id };
        ended(tx, (lease, State::Done), (fact, Message::Ready), ids, won, now).await
    }

    /// `converting -> failed`, for good. `None` if the lease is lost.
    ///
    /// # Errors
    /// As the database fails, after 20 seconds.
    pub async fn fail(
        &self,
        claimed: &Claimed,
        code: FailureCode,
        detail: &str,
    ) -> Result<Option<Ended<ConversionFailed>>> {
        let ids = Ids::generate();
        self.db.settle(RETRY_TIME, || self.try_to_fail(claimed, code, detail, &ids)).await
    }

    async fn try_to_fail(
        &self,
        claimed: &Claimed,
        code: FailureCode,
        detail: &str,
        ids: &Ids,
    ) -> Result<Option<Ended<ConversionFailed>>> {
        let lease = &claimed.lease;
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        // Until the end of time: it may still be ours although it has run out.
        let won = set_failed(&mut tx, lease, (code, detail), now, i64::MAX).await?;
        if won {
            costs::add(&mut tx, claimed, Duration::ZERO, now).await?;
            garbage::name(&mut tx, Garbage::Audio(lease.audio_id), now.after(STILL_WRITTEN)).await?;
        }
        let fact = ConversionFailed { job_id: lease.job_id, code };
        ended(tx, (lease, State::Failed), (fact, Message::Failed), ids, won, now).await
    }

    /// `converting -> queued | failed`: gives the job back. Returns what is to be published; `None` if the lease is
    /// lost.
    ///
    /// # Errors
    /// As the database fails, after 20 seconds.
    pub async fn release(&self, claimed: &Claimed, why: Release) -> Result<Option<Released>> {
        let job = &claimed.job;
        let spent = match why {
            Release::Crashed => job.attempts >= MAX_ATTEMPTS,
            Release::Outage => job.outages >= MAX_OUTAGES,
            Release::Shutdown => false,
        };
        if spent {
            let failed = self.fail(claimed, FailureCode::Internal, "").await?;
            return Ok(failed.map(Released::Failed));
        }
        let ticket = EventId::generate();
        self.db.settle(RETRY_TIME, || self.try_to_release(claimed, why, ticket)).await
    }

    async fn try_to_release(
        &self,
        claimed: &Claimed,
        why: Release,
        ticket: EventId,
    ) -> Result<Option<Released>> {
        let (lease, job) = (&claimed.lease, &claimed.job);
        let now = self.db.now().await?;
        let outages = job.outages + u32::from(why == Release::Outage);
        let rest = (why == Release::Outage).then(|| pause_after(outages)).flatten();
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE jobs SET state = 'queued', attempts = attempts - ?, outages = ?, progress = 0, updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END, look_at = ? \
             WHERE id = ? AND state = 'converting' AND lease_owner = ?",
        )
        .bind(i32::from(why != Release::Crashed))
        .bind(i64::from(outages))
        .bind(now.millis())
        .bind(now.millis())
        .bind(now.millis())
        .bind(rest.map(|rest| now.after(rest).millis()))
        .bind(lease.job_id.to_string())
        .bind(lease.owner.to_string())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            // An earlier try went through and its answer was lost, or the lease is.
            let job = read::by_id(&mut tx, lease.job_id).await?;
            let ours = job.filter(|job| job.state == State::Queued && job.lease_owner == Some(lease.owner));
            let Some(job) = ours else { return Ok(None) };
            let ticket = outbox::recorded(&tx, VideoUploaded { job_id: job.id }, ticket, now)?;
            return Ok(Some(rest.map_or(Released::Waiting(ticket), Released::Resting)));
        }
        costs::add(&mut tx, claimed, Duration::ZERO, now).await?;
        garbage::name(&mut tx, Garbage::Audio(lease.audio_id), now.after(STILL_WRITTEN)).await?;
        let released = match rest {
            Some(rest) => Released::Resting(rest),
            None => Released::Waiting(wait_again(&mut tx, lease.job_id, ticket, now).await?),
        };
        tx.commit().await?;
        Ok(Some(released))
    }
}

/// What became of a job that was given back.
#[derive(Clone, Debug)]
pub enum Released {
    /// It waits for the next converter.
    Waiting(Recorded<VideoUploaded>),
    /// It waits again after this time.
    Resting(Duration),
    /// It was the last attempt.
    Failed(Ended<ConversionFailed>),
}

/// A queued job waits again, with a ticket.
pub(super) async fn wait_again(
    tx: &mut Tx,
    id: JobId,
    ticket: EventId,
    now: Timestamp,
) -> Result<Recorded<VideoUploaded>> {
    queue::enter_again(tx, id, now).await?;
    outbox::record(tx, VideoUploaded { job_id: id }, ticket, now).await
}

/// Takes the job of an expired lease from its converter: it waits again, or fails after its last attempt.
pub(super) async fn expire_lease(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<Vec<contracts::Envelope>> {
    let (Some(owner), Some(audio_id)) = (job.lease_owner, job.attempt_audio) else { return Ok(Vec::new()) };
    if job.attempts >= MAX_ATTEMPTS {
        let detail = "The converter stopped without an answer, several times.";
        let lease = Lease { job_id: job.id, owner, audio_id };
        if !set_failed(tx, &lease, (FailureCode::Internal, detail), now, now.millis()).await? {
            return Ok(Vec::new());
        }
        garbage::name(tx, Garbage::Audio(audio_id), now.after(STILL_WRITTEN)).await?;
        let fact = ConversionFailed { job_id: job.id, code: FailureCode::Internal };
        let ended = record_end(tx, job.id, (fact, Message::Failed), &Ids::generate(), now).await?;
        let deliveries = ended.deliveries.into_iter().map(|due| due.envelope);
        return Ok(std::iter::once(ended.fact.envelope).chain(deliveries).collect());
    }
    let done = sqlx::query(
        "UPDATE jobs SET state = 'queued', progress = 0, updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END WHERE id = ? AND state = 'converting' AND lease_owner = ? AND lease_until <= ?",
    )
    .bind(now.millis())
    .bind(now.millis())
    .bind(now.millis())
    .bind(job.id.to_string())
    .bind(owner.to_string())
    .bind(now.millis())
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(Vec::new());
    }
    garbage::name(tx, Garbage::Audio(audio_id), now.after(STILL_WRITTEN)).await?;
    Ok(vec![wait_again(tx, job.id, EventId::generate(), now).await?.envelope])
}

/// Whether the compare-and-set has hit: the job is converted under this lease, which ends at `until` or before. The
/// lease's owner stays in the row: it says who ended the job.
async fn set_failed(
    tx: &mut Tx,
    lease: &Lease,
    (code, detail): (FailureCode, &str),
    now: Timestamp,
    until: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE jobs SET state = 'failed', error_code = ?, error_detail = ?, finished_at = ?, updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END, look_at = ?, outages = 0, end_no = end_no + 1 \
         WHERE id = ? AND state = 'converting' AND lease_owner = ? AND lease_until <= ?",
    )
    .bind(code.as_str())
    .bind(cut(detail, 500))
    .bind(now.millis())
    .bind(now.millis())
    .bind(now.millis())
    .bind(now.millis())
    .bind(now.millis())
    .bind(lease.job_id.to_string())
    .bind(lease.owner.to_string())
    .bind(until)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Commits the end with what follows from it. Where the compare-and-set has missed: the same answer if an earlier try
/// went through and its answer was lost, else `None`.
async fn ended<E: Event>(
    mut tx: Tx,
    (lease, state): (&Lease, State),
    (fact, message): (E, Message),
    ids: &Ids,
    won: bool,
    now: Timestamp,
) -> Result<Option<Ended<E>>> {
    if won {
        let ended = record_end(&mut tx, lease.job_id, (fact, message), ids, now).await?;
        tx.commit().await?;
        return Ok(Some(ended));
    }
    let job = read::by_id(&mut tx, lease.job_id).await?;
    let ours = job.filter(|job| job.state == state && job.lease_owner == Some(lease.owner));
    let Some(job) = ours else { return Ok(None) };
    // Destinations may be others by now.
    let written = deliveries::written(&mut tx, job.id, job.end_no).await?;
    let deliveries = ids.deliveries.iter().filter(|(id, _)| written.contains(id));
    let deliveries = deliveries
        .map(|(id, event)| outbox::recorded(&tx, DeliveryDue { delivery_id: *id }, *event, now))
        .collect::<Result<_>>()?;
    Ok(Some(Ended { fact: outbox::recorded(&tx, fact, ids.fact, now)?, deliveries }))
}

/// Writes what follows from an end: the fact, and a delivery for each channel.
async fn record_end<E: Event>(
    tx: &mut Tx,
    id: JobId,
    (fact, message): (E, Message),
    ids: &Ids,
    now: Timestamp,
) -> Result<Ended<E>> {
    let fact = outbox::record(tx, fact, ids.fact, now).await?;
    let mut ended = Ended { fact, deliveries: Vec::new() };
    let Some(job) = read::by_id(tx, id).await? else { return Ok(ended) };
    let called = destinations::called(tx, job.user_id, message).await?;
    for (delivery, event) in news(&job, &called, message, ids) {
        ended.deliveries.push(deliveries::record(tx, &delivery, event, now).await?);
    }
    Ok(ended)
}

/// Who is told of the job's end, with the id of the event that says so.
fn news<'a>(
    job: &'a Job,
    called: &'a [DestinationId],
    message: Message,
    ids: &'a Ids,
) -> impl Iterator<Item = (NewDelivery, EventId)> + 'a {
    let mail = (job.options.notify.unwrap_or_default() == NotifyBy::Mail).then_some((Channel::Mail, None));
    let webhook = job.options.webhook.as_ref().map(|_| (Channel::Webhook, None));
    let destinations = called.iter().map(|id| (Channel::Destination, Some(*id)));
    let channels = mail.into_iter().chain(webhook).chain(destinations);
    channels.zip(&ids.deliveries).map(move |((channel, destination), (id, event))| {
        let (user_id, about) = (job.user_id, Some((job.id, job.end_no)));
        (NewDelivery { id: *id, user_id, about, message, channel, destination }, *event)
    })
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
