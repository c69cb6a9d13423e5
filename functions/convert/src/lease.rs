//! The heartbeat of a converter.

use std::time::Duration;

use db::Lease;
use tokio::time::{Instant, sleep};

use crate::{Convert, run::Progress};

/// How often the lease is extended: a canceled job stops within two of these.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Extends the lease and notes progress until the lease is lost. A database that is away for less than the lease
/// costs nothing; if it is away for longer, somebody else may have the job.
pub(crate) async fn lost(deps: &Convert, lease: &Lease, progress: &Progress) {
    let mut held_until = Instant::now() + deps.config.lease();
    loop {
        sleep(HEARTBEAT).await;
        match deps.db.extend_lease(lease, deps.config.lease(), progress.get()).await {
            Ok(true) => held_until = Instant::now() + deps.config.lease(),
            Ok(false) => return,
            Err(error) if Instant::now() >= held_until => {
                tracing::warn!(job = %lease.job_id, %error, "the lease could not be extended in time");
                return;
            }
            Err(_) => {}
        }
    }
}
