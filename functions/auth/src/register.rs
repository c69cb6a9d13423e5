//! `POST /register`: a new account.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use db::NewUser;
use runtime::{Json, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Auth, address,
    me::Profile,
    problem::{database, hashing},
    rules,
};

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    /// Where the mails go; also the name to log in with.
    email: String,
    /// 10 to 200 characters, none of the common ones.
    #[schema(format = Password)]
    password: String,
}

/// Registers an account.
#[utoipa::path(post, path = "/register", tag = "accounts", request_body = Registration,
    responses(
        (status = 201, description = "Registered", body = Profile),
        (status = 409, description = "The address is taken"),
        (status = 422, description = "No mail address, or a weak password; the member `field` says which"),
        (status = 503, description = "Too many log-ins right now"),
    ))]
pub(crate) async fn register(
    State(auth): State<Auth>,
    Json(new): Json<Registration>,
) -> Result<impl IntoResponse, Problem> {
    let email = address::normal(&new.email);
    address::check(&email)?;
    rules::check(&new.password, &email)?;
    let user = NewUser {
        email,
        password_hash: auth.hasher.hash(new.password).await.map_err(hashing)?,
        admin_if_first: auth.config.first_is_admin,
        verified: false,
    };
    let (user, recorded) = auth.db.create_user(user).await.map_err(taken)?;
    auth.broker.publish(&recorded.envelope).await;
    Ok((StatusCode::CREATED, [(header::LOCATION, "/me")], Json(Profile::from(user))))
}

fn taken(error: db::Error) -> Problem {
    match error {
        db::Error::Exists => {
            Problem::conflict("There is an account with this mail address. Log in, or use another address.")
        }
        error => database(error),
    }
}
