//! Whether the promise was kept: what was accepted ended once, with one audio and one mail, and nothing is left.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;

use super::past::forget_dead_uploads;
use crate::{Leftovers, Platform, User};

/// For a claim of a mail's dead sender (90 s), an event's dead publisher (60 s), and what follows.
const PATIENCE: Duration = Duration::from_secs(240);

/// An upload, and what its client knows of it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The job, if the client was told so.
    pub id: Option<String>,
    /// What happened meanwhile.
    pub what: String,
    /// Mails that may tell of its end.
    pub mails: usize,
}

/// Waits for the end of all work, and holds the jobs of `user` against what was sent: each ended in `state`.
///
/// # Panics
/// If the promise was not kept.
pub async fn judge(platform: &Platform, user: &User, sent: &[Sent], state: &str) {
    platform.settle_within(PATIENCE).await;
    forget_dead_uploads(platform.db()).await;
    let mut told: HashMap<String, usize> = HashMap::new();
    for mail in platform.mails() {
        *told.entry(mail.job().to_owned()).or_default() += 1;
    }
    let mut jobs: HashMap<String, Value> = HashMap::new();
    for job in user.all_jobs().await {
        jobs.insert(job["id"].as_str().unwrap().to_owned(), job);
    }
    let mut broken = Vec::new();
    for Sent { id, what, mails } in sent {
        let Some(id) = id else { continue };
        let job = jobs.remove(id).unwrap_or_default();
        broken.extend(
            unkept(user, id, &job, state, told.get(id), *mails).await.map(|why| format!("{what}: {why}")),
        );
    }
    // Who got no answer has no job, or one that ended like all others.
    let unheard = sent.iter().filter(|sent| sent.id.is_none()).count();
    if jobs.len() > unheard {
        broken.push(format!("{} jobs of {unheard} uploads without an answer", jobs.len()));
    }
    for (id, job) in &jobs {
        broken.extend(unkept(user, id, job, state, told.get(id), 1).await);
    }
    assert!(broken.is_empty(), "{broken:#?}\n{}", platform.log());
    assert_eq!(platform.leftovers().await, Leftovers::default(), "left behind");
}

/// Why a job is not as promised.
async fn unkept(
    user: &User,
    id: &str,
    job: &Value,
    state: &str,
    told: Option<&usize>,
    mails: usize,
) -> Option<String> {
    if job["state"] != state {
        return Some(format!("{id} is not {state}: {job}"));
    }
    let told = told.copied().unwrap_or_default();
    if told != mails {
        return Some(format!("{id}: {told} mails, not {mails}"));
    }
    if state != "done" {
        return None;
    }
    let audio = user.get(&format!("/download?fid={id}")).await;
    let (status, bytes) = (audio.status(), audio.bytes().await.unwrap_or_default());
    (status != 200 || bytes.is_empty()).then(|| format!("{id}: its audio is answered {status}"))
}
