//! Who may send now: slots per channel, calls at once per receiver and per account, and a circuit breaker per receiver.
//!
//! A channel whose slots are taken is not waited for: who has one goes on with whatever else is due. So mails and
//! webhooks never wait for each other, and a receiver that is silent holds up two calls and no more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contracts::Channel;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// Failures in a row after which a receiver is left alone for a while.
const FAILURES: u32 = 3;
/// How long at first, doubled for each further failure up to the most.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// How long a delivery is put off when its receiver has all the calls that it may have.
const BUSY_PAUSE: Duration = Duration::from_secs(5);
/// What is known of a receiver is forgotten after this time.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

/// The slots and what is known of the receivers; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Receivers {
    mails: Arc<Semaphore>,
    webhooks: Arc<Semaphore>,
    destinations: Arc<Semaphore>,
    receivers: Arc<Mutex<HashMap<String, Receiver>>>,
}

#[derive(Debug)]
struct Receiver {
    at_work: usize,
    failures: u32,
    /// Left alone until then.
    rests_until: Instant,
}

/// One delivery in hand at a receiver.
#[derive(Debug)]
pub(crate) struct Visit {
    gate: Receivers,
    name: String,
    failed: Option<bool>,
}

impl Receivers {
    /// `calls` are the webhooks that jobs name, and as many the destinations of users.
    pub(crate) fn new(mails: usize, calls: usize) -> Self {
        Self {
            mails: Arc::new(Semaphore::new(mails.max(1))),
            webhooks: Arc::new(Semaphore::new(calls.max(1))),
            destinations: Arc::new(Semaphore::new(calls.max(1))),
            receivers: Arc::default(),
        }
    }

    /// A slot of the channel, if one is free.
    pub(crate) fn slot(&self, channel: Channel) -> Option<OwnedSemaphorePermit> {
        let slots = match channel {
            Channel::Mail => &self.mails,
            Channel::Webhook => &self.webhooks,
            Channel::Destination => &self.destinations,
        };
        slots.clone().try_acquire_owned().ok()
    }

    /// Begins a delivery at `receiver`, which may have `at_once` of them.
    ///
    /// # Errors
    /// How long to leave it alone.
    pub(crate) fn enter(&self, receiver: &str, at_once: usize) -> Result<Visit, Duration> {
        let now = Instant::now();
        let mut receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        receivers.retain(|_, known| known.at_work > 0 || known.rests_until + FORGET_AFTER > now);
        let known = receivers.entry(receiver.to_owned()).or_insert(Receiver {
            at_work: 0,
            failures: 0,
            rests_until: now,
        });
        if known.rests_until > now {
            return Err(known.rests_until - now);
        }
        // One at a time finds out whether a receiver that failed is back.
        let at_once = if known.failures >= FAILURES { 1 } else { at_once };
        if known.at_work >= at_once {
            return Err(BUSY_PAUSE);
        }
        known.at_work += 1;
        Ok(Visit { gate: self.clone(), name: receiver.to_owned(), failed: None })
    }
}

impl Visit {
    /// The receiver has answered, whatever it said.
    pub(crate) fn answered(mut self) {
        self.failed = Some(false);
    }

    /// The receiver was away.
    pub(crate) fn failed(mut self) {
        self.failed = Some(true);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut receivers = self.gate.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = receivers.get_mut(&self.name) else { return };
        known.at_work = known.at_work.saturating_sub(1);
        match self.failed {
            Some(false) => known.failures = 0,
            // It was begun before the receiver was left alone: no news.
            Some(true) if known.rests_until > Instant::now() => {}
            Some(true) => {
                known.failures = known.failures.saturating_add(1);
                if let Some(more) = known.failures.checked_sub(FAILURES) {
                    let pause = FIRST_PAUSE.saturating_mul(1 << more.min(8)).min(MAX_PAUSE);
                    known.rests_until = Instant::now() + pause;
                }
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_fails_three_times_rests_and_is_then_asked_by_one() {
        let gate = Receivers::new(2, 2);
        for _ in 0..FAILURES {
            gate.enter("example.org", 2).unwrap().failed();
        }
        assert_eq!(gate.enter("example.org", 2).unwrap_err(), FIRST_PAUSE);
        gate.enter("example.com", 2).unwrap().answered();
        tokio::time::advance(FIRST_PAUSE).await;
        let probe = gate.enter("example.org", 2).unwrap();
        assert_eq!(gate.enter("example.org", 2).unwrap_err(), BUSY_PAUSE);
        probe.failed();
        assert_eq!(gate.enter("example.org", 2).unwrap_err(), FIRST_PAUSE * 2);
        tokio::time::advance(FIRST_PAUSE * 2).await;
        gate.enter("example.org", 2).unwrap().answered();
        let _both = (gate.enter("example.org", 2).unwrap(), gate.enter("example.org", 2).unwrap());
        assert_eq!(gate.enter("example.org", 2).unwrap_err(), BUSY_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn many_failures_at_once_are_one_outage() {
        let gate = Receivers::new(8, 8);
        let visits: Vec<_> = (0..8).map(|_| gate.enter("example.org", 8).unwrap()).collect();
        visits.into_iter().for_each(Visit::failed);
        assert_eq!(gate.enter("example.org", 8).unwrap_err(), FIRST_PAUSE);
    }

    #[test]
    fn the_slots_of_one_channel_are_not_those_of_the_other() {
        let gate = Receivers::new(1, 1);
        let _slow = gate.slot(Channel::Webhook).unwrap();
        assert!(gate.slot(Channel::Webhook).is_none());
        assert!(gate.slot(Channel::Mail).is_some());
    }
}
