//! The configuration of `auth`.

use std::time::Duration;

use runtime::{Checked, Config, ConfigError};
use serde::{Deserialize, Serialize};

use crate::{OidcConfig, address};

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
    /// Tries to log in from one address.
    pub logins_per_minute: u32,
    /// Wrong passwords for one account from one address.
    pub guesses_per_hour: u32,
    /// Wrong passwords for one account from all addresses together.
    pub account_guesses_per_hour: u32,
    /// Who may register: `open`, `closed`, or domains of mail addresses with commas between.
    pub registration: String,
    /// Registrations from one address.
    pub registrations_per_hour: u32,
    /// Mails for a new password that one address may ask for.
    pub resets_per_hour: u32,
    /// API keys that one account may make.
    pub keys_per_hour: u32,
    /// Destinations that one account may make or try.
    pub destinations_per_hour: u32,
    /// Hours that a guest's account lives; 0: there are no guests.
    pub guest_hours: u32,
    /// Guests from one address.
    pub guests_per_hour: u32,
    /// The OpenID Connect provider, as it names itself; empty: none.
    pub oidc_issuer: String,
    /// What we are called there.
    pub oidc_client_id: String,
    /// Our secret there; empty: we have none.
    pub oidc_client_secret: String,
    /// What the page calls the provider.
    pub oidc_name: String,
    /// Names of more providers, with commas between.
    pub oidc_providers: String,
    /// Those, read from the variables that have their names.
    #[serde(skip)]
    pub oidc_named: Vec<OidcConfig>,
    /// Passwords that are hashed at the same time.
    pub hash_parallel: usize,
    /// Passwords that wait for that; more are answered with 503.
    pub hash_queue: usize,
    /// Whether the world finds the service by https: see [`AuthConfig::reached_at`]. Not read from the environment.
    #[serde(skip)]
    pub secure_cookies: bool,
    /// That address, without a slash at the end. Not read from the environment.
    #[serde(skip)]
    pub public_url: String,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            access_minutes: 15,
            refresh_days: 30,
            allow_unverified: true,
            first_is_admin: true,
            logins_per_minute: 60,
            guesses_per_hour: 20,
            account_guesses_per_hour: 200,
            registration: "open".into(),
            registrations_per_hour: 60,
            resets_per_hour: 30,
            keys_per_hour: 60,
            destinations_per_hour: 60,
            guest_hours: 0,
            guests_per_hour: 5,
            oidc_issuer: String::new(),
            oidc_client_id: String::new(),
            oidc_client_secret: String::new(),
            oidc_name: "OpenID Connect".into(),
            oidc_providers: String::new(),
            oidc_named: Vec::new(),
            hash_parallel: 2,
            hash_queue: 64,
            secure_cookies: false,
            public_url: String::new(),
        }
    }
}

