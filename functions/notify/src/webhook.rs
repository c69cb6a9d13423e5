//! Webhooks: when they are called, with what, and when again.
//!
//! The end of a job makes its first `WebhookDue`; an attempt that fails makes the next, due in the outbox at its time.
//! So mails don't wait for webhooks nor webhooks for mails, and hours between attempts need no timer and no broker that
//! can wait. Each attempt is a notification of its own: however often its event is delivered, it is made once and has
//! one successor. (A process that dies between the receiver's yes and the mark calls again, under the same
//! `webhook-id`.)

use std::time::Duration;

use contracts::{AudioReady, ConversionFailed, Envelope, Event, Recorded, State, Timestamp, WebhookDue};
use db::{Claim, Job};
use runtime::{Failure, OrFail as _};
use serde_json::json;

use crate::{
    Notify,
    caller::{Called, Message},
    notify::{LEASE, lost},
};

/// Seconds from the failure of an attempt to the next attempt, which is at most the eighth: the last is after 27 hours.
const PAUSES: [u64; 7] = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600];

/// One attempt to tell the webhook of a job how the job ended.
pub(crate) async fn webhook_due(deps: Notify, event: WebhookDue) -> Result<(), Failure> {
    let Some((job, user)) = deps.job_and_owner(event.job_id, event.state).await? else { return Ok(()) };
    let Some(url) = job.options.webhook.clone() else { return Ok(()) };
    let Some(envelope) = news(&job)? else { return Ok(()) };
    let (subject, kind) = (job.id.to_string(), format!("webhook-{}-{}", event.state, event.attempt));
    match deps.db.claim_notification(&subject, &kind, LEASE).await.map_err(lost)? {
        Claim::Sent => return Ok(()),
        Claim::Busy => return Err(Failure::Retry("another delivery is calling this webhook".into())),
        Claim::Yours => {}
    }
    let secret = deps.proofs.webhook_secret(&user);
    let message = Message { url, id: envelope.id.clone(), body: structured(&envelope), secret };
    let called = deps.webhooks.call(&message).await;
    if let (Called::Failed(cause), Some(pause)) = (&called, pause_after(event.attempt)) {
        tracing::info!(attempt = event.attempt, cause, ?pause, "webhook to be called again");
        let next = WebhookDue { attempt: event.attempt + 1, ..event };
        let due = Timestamp::now().after(pause);
        deps.db.follow_notification(&subject, &kind, next, due).await.map_err(lost)?;
        return Ok(());
    }
    if called != Called::Taken {
        tracing::warn!(attempt = event.attempt, ?called, "webhook given up");
    }
    deps.db.mark_notification_sent(&subject, &kind).await.map_err(lost)
}

impl Notify {
    /// Lets the webhook of a job that has ended be called, once per end.
    pub(crate) async fn start_webhook(&self, job: &Job) -> Result<Option<Recorded<WebhookDue>>, Failure> {
        if job.options.webhook.is_none() {
            return Ok(None);
        }
        let (subject, kind) = (job.id.to_string(), format!("webhook-{}", job.state));
        match self.db.claim_notification(&subject, &kind, LEASE).await.map_err(lost)? {
            Claim::Sent => Ok(None),
            Claim::Busy => Err(Failure::Retry("another delivery is starting this webhook".into())),
            Claim::Yours => {
                let first = WebhookDue { job_id: job.id, state: job.state, attempt: 1 };
                self.db.follow_notification(&subject, &kind, first, Timestamp::now()).await.map_err(lost)
            }
        }
    }
}

fn pause_after(attempt: u32) -> Option<Duration> {
    let place = usize::try_from(attempt).ok()?.checked_sub(1)?;
    PAUSES.get(place).copied().map(Duration::from_secs)
}

/// The event that told of the job's end, under an id that is the same for every attempt.
fn news(job: &Job) -> Result<Option<Envelope>, Failure> {
    match (job.state, &job.audio, &job.error) {
        (State::Done, Some(audio), _) => envelope(job, &AudioReady { job_id: job.id, audio_id: audio.id }),
        (State::Failed, _, Some((code, _))) => {
            envelope(job, &ConversionFailed { job_id: job.id, code: *code })
        }
        _ => Ok(None),
    }
}

fn envelope<E: Event>(job: &Job, event: &E) -> Result<Option<Envelope>, Failure> {
    let id = format!("{}.{}", job.id, job.state);
    let envelope = Envelope::of(event).or_reject()?;
    Ok(Some(Envelope { id, time: job.finished_at.unwrap_or(envelope.time), ..envelope }))
}

/// CloudEvents 1.0 in structured mode.
fn structured(envelope: &Envelope) -> String {
    json!({
        "specversion": "1.0",
        "id": envelope.id,
        "type": envelope.kind,
        "source": envelope.source,
        "subject": envelope.subject,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "data": envelope.data,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_eight_attempts_over_a_day() {
        let pauses: Vec<_> = (1..).map_while(pause_after).collect();
        assert_eq!(pauses.len() + 1, 8);
        let hours = pauses.iter().sum::<Duration>().as_secs() / 3600;
        assert_eq!(hours, 27);
        assert!(pause_after(0).is_none() && pause_after(u32::MAX).is_none());
    }
}
