//! `PATCH /jobs/{id}`: what a job is called, and its tags.

use axum::extract::State;
use contracts::{JobId, is_label};
use db::Labels;
use identity::{Caller, Scope};
use runtime::{Json, Path, Problem};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::{Jobs, own_job, view::JobView};

/// Longest name, in characters.
const NAME: usize = 120;
/// Tags of a job.
const TAGS: usize = 16;
/// Longest tag, in characters.
const TAG: usize = 32;

/// What to change (JSON merge patch, RFC 7396): what is left out stays, null takes it away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLabels {
    /// What the job is called.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 120, pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$")]
    name: Option<Option<String>>,
    /// Up to 16 tags of up to 32 characters; one that stands there twice counts once.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Tag>>, max_items = 16)]
    tags: Option<Option<Vec<String>>>,
}

/// A tag.
#[derive(ToSchema)]
#[schema(
    min_length = 1,
    max_length = 32,
    pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
)]
#[expect(dead_code, reason = "its schema alone")]
pub(crate) struct Tag(String);

/// A value that is there, be it null.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Name a job, and give it tags.
///
/// The name is that of the downloaded file, too, and in feeds; `GET /jobs?tag=` finds the tags.
#[utoipa::path(patch, path = "/jobs/{id}", tag = "jobs", security(("bearer" = [])), params(("id" = JobId, Path)),
    request_body(content((NewLabels = "application/merge-patch+json"), (NewLabels = "application/json"))),
    responses((status = 200, body = JobView), (status = 404, description = "No such job of yours"), (status = 422, description = "Not a name, or not a tag")))]
pub(crate) async fn change(
    State(deps): State<Jobs>,
    caller: Caller,
    Path(id): Path<JobId>,
    Json(new): Json<NewLabels>,
) -> Result<Json<JobView>, Problem> {
    caller.require(Scope::Upload)?;
    let labels = Labels { name: new.name, tags: new.tags.map(Option::unwrap_or_default).map(once) };
    check(&labels)?;
    own_job(&deps, &caller, id).await?;
    deps.db.jobs().label(id, &labels).await.map_err(Problem::of)?;
    Ok(Json(own_job(&deps, &caller, id).await?.into()))
}

fn check(labels: &Labels) -> Result<(), Problem> {
    let words = "characters, none of them a control character, and no blank at its ends.";
    if labels.name.iter().flatten().any(|name| !is_label(name, NAME)) {
        let detail = format!("A name has 1 to {NAME} {words}");
        return Err(Problem::unprocessable(detail).member("field", "name"));
    }
    let tags = labels.tags.as_deref().unwrap_or_default();
    if tags.len() > TAGS || tags.iter().any(|tag| !is_label(tag, TAG)) {
        let detail = format!("A job has at most {TAGS} tags. Each has 1 to {TAG} {words}");
        return Err(Problem::unprocessable(detail).member("field", "tags"));
    }
    Ok(())
}

/// Each once, in the order in which they came.
fn once(tags: Vec<String>) -> Vec<String> {
    let mut kept = Vec::with_capacity(tags.len());
    for tag in tags {
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    kept
}
