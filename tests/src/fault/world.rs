//! A platform of which each function speaks to each of its servers over a line that can be bad.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::{Duration, Instant, SystemTime},
};

use contracts::{Clock, JobId, Options};
use db::{NewUser, Source};

use super::{
    cells::{BLOBS, BROKER, CELLS, Cell, DATABASE, HOOK, MAIL, rounds},
    clients::{Answers, Clients},
    judge,
    line::{Bad, Last, Line},
    receiver::Receiver,
};
use crate::{Platform, Setup, fixture};

/// How long a line is bad at least; until it has done harm, and no longer than the longest.
const SHORTEST: Duration = Duration::from_millis(2500);
const LONGEST: Duration = Duration::from_secs(30);
/// Longer than the store of blobs is waited for (20 s), and all that is quicker.
const STALL: Duration = Duration::from_secs(21);
/// How long the gateway waits for a function.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// How long jobs may take to end once all lines are good.
const RECOVERY: Duration = Duration::from_secs(60);
/// How long mails and webhooks may take that failed: 5, 30 and 120 s of pauses, and a receiver that rests.
const UNTIL_TOLD: Duration = Duration::from_secs(240);

/// The platform.
#[derive(Debug)]
pub struct Faulty {
    pub(super) platform: Platform,
    pub(super) receiver: Receiver,
    pub(super) clients: Clients,
    lines: Vec<(Cell, Line)>,
    /// When the lines to the receivers of mails and webhooks were bad: from, to.
    pub(super) bad_mails: Vec<(SystemTime, SystemTime)>,
    pub(super) bad_hooks: Vec<(SystemTime, SystemTime)>,
    /// What went wrong.
    pub(super) broken: Vec<String>,
    /// How it went, for who reads it.
    pub(super) said: Vec<String>,
}

