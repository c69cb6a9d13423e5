//! A user's jobs: list, look (with a long poll), cancel, retry, delete.
//!
//! `view.rs` is what the world sees of a job; `read.rs` and `change.rs` are the routes. A job of somebody else
//! does not exist: 404, never 403.

mod change;
mod read;
mod view;

use axum::extract::FromRef;
use blobs::Blobs;
use broker::Broker;
use contracts::JobId;
use db::{Db, Job};
use identity::{Caller, Verifier};
use runtime::{Function, OpenApiRouter, Problem, routes};

/// What the function needs.
#[derive(Clone)]
pub struct Jobs {
    /// The jobs.
    pub db: Db,
    /// What is removed with a job.
    pub blobs: Blobs,
    /// Who passes on that a job is to be tried again.
    pub broker: Broker,
    /// Who asks.
    pub verifier: Verifier,
}

impl FromRef<Jobs> for Verifier {
    fn from_ref(deps: &Jobs) -> Self {
        deps.verifier.clone()
    }
}

/// The function.
pub fn function(deps: Jobs) -> Function {
    let routes = OpenApiRouter::new()
        .routes(routes!(read::list))
        .routes(routes!(read::show, change::delete))
        .routes(routes!(change::cancel))
        .routes(routes!(change::retry));
    Function::new().routes(routes.with_state(deps))
}

/// The caller's job with this id.
async fn own_job(deps: &Jobs, caller: &Caller, id: JobId) -> Result<Job, Problem> {
    let job = deps.db.job(id).await.map_err(database)?;
    job.filter(|job| job.user_id == caller.user_id)
        .ok_or_else(|| Problem::not_found("You have no job with this id. GET /jobs lists the ones you have."))
}

/// An outage passes, so the client may try again; a row that can't be read does not.
fn database(error: db::Error) -> Problem {
    match &error {
        db::Error::Unavailable(_) => Problem::unavailable(&error),
        db::Error::Exists | db::Error::Corrupt(_) | db::Error::Url(_) | db::Error::Migration(_) => {
            Problem::internal(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{http::StatusCode, response::IntoResponse as _};

    use super::*;

    #[tokio::test]
    async fn a_row_that_can_not_be_read_is_a_fault_of_ours_and_an_outage_passes() {
        let status = |error| database(error).into_response().status();
        assert_eq!(status(db::Error::Corrupt("options".into())), StatusCode::INTERNAL_SERVER_ERROR);
        let away = Db::open("sqlite:/dev/null/db", 1).unwrap().ping().await.unwrap_err();
        assert_eq!(status(away), StatusCode::SERVICE_UNAVAILABLE);
    }
}
