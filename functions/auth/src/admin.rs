//! `/admin/users`: everybody's accounts, for administrators.

use axum::extract::State;
use contracts::UserId;
use db::UserChanges;
use identity::{Caller, Scope};
use runtime::{Json, Path, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Auth,
    classes::{check_known, check_name},
    me::{Profile, Role},
    problem::last_admin,
};

const PAGE: u32 = 50;
const LONGEST_PAGE: u32 = 200;

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// At most so many, 1 to 200; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(inline)]
    cursor: Option<UserId>,
}

/// A part of the list of accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserList {
    /// Newest first.
    users: Vec<Profile>,
    /// `cursor` of the next page, if there may be one.
    next_cursor: Option<UserId>,
}

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    role: Option<Role>,
    /// Which limits apply: one of `GET /admin/classes`.
    #[schema(pattern = "^[a-z0-9-]{1,32}$")]
    class: Option<String>,
    /// Whether the account is locked.
    disabled: Option<bool>,
}

/// Lists accounts, newest first.
#[utoipa::path(get, path = "/admin/users", tag = "admin", security(("bearer" = [])), params(Page),
    responses((status = 200, body = UserList), (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "Not an administrator"), (status = 422, description = "`limit` is out of range")))]
pub(crate) async fn list(
    State(auth): State<Auth>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<UserList>, Problem> {
    caller.require(Scope::Admin)?;
    let limit = page.limit.unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(Problem::unprocessable(format!("limit must be 1 to {LONGEST_PAGE}.")));
    }
    let users = auth.db.users(limit, page.cursor).await.map_err(Problem::of)?;
    let full = users.len() >= limit as usize;
    let next_cursor = users.last().filter(|_| full).map(|user| user.id);
    Ok(Json(UserList { users: users.into_iter().map(Profile::from).collect(), next_cursor }))
}

/// Changes an account. Disabling it ends its log-ins at once. An administrator who is not disabled is always left.
#[utoipa::path(patch, path = "/admin/users/{id}", tag = "admin", security(("bearer" = [])), request_body = Changes,
    params(("id" = UserId, Path, description = "The account")),
    responses(
        (status = 200, description = "The account as it is now", body = Profile),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "Not an administrator"),
        (status = 404, description = "No such account"),
        (status = 409, description = "Nobody else is an administrator"),
        (status = 422, description = "A value that is not allowed"),
    ))]
pub(crate) async fn change(
    State(auth): State<Auth>,
    caller: Caller,
    Path(id): Path<UserId>,
    Json(changes): Json<Changes>,
) -> Result<Json<Profile>, Problem> {
    caller.require(Scope::Admin)?;
    if let Some(class) = &changes.class {
        check_name(class)?;
        check_known(&auth, class).await?;
    }
    let changes = UserChanges {
        role: changes.role.map(db::Role::from),
        class: changes.class,
        disabled: changes.disabled,
    };
    let user = auth.db.change_user(id, &changes).await.map_err(Problem::of)?.map_err(last_admin)?;
    user.map(|user| Json(Profile::from(user))).ok_or_else(|| Problem::not_found("There is no such account."))
}
