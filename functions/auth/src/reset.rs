//! `POST /password/reset` and `/password/reset/confirm`: a new password for who has forgotten the old one.
//!
//! Whoever reads the mail of the address gets the account: so this proves the address too, and is the way for who has
//! lost the mail of the registration.

use std::time::Duration;

use axum::{extract::State, http::StatusCode};
use contracts::UserId;
use db::Quota;
use identity::LinkError;
use runtime::{Cause, Client, Json, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Auth, address,
    guard::Limit,
    problem::{hashing, link},
    rules,
};

/// Between two mails to one address: nobody's mailbox is filled by others.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// How long the answer takes, whoever asks for whom. More than the look-up does: what it took tells nothing.
const ANSWER_AFTER: Duration = Duration::from_millis(300);

/// Who has forgotten the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetRequest {
    /// The address of the account.
    email: String,
}

/// The mail's token, and the password to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replacement {
    /// What follows `#reset=` in the mail's link. It works once.
    token: String,
    /// 10 to 200 characters, none of the common ones.
    #[schema(format = Password, min_length = 10, max_length = 200)]
    password: String,
}

/// Sends a mail that sets a new password, if there is such an account. The answer is the same if there is none, and if
/// the last such mail is less than ten minutes old (then there is no other).
#[utoipa::path(post, path = "/password/reset", tag = "accounts", request_body = ResetRequest,
    responses((status = 202, description = "If there is such an account, a mail is on its way"),
        (status = 429, description = "Too many mails were asked for from this address; `Retry-After` says when to come again")))]
pub(crate) async fn ask(
    State(auth): State<Auth>,
    Cause(trace): Cause,
    client: Client,
    Json(forgotten): Json<ResetRequest>,
) -> Result<StatusCode, Problem> {
    let email = address::normal(&forgotten.email);
    let auth = auth.caused_by(&trace);
    let limit = Limit {
        policy: "resets",
        quota: Quota::an_hour(u64::from(auth.config.resets_per_hour)),
        detail: "Too many mails were asked for from your address.",
    };
    auth.count(&limit, &client.network()).await?;
    let (begun, ()) = tokio::join!(begin(&auth, &email), tokio::time::sleep(ANSWER_AFTER));
    begun.map_err(Problem::of)?;
    Ok(StatusCode::ACCEPTED)
}

/// The one query that everybody's answer waits for. What follows for who has an account goes on by itself: how long
/// the database and the broker take for it would tell that there is one.
async fn begin(auth: &Auth, email: &str) -> db::Result<()> {
    let user = auth.db.user_by_email(email).await?;
    if let Some(user) = user.filter(|user| user.disabled_at.is_none()) {
        tokio::spawn(send(auth.clone(), user.id));
    }
    Ok(())
}

async fn send(auth: Auth, user_id: UserId) {
    match auth.db.ask_password_reset(user_id, PAUSE).await {
        Ok(Some(asked)) => auth.broker.publish(&asked.envelope).await,
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "the password reset mail was not recorded"),
    }
}

/// Sets a new password with the token of the mail, ends all log-ins, deletes all API keys, and proves the address.
#[utoipa::path(post, path = "/password/reset/confirm", tag = "accounts", request_body = Replacement,
    responses(
        (status = 204, description = "Changed; tokens and API keys from before are good for nothing any more"),
        (status = 410, description = "The token is too old or was used: ask for another with `POST /password/reset`"),
        (status = 422, description = "The token is none of ours, or the password is weak (then the member `field` says so)"),
        (status = 503, description = "Too many log-ins right now"),
    ))]
pub(crate) async fn confirm(
    State(auth): State<Auth>,
    Json(new): Json<Replacement>,
) -> Result<StatusCode, Problem> {
    let reset = auth.proofs.verify_reset(&new.token).map_err(link)?;
    let user = auth.db.user(reset.user_id).await.map_err(Problem::of)?;
    let user = user.filter(|user| user.disabled_at.is_none()).ok_or_else(|| link(LinkError::Invalid))?;
    if !reset.fits(&user.password_hash) {
        return Err(link(LinkError::Expired));
    }
    rules::check(&new.password, &user.email)?;
    let hash = auth.hasher.hash(new.password).await.map_err(hashing)?;
    // Of two who come at once with one token, one finds the old hash gone.
    if auth.db.reset_password(user.id, &user.password_hash, &hash).await.map_err(Problem::of)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(link(LinkError::Expired))
    }
}
