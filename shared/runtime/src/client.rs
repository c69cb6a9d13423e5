//! Who is at the other end of a request: whose limits it counts for, and what is shown of it.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};

/// The address of the client, as far as it can be told.
///
/// Behind proxies that are trusted it is the last public address of `X-Forwarded-For`: what stands before it the client
/// may have said itself, what stands after it are proxies inside the house. Where all are private, the client is in the
/// house too, and the first one is its. A client of a private network can so say that it is another one; the limits of an
/// account hold for it all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub IpAddr);

impl Client {
    pub(crate) fn new(peer: IpAddr, headers: &HeaderMap, trust_forwarded: bool) -> Self {
        let said = if trust_forwarded { forwarded(headers) } else { None };
        Self(said.unwrap_or(peer).to_canonical())
    }

    /// What limits count by: an IPv4 address, or the /64 of an IPv6 address, which is one line's.
    #[must_use]
    pub fn network(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("{}/64", cut(address, 64)),
        }
    }

    /// Enough of the address for its owner to know it again, and no more: a /24 or a /48.
    #[must_use]
    pub fn shortened(self) -> String {
        match self.0 {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                format!("{}/24", Ipv4Addr::new(a, b, c, 0))
            }
            IpAddr::V6(address) => format!("{}/48", cut(address, 48)),
        }
    }
}

fn cut(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)))
}

fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").into_iter().filter_map(|line| line.to_str().ok());
    let all: Vec<IpAddr> = lines.flat_map(|line| line.split(',')).filter_map(address).collect();
    all.iter().rev().find(|address| is_public(**address)).or(all.first()).copied()
}

/// With or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = text.trim_start_matches('[').trim_end_matches(']').parse();
    let address = plain.or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// Not an address of a house: those of RFC 1918, RFC 6598 (carriers and clusters), RFC 4193, and of a link or a machine.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || shared)
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    /// All whose address is not known are one.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let nobody = Self(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(nobody))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "10.0.0.9";

    fn client(forwarded: &[&str], trusted: bool) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        Client::new(PEER.parse().unwrap(), &headers, trusted).0.to_string()
    }

    #[test]
    fn who_is_not_behind_a_trusted_proxy_is_who_has_the_connection() {
        assert_eq!(client(&["203.0.113.7"], false), PEER);
        assert_eq!(client(&[], true), PEER);
        assert_eq!(client(&["nonsense, , unknown"], true), PEER);
    }

    #[test]
    fn behind_proxies_the_last_public_address_counts_whatever_the_client_says_before_it() {
        assert_eq!(client(&["203.0.113.7"], true), "203.0.113.7");
        assert_eq!(client(&["1.1.1.1, 203.0.113.7, 10.4.0.1, 100.64.3.2"], true), "203.0.113.7");
        assert_eq!(client(&["1.1.1.1", "203.0.113.7:4711, fd00::1"], true), "203.0.113.7");
        assert_eq!(client(&["9.9.9.9, [2001:db8::7]:443, ::ffff:10.0.0.1"], true), "2001:db8::7");
    }

    #[test]
    fn inside_a_house_the_first_address_is_the_clients() {
        assert_eq!(client(&["192.168.1.5, 10.4.0.1"], true), "192.168.1.5");
    }

    #[test]
    fn limits_count_by_the_line_and_people_see_less_of_it() {
        let client = |text: &str| Client::new(text.parse().unwrap(), &HeaderMap::new(), false);
        assert_eq!(client("203.0.113.7").network(), "203.0.113.7");
        assert_eq!(client("::ffff:203.0.113.7").network(), "203.0.113.7");
        assert_eq!(client("2001:db8:1:2:3:4:5:6").network(), client("2001:db8:1:2::9").network());
        assert_ne!(client("2001:db8:1:2::9").network(), client("2001:db8:1:3::9").network());
        assert_eq!(client("203.0.113.7").shortened(), "203.0.113.0/24");
        assert_eq!(client("2001:db8:1:2::9").shortened(), "2001:db8:1::/48");
    }
}
