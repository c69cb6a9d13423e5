//! `POST /register`: a new account.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use db::{NewUser, Quota};
use runtime::{Cause, Client, Json, Problem, Reply as _};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Auth, address, guard::Limit, me::Profile, problem, rules};

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    /// Where the mails go; also the name to log in with.
    #[schema(format = Email, max_length = 254)]
    email: String,
    /// 10 to 200 characters, none of the common ones.
    #[schema(format = Password, min_length = 10, max_length = 200)]
    password: String,
}

/// Registers an account.
#[utoipa::path(post, path = "/register", tag = "accounts", request_body = Registration,
    responses(
        (status = 201, description = "Registered, and a mail is on its way. The same if there is an account with this address already: then the mail says so, and the password stays as it was", body = Profile),
        (status = 403, description = "This installation lets nobody register, or only addresses of some domains"),
        (status = 422, description = "No mail address, or a weak password; the member `field` says which"),
        (status = 429, description = "Too many accounts from this address; `Retry-After` says when to come again"),
        (status = 503, description = "Too many log-ins right now"),
    ))]
pub(crate) async fn register(
    State(auth): State<Auth>,
    Cause(trace): Cause,
    client: Client,
    Json(new): Json<Registration>,
) -> Result<impl IntoResponse, Problem> {
    let auth = auth.caused_by(&trace);
    let email = address::normal(&new.email);
    address::check(&email)?;
    if !auth.config.may_register(&email) {
        return Err(problem::forbidden(
            "registration-closed",
            "Not everybody can make an account here. Ask whoever runs this service, or use the address that it knows you by.",
        ));
    }
    rules::check(&new.password, &email)?;
    let limit = Limit {
        policy: "registrations",
        quota: Quota::an_hour(u64::from(auth.config.registrations_per_hour)),
        detail: "Too many accounts were registered from your address.",
    };
    auth.count(&limit, &client.network()).await?;
    let user = NewUser {
        email: email.clone(),
        password_hash: auth.hasher.hash(new.password).await.map_err(problem::hashing)?,
        admin_if_first: auth.config.first_is_admin,
        verified: false,
    };
    let profile = match auth.db.create_user(user).await {
        Ok((user, recorded)) => {
            let broker = auth.broker.clone();
            tokio::spawn(async move { broker.publish_all(&recorded.into_envelopes()).await });
            Profile::from(user)
        }
        Err(db::Error::Exists) => {
            tokio::spawn(mail_owner(auth.clone(), email.clone()));
            Profile::of_nobody(email, auth.db.clock().now())
        }
        Err(error) => return Err(Problem::of(error)),
    };
    Ok((StatusCode::CREATED, [(header::LOCATION, "/me")], Json(profile)))
}

/// Who has the account learns that somebody tried to register with its address; who tried learns nothing.
async fn mail_owner(auth: Auth, email: String) {
    match auth.db.tell_already_registered(&email).await {
        Ok(Some(due)) => auth.broker.publish(&due.envelope).await,
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "the already-registered mail was not recorded"),
    }
}
