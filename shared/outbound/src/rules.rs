//! Which URLs are called.

use url::{Host, Url};

use crate::Error;

/// What may be called: `https` at public addresses, and what is named here besides.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Private addresses and `http` too: where whoever names the URL may reach them anyway.
    pub anywhere: bool,
    /// The ports that a URL may name; any if this is empty.
    pub ports: Vec<u16>,
    /// Origins, as `http://nas.local:8080`, that are called wherever they are, at any port, and without TLS.
    pub trusted: Vec<Url>,
}

/// A host to call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// Whether private addresses are allowed.
    pub(crate) anywhere: bool,
}

impl Rules {
    /// Where `url` leads. Other notations of addresses (`0x7f.1`, `2130706433`, `①②⑦.0.0.1`) are addresses by now: that
    /// is how a [`Url`] is read.
    pub(crate) fn target(&self, url: &Url) -> Result<Target, Error> {
        let anywhere = self.anywhere || self.trusted.iter().any(|trusted| trusted.origin() == url.origin());
        let tls = match url.scheme() {
            "https" => true,
            "http" if anywhere => false,
            _ => return Err(Error::Forbidden("only https:// is called")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Forbidden("the URL has a user name or a password"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(Error::Forbidden("the URL names no host")),
        };
        let port = url.port_or_known_default().unwrap_or_default();
        if !anywhere && !self.ports.is_empty() && !self.ports.contains(&port) {
            return Err(Error::Forbidden("this port is not called"));
        }
        Ok(Target { host, port, tls, anywhere })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(rules: &Rules, url: &str) -> Option<Target> {
        rules.target(&url.parse().ok()?).ok()
    }

    #[test]
    fn only_https_without_a_user_is_called() {
        let rules = Rules::default();
        for url in [
            "http://example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "data:,x",
            "https://a:b@example.org/",
            "https://a@example.org/",
            "https://:b@example.org/",
            "/x",
            "example.org:443",
            "https://",
        ] {
            assert_eq!(target(&rules, url), None, "{url}");
        }
        let target = target(&rules, "https://[2606:4700::1]:8443/x").unwrap();
        assert_eq!((target.host.as_str(), target.port), ("2606:4700::1", 8443));
    }

    #[test]
    fn a_list_of_ports_holds_for_all_but_trusted_origins() {
        let trusted = vec!["http://nas.local:8080".parse().unwrap()];
        let rules = Rules { ports: vec![443], trusted, ..Rules::default() };
        assert!(target(&rules, "https://example.org/").is_some());
        assert!(target(&rules, "https://example.org:443/").is_some());
        assert!(target(&rules, "https://example.org:22/").is_none());
        let nas = target(&rules, "http://nas.local:8080/a").unwrap();
        assert!(nas.anywhere && !nas.tls);
        for other in
            ["http://nas.local/", "https://nas.local:8080/", "http://nas.local.:8080/", "http://x:8080/"]
        {
            assert!(target(&rules, other).is_none(), "{other}");
        }
        assert!(target(&rules, "http://u@nas.local:8080/").is_none());
    }
}
