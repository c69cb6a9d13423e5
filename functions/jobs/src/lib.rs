//! A user's jobs: list, get (with a long poll), listen (SSE), name, cancel, retry, delete; their deliveries.
//!
//! - `read.rs`, `change.rs`, `label.rs`, `deliveries.rs`, `overview.rs`: the routes; start with `read.rs`. `view.rs` is what
//!   clients see of a job.
//! - `stream.rs`: the event streams; `listen.rs`: what they send; `cursor.rs`: their `Last-Event-ID`; `slots.rs`: how many
//!   there may be.
//! - `watch.rs`: the one poller of a process, behind streams and long polls.
//!
//! Architecture invariants: it opens no blob; the audio is `download`'s, and what a deleted job leaves is removed by `sweep`.
//! A job of somebody else does not exist: 404, never 403.

mod change;
mod cursor;
mod deliveries;
mod label;
mod listen;
mod overview;
mod process;
mod read;
mod slots;
mod stream;
mod view;
mod watch;

use axum::extract::FromRef;
use broker::Broker;
use contracts::JobId;
use db::{Db, Job};
use identity::{Caller, Verifier};
use runtime::{CancellationToken, Function, OpenApiRouter, Problem, routes};

use crate::watch::Watch;
pub use process::run;

/// What the function needs.
#[derive(Clone)]
pub struct Jobs {
    db: Db,
    /// Publishes the tickets of retried jobs.
    broker: Broker,
    /// Who asks.
    verifier: Verifier,
    watch: Watch,
    /// Ends the long polls and the streams.
    shutdown: CancellationToken,
}

impl Jobs {
    /// Of its parts. Long polls and streams end with `shutdown`.
    #[must_use]
    pub fn new(db: Db, broker: Broker, verifier: Verifier, shutdown: CancellationToken) -> Self {
        Self { watch: Watch::new(db.clone()), db, broker, verifier, shutdown }
    }
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
        .routes(routes!(stream::all))
        .routes(routes!(stream::job))
        .routes(routes!(read::show, change::delete, label::change))
        .routes(routes!(change::cancel))
        .routes(routes!(change::retry))
        .routes(routes!(deliveries::of_job))
        .routes(routes!(deliveries::own))
        .routes(routes!(deliveries::repeat))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::drop_dead_letter))
        .routes(routes!(deliveries::retry_failed))
        .routes(routes!(overview::show));
    Function::new().routes(routes.with_state(deps))
}

/// The caller's job with this id.
async fn own_job(deps: &Jobs, caller: &Caller, id: JobId) -> Result<Job, Problem> {
    let job = deps.db.jobs().get(id).await.map_err(Problem::of)?;
    job.filter(|job| job.user_id == caller.user_id)
        .ok_or_else(|| Problem::not_found("You have no job with this id. GET /jobs lists the ones you have."))
}
