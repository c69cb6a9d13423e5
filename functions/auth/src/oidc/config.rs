//! The providers that the configuration names: one by `AUTH_OIDC_ISSUER` and its like, more by `AUTH_OIDC_PROVIDERS`.

use runtime::ConfigError;

use crate::AuthConfig;

/// What the provider of `AUTH_OIDC_ISSUER` is called in addresses.
pub(super) const UNNAMED: &str = "default";
const PREFIX: &str = "AUTH_OIDC_";
const FIELDS: [&str; 4] = ["issuer", "client_id", "client_secret", "name"];

/// A provider to log in at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcConfig {
    /// What it is called in addresses and variables.
    pub id: String,
    /// As it names itself.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// Our secret there; empty: we have none.
    pub client_secret: String,
    /// What the page calls it.
    pub name: String,
}

impl OidcConfig {
    /// Where the provider sends the browser back to. Each has a place of its own: so what one provider says is never taken
    /// for what another one says, whatever it says of itself.
    pub(super) fn callback(&self, public_url: &str) -> String {
        match self.id.as_str() {
            UNNAMED => format!("{public_url}/auth/oidc/callback"),
            id => format!("{public_url}/auth/oidc/callback/{id}"),
        }
    }

    /// The first field that can't be meant, and why.
    pub(crate) fn wrong(&self) -> Option<(&'static str, String)> {
        let url = url::Url::parse(&self.issuer).ok().filter(|_| !self.issuer.contains(char::is_whitespace));
        if !url.is_some_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()) {
            return Some((
                "issuer",
                "this is no address of a provider, as `https://login.example.org`".into(),
            ));
        }
        self.client_id.is_empty().then(|| ("client_id", "it is needed beside the provider's issuer".into()))
    }

    /// From the variables that have its name.
    fn named(id: &str, set: &[(String, String)]) -> Result<Self, ConfigError> {
        let value = |field| {
            let wanted = variable(id, field);
            set.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
        };
        let provider = Self {
            id: id.into(),
            issuer: value("issuer").unwrap_or_default(),
            client_id: value("client_id").unwrap_or_default(),
            client_secret: value("client_secret").unwrap_or_default(),
            name: value("name").unwrap_or_else(|| titled(id)),
        };
        let wrong = provider.wrong().map(|(field, problem)| ConfigError::new(variable(id, field), problem));
        wrong.map_or(Ok(provider), Err)
    }
}

/// As `AUTH_OIDC_GOOGLE_CLIENT_ID`.
fn variable(id: &str, field: &str) -> String {
    format!("{PREFIX}{id}_{field}").to_uppercase()
}

