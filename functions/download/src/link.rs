//! `POST /jobs/{id}/link`: an address for people without an account.

use std::time::Duration;

use axum::{extract::State, http::header, response::IntoResponse};
use contracts::{JobId, Timestamp};
use identity::{Caller, Scope};
use runtime::{Json, Path, Problem, whole};
use serde::{Deserialize, Serialize};

use crate::{Download, find};

/// Seconds that a link works at most, and if nobody says how long: made by somebody who has logged in.
const BY_LOGIN: (u64, u64) = (30 * 24 * 60 * 60, 24 * 60 * 60);
/// The same for a link that was made with an API key. Nobody can take a link back, but a key that has leaked is deleted:
/// what it has opened closes soon after. Whoever holds it could fetch the audio anyway, so a short link gives nothing
/// away.
const BY_KEY: (u64, u64) = (60 * 60, 60 * 60);

/// How long the link shall work.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NewLink {
    /// Seconds from now: at most 30 days, and a day if left out. With an API key at most an hour, and an hour if left
    /// out.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 2_592_000)]
    expires_in: Option<u64>,
}

/// An address that opens the audio without credentials.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SignedLink {
    /// The address. Whoever has it can download the audio.
    url: String,
    /// When it ceases to work: as asked for, or when the audio is removed.
    expires_at: Timestamp,
}

/// Make a link that needs no login
///
/// Nobody can take it back, so one that is made with an API key works for an hour at most: not long after the key is
/// deleted.
#[utoipa::path(
    post,
    path = "/jobs/{id}/link",
    tag = "download",
    params(("id" = JobId, Path, description = "The job")),
    request_body = NewLink,
    responses(
        (status = 200, description = "The link", body = SignedLink),
        (status = 401, description = "No credentials"),
        (status = 403, description = "The API key lacks the scope `read`"),
        (status = 404, description = "No such job, or somebody else's"),
        (status = 409, description = "Not ready; the member `state` says where the job is"),
        (status = 410, description = "The audio has expired"),
        (status = 422, description = "`expires_in` is out of range"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn create_link(
    State(deps): State<Download>,
    caller: Caller,
    Path(id): Path<JobId>,
    Json(new): Json<NewLink>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Scope::Read)?;
    let seconds = seconds(&caller, new.expires_in)?;
    let ready = find::by_job(&deps.db, id, caller.user_id).await?;
    let asked = deps.db.clock().now().after(Duration::from_secs(seconds));
    let expires_at = ready.job.expires_at.map_or(asked, |kept| kept.min(asked));
    let (base, fid) = (deps.public_url.trim_end_matches('/'), ready.audio.id);
    let token = deps.links.sign(fid, expires_at);
    let link = SignedLink { url: format!("{base}/download?fid={fid}&token={token}"), expires_at };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(link)))
}

fn seconds(caller: &Caller, wanted: Option<u64>) -> Result<u64, Problem> {
    let (longest, default) = if caller.key_id.is_some() { BY_KEY } else { BY_LOGIN };
    let seconds = wanted.unwrap_or(default);
    if (1..=longest).contains(&seconds) {
        return Ok(seconds);
    }
    let why = if caller.key_id.is_some() { " with an API key; log in for longer ones" } else { "" };
    Err(Problem::unprocessable(format!("expires_in must be 1 to {longest} seconds{why}.")))
}
