//! The handlers. An event may come twice, late, or for a job that is gone: each reads the state again.

use std::time::Duration;

use contracts::{AudioReady, ConversionFailed, JobId, NotifyBy, State, Timestamp, UserRegistered};
use db::{Audio, Claim, Job, User};
use runtime::Failure;

use crate::{Error, Mail, Notify, letters};

/// How long a sender may take before another delivery of the event takes over.
const LEASE: Duration = Duration::from_secs(120);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The mail with the link.
pub(crate) async fn audio_ready(deps: Notify, event: AudioReady) -> Result<(), Failure> {
    let Some((job, user)) = deps.owner_to_tell(event.job_id, State::Done).await? else { return Ok(()) };
    let Some(audio) = &job.audio else { return Ok(()) };
    let (link, until) = deps.link(&job, audio);
    let mail = letters::ready(&user.email, &job, audio, &link, until);
    deps.send_once(&job.id.to_string(), "ready", &mail).await
}

/// The mail that says why there is no audio.
pub(crate) async fn conversion_failed(deps: Notify, event: ConversionFailed) -> Result<(), Failure> {
    let Some((job, user)) = deps.owner_to_tell(event.job_id, State::Failed).await? else { return Ok(()) };
    let (code, detail) = job.error.clone().unwrap_or((event.code, String::new()));
    let mail = letters::failed(&user.email, &job, code, &detail, &deps.public_url);
    deps.send_once(&job.id.to_string(), "failed", &mail).await
}

/// A plain welcome for an address that is not proven yet. (The link that proves it comes with `POST /verify`.)
pub(crate) async fn user_registered(deps: Notify, event: UserRegistered) -> Result<(), Failure> {
    let user = deps.db.user(event.user_id).await.map_err(lost)?;
    let Some(user) = user.filter(|user| user.verified_at.is_none() && user.disabled_at.is_none()) else {
        return Ok(());
    };
    let mail = letters::welcome(&user.email, user.id, &deps.public_url);
    deps.send_once(&user.id.to_string(), "welcome", &mail).await
}

impl Notify {
    /// The job and its owner, if there is still something to say: the job is in this state, its owner is here
    /// and wants mail.
    async fn owner_to_tell(&self, id: JobId, state: State) -> Result<Option<(Job, User)>, Failure> {
        let job = self.db.job(id).await.map_err(lost)?;
        let Some(job) = job.filter(|job| job.state == state && job.options.notify == NotifyBy::Mail) else {
            return Ok(None);
        };
        let user = self.db.user(job.user_id).await.map_err(lost)?;
        Ok(user.filter(|user| user.disabled_at.is_none()).map(|user| (job, user)))
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

fn lost(error: db::Error) -> Failure {
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
        Error::Address(_) | Error::From | Error::Url => Failure::Reject(error.to_string()),
    }
}
