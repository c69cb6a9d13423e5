//! `GET /admin/overview`: how the platform is doing.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::State;
use db::{Backlog, JobOutcomes};
use identity::{Caller, Scope};
use runtime::{Json, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Jobs;

const DAY: Duration = Duration::from_hours(24);

/// How the platform is doing.
#[derive(Serialize, ToSchema)]
pub(crate) struct Overview {
    /// Jobs that wait for a converter.
    waiting: u64,
    /// Seconds that the job that is next has waited. Without converters it grows like the clock.
    next_waits: u64,
    /// Deliveries that were given up, and that nobody has dropped or repeated yet.
    dead_deliveries: u64,
    /// For each kind of row that says when it needs somebody: for how many seconds the earliest has been due.
    overdue: BTreeMap<&'static str, u64>,
    /// What became of the jobs that were uploaded in the last 24 hours.
    day: Day,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Day {
    /// How many are in each state; states without any are left out.
    jobs: BTreeMap<&'static str, u64>,
    /// Bytes of their videos.
    video_bytes: u64,
    /// Bytes of their audios.
    audio_bytes: u64,
}

impl From<(Backlog, JobOutcomes)> for Overview {
    fn from((backlog, course): (Backlog, JobOutcomes)) -> Self {
        let overdue = backlog.overdue.into_iter().map(|(rows, overdue)| (rows, overdue.as_secs())).collect();
        let jobs = course.states.into_iter().map(|(state, jobs)| (state.as_str(), jobs)).collect();
        Self {
            waiting: backlog.waiting,
            next_waits: backlog.next_waits.as_secs(),
            dead_deliveries: backlog.dead_deliveries,
            overdue,
            day: Day { jobs, video_bytes: course.video_bytes, audio_bytes: course.audio_bytes },
        }
    }
}

/// How the platform is doing: what waits, and what became of the jobs of the last 24 hours.
#[utoipa::path(get, path = "/admin/overview", tag = "admin", security(("bearer" = [])),
    responses((status = 200, body = Overview), (status = 403, description = "Not an administrator")))]
pub(crate) async fn show(State(deps): State<Jobs>, caller: Caller) -> Result<Json<Overview>, Problem> {
    caller.require(Scope::Admin)?;
    let since = deps.db.now().await.map_err(Problem::of)?.before(DAY);
    let backlog = deps.db.backlog().await.map_err(Problem::of)?;
    let course = deps.db.course(since).await.map_err(Problem::of)?;
    Ok(Json((backlog, course).into()))
}
