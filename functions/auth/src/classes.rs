//! `/me/limits` and `/admin/classes`: what accounts may use.

use axum::extract::State;
use db::Class;
use identity::{Caller, Scope};
use runtime::{Json, Path, Problem, whole};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Auth, me::gone, problem::field};

/// The largest number that all clients read exactly.
const LARGEST: u64 = 1 << 53;

/// What the accounts of a class may use. `null`: as much as the installation allows everybody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassLimits {
    /// Bytes of a video.
    #[serde(default, deserialize_with = "whole")]
    #[schema(maximum = 9_007_199_254_740_992u64)]
    bytes_per_file: Option<u64>,
    /// Minutes of video that are converted in 24 hours.
    #[serde(default, deserialize_with = "whole")]
    #[schema(maximum = 9_007_199_254_740_992u64)]
    minutes_a_day: Option<u64>,
    /// Jobs that arrive, wait or are converted.
    #[serde(default, deserialize_with = "whole")]
    #[schema(maximum = 9_007_199_254_740_992u64)]
    jobs_at_once: Option<u64>,
    /// Days that audio is kept, if the installation does not keep it for fewer.
    #[serde(default, deserialize_with = "whole")]
    #[schema(maximum = 9_007_199_254_740_992u64)]
    keep_days: Option<u64>,
}

/// A class of accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClassView {
    name: String,
    /// Bytes of a video. Here and below, `null` is: as much as the installation allows everybody.
    bytes_per_file: Option<u64>,
    /// Minutes of video that are converted in 24 hours.
    minutes_a_day: Option<u64>,
    /// Jobs that arrive, wait or are converted.
    jobs_at_once: Option<u64>,
    /// Days that audio is kept, if the installation does not keep it for fewer.
    keep_days: Option<u64>,
}

/// All classes.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClassList {
    /// By name.
    classes: Vec<ClassView>,
}

/// What the caller may use, and has used.
#[derive(Serialize, ToSchema)]
pub(crate) struct Limits {
    /// Whose limits these are.
    class: ClassView,
    /// Jobs that arrive, wait or are converted now.
    jobs: u64,
    /// Minutes of video that may be converted now; `null`: any number.
    minutes_left: Option<u64>,
}

impl From<Class> for ClassView {
    fn from(class: Class) -> Self {
        Self {
            name: class.name,
            bytes_per_file: class.bytes_per_file,
            minutes_a_day: class.minutes_a_day,
            jobs_at_once: class.jobs_at_once,
            keep_days: class.keep_days,
        }
    }
}

/// Shows what the caller may use, before an upload is refused for it.
#[utoipa::path(get, path = "/me/limits", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, body = Limits), (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "The API key lacks the scope `read`")))]
pub(crate) async fn mine(State(auth): State<Auth>, caller: Caller) -> Result<Json<Limits>, Problem> {
    caller.require(Scope::Read)?;
    let allowance = auth.db.allowance(caller.user_id).await.map_err(Problem::of)?.ok_or_else(gone)?;
    let minutes_left = allowance.video_left().map(|left| left.as_secs() / 60);
    Ok(Json(Limits { jobs: allowance.jobs, minutes_left, class: allowance.class.into() }))
}

/// Lists the classes of accounts.
#[utoipa::path(get, path = "/admin/classes", tag = "admin", security(("bearer" = [])),
    responses((status = 200, body = ClassList), (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "Not an administrator")))]
pub(crate) async fn list(State(auth): State<Auth>, caller: Caller) -> Result<Json<ClassList>, Problem> {
    caller.require(Scope::Admin)?;
    let classes = auth.db.classes().await.map_err(Problem::of)?;
    Ok(Json(ClassList { classes: classes.into_iter().map(ClassView::from).collect() }))
}

/// Makes a class, or changes what its accounts may use. It holds for the next upload.
#[utoipa::path(put, path = "/admin/classes/{name}", tag = "admin", security(("bearer" = [])),
    request_body = ClassLimits,
    params(("name" = String, Path, pattern = "^[a-z0-9-]{1,32}$", description = "A word of at most 32 small letters, digits and hyphens")),
    responses(
        (status = 200, description = "The class as it is now", body = ClassView),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "Not an administrator"),
        (status = 422, description = "A name or a value that is not allowed"),
    ))]
pub(crate) async fn put(
    State(auth): State<Auth>,
    caller: Caller,
    Path(name): Path<String>,
    Json(limits): Json<ClassLimits>,
) -> Result<Json<ClassView>, Problem> {
    caller.require(Scope::Admin)?;
    check_name(&name)?;
    let values = [limits.bytes_per_file, limits.minutes_a_day, limits.jobs_at_once, limits.keep_days];
    if values.into_iter().flatten().any(|value| value > LARGEST) {
        return Err(Problem::unprocessable(
            "A limit is at most 2 to the power of 53. Leave it out for none.",
        ));
    }
    let class = Class {
        name,
        bytes_per_file: limits.bytes_per_file,
        minutes_a_day: limits.minutes_a_day,
        jobs_at_once: limits.jobs_at_once,
        keep_days: limits.keep_days,
    };
    auth.db.set_class(&class).await.map_err(Problem::of)?;
    Ok(Json(class.into()))
}

/// A word that can be the name of a class.
pub(crate) fn check_name(name: &str) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(field("class", "A class is a word of at most 32 small letters, digits and hyphens."))
}

/// A class that there is.
pub(crate) async fn check_known(auth: &Auth, name: &str) -> Result<(), Problem> {
    let classes = auth.db.classes().await.map_err(Problem::of)?;
    if classes.iter().any(|class| class.name == name) {
        return Ok(());
    }
    let names: Vec<_> = classes.into_iter().map(|class| class.name).collect();
    Err(field("class", format!("There is no such class. There are {}.", names.join(", "))))
}
