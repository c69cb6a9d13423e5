//! `/me`: one's own account.

use axum::{extract::State, http::StatusCode};
use contracts::{Timestamp, UserId};
use db::User;
use identity::{Caller, Scope};
use runtime::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Auth, problem::last_admin};

/// What a user may do beyond their own jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Their own jobs only.
    User,
    /// Everybody's accounts too.
    Admin,
}
impl From<db::Role> for Role {
    fn from(role: db::Role) -> Self {
        match role {
            db::Role::User => Self::User,
            db::Role::Admin => Self::Admin,
        }
    }
}
impl From<Role> for db::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Admin => Self::Admin,
        }
    }
}

/// An account as its owner and the administrators see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Profile {
    id: UserId,
    email: String,
    role: Role,
    /// Which limits apply.
    class: String,
    /// When the address was proven.
    verified_at: Option<Timestamp>,
    /// When an administrator locked the account.
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
    /// Whether mails about jobs are sent, where the job's `notify` does not say.
    job_mails: bool,
    /// When the account is removed, if it is a guest's.
    guest_until: Option<Timestamp>,
}
impl Profile {
    /// What somebody sees who registers with an address that has an account: the same as everybody.
    pub(crate) fn of_nobody(email: String, now: Timestamp) -> Self {
        Self {
            id: UserId::generate(),
            email,
            role: Role::User,
            class: "standard".into(),
            verified_at: None,
            disabled_at: None,
            created_at: now,
            job_mails: true,
            guest_until: None,
        }
    }
}
impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            role: user.role.into(),
            class: user.class,
            verified_at: user.verified_at,
            disabled_at: user.disabled_at,
            created_at: user.created_at,
            job_mails: user.job_mails,
            guest_until: user.guest_until,
        }
    }
}

/// Shows the caller's account.
#[utoipa::path(get, path = "/me", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, body = Profile), (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "The API key lacks the scope `read`")))]
pub(crate) async fn show(State(auth): State<Auth>, caller: Caller) -> Result<Json<Profile>, Problem> {
    caller.require(Scope::Read)?;
    Ok(Json(Profile::from(account(&auth, &caller).await?)))
}

/// What to change (JSON merge patch, RFC 7396): what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfilePatch {
    /// Whether mails about jobs are sent, where the job's `notify` does not say.
    job_mails: Option<bool>,
}

/// Changes the caller's account.
#[utoipa::path(patch, path = "/me", tag = "accounts", security(("bearer" = [])),
    request_body(content((ProfilePatch = "application/merge-patch+json"), (ProfilePatch = "application/json"))),
    responses((status = 200, description = "The account as it is now", body = Profile),
        (status = 401, description = "No credentials, or wrong ones"), (status = 403, description = "An API key can't do this"),
        (status = 422, description = "Something else to change")))]
pub(crate) async fn change(
    State(auth): State<Auth>,
    caller: Caller,
    Json(patch): Json<ProfilePatch>,
) -> Result<Json<Profile>, Problem> {
    caller.require_login()?;
    let user = match patch.job_mails {
        Some(wanted) => auth.db.set_job_mails(caller.user_id, wanted).await.map_err(Problem::of)?,
        None => Some(account(&auth, &caller).await?),
    };
    user.map(|user| Json(Profile::from(user))).ok_or_else(gone)
}

/// Deletes the caller's account with all jobs, videos and audio.
#[utoipa::path(delete, path = "/me", tag = "accounts", security(("bearer" = [])),
    responses(
        (status = 204, description = "Gone; stored files follow within the hour"),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this"),
        (status = 409, description = "Nobody else is an administrator"),
    ))]
pub(crate) async fn delete(State(auth): State<Auth>, caller: Caller) -> Result<StatusCode, Problem> {
    caller.require_login()?;
    auth.db.delete_user(caller.user_id).await.map_err(Problem::of)?.map_err(last_admin)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's row.
pub(crate) async fn account(auth: &Auth, caller: &Caller) -> Result<User, Problem> {
    let user = auth.db.user(caller.user_id).await.map_err(Problem::of)?;
    user.ok_or_else(gone)
}

/// It was there a moment ago, when the credentials were checked.
pub(crate) fn gone() -> Problem {
    Problem::unauthorized("This account does not exist any more.")
}
