//! The uploads, and the wait for what becomes of them.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::Client;
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Depth, Error, Replicas, Report, Result, Sample,
    account::{Accepted, Account},
    audit::audit,
    course::Courses,
    listen::Listener,
};

/// How uploads come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// By so many clients, each its next one as soon as the last one is accepted.
    Burst(usize),
    /// So many a second, whether the ones before were answered or not.
    Rate(f64),
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Burst(clients) => write!(f, "in a burst by {clients} clients"),
            Self::Rate(rate) => write!(f, "at {rate} a second"),
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of the platform, without a slash at the end.
    pub home: String,
    /// How it is called in the report.
    pub world: String,
    /// How many uploads.
    pub videos: usize,
    /// When they come.
    pub arrivals: Arrivals,
    /// Names and bytes, in turn.
    pub files: Vec<(String, Bytes)>,
    /// Accounts that are made for it.
    pub accounts: usize,
    /// The address and password of an account that there is, in place of new ones.
    pub account: Option<(String, String)>,
    /// Where the depth of the queue is asked for.
    pub depth: Depth,
    /// How often queue and workers are looked at.
    pub every: Duration,
    /// How long nothing at all may happen before what has not ended counts as lost.
    pub patience: Duration,
    /// How long to wait at the end for workers to go to none.
    pub until_none: Duration,
}

impl Plan {
    /// A hundred small videos in a burst of one user, for the platform at this address; the caller changes what it likes.
    #[must_use]
    pub fn burst(home: &str) -> Self {
        Self {
            home: home.trim_end_matches('/').to_owned(),
            world: format!("The platform at {home}"),
            videos: 100,
            arrivals: Arrivals::Burst(8),
            files: vec![("sample.mp4".to_owned(), Bytes::from_static(SAMPLE))],
            accounts: 1,
            account: None,
            depth: Depth::Jobs,
            every: Duration::from_millis(100),
            patience: Duration::from_secs(240),
            until_none: Duration::ZERO,
        }
    }
}

/// Ten seconds of sound and picture.
const SAMPLE: &[u8] = include_bytes!("../../../shared/media/fixtures/sample.mp4");

/// Connections that uploads at a rate have.
const CONNECTIONS: usize = 64;
/// Between two looks at what has ended.
const LOOK: Duration = Duration::from_millis(50);
/// For the first stream of events of an account.
const OPEN: Duration = Duration::from_secs(60);

/// A run while it lasts.
struct Run<'a> {
    plan: &'a Plan,
    name: String,
    accounts: Vec<Arc<Account>>,
    courses: Arc<Courses>,
    begun: Instant,
    samples: Mutex<Vec<Sample>>,
}

/// Runs it to its end, and says what came of it.
///
/// # Errors
/// If it can't be run: no account, an upload that is refused for good.
pub async fn run(plan: &Plan, replicas: &Replicas<'_>) -> Result<Report> {
    let name = format!("load-{}", jiff::Timestamp::now().as_millisecond());
    let count = if plan.account.is_some() { 1 } else { plan.accounts.max(1) };
    let mut accounts = Vec::new();
    for number in 0..count {
        let account = Account::open(&plan.home, plan.account.as_ref(), &format!("{name}-{number}")).await?;
        accounts.push(Arc::new(account));
    }
    let (courses, resumed) = (Arc::new(Courses::default()), Arc::new(AtomicUsize::new(0)));
    let mut listeners = JoinSet::new();
    for account in &accounts {
        let open = Arc::new(Notify::new());
        let (account, courses) = (account.clone(), courses.clone());
        listeners.spawn(Listener { account, courses, resumed: resumed.clone(), open: open.clone() }.run());
        timeout(OPEN, open.notified()).await.map_err(|_| "GET /jobs/events does not open")?;
    }
    let (begun, samples) = (Instant::now(), Mutex::default());
    let run = Run { plan, name, accounts, courses, begun, samples };
    let uploads = tokio::select! {
        uploads = run.work(replicas) => uploads?,
        () = run.sample(replicas) => return Err("the samples end".into()),
    };
    let judged = audit(&run.accounts, &run.name, &uploads, &run.courses).await?;
    let samples = std::mem::take(&mut *run.samples.lock().map_err(|_| "a sample failed")?);
    let refused = uploads.iter().map(|(_, upload)| upload.refused).sum();
    Ok(Report::new(plan, replicas, judged, samples, refused, resumed.load(Ordering::Relaxed)))
}

impl Run<'_> {
    /// Uploads, and waits for the last end. Each upload with the number of its account.
    async fn work(&self, replicas: &Replicas<'_>) -> Result<Vec<(usize, Accepted)>> {
        let uploads = self.upload().await?;
        let (mut seen, mut since) = (self.courses.count(), Instant::now());
        while seen.1 < seen.0 && since.elapsed() < self.plan.patience {
            sleep(LOOK).await;
            let now = self.courses.count();
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        let began_with_none =
            self.samples.lock().is_ok_and(|all| all.iter().find_map(|one| one.replicas) == Some(0));
        let until = Instant::now() + if began_with_none { self.plan.until_none } else { Duration::ZERO };
        while Instant::now() < until && replicas.ask().await.is_some_and(|count| count > 0) {
            sleep(self.plan.every).await;
        }
        // So that the last state is in the timeline.
        sleep(self.plan.every * 2).await;
        Ok(uploads)
    }

    async fn upload(&self) -> Result<Vec<(usize, Accepted)>> {
        let clients = match self.plan.arrivals {
            Arrivals::Burst(clients) => clients,
            Arrivals::Rate(_) => CONNECTIONS,
        };
        let next = AtomicUsize::new(0);
        let clients = (0..clients.max(1)).map(|_| self.client(&next));
        Ok(futures_util::future::try_join_all(clients).await?.into_iter().flatten().collect())
    }

    /// One client: takes the next number, waits for its time, uploads.
    async fn client(&self, next: &AtomicUsize) -> Result<Vec<(usize, Accepted)>> {
        let mut all = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.plan.videos {
                return Ok::<_, Error>(all);
            }
            if let Arrivals::Rate(rate) = self.plan.arrivals {
                let due = self.begun + Duration::from_secs_f64(number as f64 / rate);
                tokio::time::sleep_until(due.into()).await;
            }
            let (name, bytes) = &self.plan.files[number % self.plan.files.len()];
            let account = number % self.accounts.len();
            let title = format!("{} {number}", self.name);
            let accepted = self.accounts[account].upload(name, bytes, &title).await?;
            self.courses.accept(&accepted.id, accepted.took);
            all.push((account, accepted));
        }
    }

    /// For ever.
    async fn sample(&self, replicas: &Replicas<'_>) {
        let client = Client::new();
        loop {
            let (accepted, ended) = self.courses.count();
            let depth = self.plan.depth.ask(&client, accepted, ended).await;
            let replicas = replicas.ask().await;
            let at = self.begun.elapsed().as_secs_f64();
            let sample = Sample { at, depth, replicas, accepted, ended };
            self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
            sleep(self.plan.every).await;
        }
    }
}
