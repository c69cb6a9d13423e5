//! Watching jobs: one poller for all who wait or listen in this process, however many. It asks while anybody does.
//!
//! Each round has the watched jobs at a glance, and what has become of the jobs of watched users in the last
//! [`WINDOW`]. Rounds overlap, so that whoever misses a few misses nothing, and so that a change is seen that is
//! committed late. Nothing is queued for a slow listener.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contracts::{JobId, State, Timestamp, UserId};
use db::{Change, Db, Job, JobSummary};
use tokio::sync::{Notify, watch};

use crate::{
    slots::{StreamSlots, one_less},
    view::JobView,
};

/// How often the poller looks.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How soon it looks again after somebody came: a short video is converted within that time.
const FIRST_LOOK: Duration = Duration::from_millis(20);
/// Rows that one query asks for.
const AT_ONCE: usize = 500;
/// How far back each round looks: longer than a transaction takes, and the time between two rounds.
pub(crate) const WINDOW: Duration = Duration::from_secs(30);

/// What the poller saw.
#[derive(Debug)]
pub(crate) struct Round {
    /// By the database's clock, before it was asked.
    pub(crate) now: Timestamp,
    /// Each watched job, `None` if it is gone.
    pub(crate) jobs: HashMap<JobId, Option<JobSummary>>,
    /// What became of the jobs of each watched user, in the order of time.
    pub(crate) users: HashMap<UserId, Vec<Change>>,
    /// Jobs that are watched, or have changed.
    pub(crate) views: HashMap<JobId, Arc<View>>,
}

impl Default for Round {
    fn default() -> Self {
        let now = Timestamp::from_millis(0);
        Self { now, jobs: HashMap::new(), users: HashMap::new(), views: HashMap::new() }
    }
}

/// A job as the world sees it.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) id: JobId,
    pub(crate) changed_at: Timestamp,
    pub(crate) state: State,
    pub(crate) json: String,
}

impl From<Job> for View {
    fn from(job: Job) -> Self {
        let (id, changed_at, state) = (job.id, job.changed_at, job.state);
        let json = serde_json::to_string(&JobView::from(job)).unwrap_or_default();
        Self { id, changed_at, state, json }
    }
}

/// Whoever watches; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) db: Db,
    pub(crate) slots: StreamSlots,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    /// Somebody came while the poller was there.
    came: Notify,
    rounds: watch::Sender<Arc<Round>>,
}

/// How many watch each.
#[derive(Debug, Default)]
struct Wanted {
    jobs: HashMap<JobId, usize>,
    users: HashMap<UserId, usize>,
    /// Whether there is a poller: the latest may still sleep when nobody watches.
    polled: bool,
}

impl Shared {
    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to ask for; `None` if nobody watches: then the poller ends.
    fn asked(&self) -> Option<(Vec<JobId>, Vec<UserId>)> {
        let mut wanted = self.wanted();
        if wanted.jobs.is_empty() && wanted.users.is_empty() {
            wanted.polled = false;
            return None;
        }
        Some((wanted.jobs.keys().copied().collect(), wanted.users.keys().copied().collect()))
    }
}

impl Watch {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, slots: StreamSlots::default(), shared: Arc::default() }
    }

    /// Returns when the job has ended or is gone.
    pub(crate) async fn ended(&self, id: JobId) {
        let mut rounds = self.rounds();
        let _place = self.job(id);
        while rounds.changed().await.is_ok() {
            match rounds.borrow_and_update().jobs.get(&id) {
                Some(Some(job)) if !job.state.is_final() => {}
                Some(_) => return,
                // This round began before we came.
                None => {}
            }
        }
    }

    /// The rounds to come, of which a slow reader sees the latest.
    pub(crate) fn rounds(&self) -> watch::Receiver<Arc<Round>> {
        self.shared.rounds.subscribe()
    }

    /// Watches a job as long as the place is held.
    pub(crate) fn job(&self, id: JobId) -> Watcher {
        self.take(Watched::Job(id))
    }

    /// Watches the jobs of a user as long as the place is held.
    pub(crate) fn user(&self, id: UserId) -> Watcher {
        self.take(Watched::User(id))
    }

    /// Who finds no poller starts one; it ends when nobody watches.
    fn take(&self, watched: Watched) -> Watcher {
        let mut wanted = self.shared.wanted();
        if wanted.polled {
            self.shared.came.notify_one();
        } else {
            wanted.polled = true;
            tokio::spawn(poll(self.db.clone(), self.shared.clone()));
        }
        match watched {
            Watched::Job(id) => *wanted.jobs.entry(id).or_default() += 1,
            Watched::User(id) => *wanted.users.entry(id).or_default() += 1,
        }
        Watcher { shared: self.shared.clone(), watched }
    }
}

#[derive(Clone, Copy, Debug)]
enum Watched {
    Job(JobId),
    User(UserId),
}

/// One who watches.
#[derive(Debug)]
pub(crate) struct Watcher {
    shared: Arc<Shared>,
    watched: Watched,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut wanted = self.shared.wanted();
        match self.watched {
            Watched::Job(id) => one_less(&mut wanted.jobs, &id),
            Watched::User(id) => one_less(&mut wanted.users, &id),
        }
    }
}

/// A database that is away is asked again in the next round.
async fn poll(db: Db, shared: Arc<Shared>) {
    let (mut views, mut pause) = (HashMap::new(), FIRST_LOOK);
    while let Some((jobs, users)) = shared.asked() {
        match look(&db, &jobs, &users, &mut views).await {
            Ok(round) => drop(shared.rounds.send_replace(Arc::new(round))),
            Err(error) => tracing::debug!(%error, "polling jobs failed"),
        }
        pause = rest(&shared.came, pause).await;
    }
}

