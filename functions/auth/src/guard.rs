//! How often somebody may try: by the address of the client, by the account, and by both.
//!
//! Passwords are guessed in two ways. One address tries many passwords: it has few tries for each account, and not many for
//! all. Many addresses try one account: together they have as many as the account's own bucket holds. When that is empty,
//! only addresses from which somebody has logged in before get on, with their own tries: so nobody can lock an owner out of
//! an account, at home, by trying.
//!
//! The counts are rows (`db::Db::take`): they hold for all replicas, and while none runs. Without the database no log-in
//! is possible, so none is guessed either.

use std::time::Duration;

use db::Quota;
use identity::hash_secret;
use runtime::{Client, Problem, too_many};

use crate::Auth;

/// For how long an address is known from which somebody has logged in, in minutes.
const KNOWN: u64 = 30 * 24 * 60;
const WRONG_TOO_OFTEN: &str = "Too many wrong passwords.";

/// A limit: its word for programs, how large it is (0: none), and what to say.
pub(crate) struct Limit {
    pub(crate) policy: &'static str,
    pub(crate) quota: Quota,
    pub(crate) detail: &'static str,
}

impl Limit {
    fn refused(&self, wait: Duration) -> Problem {
        too_many(self.policy, (self.quota.amount, self.quota.window), wait, self.detail)
    }
}

impl Auth {
    /// Counts one more of `whose`.
    pub(crate) async fn count(&self, limit: &Limit, whose: &str) -> Result<(), Problem> {
        self.take(limit, &format!("{} {whose}", limit.policy)).await
    }

    async fn take(&self, limit: &Limit, name: &str) -> Result<(), Problem> {
        if limit.quota.amount == 0 {
            return Ok(());
        }
        let taken = self.db.take(name, 1, limit.quota).await.map_err(Problem::of)?;
        taken.map_err(|wait| limit.refused(wait))
    }
}

/// One try to know an account's password. It counts as wrong until it was right.
pub(crate) struct PasswordAttempt {
    /// From this address.
    here: (String, Limit),
    /// From anywhere; none where it was not taken from.
    anywhere: Option<(String, Limit)>,
    known: String,
}

impl PasswordAttempt {
    /// Before the password is looked at: of many at once, no more are looked at than may be wrong.
    pub(crate) async fn begin(auth: &Auth, client: Client, email: &str) -> Result<Self, Problem> {
        let limit = |policy, amount| Limit {
            policy,
            quota: Quota::an_hour(u64::from(amount)),
            detail: WRONG_TOO_OFTEN,
        };
        // The name of a bucket is short, and holds no address of a person.
        let account = hash_secret(email).split_off(32);
        let from = format!("{account} {}", client.network());
        let here = (format!("guess {from}"), limit("guesses", auth.config.guesses_per_hour));
        auth.take(&here.1, &here.0).await?;
        let known = format!("known {from}");
        let anywhere =
            (format!("account {account}"), limit("account-guesses", auth.config.account_guesses_per_hour));
        let anywhere = match auth.take(&anywhere.1, &anywhere.0).await {
            Ok(()) => Some(anywhere),
            Err(_) if is_known(auth, &known).await? => None,
            Err(refused) => return Err(refused),
        };
        Ok(Self { here, anywhere, known })
    }

    /// It was right, so it was no guess. What can't be written down is only missing next time.
    pub(crate) async fn succeeded(self, auth: &Auth) {
        self.refund(auth).await;
        let quota = Quota { amount: KNOWN, window: Duration::from_secs(KNOWN * 60) };
        if let Err(error) = auth.db.take(&self.known, KNOWN, quota).await {
            tracing::warn!(%error, "the known address could not be saved");
        }
    }

    /// The password was not looked at.
    pub(crate) async fn refund(&self, auth: &Auth) {
        for (name, limit) in std::iter::once(&self.here).chain(&self.anywhere) {
            if limit.quota.amount > 0
                && let Err(error) = auth.db.refund(name, 1, limit.quota).await
            {
                tracing::warn!(%error, "a password attempt was not refunded");
            }
        }
    }
}

async fn is_known(auth: &Auth, name: &str) -> Result<bool, Problem> {
    let quota = Quota { amount: KNOWN, window: Duration::from_secs(KNOWN * 60) };
    Ok(auth.db.taken(name, quota).await.map_err(Problem::of)? > 0)
}
