//! Statements, and transitions that must not be lost.

use std::time::Duration;

use contracts::Outage as _;
use sqlx::{
    Any,
    any::{AnyArguments, AnyRow},
    query::Query,
};
use tokio::time::Instant;

use crate::{Db, Result};

/// How long a transition that must not be lost is tried again while the database is away.
pub(crate) const RETRY_TIME: Duration = Duration::from_secs(20);
/// The pause between two tries; a deadlock is tried again at once.
const PAUSE: Duration = Duration::from_millis(300);
/// How many deadlocks in a row are tried again.
const DEADLOCKS: u32 = 8;

impl Db {
    /// Tries a transition until it is settled: again at once if MySQL ended it as a deadlock, and for `patience` while
    /// the database is away. An earlier try may have gone through although its answer was lost: `attempt` must find that
    /// out, and say the same as that one.
    pub(crate) async fn settle<T, F: Future<Output = Result<T>>>(
        &self,
        patience: Duration,
        attempt: impl Fn() -> F,
    ) -> Result<T> {
        let until = Instant::now() + patience;
        let mut deadlocks = 0;
        loop {
            match self.within_transaction(attempt()).await {
                Err(error) if error.is_deadlock() && deadlocks < DEADLOCKS => deadlocks += 1,
                Err(error) if error.is_outage() && Instant::now() + PAUSE < until => {
                    tokio::time::sleep(PAUSE).await;
                }
                ended => return ended,
            }
        }
    }

    /// Runs a statement; returns how many rows it has matched. One that MySQL ended as a deadlock is for the caller.
    pub(crate) async fn execute(&self, query: Query<'_, Any, AnyArguments>) -> Result<u64> {
        Ok(query.execute(&self.pool).await?.rows_affected())
    }

    /// The one row of a query.
    pub(crate) async fn fetch_one(&self, query: Query<'_, Any, AnyArguments>) -> Result<AnyRow> {
        Ok(query.fetch_one(&self.pool).await?)
    }

    /// The row of a query, if there is one.
    pub(crate) async fn fetch_optional(&self, query: Query<'_, Any, AnyArguments>) -> Result<Option<AnyRow>> {
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// All rows of a query.
    pub(crate) async fn fetch_all(&self, query: Query<'_, Any, AnyArguments>) -> Result<Vec<AnyRow>> {
        Ok(query.fetch_all(&self.pool).await?)
    }
}
