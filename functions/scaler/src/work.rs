//! Whether there is something to convert.

use std::{sync::Arc, time::Duration};

use db::Db;
use runtime::CancellationToken;
use tokio::{sync::watch, time::timeout};

use crate::ScalerConfig;

/// How long the database may take. KEDA asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unknown {
    #[error("the database fails: {0}")]
    Database(#[from] db::Error),
    #[error("the database does not answer in time")]
    Late,
}

/// What converters have to do. Those at work count too: a worker whose job were not counted would be ended.
#[derive(Clone, Debug)]
pub struct Work {
    db: Db,
    /// Whether there was any at the last look, for those who follow it.
    there_is: Arc<watch::Sender<bool>>,
}

impl Work {
    /// As this database has it.
    #[must_use]
    pub fn of(db: Db) -> Self {
        Self { db, there_is: Arc::new(watch::Sender::new(false)) }
    }

    /// How many jobs wait or are converted.
    pub(crate) async fn jobs(&self) -> Result<u64, Unknown> {
        Ok(timeout(ANSWER_TIMEOUT, self.db.unfinished_jobs()).await.map_err(|_| Unknown::Late)??)
    }

    /// Whether there are any.
    pub(crate) async fn there_is(&self) -> Result<bool, Unknown> {
        Ok(timeout(ANSWER_TIMEOUT, self.db.has_unfinished_jobs()).await.map_err(|_| Unknown::Late)??)
    }

    /// Hears of each change from now on.
    pub(crate) fn follow(&self) -> watch::Receiver<bool> {
        self.there_is.subscribe()
    }

    /// Looks again and again while somebody follows, until `shutdown`.
    pub async fn watch(self, config: ScalerConfig, shutdown: CancellationToken) {
        let pause = Duration::from_millis(config.look_milliseconds);
        let mut known = true;
        let looks = async {
            loop {
                if self.there_is.receiver_count() > 0 {
                    known = self.look(known).await;
                }
                tokio::time::sleep(pause).await;
            }
        };
        tokio::select! { () = shutdown.cancelled() => {}, () = looks => {} }
    }

    /// While it is not known, nobody is told anything. An outage is logged once.
    async fn look(&self, known: bool) -> bool {
        match self.there_is().await {
            Ok(now) => {
                self.there_is.send_if_modified(|before| std::mem::replace(before, now) != now);
                true
            }
            Err(error) => {
                if known {
                    tracing::warn!(%error, "it is not known whether jobs wait");
                }
                false
            }
        }
    }
}
