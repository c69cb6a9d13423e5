//! What became of each upload: asked one by one, whatever the events said.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Result,
    account::{Accepted, Account},
    course::{Course, Courses, time},
};

/// Questions at once.
const AT_ONCE: usize = 8;
/// For the last mail.
const TOLD_WITHIN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

/// What became of all, and how long it took, in seconds by stage.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) accepted: usize,
    pub(crate) done: usize,
    /// By error code.
    pub(crate) failed: BTreeMap<String, usize>,
    pub(crate) told: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    /// Jobs of the test that no answer named: the 202 was lost on its way.
    pub(crate) unheard: usize,
    pub(crate) attempts: u64,
    pub(crate) stages: Stages,
    /// Numbers that jobs tell as their cost, summed by name.
    pub(crate) cost: BTreeMap<String, f64>,
}

#[derive(Debug, Default)]
pub(crate) struct Stages {
    pub(crate) answer: Vec<f64>,
    pub(crate) wait: Vec<f64>,
    pub(crate) convert: Vec<f64>,
    pub(crate) tell: Vec<f64>,
    pub(crate) whole: Vec<f64>,
}

pub(crate) async fn audit(
    accounts: &[Arc<Account>],
    name: &str,
    uploads: &[(usize, Accepted)],
    courses: &Courses,
) -> Result<Judged> {
    let courses = courses.take();
    let mut judged = Judged { accepted: uploads.len(), ..Judged::default() };
    let asked = stream::iter(uploads).map(|(account, upload)| ask(&accounts[*account], &upload.id));
    let mut answers = asked.buffered(AT_ONCE);
    let mut heard = HashSet::new();
    let mut uploads = uploads.iter();
    while let (Some(answer), Some((_, upload))) = (answers.try_next().await?, uploads.next()) {
        let course = courses.get(&upload.id).cloned().unwrap_or_default();
        judged.take(&upload.id, &course, &answer);
        heard.insert(upload.id.as_str());
    }
    for account in accounts {
        judged.unheard += unheard(account, name, &heard).await?;
    }
    Ok(judged)
}

/// What the API says about one job.
struct Answer {
    job: Option<Value>,
    /// Whether audio came, if it is done.
    audio: bool,
    deliveries: Vec<Value>,
}

