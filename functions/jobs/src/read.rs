//! `GET /jobs`, `GET /jobs/{id}`.

use std::time::Duration;

use axum::extract::State;
use contracts::JobId;
use identity::{Caller, Scope};
use runtime::{Json, Path, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Jobs, own_job, view::JobView};

/// Longest poll in seconds: below the 60 s after which proxies give up.
const MAX_WAIT: u64 = 50;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many at the most: 1 to 100.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(inline)]
    cursor: Option<JobId>,
    /// Only jobs with this `folder`.
    folder: Option<String>,
    /// Only jobs with this tag.
    tag: Option<String>,
}

/// A page of jobs, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page {
    jobs: Vec<JobView>,
    /// Pass it as `cursor` for the next page; null on the last one.
    next_cursor: Option<JobId>,
}

/// List your jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", security(("bearer" = [])), params(PageQuery),
    responses((status = 200, body = Page), (status = 401, description = "No valid credentials"),
        (status = 422, description = "`limit` is out of range")))]
pub(crate) async fn list(
    State(deps): State<Jobs>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page>, Problem> {
    caller.require(Scope::Read)?;
    let limit = query.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Problem::unprocessable("limit must be 1 to 100."));
    }
    // One more than asked for tells whether there is a next page.
    let (stored, user, limit_and_one) = (deps.db.jobs(), caller.user_id, limit + 1);
    let jobs = match (&query.tag, &query.folder) {
        (Some(tag), folder) => {
            stored.list_tagged(user, (tag, folder.as_deref()), limit_and_one, query.cursor).await
        }
        (None, None) => stored.list(user, limit_and_one, query.cursor).await,
        (None, Some(folder)) => stored.list_folder(user, folder, limit_and_one, query.cursor).await,
    };
    let mut jobs = jobs.map_err(Problem::of)?;
    let more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next_cursor = jobs.last().filter(|_| more).map(|job| job.id);
    Ok(Json(Page { jobs: jobs.into_iter().map(JobView::from).collect(), next_cursor }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitQuery {
    /// Seconds to wait for the end of the job, 50 at the most: more counts as 50. The answer comes earlier if the job ends,
    /// or the service restarts.
    #[param(minimum = 0, format = "uint64")]
    wait: Option<u64>,
}

/// Look at a job; with `wait`, answer when it has ended or the time is over.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", security(("bearer" = [])), params(("id" = JobId, Path), WaitQuery),
    responses((status = 200, body = JobView), (status = 401, description = "No valid credentials"), (status = 404, description = "No such job of yours")))]
pub(crate) async fn show(
    State(deps): State<Jobs>,
    caller: Caller,
    Path(id): Path<JobId>,
    Query(query): Query<WaitQuery>,
) -> Result<Json<JobView>, Problem> {
    caller.require(Scope::Read)?;
    let job = own_job(&deps, &caller, id).await?;
    let wait = patience(query.wait);
    if wait.is_zero() || job.state.is_final() {
        return Ok(Json(job.into()));
    }
    tokio::select! {
        () = deps.watch.ended(id) => {}
        () = tokio::time::sleep(wait) => {}
        () = deps.shutdown.cancelled() => {}
    }
    Ok(Json(own_job(&deps, &caller, id).await?.into()))
}

fn patience(wait: Option<u64>) -> Duration {
    Duration::from_secs(wait.unwrap_or(0).min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::patience;

    #[test]
    fn nobody_waits_longer_than_50_seconds() {
        for (asked, seconds) in
            [(None, 0), (Some(0), 0), (Some(50), 50), (Some(51), 50), (Some(u64::MAX), 50)]
        {
            assert_eq!(patience(asked).as_secs(), seconds, "{asked:?}");
        }
    }
}