/// `google` is `Google` on the page.
fn titled(id: &str) -> String {
    let mut letters = id.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl AuthConfig {
    /// All providers, in the order in which the page shows them.
    pub(crate) fn providers(&self) -> Vec<OidcConfig> {
        let unnamed = OidcConfig {
            id: UNNAMED.into(),
            issuer: self.oidc_issuer.clone(),
            client_id: self.oidc_client_id.clone(),
            client_secret: self.oidc_client_secret.clone(),
            name: self.oidc_name.clone(),
        };
        let unnamed = Some(unnamed).filter(|provider| !provider.issuer.is_empty());
        unnamed.into_iter().chain(self.oidc_named.iter().cloned()).collect()
    }

    /// The names that `AUTH_OIDC_PROVIDERS` holds.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.oidc_providers.split(',').map(str::trim).filter(|name| !name.is_empty())
    }

    /// The variables that only these names make variables.
    pub fn named_variables(&self) -> impl Iterator<Item = String> {
        self.names().flat_map(|name| FIELDS.map(|field| variable(name, field)))
    }

    /// Reads the variables of the named providers.
    pub(crate) fn read_named(&mut self, set: &[(String, String)]) -> Result<(), ConfigError> {
        let wrong = |problem: String| ConfigError::new(format!("{PREFIX}PROVIDERS"), problem);
        let letters = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if let Some(name) = self.names().find(|name| !letters(name) || name.len() > 32 || *name == UNNAMED) {
            let rule = "a name is of small letters and digits, at most 32, and not `default`";
            return Err(wrong(format!("`{name}` is no name of a provider: {rule}")));
        }
        self.oidc_named = self.names().map(|name| OidcConfig::named(name, set)).collect::<Result<_, _>>()?;
        let all = self.providers();
        let twice = all.iter().enumerate().find(|(at, one)| {
            all[..*at].iter().any(|other| other.issuer == one.issuer || other.id == one.id)
        });
        match twice {
            Some((_, one)) => Err(wrong(format!("the provider `{}` is there twice", one.id))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime::Config as _;

    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<AuthConfig, String> {
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        AuthConfig::from_variables(set).map_err(|error| error.to_string())
    }

    const GOOGLE: [(&str, &str); 3] = [
        ("AUTH_OIDC_GOOGLE_ISSUER", "https://accounts.google.com"),
        ("AUTH_OIDC_GOOGLE_CLIENT_ID", "g"),
        ("AUTH_OIDC_GOOGLE_CLIENT_SECRET", "s"),
    ];
    const CORP: [(&str, &str); 3] = [
        ("AUTH_OIDC_CORP_ISSUER", "https://login.corp.example"),
        ("AUTH_OIDC_CORP_CLIENT_ID", "c"),
        ("AUTH_OIDC_CORP_NAME", "The firm"),
    ];

    #[test]
    fn providers_are_named_and_the_one_without_a_name_goes_on() {
        let unnamed = [("AUTH_OIDC_ISSUER", "https://old.example"), ("AUTH_OIDC_CLIENT_ID", "o")];
        let both = [("AUTH_OIDC_PROVIDERS", "google, corp")];
        let config = read(&[&unnamed[..], &both, &GOOGLE, &CORP].concat()).unwrap();
        let all = config.providers();
        let told: Vec<_> = all.iter().map(|one| (one.id.as_str(), one.name.as_str())).collect();
        assert_eq!(told, [("default", "OpenID Connect"), ("google", "Google"), ("corp", "The firm")]);
        assert_eq!((all[1].client_secret.as_str(), all[2].client_secret.as_str()), ("s", ""));
        let places: Vec<_> = all.iter().map(|one| one.callback("https://t")).collect();
        let place = "https://t/auth/oidc/callback";
        assert_eq!(places, [place.to_owned(), format!("{place}/google"), format!("{place}/corp")]);
        assert!(config.named_variables().any(|name| name == "AUTH_OIDC_CORP_CLIENT_SECRET"));
        assert!(read(&[]).unwrap().providers().is_empty());
    }

    #[test]
    fn what_a_named_provider_lacks_is_told_by_its_variable() {
        let with = |names, more: &[(&'static str, &'static str)]| {
            read(&[&[("AUTH_OIDC_PROVIDERS", names)], &GOOGLE[..], more].concat()).unwrap_err()
        };
        for (text, named) in [
            (with("corp", &[]), "AUTH_OIDC_CORP_ISSUER: this is no address"),
            (with("corp", &CORP[..1]), "AUTH_OIDC_CORP_CLIENT_ID: it is needed"),
            (with("corp", &[("AUTH_OIDC_CORP_ISSUER", "https://a b.example")]), "AUTH_OIDC_CORP_ISSUER: "),
            (with("Google", &[]), "AUTH_OIDC_PROVIDERS: `Google` is no name"),
            (with("a/b", &[]), "AUTH_OIDC_PROVIDERS: `a/b` is no name"),
            (with("default", &[]), "AUTH_OIDC_PROVIDERS: `default` is no name"),
            (with("google,google", &[]), "AUTH_OIDC_PROVIDERS: the provider `google` is there twice"),
            (
                with("google,corp", &[GOOGLE[0], CORP[1], ("AUTH_OIDC_CORP_ISSUER", GOOGLE[0].1)]),
                "AUTH_OIDC_PROVIDERS: the provider `corp` is there twice",
            ),
        ] {
            assert!(text.starts_with(named), "{text}");
        }
    }
}
