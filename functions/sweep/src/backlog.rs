//! What waits, as metrics. Asked at each scrape: between two scrapes nobody needs it.

use std::sync::Arc;

use db::{Backlog, Db};
use metrics::gauge;
use runtime::Ask;

/// Sets the gauges of what waits. While the database is away they are not set, and soon absent.
pub fn backlog(db: Db) -> Ask {
    Arc::new(move || {
        let db = db.clone();
        Box::pin(async move {
            match db.backlog().await {
                Ok(backlog) => set(&backlog),
                Err(error) => tracing::warn!(%error, "no backlog metrics"),
            }
        })
    })
}

fn set(backlog: &Backlog) {
    gauge!("tapedeck_jobs_waiting").set(backlog.waiting as f64);
    gauge!("tapedeck_next_job_wait_seconds").set(backlog.next_waits.as_secs_f64());
    gauge!("tapedeck_deliveries_dead").set(backlog.dead_deliveries as f64);
    for (rows, overdue) in &backlog.overdue {
        gauge!("tapedeck_overdue_seconds", "rows" => *rows).set(overdue.as_secs_f64());
    }
}
