//! Which call a delivery to a destination is: what each kind of receiver wants to hear, and what its answer means.

use contracts::{DestinationKind, Message as About, Timestamp, topic_of};
use db::{Attempt, Delivery, Destination, Job};
use hyper::StatusCode;
use serde_json::json;

use crate::{
    Notify,
    caller::{CallOutcome, Message},
    notes::Note,
    subject::subject,
    webhook,
};

pub(crate) async fn call(cx: &Notify, delivery: &Delivery) -> db::Result<Attempt> {
    let dropped = |why: &str| Ok(Attempt::Dropped(why.into()));
    let (user, job) = match subject(cx, delivery).await? {
        Ok(subject) => subject,
        Err(why) => return dropped(why),
    };
    let found = match delivery.destination {
        Some(id) => cx.db.destination(id).await?,
        None => None,
    };
    let is_test = delivery.message == About::Test;
    let destination = match found {
        None => return dropped(db::DESTINATION_DELETED),
        Some(destination) if !destination.active && !is_test => {
            return dropped(db::DESTINATION_OFF);
        }
        Some(destination) => destination,
    };
    let message = match message(cx, delivery, &destination, job.as_ref(), cx.db.now().await?) {
        Ok(message) => message,
        Err(attempt) => return Ok(attempt),
    };
    let called = match webhook::send(cx, user.id, &message).await {
        Ok(called) => called,
        Err(pause) => return Ok(Attempt::Postponed(pause)),
    };
    if called == CallOutcome::Unwanted {
        cx.db.switch_destination_off(destination.id).await?;
    }
    Ok(match judged(destination.kind, called) {
        // Somebody waits for the answer.
        Attempt::Failed(cause) if is_test => Attempt::Refused(cause),
        attempt => attempt,
    })
}

/// The call, or what becomes of it without one.
fn message(
    cx: &Notify,
    delivery: &Delivery,
    destination: &Destination,
    job: Option<&Job>,
    now: Timestamp,
) -> Result<Message, Attempt> {
    let nothing = || Attempt::Dropped("there is nothing to say".into());
    let address = destination.address.clone();
    if destination.kind == DestinationKind::Webhook {
        let body = match job {
            Some(job) => webhook::news(delivery, job).ok_or_else(nothing)?,
            None => test_event(delivery, destination),
        };
        let secret = cx.proofs.destination_secret(destination);
        return Ok(webhook::signed(cx, delivery, address, body, &secret));
    }
    let note = Note::new(cx, delivery, job, now).ok_or_else(nothing)?;
    let (url, body) = match (destination.kind, topic_of(&destination.address)) {
        (DestinationKind::Ntfy, Some((server, topic))) => (server.to_owned(), note.ntfy(topic)),
        (DestinationKind::Ntfy, None) => return Err(Attempt::Refused("the address names no topic".into())),
        _ => (address, note.apprise()),
    };
    let headers = authorization(cx, destination)?.into_iter().collect();
    Ok(Message { url, content_type: "application/json", headers, body: body.to_string() })
}

fn authorization(cx: &Notify, destination: &Destination) -> Result<Option<(&'static str, String)>, Attempt> {
    let Some(sealed) = &destination.token else { return Ok(None) };
    let token = cx.proofs.open_token(destination.id, sealed);
    let lost = || Attempt::Refused("the token can't be read any more: enter it again".into());
    let token = token.ok_or_else(lost)?;
    Ok(Some(("authorization", format!("Bearer {token}"))))
}

/// As CloudEvents 1.0 in structured mode, as the others.
fn test_event(delivery: &Delivery, destination: &Destination) -> String {
    let event = json!({
        "specversion": "1.0",
        "id": delivery.id,
        "type": "dev.tapedeck.destination.test.v1",
        "source": "/tapedeck/functions/notify",
        "subject": destination.id,
        "time": delivery.created_at,
        "datacontenttype": "application/json",
        "data": {"destination_id": destination.id},
    });
    event.to_string()
}

/// An Apprise server says more by its status than others.
fn judged(kind: DestinationKind, called: CallOutcome) -> Attempt {
    match (kind, called) {
        (DestinationKind::Apprise, CallOutcome::Taken(StatusCode::NO_CONTENT)) => {
            Attempt::Refused("the Apprise server has no such key (204)".into())
        }
        // Who was told would be told again.
        (DestinationKind::Apprise, CallOutcome::Declined(StatusCode::FAILED_DEPENDENCY)) => {
            Attempt::Refused("the Apprise server could not tell everybody (424)".into())
        }
        (_, called) => webhook::attempt(called),
    }
}
