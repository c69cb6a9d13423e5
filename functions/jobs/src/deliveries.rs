//! Who was told of what: for the owner of a job, and for administrators.

use axum::{extract::State, http::StatusCode};
use contracts::{Channel, DeliveryId, DestinationId, JobId, Message, Outcome, Timestamp};
use db::Delivery;
use identity::{Caller, Scope};
use runtime::{Cause, Json, Path, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Jobs, own_job};

/// A mail or a call, about a job or about the account.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    id: DeliveryId,
    job_id: Option<JobId>,
    message: Message,
    channel: Channel,
    /// Which of `GET /me/destinations` is called, if the channel is that.
    destination: Option<DestinationId>,
    attempts: u32,
    /// When it is tried next; null once it has ended.
    due_at: Option<Timestamp>,
    /// Null until it has ended.
    outcome: Option<Outcome>,
    /// Why it ended so, or why the latest attempt failed.
    detail: Option<String>,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            job_id: delivery.about.map(|(job, _)| job),
            message: delivery.message,
            channel: delivery.channel,
            destination: delivery.destination,
            attempts: delivery.attempts,
            due_at: delivery.due_at,
            outcome: delivery.outcome,
            detail: delivery.detail,
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
        }
    }
}

/// A part of the list of deliveries.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    deliveries: Vec<DeliveryView>,
    /// `cursor` of the next page, if there may be one.
    next_cursor: Option<DeliveryId>,
}

impl DeliveryList {
    /// A page that could have had `limit` of them.
    fn page(found: Vec<Delivery>, limit: u32) -> Self {
        let next_cursor = found.last().filter(|_| found.len() == limit as usize).map(|last| last.id);
        Self { deliveries: found.into_iter().map(DeliveryView::from).collect(), next_cursor }
    }
}

/// List the mails and calls about a job, oldest first.
#[utoipa::path(get, path = "/jobs/{id}/deliveries", tag = "jobs", security(("bearer" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = DeliveryList), (status = 404, description = "No such job of yours")))]
pub(crate) async fn of_job(
    State(deps): State<Jobs>,
    caller: Caller,
    Path(id): Path<JobId>,
) -> Result<Json<DeliveryList>, Problem> {
    caller.require(Scope::Read)?;
    own_job(&deps, &caller, id).await?;
    let deliveries = deps.db.deliveries().of_job(id).await.map_err(Problem::of)?;
    let deliveries = deliveries.into_iter().map(DeliveryView::from).collect();
    Ok(Json(DeliveryList { deliveries, next_cursor: None }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only those to this destination of yours.
    #[param(inline)]
    destination: Option<DestinationId>,
    /// At most so many, 1 to 200; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(inline)]
    cursor: Option<DeliveryId>,
}

/// List what you were or are to be told, newest first.
#[utoipa::path(get, path = "/deliveries", tag = "jobs", security(("bearer" = [])), params(Wanted),
    responses((status = 200, body = DeliveryList), (status = 404, description = "No such destination of yours"),
        (status = 422, description = "`limit` is out of range")))]
pub(crate) async fn own(
    State(deps): State<Jobs>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<DeliveryList>, Problem> {
    caller.require(Scope::Read)?;
    let (limit, before, deliveries) = (checked(wanted.limit)?, wanted.cursor, deps.db.deliveries());
    let found = match wanted.destination {
        None => deliveries.of_user(caller.user_id, limit, before).await,
        Some(id) => {
            let destination = deps.db.destination(id).await.map_err(Problem::of)?;
            if destination.is_none_or(|one| one.user_id != caller.user_id) {
                return Err(Problem::not_found(
                    "You have no destination with this id. GET /me/destinations lists the ones you have.",
                ));
            }
            deliveries.of_destination(id, limit, before).await
        }
    };
    Ok(Json(DeliveryList::page(found.map_err(Problem::of)?, limit)))
}

fn checked(limit: Option<u32>) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(50);
    if (1..=200).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::unprocessable("limit must be 1 to 200."))
    }
}

