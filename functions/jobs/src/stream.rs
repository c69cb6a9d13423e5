//! `GET /jobs/{id}/events`, `GET /jobs/events`: server-sent events (html.spec.whatwg.org, 9.2).
//!
//! The id of an event says what its reader has seen. Who comes again with it, as browsers do by themselves, hears what it
//! has missed and no state twice. A stream ends at any time: with its process, its credentials, a proxy's patience.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, request::Parts},
    response::{
        IntoResponse as _, Response,
        sse::{KeepAlive, Sse},
    },
};
use contracts::{JobId, Timestamp, UserId};
use db::Change;
use futures_util::stream;
use identity::{Caller, Scope};
use runtime::{Path, Problem, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    Jobs,
    cursor::Cursor,
    listen::{All, Listener, One, Subject},
    own_job,
    watch::{WINDOW, views},
};

/// Between two keep-alive comments of an idle stream: less than proxies wait for.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long ago a stream may have ended that is resumed: deletions are known for a day.
const RESUMED: Duration = Duration::from_secs(86_400);
/// Jobs that a fresh stream looks at.
const LATEST: u32 = 100;
/// A fresh stream tells what changed so lately, so that a list from just before misses nothing.
const LATELY: Duration = Duration::from_secs(60);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// For nginx: pass each event on at once.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Resume {
    /// The id of the last event that was seen, for clients that can't send the header `Last-Event-ID`, which counts more.
    last_event_id: Option<String>,
}

impl Resume {
    fn id(self, parts: &Parts) -> Option<String> {
        let header = parts.headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        header.or(self.last_event_id)
    }
}

/// Listen to a job
///
/// Server-sent events: `state` with the job as `GET /jobs/{id}` shows it, when its state has changed and at first;
/// `progress` with `{id, progress, stage}`; `deleted` with `{id}`. The stream ends when the job does. Each event has an id:
/// who resumes with `Last-Event-ID` does not hear of a state again, and gets 204 if there will never be anything to hear.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "jobs", security(("bearer" = [])),
    params(("id" = JobId, Path), Resume, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses((status = 200, description = "Events as they happen", content(("text/event-stream"))),
        (status = 204, description = "The job has ended, and the client knows"), (status = 401, description = "No valid credentials"),
        (status = 404, description = "No such job of yours"), (status = 429, description = "Too many streams of yours are open"),
        (status = 503, description = "Too many streams are open")))]
pub(crate) async fn job(
    State(deps): State<Jobs>,
    caller: Caller,
    Path(id): Path<JobId>,
    Query(resume): Query<Resume>,
    parts: Parts,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let job = own_job(&deps, &caller, id).await?;
    let told = resume.id(&parts).and_then(|id| id.parse().ok()).map(Timestamp::from_millis);
    if job.state.is_final() && told == Some(job.changed_at) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let slot = deps.watch.slots.take(caller.user_id)?;
    let one = One::new(&deps, id, told);
    Ok(answer(Listener::new(deps, parts, caller.user_id, slot, Subject::One(one))))
}

/// Listen to all your jobs
///
/// The same events as of one job, for all that are yours, and without an end. A fresh stream begins with the states of
/// jobs that have not ended and of those that changed in the last minute: so a list that was fetched just before it misses
/// nothing. A stream can be resumed for a day.
#[utoipa::path(get, path = "/jobs/events", tag = "jobs", security(("bearer" = [])),
    params(Resume, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses((status = 200, description = "Events as they happen", content(("text/event-stream"))),
        (status = 401, description = "No valid credentials"), (status = 429, description = "Too many streams of yours are open"),
        (status = 503, description = "Too many streams are open")))]
pub(crate) async fn all(
    State(deps): State<Jobs>,
    caller: Caller,
    Query(resume): Query<Resume>,
    parts: Parts,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let slot = deps.watch.slots.take(caller.user_id)?;
    let now = deps.db.now().await.map_err(Problem::of)?;
    let resumed = resume.id(&parts).and_then(|id| Cursor::read(&id, now));
    let resumed = resumed.filter(|cursor| cursor.since() > now.before(RESUMED));
    let (cursor, behind) = match resumed {
        Some(cursor) => {
            let since = deps.db.jobs().changes(&[caller.user_id], cursor.since()).await;
            (cursor, since.map_err(Problem::of)?)
        }
        None => fresh(&deps, caller.user_id, now).await?,
    };
    let mut behind: Vec<Change> = behind.into_iter().filter(|change| cursor.is_new(change)).collect();
    behind.sort_by_key(|change| change.at);
    let all = All::new(&deps, caller.user_id, (cursor, now), behind);
    Ok(answer(Listener::new(deps, parts, caller.user_id, slot, Subject::All(Box::new(all)))))
}

/// What a fresh stream tells first. What it passes over counts as told.
async fn fresh(deps: &Jobs, user: UserId, now: Timestamp) -> Result<(Cursor, Vec<Change>), Problem> {
    let latest = deps.db.jobs().latest_changes(user, LATEST).await.map_err(Problem::of)?;
    let views = views(&deps.db, &latest).await.map_err(Problem::of)?;
    let goes_on = |change: &Change| views.get(&change.id).is_some_and(|view| !view.state.is_final());
    let told: Vec<Change> =
        latest.into_iter().filter(|change| change.at > now.before(LATELY) || goes_on(change)).collect();
    let first = told.iter().map(|change| change.at).min().unwrap_or(now);
    // Those in between that are not told are final ones.
    let since = first.min(now.before(WINDOW));
    Ok((Cursor::after(Timestamp::from_millis(since.millis() - 1)), told))
}

fn answer(listener: Listener) -> Response {
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    ([UNBUFFERED], Sse::new(events).keep_alive(alive)).into_response()
}
