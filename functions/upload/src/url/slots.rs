//! How many links at once: so many for the process, and a few for each account.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::StatusCode;
use contracts::UserId;
use runtime::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::busy;

/// Links in hand for one account.
const FOR_ONE: usize = 2;

type Counts = Arc<Mutex<HashMap<UserId, usize>>>;

/// Who fetches how many.
pub(super) struct FetchSlots {
    all: Arc<Semaphore>,
    of_accounts: Counts,
}

/// A place in hand until it is dropped.
pub(super) struct FetchSlot {
    of_accounts: Counts,
    user: UserId,
    _of_all: OwnedSemaphorePermit,
}

impl FetchSlots {
    pub(super) fn new(at_once: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(at_once)), of_accounts: Counts::default() }
    }

    pub(super) fn take(&self, user: UserId) -> Result<FetchSlot, Problem> {
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| {
            busy(StatusCode::SERVICE_UNAVAILABLE, "Too many links are being fetched. Try again in a minute.")
        })?;
        let mut counts = locked(&self.of_accounts);
        let mine = counts.entry(user).or_default();
        if *mine == FOR_ONE {
            let detail = "Two of your links are being fetched. Wait until one is done.";
            return Err(busy(StatusCode::TOO_MANY_REQUESTS, detail));
        }
        *mine += 1;
        Ok(FetchSlot { of_accounts: Arc::clone(&self.of_accounts), user, _of_all: of_all })
    }
}

impl Drop for FetchSlot {
    fn drop(&mut self) {
        let mut counts = locked(&self.of_accounts);
        if let Some(mine) = counts.get_mut(&self.user) {
            *mine -= 1;
            if *mine == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

/// Counts are right whatever panicked.
fn locked(counts: &Counts) -> MutexGuard<'_, HashMap<UserId, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_does_not_take_all_turns_and_gives_back_what_it_took() {
        let (turns, anna, bert) = (FetchSlots::new(3), UserId::generate(), UserId::generate());
        let first = turns.take(anna).unwrap();
        let _second = turns.take(anna).unwrap();
        assert!(turns.take(anna).is_err());
        let third = turns.take(bert).unwrap();
        assert!(turns.take(bert).is_err(), "no turn is left for anybody");
        drop((first, third));
        assert!(turns.take(anna).is_ok());
        assert_eq!(locked(&turns.of_accounts).len(), 1);
    }
}