async fn ask(account: &Account, id: &str) -> Result<Answer> {
    let Some(job) = account.get(&format!("/jobs/{id}")).await? else {
        return Ok(Answer { job: None, audio: false, deliveries: Vec::new() });
    };
    let audio = job["state"] == "done" && has_audio(account, id).await?;
    let until = Instant::now() + TOLD_WITHIN;
    loop {
        let list = account.get(&format!("/jobs/{id}/deliveries")).await?.unwrap_or_default();
        let deliveries = list["deliveries"].as_array().cloned().unwrap_or_default();
        if deliveries.iter().all(|one| !one["outcome"].is_null()) || Instant::now() > until {
            return Ok(Answer { job: Some(job), audio, deliveries });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The first byte of it is enough.
async fn has_audio(account: &Account, id: &str) -> Result<bool> {
    let range = ("range", "bytes=0-0");
    let answer =
        account.send(|client, home| client.get(format!("{home}/jobs/{id}/audio")).header(range.0, range.1));
    let answer = answer.await?;
    Ok(answer.status().is_success() && !answer.bytes().await?.is_empty())
}

/// Jobs of this test in the list of an account that are none of these.
async fn unheard(account: &Account, name: &str, heard: &HashSet<&str>) -> Result<usize> {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page = account.get(&format!("/jobs?limit=100{cursor}")).await?.unwrap_or_default();
        let ours = |job: &&Value| {
            let title = job["options"]["title"].as_str().unwrap_or_default();
            title.starts_with(name) && !heard.contains(job["id"].as_str().unwrap_or_default())
        };
        count += page["jobs"].as_array().into_iter().flatten().filter(ours).count();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(count),
        }
    }
}

impl Judged {
    fn take(&mut self, id: &str, course: &Course, answer: &Answer) {
        let Some(job) = &answer.job else { return self.lost.push(format!("{id}: there is no such job")) };
        match job["state"].as_str().unwrap_or("unknown") {
            "done" if answer.audio => self.done += 1,
            "done" => self.lost.push(format!("{id}: done, and its audio can't be had")),
            "failed" => {
                let code = job["error"]["code"].as_str().unwrap_or("no code");
                *self.failed.entry(code.to_owned()).or_default() += 1;
            }
            state => return self.lost.push(format!("{id}: {state}")),
        }
        self.attempts += job["attempts"].as_u64().unwrap_or_default();
        if course.ends > 1 {
            self.doubled.push(format!("{id}: ended {} times", course.ends));
        }
        self.deliveries(id, &answer.deliveries);
        self.times(course, job, &answer.deliveries);
        for (name, value) in job["cost"].as_object().into_iter().flatten() {
            if let Some(number) = value.as_f64() {
                *self.cost.entry(name.clone()).or_default() += number;
            }
        }
    }

    fn deliveries(&mut self, id: &str, deliveries: &[Value]) {
        let mut sent = HashMap::<_, usize>::new();
        for one in deliveries.iter().filter(|one| one["outcome"] == "sent") {
            *sent.entry((one["message"].to_string(), one["channel"].to_string())).or_default() += 1;
        }
        self.told += usize::from(!sent.is_empty());
        for ((message, channel), count) in sent.into_iter().filter(|(_, count)| *count > 1) {
            self.doubled.push(format!("{id}: {message} was sent {count} times by {channel}"));
        }
    }

    fn times(&mut self, course: &Course, job: &Value, deliveries: &[Value]) {
        let ended = time(&job["finished_at"]);
        let sent = deliveries.iter().filter_map(|one| time(&one["ended_at"])).max();
        let stages = &mut self.stages;
        stages.answer.extend(course.answered.map(|time| time.as_secs_f64()));
        stages.wait.extend(between(course.queued, course.begun));
        stages.convert.extend(between(course.begun, ended));
        stages.tell.extend(between(ended, sent));
        stages.whole.extend(between(time(&job["created_at"]), ended));
    }
}

fn between(begin: Option<Timestamp>, end: Option<Timestamp>) -> Option<f64> {
    let milliseconds = end?.as_millisecond() - begin?.as_millisecond();
    Some(milliseconds.max(0) as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn done(deliveries: &[Value]) -> Answer {
        let job = json!({"state": "done", "attempts": 1, "created_at": "2026-11-26T12:00:00.000Z",
            "finished_at": "2026-11-26T12:00:02.000Z", "cost": {"cpu_seconds": 0.5, "note": "x"}});
        Answer { job: Some(job), audio: true, deliveries: deliveries.to_vec() }
    }

    fn sent() -> Value {
        json!({"message": "audio_ready", "channel": "email", "outcome": "sent", "ended_at": "2026-11-26T12:00:02.250Z"})
    }

    #[test]
    fn a_job_that_is_done_and_told_once_is_neither_lost_nor_doubled() {
        let mut judged = Judged::default();
        judged.take("a", &Course { ends: 1, ..Course::default() }, &done(&[sent()]));
        assert_eq!((judged.done, judged.told, judged.lost.len(), judged.doubled.len()), (1, 1, 0, 0));
        assert_eq!(
            (judged.stages.whole.as_slice(), judged.stages.tell.as_slice()),
            (&[2.0][..], &[0.25][..])
        );
        assert_eq!(judged.cost, BTreeMap::from([("cpu_seconds".to_owned(), 0.5)]));
    }

    #[test]
    fn a_second_mail_a_second_end_a_job_that_waits_and_one_without_audio_are_seen() {
        let mut judged = Judged::default();
        judged.take("a", &Course::default(), &done(&[sent(), sent()]));
        judged.take("b", &Course { ends: 2, ..Course::default() }, &done(&[sent()]));
        assert_eq!(judged.doubled.len(), 2, "{:?}", judged.doubled);
        let waits = Answer { job: Some(json!({"state": "queued"})), audio: false, deliveries: vec![] };
        judged.take("c", &Course::default(), &waits);
        judged.take("d", &Course::default(), &Answer { audio: false, ..done(&[]) });
        judged.take("e", &Course::default(), &Answer { job: None, audio: false, deliveries: vec![] });
        assert_eq!(judged.lost.len(), 3, "{:?}", judged.lost);
    }
}
