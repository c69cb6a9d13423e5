//! `/me/destinations`: where the caller is told of the ends of jobs, beside the mail: webhooks, ntfy topics, Apprise keys.
//! `notify` calls them.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use contracts::{DeliveryId, DestinationEvent, DestinationId, DestinationKind, Timestamp};
use db::{Destination, DestinationChanges, MOST_DESTINATIONS, NewDestination, Quota};
use identity::{Caller, IdempotencyKey, Idempotent, not_made, used_up};
use runtime::{Cause, Json, Path, Problem};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{
    Auth,
    guard::Limit,
    problem::{field, token},
    tokens::NO_STORE,
};

/// Longest token, in characters.
const LONGEST_TOKEN: usize = 200;

/// A destination to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestinationInput {
    kind: DestinationKind,
    /// Where: an `https` address that the whole world reaches. That of an ntfy topic ends in the topic, that of an Apprise key
    /// in `/notify/KEY`.
    #[schema(max_length = 1000, pattern = "^https://[!-~]+$")]
    address: String,
    /// What it is told of.
    #[serde(default = "all_events")]
    #[schema(min_items = 1)]
    events: Vec<DestinationEvent>,
    /// For ntfy and Apprise: sent as `Authorization: Bearer`. It is not shown again.
    #[schema(min_length = 1, max_length = 200, pattern = "^[!-~]+$")]
    token: Option<String>,
    /// Whether it is called.
    #[serde(default = "yes")]
    active: bool,
}

/// What to change (JSON merge patch, RFC 7396): what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestinationPatch {
    /// Where. With another address the token has to be given again: it is for the one that it was given for.
    #[schema(max_length = 1000, pattern = "^https://[!-~]+$")]
    address: Option<String>,
    /// What it is told of.
    #[schema(min_items = 1)]
    events: Option<Vec<DestinationEvent>>,
    /// For ntfy and Apprise; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, pattern = "^[!-~]+$")]
    token: Option<Option<String>>,
    /// Whether it is called. What is due to one that is switched off is dropped.
    active: Option<bool>,
}

/// A destination without its secrets.
#[derive(Serialize, ToSchema)]
pub(crate) struct DestinationView {
    id: DestinationId,
    kind: DestinationKind,
    address: String,
    events: Vec<DestinationEvent>,
    /// Whether it has a token.
    token: bool,
    /// Whether it is called. A receiver that answers 410 switches itself off, and another password all.
    active: bool,
    created_at: Timestamp,
}

/// A destination with the secret of its signatures.
#[derive(Serialize, ToSchema)]
pub(crate) struct DestinationWithSecret {
    #[serde(flatten)]
    destination: DestinationView,
    /// Of a webhook: `whsec_` and a key in base 64, as the libraries of the Standard Webhooks scheme take it. It is shown this
    /// once.
    secret: Option<String>,
}

/// The caller's destinations.
#[derive(Serialize, ToSchema)]
pub(crate) struct DestinationList {
    /// Newest first.
    destinations: Vec<DestinationView>,
}

/// A call that was written.
#[derive(Serialize, ToSchema)]
pub(crate) struct DestinationTest {
    /// In `GET /deliveries?destination=`, which says what became of it.
    delivery_id: DeliveryId,
}

impl From<Destination> for DestinationView {
    fn from(destination: Destination) -> Self {
        Self {
            id: destination.id,
            kind: destination.kind,
            address: destination.address,
            events: destination.events,
            token: destination.token.is_some(),
            active: destination.active,
            created_at: destination.created_at,
        }
    }
}

impl DestinationWithSecret {
    fn of(auth: &Auth, destination: Destination) -> Self {
        let signed = destination.kind == DestinationKind::Webhook;
        let secret = signed.then(|| auth.proofs.destination_secret(&destination).to_string());
        Self { destination: destination.into(), secret }
    }
}

fn all_events() -> Vec<DestinationEvent> {
    DestinationEvent::ALL.into()
}

fn yes() -> bool {
    true
}

