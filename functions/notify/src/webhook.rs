//! Which webhook of a job a delivery is, and what it says: the CloudEvent of the job's end, under an id that is the same for
//! every attempt. (A process that dies between the receiver's yes and the mark calls again, under the same `webhook-id`.)

use std::time::Duration;

use contracts::{AudioReady, ConversionFailed, Envelope, Event, State, UserId, data_schema};
use db::{Attempt, Delivery, Job};
use identity::WebhookSecret;
use serde_json::json;

use crate::{
    Notify,
    caller::{CallOutcome, Message, answered},
    subject::subject,
};

/// Calls at once to one receiver.
const AT_ONCE: usize = 2;
/// Calls at once for one account, whose owner may know many names of a receiver that is silent.
const AT_ONCE_FOR_ONE: usize = 4;

pub(crate) async fn call(cx: &Notify, delivery: &Delivery) -> db::Result<Attempt> {
    let (user, job) = match subject(cx, delivery).await? {
        Ok((user, Some(job))) => (user, job),
        Ok((_, None)) => return Ok(Attempt::Dropped("it is about no job".into())),
        Err(why) => return Ok(Attempt::Dropped(why.into())),
    };
    let (Some(url), Some(body)) = (job.options.webhook.clone(), news(delivery, &job)) else {
        return Ok(Attempt::Dropped("there is nothing to say".into()));
    };
    let message = signed(cx, delivery, url, body, &cx.proofs.webhook_secret(&user));
    Ok(send(cx, user.id, &message).await.map_or_else(Attempt::Postponed, attempt))
}

/// A message by the Standard Webhooks scheme. Each attempt is signed anew.
pub(crate) fn signed(
    cx: &Notify,
    delivery: &Delivery,
    url: String,
    body: String,
    secret: &WebhookSecret,
) -> Message {
    let (id, now) = (delivery.id.to_string(), cx.db.clock().now());
    let signature = secret.sign(&id, now, body.as_bytes());
    let headers = vec![
        ("webhook-id", id),
        ("webhook-timestamp", (now.millis() / 1000).to_string()),
        ("webhook-signature", signature),
    ];
    Message { url, content_type: "application/cloudevents+json", headers, body }
}

/// Calls a receiver for this user.
///
/// # Errors
/// How long to wait, if the receiver or the user has all the calls that they may have.
pub(crate) async fn send(cx: &Notify, user: UserId, message: &Message) -> Result<CallOutcome, Duration> {
    let _of_account = cx.gate.enter(&user.to_string(), AT_ONCE_FOR_ONE)?;
    let visit = cx.gate.enter(&receiver(&message.url), AT_ONCE)?;
    let called = cx.webhooks.call(message).await;
    if matches!(called, CallOutcome::Failed(_)) {
        visit.failed();
    } else {
        visit.answered();
    }
    Ok(called)
}

pub(crate) fn attempt(called: CallOutcome) -> Attempt {
    match called {
        CallOutcome::Taken(_) => Attempt::Sent,
        CallOutcome::Unwanted => Attempt::Refused("the receiver wants no more (410)".into()),
        CallOutcome::Forbidden => Attempt::Refused("private addresses are not called".into()),
        CallOutcome::Declined(status) => Attempt::Failed(answered(status)),
        CallOutcome::Failed(cause) => Attempt::Failed(cause),
    }
}

/// The host and port of an `https` address that was checked when the job was made.
fn receiver(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest).to_ascii_lowercase()
}

/// The event that told of the job's end, as CloudEvents 1.0 in structured mode.
pub(crate) fn news(delivery: &Delivery, job: &Job) -> Option<String> {
    match (job.state, &job.audio, &job.error) {
        (State::Done, Some(audio), _) => {
            structured(delivery, job, &AudioReady { job_id: job.id, audio_id: audio.id })
        }
        (State::Failed, _, Some((code, _))) => {
            structured(delivery, job, &ConversionFailed { job_id: job.id, code: *code })
        }
        _ => None,
    }
}

fn structured<E: Event>(delivery: &Delivery, job: &Job, event: &E) -> Option<String> {
    let envelope = Envelope::of(event, job.finished_at.unwrap_or(delivery.created_at)).ok()?;
    let event = json!({
        "specversion": "1.0",
        "id": delivery.id,
        "type": envelope.kind,
        "source": envelope.source,
        "subject": envelope.subject,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "dataschema": data_schema(&envelope.kind),
        "data": envelope.data,
    });
    Some(event.to_string())
}
