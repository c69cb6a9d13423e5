//! `/me/feeds`: a person's podcast feeds.

use axum::{
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::IntoResponse,
};
use contracts::{FeedId, Timestamp, is_folder};
use db::Feed;
use identity::{Caller, IdempotencyKey, Idempotent, not_made, used_up};
use runtime::{Json, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Download;

/// Feeds that one person may have.
const MOST: usize = 50;
/// The addresses are credentials.
const UNSTORED: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// A feed for a podcast app.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeedView {
    id: FeedId,
    /// Only jobs with this `folder`; all jobs if null.
    folder: Option<String>,
    /// What the podcast app is given. Whoever knows it can hear everything in the feed, until the feed is removed.
    url: String,
    created_at: Timestamp,
}

/// Feeds, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeedList {
    feeds: Vec<FeedView>,
}

/// What shall be in the feed.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NewFeed {
    /// Only jobs with this `folder`; all jobs if left out.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
    )]
    folder: Option<String>,
}

impl FeedView {
    fn of(deps: &Download, feed: Feed) -> Self {
        let url = address(deps, feed.id);
        Self { id: feed.id, folder: feed.folder, url: format!("{url}.xml"), created_at: feed.created_at }
    }
}

/// The address of a feed without its ending.
pub(crate) fn address(deps: &Download, id: FeedId) -> String {
    format!("{}/feeds/{}", deps.public_url.trim_end_matches('/'), deps.links.feed_secret(id))
}

/// List your podcast feeds
///
/// With their addresses, which are credentials: so not with an API key.
#[utoipa::path(get, path = "/me/feeds", tag = "feeds", security(("bearer" = [])),
    responses((status = 200, body = FeedList), (status = 401, description = "No valid credentials"),
        (status = 403, description = "An API key")))]
pub(crate) async fn list(State(deps): State<Download>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    let feeds = deps.db.feeds(caller.user_id).await.map_err(Problem::of)?;
    let feeds = feeds.into_iter().map(|feed| FeedView::of(&deps, feed)).collect();
    Ok((UNSTORED, Json(FeedList { feeds })))
}

/// Make a podcast feed
///
/// Of all your audio, or of one folder. Feeds work until they are removed, or the password is changed.
#[utoipa::path(post, path = "/me/feeds", tag = "feeds", security(("bearer" = [])), request_body = NewFeed,
    params(("Idempotency-Key" = Option<String>, Header, pattern = r#"^[\x21\x23-\x5b\x5d-\x7e]{1,255}$"#, description = "Yours for this request: sent again within 24 hours, it gets the first one's answer")),
    responses((status = 201, body = FeedView), (status = 401, description = "No valid credentials"),
        (status = 403, description = "An API key"), (status = 409, description = "You have too many, or the feed of this `Idempotency-Key` is removed"),
        (status = 422, description = "No name of a folder, or the `Idempotency-Key` was sent with another request")))]
pub(crate) async fn create(
    State(deps): State<Download>,
    caller: Caller,
    once: IdempotencyKey,
    Json(new): Json<NewFeed>,
) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    if new.folder.as_deref().is_some_and(|folder| !is_folder(folder)) {
        return Err(Problem::unprocessable(
            "folder must have 1 to 64 characters, without line breaks and without blanks at its ends.",
        ));
    }
    let folder = new.folder.as_deref();
    let feed = match once.begin(&deps.db, caller.user_id, &[folder.unwrap_or_default()]).await? {
        Idempotent::First(db) => {
            let made = db.create_feed(caller.user_id, folder, MOST).await.map_err(not_made)?;
            made.ok_or_else(|| {
                Problem::conflict(format!("You have {MOST} feeds. Remove one with DELETE /me/feeds/{{id}}."))
            })?
        }
        Idempotent::Again(id) => deps.db.feed(id).await.map_err(Problem::of)?.ok_or_else(|| {
            used_up("The feed that was made with this Idempotency-Key is removed. Send a new key.")
        })?,
    };
    Ok((StatusCode::CREATED, UNSTORED, Json(FeedView::of(&deps, feed))))
}

/// Remove a podcast feed
///
/// Its address stops working at once.
#[utoipa::path(delete, path = "/me/feeds/{id}", tag = "feeds", security(("bearer" = [])), params(("id" = FeedId, Path)),
    responses((status = 204, description = "Gone"), (status = 401, description = "No valid credentials"),
        (status = 403, description = "An API key"), (status = 404, description = "No such feed of yours")))]
pub(crate) async fn delete(
    State(deps): State<Download>,
    caller: Caller,
    Path(id): Path<FeedId>,
) -> Result<StatusCode, Problem> {
    caller.require_login()?;
    if deps.db.delete_feed(caller.user_id, id).await.map_err(Problem::of)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("You have no feed with this id. GET /me/feeds lists the ones you have."))
}

/// Remove all your podcast feeds
#[utoipa::path(delete, path = "/me/feeds", tag = "feeds", security(("bearer" = [])),
    responses((status = 204, description = "Gone"), (status = 401, description = "No valid credentials"),
        (status = 403, description = "An API key")))]
pub(crate) async fn delete_all(State(deps): State<Download>, caller: Caller) -> Result<StatusCode, Problem> {
    caller.require_login()?;
    deps.db.delete_feeds(caller.user_id).await.map_err(Problem::of)?;
    Ok(StatusCode::NO_CONTENT)
}
