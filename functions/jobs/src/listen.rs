//! What a stream says, event by event.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::FromRequestParts as _,
    http::request::Parts,
    response::{IntoResponse as _, sse::Event},
};
use contracts::{JobId, Stage, State, Timestamp, UserId};
use db::{Change, JobSummary};
use identity::{Caller, Scope};
use runtime::Problem;
use serde::Serialize;
use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep_until},
};

use crate::{
    Jobs,
    cursor::Cursor,
    slots::StreamSlot,
    watch::{Round, View, Watcher, views},
};

/// How often a stream asks whether its credentials are still good.
const ASK_AGAIN: Duration = Duration::from_secs(15);
/// A listener that has not seen a round for so long may have missed what only that round had: it ends, and resumes.
const MISSED: Duration = Duration::from_secs(15);
/// How long a client waits before it comes again.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);
/// Jobs that are read at once for somebody who was away.
const AT_ONCE: usize = 100;

/// `data` of an event `progress`.
#[derive(Serialize)]
pub(crate) struct ProgressEvent {
    id: JobId,
    /// 0 to 1.
    progress: f64,
    stage: Option<Stage>,
}

/// `data` of an event `deleted`.
#[derive(Serialize)]
pub(crate) struct DeletedEvent {
    id: JobId,
}

/// One who listens.
pub(crate) struct Listener {
    deps: Jobs,
    /// The request, for its credentials.
    parts: Parts,
    user: UserId,
    subject: Subject,
    rounds: Receiver<Arc<Round>>,
    ask_again: Instant,
    ready: VecDeque<Event>,
    over: bool,
    _slot: StreamSlot,
}

/// The progress that was told last.
type LastProgress = Option<(f64, Option<Stage>)>;

/// What is listened to.
pub(crate) enum Subject {
    One(One),
    All(Box<All>),
}

/// A job.
pub(crate) struct One {
    id: JobId,
    /// When the state that was told last began.
    told: Option<Timestamp>,
    progress: LastProgress,
    _place: Watcher,
}

/// All jobs of a user.
pub(crate) struct All {
    user: UserId,
    cursor: Cursor,
    /// What happened before, in the order of time.
    behind: VecDeque<Change>,
    /// Jobs that are being converted, and what was told of them last.
    converting: HashMap<JobId, (Watcher, LastProgress)>,
    /// By the database's clock: when the last round was.
    seen: Timestamp,
    _place: Watcher,
}

impl Listener {
    pub(crate) fn new(deps: Jobs, parts: Parts, user: UserId, slot: StreamSlot, subject: Subject) -> Self {
        let rounds = deps.watch.rounds();
        let ready = VecDeque::from([Event::default().retry(RECONNECT_AFTER)]);
        let ask_again = Instant::now() + ASK_AGAIN;
        Self { deps, parts, user, subject, rounds, ask_again, ready, over: false, _slot: slot }
    }

    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if let Subject::All(all) = &mut self.subject
                && !all.behind.is_empty()
            {
                match all.catch_up(&self.deps).await {
                    Ok(events) => self.ready.extend(events),
                    Err(_) => self.over = true,
                }
                continue;
            }
            tokio::select! {
                changed = self.rounds.changed() => {
                    self.over = changed.is_err() || !self.take_round();
                }
                () = sleep_until(self.ask_again) => self.over = !self.may_listen().await,
                () = self.deps.shutdown.cancelled() => {
                    // Not all at once.
                    self.ready.push_back(Event::default().retry(RECONNECT_AFTER + spread(self.user)));
                    self.over = true;
                }
            }
        }
    }

    /// Whether the stream goes on after the latest round.
    fn take_round(&mut self) -> bool {
        let round = self.rounds.borrow_and_update().clone();
        let (events, goes_on) = match &mut self.subject {
            Subject::One(one) => one.take(&round),
            Subject::All(all) => all.take(&self.deps, &round),
        };
        self.ready.extend(events);
        goes_on
    }

    /// Whether the credentials are still good: they may have expired, the account may be locked or gone. A database
    /// that is away is no reason to end.
    async fn may_listen(&mut self) -> bool {
        self.ask_again = Instant::now() + ASK_AGAIN;
        let caller = Caller::from_request_parts(&mut self.parts, &self.deps).await;
        match caller.and_then(|caller| caller.require(Scope::Read).map(|()| caller.user_id)) {
            Ok(user) => user == self.user,
            Err(problem) => problem.into_response().status().is_server_error(),
        }
    }
}

impl One {
    /// `told` is what the client has seen already.
    pub(crate) fn new(deps: &Jobs, id: JobId, told: Option<Timestamp>) -> Self {
        Self { id, told, progress: None, _place: deps.watch.job(id) }
    }