/// A value that is there, be it null.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Lists where the caller is told of the ends of jobs.
#[utoipa::path(get, path = "/me/destinations", tag = "destinations", security(("bearer" = [])),
    responses((status = 200, body = DestinationList), (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this")))]
pub(crate) async fn list(State(auth): State<Auth>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    let all = auth.db.destinations(caller.user_id).await.map_err(Problem::of)?;
    let destinations = all.into_iter().map(DestinationView::from).collect();
    Ok((NO_STORE, Json(DestinationList { destinations })))
}

/// Makes a destination: from now on it is told of the ends of jobs.
///
/// A webhook gets the CloudEvent of the end, signed by the Standard Webhooks scheme; ntfy and Apprise a title, a line, and the
/// link that the mail has. There are 13 tries over three days. Private addresses are not called, and no redirect is followed.
#[utoipa::path(post, path = "/me/destinations", tag = "destinations", security(("bearer" = [])), request_body = DestinationInput,
    params(("Idempotency-Key" = Option<String>, Header, pattern = r#"^[\x21\x23-\x5b\x5d-\x7e]{1,255}$"#, description = "Yours for this request: sent again within 24 hours, it gets the first one's answer")),
    responses(
        (status = 201, description = "The destination; a webhook with its secret, which is shown this once", body = DestinationWithSecret),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this"),
        (status = 409, description = "The account has 10 destinations, or the one of this `Idempotency-Key` is removed"),
        (status = 422, description = "No such address, no event, a token that can't be sent, or the `Idempotency-Key` was sent with another request"),
        (status = 429, description = "Too many in a short time; `Retry-After` says when to come again"),
    ))]
pub(crate) async fn create(
    State(auth): State<Auth>,
    caller: Caller,
    once: IdempotencyKey,
    Json(new): Json<DestinationInput>,
) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    let id = DestinationId::generate();
    let said = [new.kind.as_str(), &new.address, new.token.as_deref().unwrap_or_default()];
    let said = [said.map(str::to_owned).as_slice(), &[format!("{:?} {}", new.events, new.active)]].concat();
    let rest = DestinationChanges {
        token: sealed(&auth, (id, new.kind), new.token.as_deref())?,
        address: new.address,
        events: new.events,
        active: new.active,
    };
    check(new.kind, &rest)?;
    let said: Vec<_> = said.iter().map(String::as_str).collect();
    let made = match once.begin(&auth.db, caller.user_id, &said).await? {
        Idempotent::Again(id) => auth.db.destination(id).await.map_err(Problem::of)?.ok_or_else(|| {
            used_up("The destination that was made with this Idempotency-Key is removed. Send a new key.")
        })?,
        Idempotent::First(db) => {
            count(&auth, &caller).await?;
            let new = NewDestination { id, user_id: caller.user_id, kind: new.kind, rest };
            db.create_destination(&new).await.map_err(not_made)?.ok_or_else(too_many_destinations)?
        }
    };
    let location = [(header::LOCATION, format!("/me/destinations/{}", made.id))];
    Ok((StatusCode::CREATED, NO_STORE, location, Json(DestinationWithSecret::of(&auth, made))))
}

/// Changes a destination, or switches it on or off.
#[utoipa::path(patch, path = "/me/destinations/{id}", tag = "destinations", security(("bearer" = [])), params(("id" = DestinationId, Path)),
    request_body(content((DestinationPatch = "application/merge-patch+json"), (DestinationPatch = "application/json"))),
    responses((status = 200, body = DestinationView), (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this"), (status = 404, description = "No such destination of yours"),
        (status = 422, description = "No such address, no event, or a token that can't be sent")))]
pub(crate) async fn change(
    State(auth): State<Auth>,
    caller: Caller,
    Path(id): Path<DestinationId>,
    Json(patch): Json<DestinationPatch>,
) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    let before = own(&auth, &caller, id).await?;
    let moved = patch.address.as_ref().is_some_and(|address| *address != before.address);
    let token = match patch.token {
        Some(token) => sealed(&auth, (id, before.kind), token.as_deref())?,
        None if moved => None,
        None => before.token,
    };
    let changes = DestinationChanges {
        address: patch.address.unwrap_or(before.address),
        token,
        events: patch.events.unwrap_or(before.events),
        active: patch.active.unwrap_or(before.active),
    };
    check(before.kind, &changes)?;
    let changed = auth.db.change_destination(id, &changes).await.map_err(Problem::of)?;
    Ok((NO_STORE, Json(DestinationView::from(changed.ok_or_else(missing)?))))
}

