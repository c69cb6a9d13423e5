//! `POST /jobs/{id}/cancel`, `POST /jobs/{id}/retry`, `DELETE /jobs/{id}`.

use axum::{extract::State, http::StatusCode};
use contracts::{JobId, State as JobState};
use identity::{Caller, Scope};
use runtime::{Cause, Json, Path, Problem};

use crate::{Jobs, own_job, view::JobView};

fn wrong_state(state: JobState, what: &str) -> Problem {
    Problem::conflict(format!("The job is {state}: {what}")).member("state", state.as_str())
}

/// Cancel a job that has not ended. A running conversion stops within two seconds.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", security(("bearer" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = JobView), (status = 404, description = "No such job of yours"), (status = 409, description = "The job has ended, or its video is still arriving")))]
pub(crate) async fn cancel(
    State(deps): State<Jobs>,
    caller: Caller,
    Path(id): Path<JobId>,
) -> Result<Json<JobView>, Problem> {
    caller.require(Scope::Upload)?;
    own_job(&deps, &caller, id).await?;
    let canceled = deps.db.jobs().cancel(id).await.map_err(Problem::of)?;
    let job = own_job(&deps, &caller, id).await?;
    if canceled {
        return Ok(Json(job.into()));
    }
    Err(wrong_state(job.state, "only queued and converting jobs can be canceled."))
}

/// Try a failed or canceled job again.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", security(("bearer" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = JobView), (status = 404, description = "No such job of yours"), (status = 409, description = "The job is neither failed nor canceled, or its video is not kept any more")))]
pub(crate) async fn retry(
    State(deps): State<Jobs>,
    caller: Caller,
    Cause(trace): Cause,
    Path(id): Path<JobId>,
) -> Result<Json<JobView>, Problem> {
    caller.require(Scope::Upload)?;
    let before = own_job(&deps, &caller, id).await?;
    let Some(recorded) = deps.db.caused_by(&trace).jobs().retry(id).await.map_err(Problem::of)? else {
        return Err(wrong_state(
            before.state,
            "only failed and canceled jobs can be tried again, while their video is kept. Upload the video again.",
        ));
    };
    deps.broker.publish(&recorded.envelope).await;
    Ok(Json(own_job(&deps, &caller, id).await?.into()))
}

/// Remove a job with its video and audio. A running conversion stops.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "jobs", security(("bearer" = [])), params(("id" = JobId, Path)),
    responses((status = 204, description = "Gone; stored files follow within minutes"), (status = 404, description = "No such job of yours")))]
pub(crate) async fn delete(
    State(deps): State<Jobs>,
    caller: Caller,
    Path(id): Path<JobId>,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::Upload)?;
    own_job(&deps, &caller, id).await?;
    // The blobs are named as garbage in the same transaction: the sweep removes them.
    deps.db.jobs().delete(id).await.map_err(Problem::of)?;
    Ok(StatusCode::NO_CONTENT)
}
