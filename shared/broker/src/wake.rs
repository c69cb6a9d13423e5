//! Wakes consumers by event type.

use std::{collections::HashMap, sync::Arc};

use contracts::ALL_EVENT_TYPES;
use futures_util::{
    FutureExt as _,
    future::{pending, select_all},
};
use tokio::sync::watch;

/// Wakes the lanes of the local broker, each for its own type of event; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Wake(Arc<HashMap<&'static str, watch::Sender<()>>>);

impl Wake {
    pub(crate) fn new() -> Self {
        Self(Arc::new(ALL_EVENT_TYPES.iter().map(|kind| (*kind, watch::Sender::new(()))).collect()))
    }

    /// An event of this type was recorded.
    pub(crate) fn wake(&self, kind: &str) {
        if let Some(lane) = self.0.get(kind) {
            lane.send_replace(());
        }
    }

    /// Events of any type may wait.
    pub(crate) fn wake_all(&self) {
        self.0.values().for_each(|lane| lane.send_replace(()));
    }

    /// Who waits for events of these types.
    pub(crate) fn subscribe(&self, kinds: &[&str]) -> Woken {
        Woken(kinds.iter().filter_map(|kind| self.0.get(kind)).map(watch::Sender::subscribe).collect())
    }
}

/// One who waits for events of some types.
pub(crate) struct Woken(Vec<watch::Receiver<()>>);

impl Woken {
    /// What was recorded until now is looked at next.
    pub(crate) fn look(&mut self) {
        self.0.iter_mut().for_each(watch::Receiver::mark_unchanged);
    }

    /// Until an event of one of the types is recorded; for ever if there are no types.
    pub(crate) async fn changed(&mut self) {
        if self.0.is_empty() {
            return pending().await;
        }
        drop(select_all(self.0.iter_mut().map(|lane| lane.changed().boxed())).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_wakes_those_who_wait_for_its_type_alone() {
        let wake = Wake::new();
        let woken =
            |Woken(lanes): &Woken| lanes.iter().map(|lane| lane.has_changed().unwrap()).collect::<Vec<_>>();
        let lanes = wake.subscribe(&ALL_EVENT_TYPES);
        wake.wake(ALL_EVENT_TYPES[1]);
        wake.wake("a type that nobody knows");
        let expected: Vec<bool> = (0..ALL_EVENT_TYPES.len()).map(|place| place == 1).collect();
        assert_eq!(woken(&lanes), expected);
        wake.wake_all();
        assert!(woken(&lanes).into_iter().all(|woken| woken));
    }
}
