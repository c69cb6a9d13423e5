//! What a proxy takes away and adds (RFC 9110, 7.6; RFC 7239).

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// About one connection only, so never passed on. `Expect` too: the server answers it before the body is read.
const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Removes what is about one connection, and what `Connection` names.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Says who asked for what. What the client says about itself is dropped unless a proxy before us is `trusted`.
/// `Host` goes: the function's own takes its place.
pub(crate) fn add_forwarded(headers: &mut HeaderMap, peer: Option<IpAddr>, trusted: bool) {
    if !trusted {
        for name in [FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, header::FORWARDED] {
            headers.remove(name);
        }
    }
    let host = headers.remove(header::HOST);
    let peers = list(headers, &FORWARDED_FOR, peer.map(|peer| peer.to_string()));
    let element = element(peer, host.as_ref());
    let elements = list(headers, &header::FORWARDED, Some(element));
    set(headers, FORWARDED_FOR, peers);
    set(headers, header::FORWARDED, elements);
    if let (Some(host), false) = (host, headers.contains_key(FORWARDED_HOST)) {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static("http"));
}

/// What the proxies before us said, and our own.
fn list(headers: &HeaderMap, name: &HeaderName, own: Option<String>) -> String {
    let before = headers.get_all(name).iter().filter_map(|value| value.to_str().ok().map(str::to_owned));
    before.chain(own).collect::<Vec<_>>().join(", ")
}

/// `for="[2001:db8::1]";host="tapedeck.example";proto=http`.
fn element(peer: Option<IpAddr>, host: Option<&HeaderValue>) -> String {
    let peer = match peer {
        Some(IpAddr::V4(peer)) => format!("for={peer}"),
        Some(IpAddr::V6(peer)) => format!("for=\"[{peer}]\""),
        None => "for=unknown".into(),
    };
    // A quote would end the value: such a host is none.
    let host = host.and_then(|host| host.to_str().ok()).filter(|host| !host.contains(['"', '\\']));
    let host = host.map(|host| format!(";host=\"{host}\"")).unwrap_or_default();
    format!("{peer}{host};proto=http")
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).fold(
            HeaderMap::new(),
            |mut all, (name, value): (HeaderName, HeaderValue)| {
                all.append(name, value);
                all
            },
        )
    }

    #[test]
    fn what_is_about_one_connection_goes_and_so_does_what_connection_names() {
        let mut all = headers(&[
            ("connection", "close, X-Hop"),
            ("connection", "x-other"),
            ("x-hop", "1"),
            ("x-other", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic x"),
            ("authorization", "Bearer x"),
            ("traceparent", "00-1-2-01"),
        ]);
        remove_hop_by_hop(&mut all);
        let left: Vec<_> = all.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["authorization", "traceparent"]);
    }

    #[test]
    fn a_client_cannot_say_that_it_is_somebody_else() {
        let claimed = [("host", "a.example"), ("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")];
        let mut all = headers(&claimed);
        add_forwarded(&mut all, Some([127, 0, 0, 1].into()), false);
        assert_eq!(all["x-forwarded-for"], "127.0.0.1");
        assert_eq!(all["x-forwarded-host"], "a.example");
        assert_eq!(all["x-forwarded-proto"], "http");
        assert_eq!(all["forwarded"], "for=127.0.0.1;host=\"a.example\";proto=http");
        assert!(!all.contains_key("host"));
    }

    #[test]
    fn what_a_trusted_proxy_says_is_kept_and_added_to() {
        let said = [
            ("host", "inner"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "a.example"),
            ("forwarded", "for=1.2.3.4"),
        ];
        let mut all = headers(&said);
        add_forwarded(&mut all, Some("::1".parse().unwrap()), true);
        assert_eq!(all["x-forwarded-for"], "1.2.3.4, ::1");
        assert_eq!(all["x-forwarded-host"], "a.example");
        assert_eq!(all["x-forwarded-proto"], "https");
        assert_eq!(all["forwarded"], "for=1.2.3.4, for=\"[::1]\";host=\"inner\";proto=http");
    }
}