/// Rests for `pause`, or until shortly after somebody came; how long to rest next time.
async fn rest(came: &Notify, pause: Duration) -> Duration {
    let rested = tokio::select! {
        () = tokio::time::sleep(pause) => pause,
        () = came.notified() => {
            tokio::time::sleep(FIRST_LOOK).await;
            FIRST_LOOK
        }
    };
    (rested * 2).min(LOOK_AGAIN)
}

/// `views` is what is known from the rounds before: a job is read as a whole only after it has changed.
async fn look(
    db: &Db,
    jobs: &[JobId],
    users: &[UserId],
    views: &mut HashMap<JobId, Arc<View>>,
) -> db::Result<Round> {
    let now = db.now().await?;
    let mut round = Round { now, ..Round::default() };
    let mut current: HashMap<JobId, Timestamp> = HashMap::new();
    for ids in jobs.chunks(AT_ONCE) {
        round.jobs.extend(ids.iter().map(|id| (*id, None)));
        for glance in db.jobs().glances(ids).await? {
            current.insert(glance.id, glance.changed_at);
            round.jobs.insert(glance.id, Some(glance));
        }
    }
    round.users.extend(users.iter().map(|id| (*id, Vec::new())));
    for ids in users.chunks(AT_ONCE) {
        for change in db.jobs().changes(ids, now.before(WINDOW)).await? {
            if !change.deleted {
                current.insert(change.id, change.at);
            }
            round.users.entry(change.user_id).or_default().push(change);
        }
    }
    round.users.values_mut().for_each(|changes| changes.sort_by_key(|change| change.at));
    views.retain(|id, view| current.get(id).is_some_and(|at| *at <= view.changed_at));
    let new: Vec<JobId> = current.into_keys().filter(|id| !views.contains_key(id)).collect();
    for ids in new.chunks(AT_ONCE) {
        views.extend(db.jobs().all(ids).await?.into_iter().map(|job| (job.id, Arc::new(job.into()))));
    }
    round.views.clone_from(views);
    Ok(round)
}

/// The jobs of these changes as the world sees them; those that are gone are left out.
pub(crate) async fn views(db: &Db, changes: &[Change]) -> db::Result<HashMap<JobId, Arc<View>>> {
    let ids: HashSet<JobId> =
        changes.iter().filter(|change| !change.deleted).map(|change| change.id).collect();
    let ids: Vec<JobId> = ids.into_iter().collect();
    let mut views = HashMap::new();
    for ids in ids.chunks(AT_ONCE) {
        views.extend(db.jobs().all(ids).await?.into_iter().map(|job| (job.id, Arc::new(View::from(job)))));
    }
    Ok(views)
}

#[cfg(test)]
mod tests {
    use contracts::{Options, VideoId};
    use db::{NewJob, Source};

    use super::*;

    async fn queued(db: &Db) -> JobId {
        let new =
            NewJob { id: JobId::generate(), user_id: UserId::generate(), video_id: VideoId::generate() };
        db.jobs().create(&new).await.unwrap();
        db.jobs().queue(new.id, &Source::default(), &Options::default()).await.unwrap().unwrap();
        new.id
    }

    async fn database(folder: &tempfile::TempDir) -> Db {
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 2).unwrap();
        db.migrate().await.unwrap();
        db
    }

    #[tokio::test]
    async fn those_who_come_and_go_never_have_a_second_poller_and_leave_none() {
        let folder = tempfile::tempdir().unwrap();
        let db = database(&folder).await;
        let (watch, id) = (Watch::new(db.clone()), queued(&db).await);
        for _ in 0..20 {
            let left = tokio::time::timeout(Duration::from_millis(5), watch.ended(id)).await;
            assert!(left.is_err(), "it has not ended");
        }
        let places = [watch.job(id), watch.user(UserId::generate())];
        let holders = || Arc::strong_count(&watch.shared);
        assert_eq!(holders(), 4, "this one, its two places, and one poller");
        drop(places);
        while holders() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!watch.shared.wanted().polled);
        assert!(db.jobs().cancel(id).await.unwrap());
        watch.ended(id).await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_is_looked_after_soon_and_whoever_waits_long_less_often() {
        let (came, mut pause, begun) = (Notify::new(), FIRST_LOOK, tokio::time::Instant::now());
        let mut looks = Vec::new();
        for round in 0..8 {
            if round == 6 {
                came.notify_one();
            }
            pause = rest(&came, pause).await;
            looks.push(begun.elapsed().as_millis());
        }
        assert_eq!(looks, [20, 60, 140, 300, 550, 800, 820, 860]);
    }

    #[tokio::test]
    async fn hundreds_wait_with_one_poller_and_all_hear_of_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let db = database(&folder).await;
        let (first, second) = (queued(&db).await, queued(&db).await);
        let watch = Watch::new(db.clone());
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..400 {
            let (watch, id) = (watch.clone(), if number % 2 == 0 { first } else { second });
            clients.spawn(async move { watch.ended(id).await });
        }
        tokio::time::sleep(LOOK_AGAIN * 3).await;
        assert!(clients.try_join_next().is_none(), "nothing has ended");
        assert!(db.jobs().cancel(first).await.unwrap());
        assert!(db.jobs().delete(second).await.unwrap());
        clients.join_all().await;
        assert!(watch.shared.wanted().jobs.is_empty());
        let gone = JobId::generate();
        watch.ended(gone).await;
    }
}
