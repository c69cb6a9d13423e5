//! All functions in one process, on SQLite and a folder.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use blobs::Blobs;
use db::Db;
use tapedeck_tests::{
    Platform, Setup, User,
    crash::{List, Past, Sent, Shim, judge, pass_delivery_claims, pass_event_claims, pass_sweep_leases},
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{Video, bounded, send, sent_long_ago, setup, sweep_setup};

/// A call, and the how-manieth of its name.
type Call = (String, usize);

/// Calls at which one process is killed: those that sync, rename, make and remove files; and, where not bounded, each
/// write.
pub(crate) fn calls(recorded: &[String]) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for call in recorded {
        if bounded() && call.starts_with("write ") {
            continue;
        }
        let occurrence = 1 + calls.iter().filter(|(earlier, _)| earlier == call).count();
        calls.push((call.clone(), occurrence));
    }
    calls
}

/// Processes at once: most of the time they wait for leases to run out.
const AT_ONCE: usize = 24;

/// The database of a data folder.
fn db(data: &Path) -> Db {
    Db::open(&format!("sqlite:{}", data.join("tapedeck.db").display()), 1).unwrap()
}

/// What one process is to do.
struct Scene {
    shim: Shim,
    /// A folder that nobody uses.
    data: PathBuf,
    ann: User,
    setup: Setup,
    /// What is due in the folder; nothing: a video is uploaded.
    past: Option<Past>,
}

impl Scene {
    /// In a folder of a platform that has ended.
    async fn of(platform: &mut Platform, setup: Setup) -> Self {
        let ann = platform.new_user().await;
        platform.settle().await;
        platform.stop().await;
        Self { shim: Shim::make(), data: platform.data(), ann, setup, past: None }
    }

    fn blobs(&self) -> Blobs {
        Blobs::open(&format!("file:{}", self.data.join("blobs").display())).unwrap()
    }

    /// Runs a copy of the folder until all is done or the process dies, which is started again then. Returns its calls, and
    /// whether it died.
    async fn play(&self, call: Option<&Call>) -> (Vec<String>, bool) {
        let calls = self.shim.for_process();
        let shimmed =
            calls.variables().iter().fold(self.setup.clone(), |setup, (name, value)| setup.set(name, value));
        let mut platform = shimmed.start_embedded_on(&self.data);
        match call {
            Some((name, occurrence)) => calls.arm(name, *occurrence),
            None => calls.record(),
        }
        let mut sent: Vec<_> = self.past.iter().flat_map(sent_long_ago).collect();
        if self.past.is_none() {
            let id = send(&self.ann.at(platform.home()), Video::New, "one").await;
            sent.push(Sent { id, what: format!("before {call:?}"), mails: 1 });
        }
        while !calls.has_fired() && !self.is_done(&platform, &sent).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (recorded, died) = (calls.recorded(), calls.has_fired());
        platform.kill();
        let db = db(&platform.data());
        pass_sweep_leases(db.clone()).await;
        if bounded() {
            pass_event_claims(db.clone()).await;
            pass_delivery_claims(db.clone()).await;
        }
        db.close().await;
        platform.restart_with(self.setup.clone());
        while !self.is_done(&platform, &[]).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        judge(&platform, &self.ann.at(platform.home()), &sent, "done").await;
        platform.finish().await;
        (recorded, died)
    }

    /// Whether nothing is to be done, for whom was told that something is.
    async fn is_done(&self, platform: &Platform, sent: &[Sent]) -> bool {
        let swept = match &self.past {
            Some(past) => past.left(&platform.db(), &platform.blobs()).await.is_empty(),
            None => true,
        };
        swept && sent.iter().all(|sent| sent.id.is_some()) && platform.is_at_rest().await
    }

    /// Plays it once for each call of `list`, and dies there.
    #[expect(clippy::print_stdout, reason = "a test says what it has done")]
    async fn die_at_each_call(self, name: &'static str) {
        let (recorded, _) = self.play(None).await;
        let list = List::read(name);
        list.hold(&recorded);
        let mut calls = calls(&recorded);
        calls.retain(|(call, _)| !list.is_by_the_clock(call));
        let (scene, slots, mut runs) = (Arc::new(self), Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
        for call in calls.clone() {
            let (scene, slots) = (scene.clone(), slots.clone());
            runs.spawn(async move {
                let _slot = slots.acquire_owned().await.unwrap();
                (scene.play(Some(&call)).await.1, call)
            });
        }
        let missed: Vec<_> = runs.join_all().await.into_iter().filter(|(died, _)| !died).collect();
        println!("{name}: {} calls, {} crash points, not reached: {missed:?}", recorded.len(), calls.len());
        // How often the database is written to depends on what comes together.
        assert!(missed.iter().all(|(_, (call, _))| call.contains("tapedeck.db")), "{missed:?}");
        assert!(missed.len() * 4 < calls.len(), "{missed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_process_that_dies_at_any_change_of_a_file_loses_and_doubles_no_job() {
    let mut template = setup().start_embedded();
    let scene = Scene::of(&mut template, setup()).await;
    scene.die_at_each_call("one-job").await;
    template.restart();
    template.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_process_that_dies_at_any_change_of_a_file_in_its_sweep_takes_it_up_again() {
    let mut template = setup().start_embedded();
    let mut scene = Scene::of(&mut template, sweep_setup()).await;
    let (db, blobs) = (db(&scene.data), scene.blobs());
    scene.past = Some(Past::make(db.clone(), &blobs, &scene.ann.email).await);
    db.close().await;
    scene.die_at_each_call("one-sweep").await;
    template.restart_with(sweep_setup());
    template.finish().await;
}