    /// What is new, and whether more can come.
    fn take(&mut self, round: &Round) -> (Vec<Event>, bool) {
        match round.jobs.get(&self.id) {
            // This round began before we came.
            None => (Vec::new(), true),
            Some(None) => {
                let id = self.told.map_or(0, Timestamp::millis) + 1;
                (vec![event("deleted", id, &DeletedEvent { id: self.id })], false)
            }
            Some(Some(glance)) => match round.views.get(&self.id) {
                Some(view) if self.told != Some(view.changed_at) => {
                    self.told = Some(view.changed_at);
                    self.progress = Some((glance.progress, glance.stage));
                    (vec![state(view, view.changed_at.millis())], !view.state.is_final())
                }
                _ if glance.state.is_final() => (Vec::new(), false),
                _ => {
                    let told = self.told.map_or(0, Timestamp::millis);
                    (progress(glance, &mut self.progress, told).into_iter().collect(), true)
                }
            },
        }
    }
}

impl All {
    /// `behind` is what happened before `now`, as far as it is new.
    pub(crate) fn new(
        deps: &Jobs,
        user: UserId,
        (cursor, now): (Cursor, Timestamp),
        behind: Vec<Change>,
    ) -> Self {
        let (behind, place) = (behind.into(), deps.watch.user(user));
        Self { user, cursor, behind, converting: HashMap::new(), seen: now, _place: place }
    }

    /// Tells of some of what happened before.
    async fn catch_up(&mut self, deps: &Jobs) -> Result<Vec<Event>, Problem> {
        let some: Vec<Change> = self.behind.drain(..self.behind.len().min(AT_ONCE)).collect();
        let views = views(&deps.db, &some).await.map_err(Problem::of)?;
        Ok(self.new_events(deps, &some, &views))
    }

    /// What is new, and whether the stream can go on.
    fn take(&mut self, deps: &Jobs, round: &Round) -> (Vec<Event>, bool) {
        if self.seen.after(MISSED) < round.now {
            return (Vec::new(), false);
        }
        self.seen = self.seen.max(round.now);
        // If not, this round began before we came.
        let Some(changes) = round.users.get(&self.user) else { return (Vec::new(), true) };
        let mut events = self.new_events(deps, changes, &round.views);
        self.cursor.advance(round.now);
        let id = self.cursor.to_string();
        self.converting.retain(|job, (_, told)| match round.jobs.get(job) {
            Some(Some(glance)) if !glance.state.is_final() => {
                events.extend(progress(glance, told, &id));
                true
            }
            Some(_) => false,
            None => true,
        });
        (events, true)
    }

    /// The new ones of these changes.
    fn new_events(
        &mut self,
        deps: &Jobs,
        changes: &[Change],
        views: &HashMap<JobId, Arc<View>>,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for change in changes {
            if !self.cursor.is_new(change) {
                continue;
            }
            if change.deleted {
                self.cursor.mark_sent(change.id, change.at);
                self.converting.remove(&change.id);
                events.push(event("deleted", &self.cursor, &DeletedEvent { id: change.id }));
            } else if let Some(view) = views.get(&change.id) {
                // It may have changed again meanwhile: that is told with it.
                self.cursor.mark_sent(change.id, change.at);
                if view.changed_at != change.at {
                    self.cursor.mark_sent(change.id, view.changed_at);
                }
                self.watch(deps, view);
                events.push(state(view, &self.cursor));
            }
        }
        events
    }

    fn watch(&mut self, deps: &Jobs, view: &View) {
        if view.state == State::Converting {
            self.converting.entry(view.id).or_insert_with(|| (deps.watch.job(view.id), None));
        } else {
            self.converting.remove(&view.id);
        }
    }
}

/// Up to four seconds, another for each user.
fn spread(user: UserId) -> Duration {
    let letters: u32 = user.to_string().bytes().map(u32::from).sum();
    Duration::from_millis(u64::from(letters % 40) * 100)
}

fn state(view: &View, id: impl ToString) -> Event {
    Event::default().event("state").id(id.to_string()).data(&view.json)
}

/// An event if there is progress. It repeats the id of the state: whoever resumes after it hears of progress anyway.
fn progress(glance: &JobSummary, told: &mut LastProgress, id: impl ToString) -> Option<Event> {
    let now = (glance.progress, glance.stage);
    if glance.state != State::Converting || *told == Some(now) {
        return None;
    }
    *told = Some(now);
    let data = ProgressEvent { id: glance.id, progress: glance.progress, stage: glance.stage };
    Some(event("progress", id, &data))
}

fn event(name: &str, id: impl ToString, data: &impl Serialize) -> Event {
    // What is serialised here can be.
    let json = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).id(id.to_string()).data(json)
}
