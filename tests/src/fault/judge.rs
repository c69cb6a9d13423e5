//! Whether the promise was kept: what was accepted is done, and each end is told once by each channel.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use contracts::{Channel, JobId, Outcome};
use serde_json::Value;

use super::world::Faulty;

/// How long after the receiver's yes the note of it may take.
const WINDOW: Duration = Duration::from_secs(5);

/// When somebody was told, by what names the message to the receiver.
type Told = HashMap<String, Vec<SystemTime>>;

/// Adds to `faulty.broken` what is not as promised.
pub(super) async fn judge(faulty: &mut Faulty) {
    let mut broken = faulty.clients.answers.wrong();
    let (ann, sam) = (faulty.clients.ann.clone(), faulty.clients.sam.clone());
    let mut jobs: HashMap<String, Value> = HashMap::new();
    for job in ann.all_jobs().await.into_iter().chain(sam.all_jobs().await) {
        jobs.insert(job["id"].as_str().unwrap().to_owned(), job);
    }
    let accepted = faulty.clients.accepted.lock().unwrap().clone();
    let db = faulty.platform.db();
    for id in &accepted {
        // A few were deleted for the sweep.
        let known = jobs.contains_key(id) || db.jobs().get(id.parse().unwrap()).await.unwrap().is_none();
        if !known {
            broken.push(format!("{id} was accepted and is not listed"));
        }
    }
    let mut hooks = Told::new();
    for call in faulty.receiver.calls() {
        hooks.entry(format!("{} {}", call.job, call.id)).or_default().push(call.at);
    }
    let mut mails = Told::new();
    for mail in faulty.platform.mails() {
        let id = mail.header("Message-ID").unwrap().to_owned();
        mails.entry(format!("{} {id}", mail.job())).or_default().push(mail.at);
    }
    for (id, job) in &jobs {
        let wanted = if *id == faulty.clients.silent { "failed" } else { "done" };
        let uploading = job["state"] == "uploading" && !accepted.contains(id);
        if job["state"] != wanted && !uploading {
            broken.push(format!("{id} is not {wanted}: {job}"));
        }
        for (channel, told) in [(Channel::Mail, &mails), (Channel::Webhook, &hooks)] {
            broken.extend(deliveries(&db, id, channel, told).await);
        }
    }
    broken.extend(doubled(&mails, &faulty.bad_mails).into_iter().map(|what| format!("mailed twice: {what}")));
    broken.extend(doubled(&hooks, &faulty.bad_hooks).into_iter().map(|what| format!("called twice: {what}")));
    faulty.said.push(format!(
        "{} accepted, {} jobs, {} mails, {} webhooks",
        accepted.len(),
        jobs.len(),
        mails.len(),
        hooks.len()
    ));
    faulty.broken.extend(broken);
}

/// Each row that says that somebody was told stands for one message, and each message for a row.
async fn deliveries(db: &db::Db, id: &str, channel: Channel, told: &Told) -> Option<String> {
    let job: JobId = id.parse().unwrap();
    let rows = db.deliveries().of_job(job).await.unwrap();
    let sent = rows.iter().filter(|row| row.channel == channel && row.outcome == Some(Outcome::Sent)).count();
    let came = told.keys().filter(|key| key.starts_with(id)).count();
    // A failure that is tried again at once is no news.
    let bad = rows.iter().find(|row| !matches!(row.outcome, Some(Outcome::Sent | Outcome::Dropped)));
    match bad {
        Some(row) => {
            Some(format!("{id}: {} by {channel} ended as {:?}: {:?}", row.message, row.outcome, row.detail))
        }
        None if sent != came => Some(format!("{id}: {sent} were sent by {channel}, {came} came")),
        None if rows.is_empty() => Some(format!("{id}: nobody was to be told")),
        None => None,
    }
}

/// What came more than once although the line to the receiver was good when it first came.
fn doubled(told: &Told, bad: &[(SystemTime, SystemTime)]) -> Vec<String> {
    let twice = told.iter().filter(|(_, times)| times.len() > 1);
    let unexplained = twice.filter(|(_, times)| {
        let first = times.iter().min().unwrap();
        !bad.iter().any(|(from, to)| *from <= *first + WINDOW && first <= to)
    });
    unexplained.map(|(what, times)| format!("{what}: {times:?}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_comes_twice_is_explained_only_by_a_line_that_was_bad_when_it_first_came() {
        let told =
            |seconds: &[u64]| Told::from([("a".to_owned(), seconds.iter().copied().map(at).collect())]);
        let bad = [(at(100), at(110))];
        for fine in [&[50][..], &[98, 120], &[105, 106], &[110, 300]] {
            assert!(doubled(&told(fine), &bad).is_empty(), "{fine:?}");
        }
        for wrong in [[50, 60], [94, 105], [111, 112]] {
            assert_eq!(doubled(&told(&wrong), &bad).len(), 1, "{wrong:?}");
        }
    }
}