impl Faulty {
    /// Starts it, with a job that is done and one that has failed.
    pub async fn start() -> Self {
        let receiver = Receiver::start();
        let setup = Setup::default()
            .set("CONVERT_LEASE_SECONDS", 8)
            .set("SWEEP_TICKET_SECONDS", 10)
            .set("CLOCK_DUE_SECONDS", 1)
            .set("CLOCK_BLOBS_SECONDS", 1)
            .set("GATEWAY_ANSWER_SECONDS", ANSWER.as_secs())
            .set("AUTH_ACCESS_MINUTES", 1440)
            .set("WEBHOOK_CA_FILE", receiver.authority().display())
            .set("WEBHOOK_UNSAFE_TARGETS_FOR_TESTS", true);
        let mut platform = setup.start_fleet().await;
        let lines = connect(&mut platform, &receiver).await;
        let hook = lines.iter().find(|(cell, _)| cell.variable == HOOK).unwrap().1.url(&receiver.url());
        let clients = clients(&platform, hook).await;
        Self {
            platform,
            receiver,
            clients,
            lines,
            bad_mails: Vec::new(),
            bad_hooks: Vec::new(),
            broken: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Lets each line be bad in this way for a while, in rounds.
    pub async fn suffer(&mut self, bad: Bad) {
        for round in 0..rounds(bad) {
            self.suffer_round(bad, round).await;
        }
    }

    async fn suffer_round(&mut self, bad: Bad, round: usize) {
        let over = Arc::new(AtomicBool::new(false));
        let garbage = self.upload().await;
        self.ended(&format!("before {bad:?} {round}")).await;
        for _ in 0..3 {
            self.upload().await;
        }
        let work = self.clients.work(&over);
        if bad == Bad::Forgotten {
            // Only what is in use can be forgotten.
            tokio::time::sleep(SHORTEST).await;
        }
        let (from, begun) = (SystemTime::now(), Instant::now());
        self.in_round(bad, round).for_each(|(cell, line)| line.becomes(bad, cell.most(bad)));
        // Work for the sweep, over lines that are good.
        self.platform.db().jobs().delete(garbage.parse().unwrap()).await.unwrap();
        self.straggler().await;
        self.latecomer().await;
        let shortest = if bad == Bad::Stalled { STALL } else { SHORTEST };
        while begun.elapsed() < shortest
            || (begun.elapsed() < LONGEST && self.harmless(bad, round).next().is_some())
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let was_bad = begun.elapsed();
        let harmless: Vec<_> =
            self.harmless(bad, round).map(|cell| format!("{bad:?} did no harm: {cell}")).collect();
        self.broken.extend(harmless);
        self.in_round(bad, round).for_each(|(_, line)| line.is_good_again());
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        work.join_all().await;
        let times = (from, SystemTime::now());
        if self.in_round(bad, round).any(|(cell, _)| cell.variable == MAIL) {
            self.bad_mails.push(times);
        }
        if self.in_round(bad, round).any(|(cell, _)| cell.variable == HOOK) {
            self.bad_hooks.push(times);
        }
        self.ended(&format!("after {bad:?} {round}")).await;
        let (bad_for, all) = (was_bad.as_secs_f64(), begun.elapsed().as_secs_f64());
        self.said
            .push(format!("{bad:?}, round {round}: bad for {bad_for:.1} s, all jobs ended after {all:.1} s"));
    }

    fn in_round(&self, bad: Bad, round: usize) -> impl Iterator<Item = &(Cell, Line)> {
        self.lines.iter().filter(move |(cell, _)| cell.is_bad(bad, round))
    }

    fn harmless(&self, bad: Bad, round: usize) -> impl Iterator<Item = Cell> {
        self.in_round(bad, round).filter(|(_, line)| !line.has_done_harm()).map(|(cell, _)| *cell)
    }

    /// While all lines are good.
    async fn upload(&self) -> String {
        self.clients.upload(&AtomicBool::new(false)).await;
        self.clients.accepted.lock().unwrap().last().unwrap().clone()
    }

    /// A job whose upload died a minute ago, after its transaction and before it published the event.
    async fn straggler(&self) {
        let db = self.platform.db();
        let user_id = db.user_by_email(&self.clients.ann.email).await.unwrap().unwrap().id;
        let then = db.now().await.unwrap().before(Duration::from_secs(60));
        let db = db.with_clock(Clock::manual(then));
        let new = db::NewJob { id: JobId::generate(), user_id, video_id: contracts::VideoId::generate() };
        db.jobs().create(&new).await.unwrap();
        let mut upload = self.platform.blobs().put(blobs::Blob::Video(new.video_id)).await.unwrap();
        upload.write(fixture("he-aac-v1.mp4")).await.unwrap();
        upload.finish().await.unwrap();
        let source = Source { name: "late.mp4".into(), container: "mp4".into(), ..Source::default() };
        db.jobs().queue(new.id, &source, &Options::default()).await.unwrap().unwrap();
        self.clients.accepted.lock().unwrap().push(new.id.to_string());
    }

    /// Somebody who has registered a minute ago, likewise: a mail is due.
    async fn latecomer(&self) {
        let db = self.platform.db();
        let then = db.now().await.unwrap().before(Duration::from_secs(60));
        let email = format!("latecomer{}@example.org", JobId::generate());
        let new = NewUser { email, password_hash: "x".into(), admin_if_first: false, verified: false };
        db.with_clock(Clock::manual(then)).create_user(new).await.unwrap();
    }

    /// Waits until all jobs have ended.
    async fn ended(&mut self, when: &str) {
        let (db, until) = (self.platform.db(), Instant::now() + RECOVERY);
        loop {
            let jobs = db.jobs().count_unfinished().await.unwrap();
            if jobs == 0 {
                return;
            }
            if Instant::now() > until {
                let events = db.outbox().next_due("dev.tapedeck.video.uploaded.v1").await.unwrap();
                let what = format!(
                    "{when}: {jobs} jobs have not ended, events {events:?} {:?}",
                    db.now().await.unwrap()
                );
                return self.broken.push(what);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until everybody is told, and judges. Says how it went.
    ///
    /// # Panics
    /// If the promise was not kept.
    pub async fn finish(mut self) -> String {
        let begun = Instant::now();
        self.platform.settle_within(UNTIL_TOLD).await;
        self.said.push(format!("everybody was told after {:.1} s more", begun.elapsed().as_secs_f64()));
        self.said.push(self.clients.answers.told());
        let dead = self.platform.revive();
        self.broken.extend(dead.into_iter().map(|function| format!("{function} ended by itself")));
        judge::judge(&mut self).await;
        let said = self.said.join("\n");
        assert!(self.broken.is_empty(), "{:#?}\n{said}\n{}", self.broken, self.platform.log());
        self.platform.finish().await;
        said
    }
}

/// Starts each function anew, so that it finds its servers at the ends of lines.
async fn connect(platform: &mut Platform, receiver: &Receiver) -> Vec<(Cell, Line)> {
    let mut lines = Vec::new();
    let mut variables: BTreeMap<&'static str, Vec<(String, String)>> = BTreeMap::new();
    for cell in CELLS {
        let url = address(platform, receiver, cell.variable);
        let line = Line::to(servers::port_of(&url), cell.last.unwrap_or(Last::Holds(&[]))).await;
        variables.entry(cell.function).or_default().push((cell.variable.into(), line.url(&url)));
        lines.push((cell, line));
    }
    for (function, variables) in variables {
        platform.kill_function(function);
        platform.start_function_with(function, &variables, |_| {});
    }
    lines
}

fn address(platform: &mut Platform, receiver: &Receiver, variable: &str) -> String {
    match variable {
        // In clear, so that a commit is seen.
        DATABASE => format!("{}?ssl-mode=DISABLED", platform.place().database_url),
        BLOBS => platform.place().blobs_url.clone(),
        BROKER => platform.place().broker_url.clone(),
        MAIL => platform.mail_url(),
        HOOK => receiver.url(),
        function => {
            let name = function.trim_start_matches("GATEWAY_").trim_end_matches("_URL");
            platform.address_of(&name.to_lowercase())
        }
    }
}

async fn clients(platform: &Platform, hook: String) -> Clients {
    let (ann, sam) = (platform.new_user().await, platform.new_user().await);
    let done = ann.upload_fixture("moov-end.mp4", &[]).await;
    let silent = sam.upload_fixture("silent-movie.mp4", &[]).await;
    assert_eq!(ann.ended(&done).await["state"], "done");
    assert_eq!(sam.ended(&silent).await["state"], "failed");
    Clients {
        ann,
        sam,
        silent,
        home: platform.home().to_owned(),
        accepted: Arc::new(Mutex::new(vec![done.clone()])),
        done,
        hook,
        answers: Arc::new(Answers::default()),
        number: Arc::new(AtomicUsize::new(0)),
    }
}
