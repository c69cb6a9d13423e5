//! `POST /jobs/{id}/link`: an address for people without an account.

use std::time::Duration;

use axum::{extract::State, http::header, response::IntoResponse};
use contracts::{JobId, Timestamp};
use identity::{Caller, Scope};
use runtime::{Json, Path, Problem};
use serde::{Deserialize, Serialize};

use crate::{Download, find};

const LONGEST: u64 = 30 * 24 * 60 * 60;

/// How long the link shall work.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NewLink {
    /// Seconds from now, at most 30 days.
    #[schema(minimum = 1, maximum = 2_592_000)]
    expires_in: u64,
}

impl Default for NewLink {
    fn default() -> Self {
        Self { expires_in: 24 * 60 * 60 }
    }
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
#[utoipa::path(
    post,
    path = "/jobs/{id}/link",
    tag = "download",
    params(("id" = JobId, Path, description = "The job")),
    request_body = NewLink,
    responses(
        (status = 200, description = "The link", body = SignedLink),
        (status = 401, description = "No credentials"),
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
    if !(1..=LONGEST).contains(&new.expires_in) {
        return Err(Problem::unprocessable(format!("expires_in must be 1 to {LONGEST} seconds.")));
    }
    let ready = find::by_job(&deps.db, id, caller.user_id).await?;
    let asked = Timestamp::now().after(Duration::from_secs(new.expires_in));
    let expires_at = ready.job.expires_at.map_or(asked, |kept| kept.min(asked));
    let (base, fid) = (deps.public_url.trim_end_matches('/'), ready.audio.id);
    let token = deps.links.sign(fid, expires_at);
    let link = SignedLink { url: format!("{base}/download?fid={fid}&token={token}"), expires_at };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(link)))
}
