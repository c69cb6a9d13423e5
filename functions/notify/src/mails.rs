//! Which mail a delivery is, and how it goes out.

use std::time::Duration;

use contracts::{FailureCode, Message, Timestamp};
use db::{Attempt, Audio, Delivery, Job, User};

use crate::{Error, Mail, Notify, letters, subject::subject};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the mail of a registration proves the address.
const VERIFY: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How long a mail sets a new password, from when it was asked for.
const RESET: Duration = Duration::from_secs(60 * 60);
/// The mail server, as the gate knows it; it may have as many mails at once as there are slots.
const SERVER: &str = "the mail server";

pub(crate) async fn send(cx: &Notify, delivery: &Delivery) -> db::Result<Attempt> {
    let mail = match subject(cx, delivery).await? {
        Ok((user, job)) => write(cx, delivery, &user, job.as_ref(), cx.db.now().await?),
        Err(why) => Err(why),
    };
    let mail = match mail {
        Ok(mail) => mail,
        Err(why) => return Ok(Attempt::Dropped(why.into())),
    };
    let visit = match cx.gate.enter(SERVER, usize::MAX) {
        Ok(visit) => visit,
        Err(pause) => return Ok(Attempt::Postponed(pause)),
    };
    Ok(match cx.mailer.send(&mail).await {
        Ok(()) => {
            visit.answered();
            Attempt::Sent
        }
        Err(Error::Unavailable(cause)) => {
            visit.failed();
            Attempt::Failed(cause)
        }
        // About this recipient: the others need not wait.
        Err(Error::Deferred(cause)) => {
            visit.answered();
            Attempt::Failed(cause)
        }
        Err(error) => {
            visit.answered();
            Attempt::Refused(error.to_string())
        }
    })
}

/// The mail, or why there is none to write.
fn write(
    cx: &Notify,
    delivery: &Delivery,
    user: &User,
    job: Option<&Job>,
    now: Timestamp,
) -> Result<Mail, &'static str> {
    match (delivery.message, job) {
        (Message::Ready, Some(job)) => {
            let audio = job.audio.as_ref().ok_or("there is no audio")?;
            let (link, until) = cx.link(job, audio, now);
            Ok(letters::ready(&user.email, job, audio, &link, until))
        }
        (Message::Failed, Some(job)) => {
            let (code, detail) = job.error.clone().unwrap_or((FailureCode::Internal, String::new()));
            Ok(letters::failed(&user.email, job, code, &detail, &cx.public_url))
        }
        (Message::Welcome, _) if user.verified_at.is_some() => Err("the address is proven already"),
        (Message::Welcome, _) => {
            let until = now.after(VERIFY);
            let link = cx.page("verify", &cx.proofs.sign_address(user.id, until));
            Ok(letters::welcome(&user.email, user.id, &link, until))
        }
        (Message::AlreadyRegistered, _) => {
            Ok(letters::already_registered(&user.email, delivery.id, &cx.public_url))
        }
        (Message::PasswordReset, _) => {
            let until = delivery.created_at.after(RESET);
            if until <= now {
                return Err("it was asked for too long ago");
            }
            let link = cx.page("reset", &cx.proofs.sign_reset(user.id, &user.password_hash, until));
            Ok(letters::reset(&user.email, user.id, delivery.created_at, &link))
        }
        (Message::Ready | Message::Failed, None) => Err("it is about no job"),
        (Message::Test, _) => Err("it is no mail"),
    }
}

impl Notify {
    /// The page with a token for it. After the `#`, it is in no server's log and in no referrer.
    fn page(&self, what: &str, token: &str) -> String {
        format!("{}/#{what}={token}", self.public_url.trim_end_matches('/'))
    }

    /// A link that opens the audio without a login, no longer than the audio is kept.
    pub(crate) fn link(&self, job: &Job, audio: &Audio, now: Timestamp) -> (String, Timestamp) {
        let asked = now.after(DAY * self.link_days);
        let until = job.expires_at.map_or(asked, |kept| kept.min(asked));
        let token = self.links.sign(audio.id, until);
        let base = self.public_url.trim_end_matches('/');
        (format!("{base}/download?fid={}&token={token}", audio.id), until)
    }
}
