//! `POST /guest`: a try without an account. Off unless it is configured.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
};
use db::Quota;
use runtime::{Client, Json, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Auth,
    guard::Limit,
    hasher::DUMMY_HASH,
    me::{Profile, gone},
    problem::forbidden,
    session::{SameOrigin, begin, device},
    tokens::NO_STORE,
};

/// Whether a try without an account is possible.
#[derive(Serialize, ToSchema)]
pub(crate) struct GuestOffer {
    /// Hours that a guest's account lives; 0: this installation has no guests.
    hours: u32,
}

/// Whether this installation takes guests.
#[utoipa::path(get, path = "/guest", tag = "accounts",
    responses((status = 200, description = "For how long, if at all", body = GuestOffer)))]
pub(crate) async fn offer(State(auth): State<Auth>) -> Json<GuestOffer> {
    Json(GuestOffer { hours: auth.config.guest_hours })
}

/// Makes an account for a few hours without address and password, of the class `guest`, and logs in with a cookie.
///
/// Whoever has the cookie has the account. When its time is up (`guest_until`), it is removed with all that is in it.
#[utoipa::path(post, path = "/guest", tag = "accounts",
    responses(
        (status = 201, description = "The account; `Set-Cookie` holds the session", body = Profile, headers(("Set-Cookie" = String))),
        (status = 403, description = "This installation has no guests, or a page of another site has sent this"),
        (status = 429, description = "Too many guests from this address; `Retry-After` says when to come again"),
    ))]
pub(crate) async fn create_guest(
    State(auth): State<Auth>,
    _: SameOrigin,
    client: Client,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    if auth.config.guest_hours == 0 {
        return Err(forbidden("no-guests", "This service takes no guests. Register with POST /register."));
    }
    let limit = Limit {
        policy: "guests",
        quota: Quota::an_hour(u64::from(auth.config.guests_per_hour)),
        detail: "Too many guests come from your address.",
    };
    auth.count(&limit, &client.network()).await?;
    let until = auth.db.now().await.map_err(Problem::of)?.after(auth.config.guest_lifetime());
    let id = auth.db.create_guest(until, DUMMY_HASH).await.map_err(Problem::of)?;
    let cookie = begin(&auth, id, device(client, &headers)).await?;
    let user = auth.db.user(id).await.map_err(Problem::of)?.ok_or_else(gone)?;
    let headers = AppendHeaders([(header::SET_COOKIE, cookie)]);
    Ok((StatusCode::CREATED, NO_STORE, [(header::LOCATION, "/me")], headers, Json(Profile::from(user))))
}
