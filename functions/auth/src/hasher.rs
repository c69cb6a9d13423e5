//! Password hashing: Argon2id with the parameters of OWASP (19 MiB, two passes, one lane; the crate's default).
//!
//! It is slow and hungry on purpose, so it runs on the blocking threads, few at a time, with a short queue. A longer
//! queue would only make everybody's log-in time out.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{Error as PasswordError, PasswordHasher as _, PasswordVerifier as _},
};
use tokio::sync::Semaphore;

/// A hash that no password has, so that an unknown user takes as long as a known one.
pub(crate) const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dGFwZWRlY2stbm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords.
#[derive(Clone)]
pub(crate) struct Hasher {
    /// A place in the queue or at work.
    places: Arc<Semaphore>,
    /// A place at work.
    workers: Arc<Semaphore>,
}

/// A password that was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// The queue is full: try again later.
    #[error("password queue is full")]
    Busy,
    /// A fault of ours, such as a hash in the database that is none.
    #[error("{0}")]
    Broken(String),
}

impl Hasher {
    /// At most `parallel` at work (at least one) and `queue` waiting.
    pub(crate) fn new(parallel: usize, queue: usize) -> Self {
        let parallel = parallel.clamp(1, 256);
        let places = Arc::new(Semaphore::new(parallel + queue.min(100_000)));
        Self { places, workers: Arc::new(Semaphore::new(parallel)) }
    }

    /// The password's hash with a new salt, in PHC string format.
    pub(crate) async fn hash(&self, password: String) -> Result<String, HashError> {
        self.work(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string()).map_err(broken)
        })
        .await
    }

    /// Whether the password has this hash. Without a hash (an unknown user): no, after the same time.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, HashError> {
        self.work(move || {
            let hash = hash.as_deref().unwrap_or(DUMMY_HASH);
            match Argon2::default().verify_password(password.as_bytes(), hash) {
                Ok(()) => Ok(true),
                Err(PasswordError::PasswordInvalid) => Ok(false),
                Err(error) => Err(broken(error)),
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| HashError::Busy)?;
        let worker = self.workers.clone().acquire_owned().await.map_err(broken)?;
        // The permits travel with the work: a client that hangs up does not stop it, so it still counts.
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((place, worker));
            result
        });
        task.await.map_err(broken)?
    }
}

/// Whether a password's hash was made with other parameters than today's.
pub(crate) fn is_outdated(hash: &str) -> bool {
    parameters(hash) != parameters(DUMMY_HASH)
}

/// Algorithm, version and costs: everything before salt and hash in PHC string format.
fn parameters(hash: &str) -> Option<&str> {
    hash.rsplitn(3, '$').nth(2)
}

fn broken(error: impl std::fmt::Display) -> HashError {
    HashError::Broken(format!("password hashing: {error}"))
}

#[cfg(test)]
mod tests {
    use argon2::{Params, password_hash::phc::PasswordHash};

    use super::*;

    #[tokio::test]
    async fn a_password_has_its_hash_and_no_other() {
        let hasher = Hasher::new(1, 8);
        let hash = hasher.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, hasher.hash("correct horse".into()).await.unwrap(), "salts differ");
        assert!(hasher.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!hasher.verify("correct horse".into(), None).await.unwrap());
        assert!(matches!(hasher.verify("x".into(), Some("-".into())).await, Err(HashError::Broken(_))));
    }

    #[test]
    fn nobody_costs_as_much_as_anybody() {
        let nobody = Params::try_from(&PasswordHash::new(DUMMY_HASH).unwrap()).unwrap();
        let anybody = Params::default();
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        assert_eq!(cost(&nobody), cost(&anybody));
        assert_eq!(nobody.output_len(), Some(Params::DEFAULT_OUTPUT_LEN));
    }

    #[tokio::test]
    async fn a_hash_with_other_parameters_is_outdated_and_a_new_one_is_not() {
        assert!(!is_outdated(&Hasher::new(1, 1).hash("correct horse".into()).await.unwrap()));
        let salt_and_hash = "c29tZXNhbHRzb21l$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for old in
            ["argon2id$v=19$m=19456,t=1,p=1", "argon2id$v=16$m=19456,t=2,p=1", "argon2i$v=19$m=19456,t=2,p=1"]
        {
            assert!(is_outdated(&format!("${old}${salt_and_hash}")), "{old}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_told_at_once() {
        let hasher = Hasher::new(1, 1);
        let waiting = || hasher.verify("x".into(), None);
        let (one, two, three) = tokio::join!(waiting(), waiting(), waiting());
        assert!(one.is_ok() && two.is_ok());
        assert!(matches!(three, Err(HashError::Busy)));
        assert!(waiting().await.is_ok(), "places are given back");
    }
}
