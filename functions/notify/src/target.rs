//! Where a webhook may go: to public addresses, over TLS. Users choose the URL, so it must not reach what only this
//! machine can reach.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use hyper::Uri;

/// A host to call.
pub(crate) struct Target {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    port: u16,
    pub(crate) tls: bool,
}

impl Target {
    /// `None` if it is no `https` URL with a host and nothing before it; with `anywhere` it may be `http` too.
    pub(crate) fn of(uri: &Uri, anywhere: bool) -> Option<Self> {
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" if anywhere => false,
            _ => return None,
        };
        if uri.authority()?.as_str().contains('@') {
            return None;
        }
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }), tls })
    }

    /// The addresses of the host, resolved now: connect to these and to no others, or a second answer of the same name
    /// could be a private one. Empty if all are private and `anywhere` is not set.
    ///
    /// # Errors
    /// If the name can't be resolved.
    pub(crate) async fn addresses(&self, anywhere: bool) -> io::Result<Vec<SocketAddr>> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        Ok(found.filter(|address| anywhere || is_public(address.ip())).collect())
    }
}

/// Whether everybody in the world would reach the same machine there.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Without the special-purpose blocks of the IANA registry (RFC 6890).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [100, 64..=127, ..]
    );
    !special
}

/// Only global unicast (2000::/3), without what is documentation or carries an IPv4 address to somewhere (Teredo,
/// 6to4); NAT64, mapped and local addresses lie outside of it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_whole_world_are_public() {
        for address in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "2a00:1450::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn however_the_loopback_address_is_written_it_is_none_to_call() {
        for host in
            ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:7f00:1]"]
        {
            let uri: Uri = format!("https://{host}/").parse().unwrap();
            let target = Target::of(&uri, false).unwrap();
            // What the system can't even resolve is as good as refused.
            assert!(target.addresses(false).await.unwrap_or_default().is_empty(), "{host}");
        }
    }

    #[test]
    fn only_https_is_called() {
        for url in
            ["http://example.org/", "ftp://example.org/", "https://a:b@example.org/", "/x", "example.org:443"]
        {
            assert!(Target::of(&url.parse().unwrap(), false).is_none(), "{url}");
        }
        let target = Target::of(&"https://[2606:4700::1]:8443/x".parse().unwrap(), false).unwrap();
        assert_eq!((target.host.as_str(), target.port), ("2606:4700::1", 8443));
    }
}
