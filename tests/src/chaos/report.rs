//! What became of it all.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{Happened, clients::History};
use crate::{Platform, User};

/// What became of the jobs, and of what nobody knows of.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the table says it")]
pub struct Report {
    pub seed: u64,
    pub worked: Duration,
    pub rested: Duration,
    pub faults: BTreeMap<String, usize>,
    pub answers: BTreeMap<String, usize>,
    pub accepted: usize,
    pub done: usize,
    /// Of videos without sound, by code.
    pub failed_rightly: BTreeMap<String, usize>,
    /// Of videos with sound, by code.
    pub failed_wrongly: BTreeMap<String, usize>,
    pub told: usize,
    /// Ended, and nobody was told.
    pub untold: Vec<String>,
    /// Mails beyond one for each end.
    pub doubled: Vec<String>,
    /// The same where the sender or the mail server died beside the first one.
    pub doubled_by_smtp: usize,
    /// Accepted, and neither done with audio nor failed.
    pub lost: Vec<String>,
    /// Jobs whose client did not hear the 202.
    pub unheard: usize,
    pub left: Vec<String>,
    /// What is no better: a function that ended by itself, no rest.
    pub broken: Vec<String>,
    /// Where the log is, if it is of use.
    pub log: Option<String>,
}

/// How long after the mail server's yes the note of it may take.
const WINDOW: Duration = Duration::from_secs(5);

impl Report {
    pub(super) async fn of(platform: &Platform, history: History, happened: &[Happened]) -> Self {
        let mut report = Self { answers: history.answers, ..Self::default() };
        for happened in happened {
            *report.faults.entry(happened.fault.to_string()).or_default() += 1;
        }
        let mails = Mails::of(platform, happened);
        for (user, accepted) in history.users {
            let jobs = user.all_jobs().await.into_iter();
            let mut jobs: HashMap<String, Value> =
                jobs.map(|job| (job["id"].as_str().unwrap().to_owned(), job)).collect();
            report.accepted += accepted.len();
            for upload in accepted {
                let job = jobs.remove(&upload.id).unwrap_or_default();
                report.end_of(&user, &upload.id, &job, upload.sound).await;
                report.mails_of(&upload.id, &job, &mails, true);
            }
            for (id, job) in jobs {
                report.unheard += usize::from(job["state"] != "uploading");
                report.mails_of(&id, &job, &mails, false);
            }
        }
        let left = platform.leftovers().await;
        report.left.extend(left.blobs.into_iter().map(|blob| format!("blob {blob}")));
        report.left.extend(left.dead_letters.into_iter().map(|letter| format!("dead letter: {letter}")));
        report
    }

    async fn end_of(&mut self, user: &User, id: &str, job: &Value, sound: bool) {
        match job["state"].as_str() {
            Some("done") => {
                let audio = user.get(&format!("/download?fid={id}")).await;
                let status = audio.status();
                if status == 200 && audio.bytes().await.is_ok_and(|bytes| !bytes.is_empty()) {
                    self.done += 1;
                } else {
                    self.lost.push(format!("{id}: done, and its audio is answered {status}"));
                }
            }
            Some("failed") => {
                let failed = if sound { &mut self.failed_wrongly } else { &mut self.failed_rightly };
                let code = job["error"]["code"].as_str().unwrap_or("no code").to_owned();
                *failed.entry(code).or_default() += 1;
            }
            _ => self.unended(id, job),
        }
    }

    fn unended(&mut self, id: &str, job: &Value) {
        self.lost.push(format!("{id}: {}", job["state"].as_str().unwrap_or("unknown")));
    }

    fn mails_of(&mut self, id: &str, job: &Value, mails: &Mails, heard: bool) {
        let came = mails.came.get(id).map_or(&[][..], Vec::as_slice);
        let ended = matches!(job["state"].as_str(), Some("done" | "failed"));
        if came.is_empty() && ended {
            self.untold.push(id.to_owned());
        }
        self.told += usize::from(heard && !came.is_empty());
        for pair in came.windows(2) {
            if mails.died(pair[0]) {
                self.doubled_by_smtp += 1;
            } else {
                let after = pair[1].duration_since(pair[0]).unwrap_or_default();
                self.doubled.push(format!("{id}: again after {:.1} s", after.as_secs_f64()));
            }
        }
    }

    /// Whether all is as promised.
    #[must_use]
    pub fn is_good(&self) -> bool {
        [&self.untold, &self.doubled, &self.lost, &self.left, &self.broken].iter().all(|bad| bad.is_empty())
    }
}

/// When mails came, by job, and when senders and the mail server died.
struct Mails {
    came: HashMap<String, Vec<SystemTime>>,
    deaths: Vec<Happened>,
}

