//! Who knows what there is to do.

use manifests::Resource;
use tokio::sync::mpsc;

use super::{ScaledBy, external::External, queue::Queue, spec::ScaledObject};
use crate::Pace;

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) count: u64,
    pub(crate) active: bool,
}

#[derive(Clone)]
pub(crate) enum Source {
    Queue(Queue),
    External(External),
}

impl Source {
    /// What the trigger names. `address` is where the scaler of `external-push` is on this machine.
    ///
    /// # Errors
    /// What is not there.
    pub(crate) fn of(
        spec: &ScaledObject,
        resources: &[Resource],
        address: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        match &spec.trigger {
            ScaledBy::Rabbitmq(queue) => Queue::of(queue, resources).map(Self::Queue),
            ScaledBy::ExternalPush { address: named, metadata } => {
                let address = address(named).ok_or(format!("nobody is at {named}"))?;
                External::at(&address, &spec.name, metadata.clone()).map(Self::External)
            }
        }
    }

    /// `None` if it can't be asked.
    pub(crate) async fn look(&self) -> Option<Seen> {
        match self {
            Self::Queue(queue) => {
                let count = queue.messages().await?;
                Some(Seen { count, active: count > 0 })
            }
            Self::External(external) => external.look().await.ok(),
        }
    }

    /// Passes on what is told unasked, for ever.
    pub(crate) async fn follow(self, tell: mpsc::Sender<bool>, pace: Pace) {
        if let Self::External(external) = self {
            external.follow(tell, pace).await;
        }
    }
}
