//! The configuration of `auth`.

use std::time::Duration;

use runtime::Config;
use serde::{Deserialize, Serialize};

/// How accounts work.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthConfig {
    /// Minutes that an access token lives.
    pub access_minutes: u32,
    /// Days that a refresh token lives.
    pub refresh_days: u32,
    /// Whether a user may log in before the address is proven.
    pub allow_unverified: bool,
    /// Whether the first account is the administrator's.
    pub first_is_admin: bool,
    /// Passwords that are hashed at the same time.
    pub hash_parallel: usize,
    /// Passwords that wait for that; more are answered with 503.
    pub hash_queue: usize,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            access_minutes: 15,
            refresh_days: 30,
            allow_unverified: true,
            first_is_admin: true,
            hash_parallel: 2,
            hash_queue: 64,
        }
    }
}

impl Config for AuthConfig {
    const PREFIX: &'static str = "AUTH_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("access_minutes", "minutes that an access token lives"),
        ("refresh_days", "days that a refresh token lives"),
        ("allow_unverified", "whether a user may log in before the address is proven"),
        ("first_is_admin", "whether the first account that registers is the administrator's"),
        ("hash_parallel", "passwords that are hashed at the same time; each takes 19 MiB"),
        ("hash_queue", "passwords that wait to be hashed; more are answered with 503"),
    ];
}

impl AuthConfig {
    pub(crate) fn access_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.access_minutes) * 60)
    }

    pub(crate) fn refresh_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.refresh_days) * 24 * 60 * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_described() {
        assert_eq!(runtime::variables::<AuthConfig>().unwrap().len(), 6);
    }
}
