//! What credentials may be used for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One thing that credentials may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send videos, and change the jobs that come of them.
    Upload,
    /// See jobs and fetch audio.
    Read,
    /// See and change other people's accounts. Needs an administrator too.
    Admin,
}

/// The text names no scope.
#[derive(Debug, thiserror::Error)]
#[error("unknown scope {0:?}: there are upload, read and admin")]
pub struct UnknownScope(String);

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Upload, Self::Read, Self::Admin];

    /// The scope as it stands in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let known = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        known.ok_or_else(|| UnknownScope(text.chars().take(60).collect()))
    }
}

/// A set of scopes; as text, words separated by a blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// All there are: what a log-in gives.
    #[must_use]
    pub fn all() -> Self {
        Self(Scope::ALL.to_vec())
    }

    /// Whether the set holds `scope`.
    #[must_use]
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The scopes, in the order of [`Scope::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let given: Vec<Scope> = scopes.into_iter().collect();
        Self(Scope::ALL.into_iter().filter(|scope| given.contains(scope)).collect())
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_survive_the_round_trip_in_one_order_without_doubles() {
        let scopes: Scopes = "read upload read".parse().unwrap();
        assert_eq!(scopes.to_string(), "upload read");
        assert!(!scopes.contains(Scope::Admin));
        assert!("read write".parse::<Scopes>().is_err());
    }
}