/// Removes a destination. What is due to it is dropped.
#[utoipa::path(delete, path = "/me/destinations/{id}", tag = "destinations", security(("bearer" = [])), params(("id" = DestinationId, Path)),
    responses((status = 204, description = "Gone"), (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this"), (status = 404, description = "No such destination of yours")))]
pub(crate) async fn delete(
    State(auth): State<Auth>,
    caller: Caller,
    Path(id): Path<DestinationId>,
) -> Result<StatusCode, Problem> {
    caller.require_login()?;
    own(&auth, &caller, id).await?;
    auth.db.delete_destination(id).await.map_err(Problem::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces the secret of a webhook, if somebody else may know it.
///
/// For 24 hours calls carry two signatures with a blank between them, by the new secret and by the one before, so that the
/// receiver can change over in that time. After that, and for any older secret at once, only the new one signs.
#[utoipa::path(post, path = "/me/destinations/{id}/secret", tag = "destinations", security(("bearer" = [])),
    params(("id" = DestinationId, Path), ("Idempotency-Key" = Option<String>, Header, pattern = r#"^[\x21\x23-\x5b\x5d-\x7e]{1,255}$"#, description = "Yours for this request: sent again within 24 hours, it replaces no second secret")),
    responses((status = 200, description = "The destination with the new secret, which is shown this once", body = DestinationWithSecret),
        (status = 400, description = "No `Idempotency-Key` that can be one"),
        (status = 401, description = "No credentials, or wrong ones"), (status = 403, description = "An API key can't do this"),
        (status = 404, description = "No such destination of yours"), (status = 409, description = "It is no webhook: nothing is signed"),
        (status = 422, description = "The `Idempotency-Key` was sent with another request")))]
pub(crate) async fn replace_secret(
    State(auth): State<Auth>,
    caller: Caller,
    Path(id): Path<DestinationId>,
    once: IdempotencyKey,
) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    let before = own(&auth, &caller, id).await?;
    if before.kind != DestinationKind::Webhook {
        return Err(Problem::conflict("Only calls of webhooks are signed. This destination has no secret."));
    }
    let replaced = match once.begin::<DestinationId>(&auth.db, caller.user_id, &[]).await? {
        Idempotent::Again(_) => Some(before),
        Idempotent::First(db) => db.replace_destination_secret(id).await.map_err(not_made)?,
    };
    let replaced = replaced.ok_or_else(missing)?;
    Ok((NO_STORE, Json(DestinationWithSecret::of(&auth, replaced))))
}

/// Tries a destination, also one that is switched off.
///
/// The call is made once, as all others are: `GET /deliveries?destination=` says what became of it.
#[utoipa::path(post, path = "/me/destinations/{id}/test", tag = "destinations", security(("bearer" = [])),
    params(("id" = DestinationId, Path), ("Idempotency-Key" = Option<String>, Header, pattern = r#"^[\x21\x23-\x5b\x5d-\x7e]{1,255}$"#, description = "Yours for this request: sent again within 24 hours, it gets the first one's answer")),
    responses((status = 202, description = "It is called now", body = DestinationTest), (status = 400, description = "No `Idempotency-Key` that can be one"),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this"), (status = 404, description = "No such destination of yours"),
        (status = 409, description = "An earlier request with this `Idempotency-Key` is running"),
        (status = 422, description = "The `Idempotency-Key` was sent with another request"),
        (status = 429, description = "Too many in a short time; `Retry-After` says when to come again")))]
pub(crate) async fn test(
    State(auth): State<Auth>,
    caller: Caller,
    Path(id): Path<DestinationId>,
    once: IdempotencyKey,
    Cause(trace): Cause,
) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    let destination = own(&auth, &caller, id).await?;
    let delivery_id = match once.begin(&auth.db, caller.user_id, &[]).await? {
        Idempotent::Again(delivery_id) => delivery_id,
        Idempotent::First(db) => {
            count(&auth, &caller).await?;
            let due = db.caused_by(&trace).test_destination(&destination).await.map_err(not_made)?;
            auth.broker.publish(&due.envelope).await;
            due.event.delivery_id
        }
    };
    Ok((StatusCode::ACCEPTED, Json(DestinationTest { delivery_id })))
}

async fn own(auth: &Auth, caller: &Caller, id: DestinationId) -> Result<Destination, Problem> {
    let found = auth.db.destination(id).await.map_err(Problem::of)?;
    found.filter(|destination| destination.user_id == caller.user_id).ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::not_found("You have no destination with this id. GET /me/destinations lists the ones you have.")
}

fn too_many_destinations() -> Problem {
    let detail =
        format!("You have {MOST_DESTINATIONS} destinations. Remove one with DELETE /me/destinations/{{id}}.");
    Problem::conflict(detail)
}

/// What one account makes somebody else's server hear.
async fn count(auth: &Auth, caller: &Caller) -> Result<(), Problem> {
    let limit = Limit {
        policy: "destinations",
        quota: Quota::an_hour(u64::from(auth.config.destinations_per_hour)),
        detail: "You have made or tried too many destinations.",
    };
    auth.count(&limit, &caller.user_id.to_string()).await
}

fn check(kind: DestinationKind, wanted: &DestinationChanges) -> Result<(), Problem> {
    if let Err(problem) = kind.check_address(&wanted.address) {
        return Err(field("address", format!("The address {problem}.")));
    }
    if wanted.events.is_empty() {
        return Err(field("events", "Choose at least one of the events done and failed."));
    }
    Ok(())
}

/// The token as it is stored, if there is one.
fn sealed(
    auth: &Auth,
    (id, kind): (DestinationId, DestinationKind),
    plain: Option<&str>,
) -> Result<Option<String>, Problem> {
    let Some(plain) = plain else { return Ok(None) };
    if kind == DestinationKind::Webhook {
        return Err(field("token", "A webhook has no token: its calls are signed. Leave token out."));
    }
    if !(1..=LONGEST_TOKEN).contains(&plain.len()) || !plain.bytes().all(|byte| byte.is_ascii_graphic()) {
        let detail = format!("A token has 1 to {LONGEST_TOKEN} visible ASCII characters, without blanks.");
        return Err(field("token", detail));
    }
    auth.proofs.seal_token(id, plain).map(Some).map_err(token)
}
