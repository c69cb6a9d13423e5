//! The heartbeat of a converter.

use std::time::Duration;

use db::Lease;
use tokio::time::{Instant, sleep};

use crate::{Convert, outcome::Outcome, run::Progress};

/// How often the lease is extended: a canceled job stops within two of these.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Extends the lease and notes progress until the attempt has to end: the lease is lost, or for too long there was no
/// progress: a heartbeat without progress does not count.
///
/// A database that is away for less than the lease costs nothing; if it is away for longer, somebody else may have the
/// job.
pub(crate) async fn ends(cx: &Convert, lease: &Lease, progress: &Progress) -> Outcome {
    let mut held_until = Instant::now() + cx.config.lease();
    let (mut position, mut moved_at) = (progress.position(), Instant::now());
    loop {
        sleep(HEARTBEAT).await;
        if progress.position() != position {
            (position, moved_at) = (progress.position(), Instant::now());
        }
        if moved_at.elapsed() >= cx.config.stall() {
            return Outcome::Crashed(format!("no progress for {} s", cx.config.stall_seconds));
        }
        match cx.db.jobs().extend_lease(lease, cx.config.lease(), progress.get(), progress.stage()).await {
            Ok(true) => held_until = Instant::now() + cx.config.lease(),
            Ok(false) => return Outcome::LeaseLost,
            Err(error) if Instant::now() >= held_until => {
                tracing::warn!(job = %lease.job_id, %error, "the lease could not be extended in time");
                return Outcome::LeaseLost;
            }
            Err(_) => {}
        }
    }
}

/// Extends the lease and never ends.
pub(crate) async fn extend(cx: &Convert, lease: &Lease, progress: &Progress) {
    loop {
        sleep(HEARTBEAT).await;
        if let Err(error) =
            cx.db.jobs().extend_lease(lease, cx.config.lease(), progress.get(), progress.stage()).await
        {
            tracing::debug!(job = %lease.job_id, %error, "no heartbeat");
        }
    }
}
