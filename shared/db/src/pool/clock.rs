//! The time by the database server's clock: what processes on machines whose clocks differ agree on.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use contracts::{Clock, Timestamp};
use sqlx::Row as _;

use super::SQLITE_BEGIN;
use crate::{Db, Result};

/// How often the server's clock is read: clocks drift by milliseconds in that time.
const MEASURE: Duration = Duration::from_secs(60);

/// How far the server's clock is ahead of ours, in milliseconds, and when that was last measured.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    ahead: AtomicI64,
    /// Milliseconds since 1970; 0: never.
    measured_at: AtomicI64,
}

impl Db {
    /// The same database by another clock: for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// This machine's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The time by which rows are written: the database server's; SQLite's is this machine's.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn now(&self) -> Result<Timestamp> {
        let here = self.clock.now();
        if self.begin == SQLITE_BEGIN || self.clock.is_manual() {
            return Ok(here);
        }
        let measured_at = Timestamp::from_millis(self.server.measured_at.load(Ordering::Relaxed));
        // A clock that was set back is measured too.
        if measured_at.after(MEASURE) < here || measured_at > here {
            self.measure().await?;
        }
        Ok(Timestamp::from_millis(here.millis() + self.server.ahead.load(Ordering::Relaxed)))
    }

    /// The answer holds for the middle of the round trip. Over a connection that is there: to make one takes longer, and
    /// comes before the answer.
    async fn measure(&self) -> Result<()> {
        self.ping().await?;
        let asked = self.clock.now();
        let clock = "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms";
        let there: i64 = self.fetch_one(sqlx::query(clock)).await?.try_get("now_ms")?;
        let answered = self.clock.now();
        let middle = i64::midpoint(asked.millis(), answered.millis());
        self.server.ahead.store(there - middle, Ordering::Relaxed);
        self.server.measured_at.store(answered.millis(), Ordering::Relaxed);
        Ok(())
    }
}