impl Config for AuthConfig {
    const PREFIX: &'static str = "AUTH_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("access_minutes", "minutes that an access token lives"),
        ("refresh_days", "days that a log-in lasts without being used: a refresh token, a cookie"),
        ("allow_unverified", "whether a user may log in before the address is proven"),
        ("first_is_admin", "whether the first account that registers is the administrator's"),
        ("logins_per_minute", "log-ins that one address may try in a minute (IPv6: a /64); 0: any number"),
        ("guesses_per_hour", "wrong passwords for one account from one address in an hour; 0: any number"),
        (
            "account_guesses_per_hour",
            "wrong passwords for one account from all addresses in an hour; then only addresses get on that have logged in before; 0: any number",
        ),
        (
            "registration",
            "who may register: `open`, `closed`, or domains of mail addresses with commas between (with `AUTH_ALLOW_UNVERIFIED=false`, which proves them); accounts of an OpenID Connect provider are its own affair",
        ),
        ("registrations_per_hour", "accounts that one address may register in an hour; 0: any number"),
        (
            "resets_per_hour",
            "mails for a new password that one address may ask for in an hour; 0: any number",
        ),
        ("keys_per_hour", "API keys that one account may make in an hour; 0: any number"),
        (
            "destinations_per_hour",
            "destinations (webhooks, ntfy, Apprise) that one account may make or try in an hour; 0: any number",
        ),
        (
            "guest_hours",
            "hours that a guest's account lives, which needs no address and no password; 0: there are no guests",
        ),
        ("guests_per_hour", "guests from one address in an hour; 0: any number"),
        (
            "oidc_issuer",
            "OpenID Connect provider to log in at beside passwords, as it names itself; what it says of proven mail addresses is believed; unset: none",
        ),
        (
            "oidc_client_id",
            "what Tapedeck is called there; its redirect URI is `PUBLIC_URL` with `/auth/oidc/callback`",
        ),
        ("oidc_client_secret", "Tapedeck's secret there; unset: it has none"),
        ("oidc_name", "what the page calls the provider"),
        (
            "oidc_providers",
            "more providers, as `google,corp`: each is set by `AUTH_OIDC_GOOGLE_ISSUER`, `_CLIENT_ID`, `_CLIENT_SECRET` and `_NAME`; its redirect URI is `PUBLIC_URL` with `/auth/oidc/callback/google`",
        ),
        ("hash_parallel", "passwords that are hashed at the same time; each takes 19 MiB"),
        ("hash_queue", "passwords that wait to be hashed; more are answered with 503"),
    ];

    fn check(&self) -> Checked {
        if !self.domains().all(address::is_domain) {
            return Err((
                "registration",
                "write `open`, `closed`, or domains as `example.org,example.com`".into(),
            ));
        }
        match self.providers().first().filter(|_| !self.oidc_issuer.is_empty()).and_then(OidcConfig::wrong) {
            Some(("issuer", problem)) => Err(("oidc_issuer", problem)),
            Some((_, problem)) => Err(("oidc_client_id", problem)),
            None => Ok(()),
        }
    }

    fn take_named(&mut self, set: &[(String, String)]) -> Result<(), ConfigError> {
        self.read_named(set)
    }
}

impl AuthConfig {
    /// For a service that the world finds at this URL: by https, cookies are for https only.
    #[must_use]
    pub fn reached_at(self, public_url: &str) -> Self {
        let home = public_url.trim_end_matches('/').to_owned();
        Self { secure_cookies: public_url.starts_with("https://"), public_url: home, ..self }
    }

    /// Whether somebody with this address, as [`address::normal`] has it, may register.
    pub(crate) fn may_register(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.registration == "open" || self.domains().any(|allowed| allowed.eq_ignore_ascii_case(domain))
    }

    /// The domains that `registration` names; `open` and `closed` name none.
    fn domains(&self) -> impl Iterator<Item = &str> {
        let named = !["open", "closed"].contains(&self.registration.as_str());
        self.registration.split(',').map(str::trim).filter(move |_| named)
    }

    pub(crate) fn guest_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.guest_hours) * 60 * 60)
    }

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
    fn who_may_register_is_everybody_nobody_or_named_domains() {
        let with = |text: &str| AuthConfig { registration: text.into(), ..AuthConfig::default() };
        for (text, ann, bob) in [
            ("open", true, true),
            ("closed", false, false),
            ("example.org", true, false),
            (" Example.org , example.com", true, true),
        ] {
            let config = with(text);
            assert_eq!(config.check(), Ok(()), "{text}");
            let may = ["ann@example.org", "bob@example.com"].map(|email| config.may_register(email));
            assert_eq!(may, [ann, bob], "{text}");
        }
        assert!(!with("example.org").may_register("eve@notexample.org"));
        for text in ["", "close", "@example.org", "example.org,"] {
            assert_eq!(with(text).check().unwrap_err().0, "registration", "{text}");
        }
    }

    #[test]
    fn a_provider_needs_an_address_and_a_name_for_us() {
        let wrong = |issuer: &str, id: &str| {
            let (oidc_issuer, oidc_client_id) = (issuer.into(), id.into());
            AuthConfig { oidc_issuer, oidc_client_id, ..AuthConfig::default() }
                .check()
                .err()
                .map(|(field, _)| field)
        };
        assert_eq!(wrong("", ""), None);
        assert_eq!(wrong("http://127.0.0.1:9000/realms/a", "tapedeck"), None);
        assert_eq!(wrong("https://login.example", ""), Some("oidc_client_id"));
        for issuer in ["login.example", "ftp://login.example", "x"] {
            assert_eq!(wrong(issuer, "tapedeck"), Some("oidc_issuer"), "{issuer}");
        }
    }

    #[test]
    fn every_variable_is_described() {
        assert_eq!(runtime::variables::<AuthConfig>().unwrap().len(), 21);
    }
}
