//! How many may listen at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderValue, StatusCode, header};
use contracts::UserId;
use runtime::Problem;

/// Streams of one account in one process: a few pages on a few devices.
pub(crate) const OF_ACCOUNT: usize = 10;
/// Streams in one process: less than half of the connections that it takes.
pub(crate) const OF_PROCESS: usize = 200;

/// The streams that are open in this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamSlots(Arc<Mutex<HashMap<UserId, usize>>>);

impl StreamSlots {
    fn taken(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for one stream, until it is dropped.
    ///
    /// # Errors
    /// 429 if the account has too many streams, 503 if the process has.
    pub(crate) fn take(&self, user: UserId) -> Result<StreamSlot, Problem> {
        let mut taken = self.taken();
        if taken.get(&user).is_some_and(|count| *count >= OF_ACCOUNT) {
            let detail =
                format!("You have {OF_ACCOUNT} streams of events open. Close one, or poll GET /jobs.");
            return Err(later(StatusCode::TOO_MANY_REQUESTS, "too-many-streams", detail, "30"));
        }
        if taken.values().sum::<usize>() >= OF_PROCESS {
            let detail = "Too many people listen right now. Poll GET /jobs meanwhile.".to_owned();
            return Err(later(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail, "5"));
        }
        *taken.entry(user).or_default() += 1;
        Ok(StreamSlot { slots: self.clone(), user })
    }
}

fn later(status: StatusCode, kind: &'static str, detail: String, seconds: &'static str) -> Problem {
    Problem::new(status, kind, detail).header(header::RETRY_AFTER, HeaderValue::from_static(seconds))
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct StreamSlot {
    slots: StreamSlots,
    user: UserId,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        one_less(&mut self.slots.taken(), &self.user);
    }
}

pub(crate) fn one_less<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn refused(slots: &StreamSlots, user: UserId) -> (u16, String) {
        let response = slots.take(user).unwrap_err().into_response();
        let after = response.headers()[header::RETRY_AFTER].to_str().unwrap().to_owned();
        (response.status().as_u16(), after)
    }

    #[test]
    fn an_account_has_a_few_seats_and_all_together_have_more() {
        let (slots, anna) = (StreamSlots::default(), UserId::generate());
        let mut own: Vec<StreamSlot> = (0..OF_ACCOUNT).map(|_| slots.take(anna).unwrap()).collect();
        assert_eq!(refused(&slots, anna), (429, "30".into()));
        own.pop();
        own.push(slots.take(anna).unwrap());
        let mut all = Vec::new();
        for _ in OF_ACCOUNT..OF_PROCESS {
            all.push(slots.take(UserId::generate()).unwrap());
        }
        assert_eq!(refused(&slots, UserId::generate()), (503, "5".into()));
        drop((own, all));
        assert!(slots.taken().is_empty());
    }
}
