//! `/keys`: API keys, for programs. The secret is shown once; we keep its hash.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use contracts::{KeyId, Timestamp};
use db::{ApiKey, Quota};
use identity::{
    Caller, IdempotencyKey, Idempotent, KEY_PREFIX, Scope, Scopes, hash_secret, new_secret, not_made, used_up,
};
use runtime::{Json, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Auth,
    guard::Limit,
    problem::{field, token},
    tokens::NO_STORE,
};

/// So that nobody fills the table.
const MOST_KEYS: usize = 100;

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What its owner calls it, 1 to 100 characters that are not all blank.
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    name: String,
    /// What it may be used for, at least one.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
}

/// A key without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyView {
    id: KeyId,
    name: String,
    scopes: Vec<Scope>,
    created_at: Timestamp,
    /// To the minute.
    last_used_at: Option<Timestamp>,
}

/// A new key with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    key: KeyView,
    /// For `Authorization: Bearer`. It is shown this once.
    secret: String,
}

/// The caller's keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// Newest first.
    keys: Vec<KeyView>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let scopes = key.scopes.parse::<Scopes>().map(|scopes| scopes.iter().collect()).unwrap_or_default();
        Self {
            id: key.id,
            name: key.name,
            scopes,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// Lists the caller's API keys.
#[utoipa::path(get, path = "/keys", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, body = KeyList), (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this")))]
pub(crate) async fn list(State(auth): State<Auth>, caller: Caller) -> Result<Json<KeyList>, Problem> {
    caller.require_login()?;
    let keys = auth.db.keys(caller.user_id).await.map_err(Problem::of)?;
    Ok(Json(KeyList { keys: keys.into_iter().map(KeyView::from).collect() }))
}

/// Makes an API key.
#[utoipa::path(post, path = "/keys", tag = "accounts", security(("bearer" = [])), request_body = NewKey,
    params(("Idempotency-Key" = Option<String>, Header, pattern = r#"^[\x21\x23-\x5b\x5d-\x7e]{1,255}$"#, description = "Yours for this request: sent again within 24 hours, it gets the first one's answer")),
    responses(
        (status = 201, description = "The key with its secret, which is shown this once", body = CreatedKey),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "The scope `admin` is for administrators, and no API key makes another"),
        (status = 409, description = "The account has too many keys, or a key was made by an earlier request with this `Idempotency-Key`: its secret is not shown again"),
        (status = 422, description = "No name, or no scope, or the `Idempotency-Key` was sent with another request"),
        (status = 429, description = "Too many keys in a short time; `Retry-After` says when to come again"),
    ))]
pub(crate) async fn create(
    State(auth): State<Auth>,
    caller: Caller,
    once: IdempotencyKey,
    Json(new): Json<NewKey>,
) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    let (name, scopes) = checked(&caller, new)?;
    let db = match once.begin::<KeyId>(&auth.db, caller.user_id, &[&name, &scopes.to_string()]).await? {
        Idempotent::First(db) => db,
        Idempotent::Again(id) => return Err(made_before(id)),
    };
    if auth.db.keys(caller.user_id).await.map_err(Problem::of)?.len() >= MOST_KEYS {
        return Err(Problem::conflict(format!("An account has at most {MOST_KEYS} keys. Delete one first.")));
    }
    let limit = Limit {
        policy: "keys",
        quota: Quota::an_hour(u64::from(auth.config.keys_per_hour)),
        detail: "You have made too many keys.",
    };
    auth.count(&limit, &caller.user_id.to_string()).await?;
    let secret = new_secret(KEY_PREFIX).map_err(token)?;
    let stored = db.create_key(caller.user_id, &name, &scopes.to_string(), &hash_secret(&secret)).await;
    let key = KeyView::from(stored.map_err(not_made)?);
    let location = [(header::LOCATION, format!("/keys/{}", key.id))];
    Ok((StatusCode::CREATED, NO_STORE, location, Json(CreatedKey { key, secret })))
}

/// We do not have the secret to show it again.
fn made_before(id: KeyId) -> Problem {
    let place = format!("/keys/{id}");
    let problem = used_up(&format!(
        "An earlier request with this Idempotency-Key has made the key {place}. Its secret was shown once: if you have not got it, delete that key and make another."
    ));
    match HeaderValue::from_str(&place) {
        Ok(place) => problem.header(header::LOCATION, place),
        Err(_) => problem,
    }
}

/// Deletes an API key. It stops working at once.
#[utoipa::path(delete, path = "/keys/{id}", tag = "accounts", security(("bearer" = [])),
    params(("id" = KeyId, Path, description = "The key")),
    responses(
        (status = 204, description = "Gone"),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this"),
        (status = 404, description = "No such key of yours"),
    ))]
pub(crate) async fn delete(
    State(auth): State<Auth>,
    caller: Caller,
    Path(id): Path<KeyId>,
) -> Result<StatusCode, Problem> {
    caller.require_login()?;
    if auth.db.delete_key(caller.user_id, id).await.map_err(Problem::of)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("You have no such key. GET /keys lists the ones you have."))
}

fn checked(caller: &Caller, new: NewKey) -> Result<(String, Scopes), Problem> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(field("name", "Give the key a name of 1 to 100 characters."));
    }
    if new.scopes.is_empty() {
        return Err(field("scopes", "Give the key at least one of the scopes upload, read and admin."));
    }
    if new.scopes.contains(&Scope::Admin) {
        caller.require(Scope::Admin)?;
    }
    Ok((name.to_owned(), new.scopes.into_iter().collect()))
}