impl Mails {
    fn of(platform: &Platform, happened: &[Happened]) -> Self {
        let mut came: HashMap<String, Vec<SystemTime>> = HashMap::new();
        for mail in platform.mails() {
            came.entry(mail.job().to_owned()).or_default().push(mail.at);
        }
        came.values_mut().for_each(|times| times.sort());
        let deaths = happened.iter().filter(|happened| happened.fault.can_double_a_mail());
        Self { came, deaths: deaths.copied().collect() }
    }

    /// Whether the note of a mail that came then may have died with its sender, or the yes with the server.
    fn died(&self, came: SystemTime) -> bool {
        self.deaths.iter().any(|death| death.from <= came + WINDOW && came <= death.to)
    }
}

fn counts(of: &BTreeMap<String, usize>) -> String {
    of.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
}

fn sum(of: &BTreeMap<String, usize>) -> usize {
    of.values().sum()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = |time: Duration| time.as_secs_f64() / 60.0;
        let mut row = |name: &str, count: &dyn fmt::Display, more: &str| {
            let line = format!("{name:<22}{count:>8}   {more}");
            writeln!(f, "{}", line.trim_end())
        };
        row("seed", &self.seed, "")?;
        let rest = format!("minutes, and {:.1} until all was at rest", minutes(self.rested));
        row("time", &format!("{:.1}", minutes(self.worked)), &rest)?;
        row("faults", &sum(&self.faults), "")?;
        for (fault, count) in &self.faults {
            row("", count, fault)?;
        }
        row("uploads tried", &sum(&self.answers), &counts(&self.answers))?;
        row("accepted", &self.accepted, "answered 202, of which the client knows")?;
        row("  done", &self.done, "with audio to download")?;
        row("  failed", &sum(&self.failed_rightly), &counts(&self.failed_rightly))?;
        row("  failed, with sound", &sum(&self.failed_wrongly), &counts(&self.failed_wrongly))?;
        row("  lost", &self.lost.len(), "neither done with audio nor failed")?;
        row("  told", &self.told, "of whose end a mail came")?;
        row(
            "accepted unheard",
            &self.unheard,
            "the 202 was lost on its way; ended and told like the others",
        )?;
        row("not told", &self.untold.len(), "ended, and no mail came")?;
        row("doubled", &self.doubled.len(), "mails beyond one for each end")?;
        let window = "mails beyond one, where the sender or the mail server died beside the first";
        row("doubled by SMTP", &self.doubled_by_smtp, window)?;
        row("left behind", &self.left.len(), "blobs that no row names, dead letters")?;
        row("broken", &self.broken.len(), "functions that ended by themselves or badly, no rest")?;
        for bad in [&self.lost, &self.untold, &self.doubled, &self.left, &self.broken] {
            bad.iter().try_for_each(|line| writeln!(f, "! {line}"))?;
        }
        if let Some(log) = &self.log {
            writeln!(f, "the log: {log}")?;
        }
        let verdict = if self.is_good() { "good" } else { "NOT GOOD" };
        writeln!(f, "{verdict}: the same faults again by `make chaos SEED={}`", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Fault;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Mails about the job `a` at these seconds, and a death of the sender from 100 to 102.
    fn mails(seconds: &[u64]) -> Mails {
        let death = Happened { fault: Fault::Kill("notify"), from: at(100), to: at(102) };
        let came = seconds.iter().map(|&second| at(second)).collect();
        Mails { came: HashMap::from([("a".to_owned(), came)]), deaths: vec![death] }
    }

    fn told(seconds: &[u64]) -> Report {
        let mut report = Report::default();
        report.mails_of("a", &json!({"state": "done"}), &mails(seconds), true);
        report
    }

    #[test]
    fn a_second_mail_is_smtps_own_only_if_the_sender_died_beside_the_first() {
        let once = told(&[50]);
        assert!(once.is_good() && once.told == 1);
        let by_smtp = told(&[99, 220]);
        assert!(by_smtp.is_good() && by_smtp.doubled_by_smtp == 1);
        for twice in [[50, 99], [50, 220], [103, 220]] {
            let report = told(&twice);
            assert!(!report.is_good() && report.doubled.len() == 1, "{twice:?}");
        }
    }

    #[test]
    fn an_end_without_a_mail_is_bad_and_says_which() {
        let mut report = Report::default();
        report.mails_of("b", &json!({"state": "failed"}), &mails(&[50]), true);
        assert!(!report.is_good() && report.to_string().contains("! b"), "{report}");
    }

    #[test]
    fn a_job_that_is_gone_or_never_ends_is_lost() {
        for (state, said) in [(json!(null), "c: unknown"), (json!({"state": "queued"}), "c: queued")] {
            let mut report = Report::default();
            report.unended("c", &state);
            assert!(!report.is_good() && report.lost == [said], "{report}");
        }
    }
}
