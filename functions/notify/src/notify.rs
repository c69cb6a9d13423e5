//! The handlers. An event may come twice, late, or for a job that is gone: each reads the state again.

use std::time::Duration;

use contracts::{
    AudioReady, ConversionFailed, JobId, NotifyBy, PasswordResetAsked, Recorded, State, Timestamp,
    UserRegistered, WebhookDue,
};
use db::{Audio, Claim, Job, RESET_NOTIFICATION, User};
use runtime::Failure;

use crate::{Error, Mail, Notify, letters};

/// How long a sender may take before another delivery of the event takes over.
pub(crate) const LEASE: Duration = Duration::from_secs(120);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the mail of a registration proves the address.
const VERIFY: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How long a mail sets a new password.
const RESET: Duration = Duration::from_secs(60 * 60);

/// The webhook and the mail with the link. Returns the first attempt to call the webhook.
pub(crate) async fn audio_ready(
    deps: Notify,
    event: AudioReady,
) -> Result<Option<Recorded<WebhookDue>>, Failure> {
    let Some((job, user)) = deps.job_and_owner(event.job_id, State::Done).await? else { return Ok(None) };
    let Some(audio) = &job.audio else { return Ok(None) };
    let webhook = deps.start_webhook(&job).await?;
    if job.options.notify == NotifyBy::Mail {
        let (link, until) = deps.link(&job, audio);
        let mail = letters::ready(&user.email, &job, audio, &link, until);
        deps.send_once(&job.id.to_string(), "ready", &mail).await?;
    }
    Ok(webhook)
}

/// The webhook and the mail that says why there is no audio. Returns the first attempt to call the webhook.
pub(crate) async fn conversion_failed(
    deps: Notify,
    event: ConversionFailed,
) -> Result<Option<Recorded<WebhookDue>>, Failure> {
    let Some((job, user)) = deps.job_and_owner(event.job_id, State::Failed).await? else { return Ok(None) };
    let webhook = deps.start_webhook(&job).await?;
    if job.options.notify == NotifyBy::Mail {
        let (code, detail) = job.error.clone().unwrap_or((event.code, String::new()));
        let mail = letters::failed(&user.email, &job, code, &detail, &deps.public_url);
        deps.send_once(&job.id.to_string(), "failed", &mail).await?;
    }
    Ok(webhook)
}

/// The welcome, with the link that proves the address.
pub(crate) async fn user_registered(deps: Notify, event: UserRegistered) -> Result<(), Failure> {
    let user = deps.db.user(event.user_id).await.map_err(lost)?;
    let Some(user) = user.filter(|user| user.verified_at.is_none() && user.disabled_at.is_none()) else {
        return Ok(());
    };
    let until = Timestamp::now().after(VERIFY);
    let link = deps.page("verify", &deps.proofs.sign_address(user.id, until));
    let mail = letters::welcome(&user.email, user.id, &link, until);
    deps.send_once(&user.id.to_string(), "welcome", &mail).await
}

/// The mail that sets a new password, if it is still of use.
pub(crate) async fn password_reset_asked(deps: Notify, event: PasswordResetAsked) -> Result<(), Failure> {
    let user = deps.db.user(event.user_id).await.map_err(lost)?;
    let until = event.asked_at.after(RESET);
    let Some(user) = user.filter(|user| user.disabled_at.is_none() && Timestamp::now() < until) else {
        return Ok(());
    };
    let link = deps.page("reset", &deps.proofs.sign_reset(user.id, &user.password_hash, until));
    let mail = letters::reset(&user.email, user.id, event.asked_at, &link);
    deps.send_once(&user.id.to_string(), RESET_NOTIFICATION, &mail).await
}

impl Notify {
    /// The job and its owner, if there is still something to say: the job is in this state, and its owner is here.
    pub(crate) async fn job_and_owner(
        &self,
        id: JobId,
        state: State,
    ) -> Result<Option<(Job, User)>, Failure> {
        let job = self.db.job(id).await.map_err(lost)?;
        let Some(job) = job.filter(|job| job.state == state) else { return Ok(None) };
        let user = self.db.user(job.user_id).await.map_err(lost)?;
        Ok(user.filter(|user| user.disabled_at.is_none()).map(|user| (job, user)))
    }

    /// The page with a token for it. After the `#`, it is in no server's log and in no referrer.
    fn page(&self, what: &str, token: &str) -> String {
        format!("{}/#{what}={token}", self.public_url.trim_end_matches('/'))
    }

    /// A link that opens the audio without a login, no longer than the audio is kept.
    fn link(&self, job: &Job, audio: &Audio) -> (String, Timestamp) {
        let asked = Timestamp::now().after(DAY * self.link_days);
        let until = job.expires_at.map_or(asked, |kept| kept.min(asked));
        let token = self.links.sign(audio.id, until);
        let base = self.public_url.trim_end_matches('/');
        (format!("{base}/download?fid={}&token={token}", audio.id), until)
    }

    /// Claim, send, mark. A failure gives the claim back, so that the next delivery can try at once.
    async fn send_once(&self, subject: &str, kind: &str, mail: &Mail) -> Result<(), Failure> {
        match self.db.claim_notification(subject, kind, LEASE).await.map_err(lost)? {
            Claim::Sent => return Ok(()),
            Claim::Busy => return Err(Failure::Retry("another delivery is sending this mail".into())),
            Claim::Yours => {}
        }
        match self.mailer.send(mail).await {
            Ok(()) => self.db.mark_notification_sent(subject, kind).await.map_err(lost),
            Err(error) => {
                self.db.release_notification(subject, kind).await.map_err(lost)?;
                Err(unsent(&error))
            }
        }
    }
}

pub(crate) fn lost(error: db::Error) -> Failure {
    match error {
        db::Error::Unavailable(_) | db::Error::Exists => Failure::Retry(error.to_string()),
        db::Error::Corrupt(_) | db::Error::Url(_) | db::Error::Migration(_) => {
            Failure::Reject(error.to_string())
        }
    }
}

fn unsent(error: &Error) -> Failure {
    match error {
        Error::Unavailable(_) => Failure::Retry(error.to_string()),
        Error::Address(_) | Error::Refused(_) | Error::From | Error::Url | Error::CaFile { .. } => {
            Failure::Reject(error.to_string())
        }
    }
}
