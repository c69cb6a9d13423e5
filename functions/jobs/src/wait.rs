//! Waiting for jobs to end: one poller for all who wait in this process, however many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contracts::{JobId, State};
use db::Db;
use tokio::sync::watch;

/// How often the poller looks.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Jobs that one query asks for.
const AT_ONCE: usize = 500;

/// What the poller saw last: the state of each job that somebody waits for, `None` if the job is gone.
type Seen = HashMap<JobId, Option<State>>;

/// Whoever waits; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    db: Db,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    seen: watch::Sender<Arc<Seen>>,
}

#[derive(Debug, Default)]
struct Wanted {
    /// How many wait for each job.
    jobs: HashMap<JobId, usize>,
    /// Whether there is a poller: the latest may still sleep when nobody waits.
    polled: bool,
}

impl Shared {
    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, shared: Arc::default() }
    }

    /// Returns when the job has ended or is gone.
    pub(crate) async fn ended(&self, id: JobId) {
        let mut seen = self.shared.seen.subscribe();
        let _place = self.wait_for(id);
        while seen.changed().await.is_ok() {
            match seen.borrow_and_update().get(&id) {
                Some(Some(state)) if !state.is_final() => {}
                Some(_) => return,
                // This round began before we came.
                None => {}
            }
        }
    }

    /// Who finds no poller starts one; it ends when nobody waits.
    fn wait_for(&self, id: JobId) -> Place {
        let mut wanted = self.shared.wanted();
        if !wanted.polled {
            wanted.polled = true;
            tokio::spawn(poll(self.db.clone(), self.shared.clone()));
        }
        *wanted.jobs.entry(id).or_default() += 1;
        Place { shared: self.shared.clone(), id }
    }
}

/// One who waits for a job.
struct Place {
    shared: Arc<Shared>,
    id: JobId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut wanted = self.shared.wanted();
        if let Some(count) = wanted.jobs.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                wanted.jobs.remove(&self.id);
            }
        }
    }
}

/// A database that is away is asked again in the next round.
async fn poll(db: Db, shared: Arc<Shared>) {
    loop {
        let ids: Vec<JobId> = {
            let mut wanted = shared.wanted();
            if wanted.jobs.is_empty() {
                wanted.polled = false;
                return;
            }
            wanted.jobs.keys().copied().collect()
        };
        let mut seen: Seen = HashMap::new();
        for ids in ids.chunks(AT_ONCE) {
            if let Ok(states) = db.jobs().states(ids).await {
                seen.extend(ids.iter().map(|id| (*id, None)));
                seen.extend(states.into_iter().map(|(id, state)| (id, Some(state))));
            }
        }
        shared.seen.send_replace(Arc::new(seen));
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use contracts::{Options, UserId, VideoId};
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
        let (waiting, id) = (Waiting::new(db.clone()), queued(&db).await);
        for _ in 0..20 {
            let left = tokio::time::timeout(Duration::from_millis(5), waiting.ended(id)).await;
            assert!(left.is_err(), "it has not ended");
        }
        let place = waiting.wait_for(id);
        let holders = || Arc::strong_count(&waiting.shared);
        assert_eq!(holders(), 3, "this one, its place, and one poller");
        drop(place);
        while holders() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!waiting.shared.wanted().polled);
        assert!(db.jobs().cancel(id).await.unwrap());
        waiting.ended(id).await;
    }

    #[tokio::test]
    async fn hundreds_wait_with_one_poller_and_all_hear_of_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let db = database(&folder).await;
        let (first, second) = (queued(&db).await, queued(&db).await);
        let waiting = Waiting::new(db.clone());
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..400 {
            let (waiting, id) = (waiting.clone(), if number % 2 == 0 { first } else { second });
            clients.spawn(async move { waiting.ended(id).await });
        }
        tokio::time::sleep(LOOK_AGAIN * 3).await;
        assert!(clients.try_join_next().is_none(), "nothing has ended");
        assert!(db.jobs().cancel(first).await.unwrap());
        assert!(db.jobs().delete(second).await.unwrap());
        clients.join_all().await;
        assert!(waiting.shared.wanted().jobs.is_empty());
        let gone = JobId::generate();
        waiting.ended(gone).await;
    }
}