/// Make a delivery again that has ended: one of yours, or, as an administrator, of anybody.
#[utoipa::path(post, path = "/deliveries/{id}/repeat", tag = "jobs", security(("bearer" = [])), params(("id" = DeliveryId, Path)),
    responses((status = 202, description = "It is due now"), (status = 404, description = "No such delivery of yours"),
        (status = 409, description = "It has not ended yet")))]
pub(crate) async fn repeat(
    State(deps): State<Jobs>,
    caller: Caller,
    Cause(trace): Cause,
    Path(id): Path<DeliveryId>,
) -> Result<StatusCode, Problem> {
    let missing =
        || Problem::not_found("You have no delivery with this id. GET /deliveries lists the ones you have.");
    let delivery = deps.db.deliveries().get(id).await.map_err(Problem::of)?.ok_or_else(missing)?;
    if delivery.user_id == caller.user_id {
        caller.require(Scope::Upload)?;
    } else {
        caller.require(Scope::Admin).map_err(|_| missing())?;
    }
    let repeated = deps.db.caused_by(&trace).deliveries().repeat(id).await.map_err(Problem::of)?;
    let due = repeated.ok_or_else(|| Problem::conflict("This delivery has not ended yet."))?;
    deps.broker.publish(&due.envelope).await;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Ended {
    /// How they ended; dead letters if not given.
    #[param(inline)]
    outcome: Option<Outcome>,
    /// At most so many, 1 to 200; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(inline)]
    cursor: Option<DeliveryId>,
}

/// List deliveries of all users that have ended, newest first: the dead letters, if nothing else is asked for.
#[utoipa::path(get, path = "/admin/deliveries", tag = "admin", security(("bearer" = [])), params(Ended),
    responses((status = 200, body = DeliveryList), (status = 403, description = "Not an administrator"),
        (status = 422, description = "`limit` is out of range")))]
pub(crate) async fn list(
    State(deps): State<Jobs>,
    caller: Caller,
    Query(query): Query<Ended>,
) -> Result<Json<DeliveryList>, Problem> {
    caller.require(Scope::Admin)?;
    let limit = checked(query.limit)?;
    let outcome = query.outcome.unwrap_or(Outcome::Dead);
    let ended = deps.db.deliveries().ended(outcome, limit, query.cursor).await.map_err(Problem::of)?;
    Ok(Json(DeliveryList::page(ended, limit)))
}

/// Drop a dead letter.
#[utoipa::path(post, path = "/admin/deliveries/{id}/drop", tag = "admin", security(("bearer" = [])), params(("id" = DeliveryId, Path)),
    responses((status = 204, description = "Dropped"), (status = 403, description = "Not an administrator"),
        (status = 404, description = "No such dead letter")))]
pub(crate) async fn drop_dead_letter(
    State(deps): State<Jobs>,
    caller: Caller,
    Path(id): Path<DeliveryId>,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::Admin)?;
    if deps.db.deliveries().drop_dead(id).await.map_err(Problem::of)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("There is no such dead letter. GET /admin/deliveries lists them."))
}

/// Which jobs to try again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryFailed {
    /// Jobs that were uploaded since then.
    failed_since: Timestamp,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Retried {
    /// Jobs that wait again.
    retried: u64,
}

/// Try all failed jobs of all users again that were uploaded since a time and whose video is kept.
#[utoipa::path(post, path = "/admin/jobs/retry", tag = "admin", security(("bearer" = [])), request_body = RetryFailed,
    responses((status = 200, body = Retried), (status = 403, description = "Not an administrator"),
        (status = 422, description = "No time")))]
pub(crate) async fn retry_failed(
    State(deps): State<Jobs>,
    caller: Caller,
    Cause(trace): Cause,
    Json(wanted): Json<RetryFailed>,
) -> Result<Json<Retried>, Problem> {
    caller.require(Scope::Admin)?;
    let db = deps.db.caused_by(&trace);
    let tickets = db.jobs().retry_failed(wanted.failed_since, |_| true).await.map_err(Problem::of)?;
    let envelopes: Vec<_> = tickets.into_iter().map(|ticket| ticket.envelope).collect();
    deps.broker.publish_all(&envelopes).await;
    Ok(Json(Retried { retried: envelopes.len() as u64 }))
}
