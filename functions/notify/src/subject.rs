//! What a delivery about a job is about, as of now.

use contracts::{Message, State};
use db::{Delivery, Job, User};

use crate::Notify;

/// Whom and what about, or why nobody is to be told any more.
pub(crate) type Subject = Result<(User, Option<Job>), &'static str>;

/// Reads the state again: what was true when the delivery was written may be so no more.
pub(crate) async fn subject(cx: &Notify, delivery: &Delivery) -> db::Result<Subject> {
    let user = match cx.db.user(delivery.user_id).await? {
        None => return Ok(Err("the account is gone")),
        Some(user) if user.disabled_at.is_some() => return Ok(Err("the account is locked")),
        Some(user) => user,
    };
    let Some((id, end)) = delivery.about else { return Ok(Ok((user, None))) };
    let Some(job) = cx.db.jobs().get(id).await? else { return Ok(Err("the job was deleted")) };
    let state = match delivery.message {
        Message::Ready => State::Done,
        _ => State::Failed,
    };
    Ok(if job.end_no != end {
        Err("the job was tried again")
    } else if job.state == State::Expired {
        Err("the audio is past the time that it is kept")
    } else if job.state != state {
        Err("the job was tried again")
    } else {
        Ok((user, Some(job)))
    })
}
