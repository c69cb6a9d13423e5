//! The session of a browser: a cookie that no script reads and no other site can use.
//!
//! The cookie is `HttpOnly` and `SameSite=Lax`, and `Secure` with the prefix `__Host-` where the service is reached by
//! https. A request that changes something is taken with it only from a page of ours: the browser says so by
//! `Sec-Fetch-Site`, or, where it does not (plain http), by `Origin`. Whoever sends neither is no browser. Bearer tokens
//! need none of this: no browser sends them by itself.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use runtime::Problem;

/// What the secret of a session begins with.
pub const SESSION_PREFIX: &str = "ts_";

const PLAIN: &str = "tapedeck";
const SECURE: &str = "__Host-tapedeck";
/// The most that browsers keep. The session itself ends before, on our side.
const MAX_AGE: u32 = 400 * 24 * 60 * 60;

/// The header `Set-Cookie` that makes a browser keep the secret, or, without one, forget it. `None` if the secret is none
/// of [`crate::new_secret`].
#[must_use]
pub fn session_cookie(secret: Option<&str>, secure: bool) -> Option<HeaderValue> {
    let (name, attribute) = if secure { (SECURE, "; Secure") } else { (PLAIN, "") };
    let age = if secret.is_some() { MAX_AGE } else { 0 };
    let value = secret.unwrap_or_default();
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{attribute}"
    ))
    .ok()
}

/// The secret in the cookie, if there is one. The name that only an https page of ours can set goes first.
#[must_use]
pub fn session_secret(headers: &HeaderMap) -> Option<&str> {
    let pairs = || {
        let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
    };
    let named = |name: &str| pairs().find(|(found, _)| *found == name).map(|(_, value)| value);
    named(SECURE).or_else(|| named(PLAIN)).filter(|secret| secret.starts_with(SESSION_PREFIX))
}

/// Refuses what a page of another site makes a browser send.
///
/// # Errors
/// 403.
pub fn same_origin(parts: &Parts) -> Result<(), Problem> {
    let harmless = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method);
    if harmless || is_ours(&parts.headers, parts.uri.host()) {
        return Ok(());
    }
    let detail =
        "A page of another site has sent this with your cookie. Use the page of this service, or a token.";
    Err(Problem::new(StatusCode::FORBIDDEN, "cross-site", detail))
}

fn is_ours(headers: &HeaderMap, host: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Some((_, origin)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    // No page of another site can set these headers: a browser would ask us first, and we say no.
    let ours = [text("x-forwarded-host"), text("host"), host];
    ours.into_iter().flatten().any(|host| host.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(method: Method, headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().method(method).uri("/jobs");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_cookie_is_closed_to_scripts_and_other_sites() {
        let plain = session_cookie(Some("ts_a"), false).unwrap();
        assert_eq!(plain, "tapedeck=ts_a; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax");
        let secure = session_cookie(None, true).unwrap();
        assert_eq!(secure, "__Host-tapedeck=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
        assert!(session_cookie(Some("a\r\nb"), true).is_none());
    }

    #[test]
    fn the_secret_is_found_among_other_cookies_and_the_secure_one_goes_first() {
        let secret = |cookie: &str| {
            let parts = parts(Method::GET, &[("cookie", cookie)]);
            session_secret(&parts.headers).map(str::to_owned)
        };
        assert_eq!(secret("a=b; tapedeck=ts_1; c=d"), Some("ts_1".into()));
        assert_eq!(secret("tapedeck=ts_1; __Host-tapedeck=ts_2"), Some("ts_2".into()));
        for none in ["", "tapedeck", "tapedeck=", "tapedeck=td_key", "xtapedeck=ts_1", "tapedeckx=ts_1"] {
            assert_eq!(secret(none), None, "{none}");
        }
    }

    #[test]
    fn only_pages_of_ours_change_something_with_the_cookie() {
        let host = ("host", "tapes.example:8080");
        let ours: &[&[(&str, &str)]] = &[
            &[host],
            &[host, ("sec-fetch-site", "same-origin"), ("origin", "https://behind.a.proxy")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("origin", "http://tapes.example:8080")],
            &[("host", "auth"), ("x-forwarded-host", "tapes.example"), ("origin", "https://TAPES.example")],
        ];
        let foreign: &[&[(&str, &str)]] = &[
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site"), ("origin", "http://tapes.example:8080")],
            &[host, ("origin", "http://tapes.example")],
            &[host, ("origin", "http://evil.example")],
            &[host, ("origin", "null")],
            &[("origin", "http://tapes.example")],
        ];
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(ours.iter().all(|headers| same_origin(&parts(method.clone(), headers)).is_ok()));
            assert!(foreign.iter().all(|headers| same_origin(&parts(method.clone(), headers)).is_err()));
        }
        assert!(foreign.iter().all(|headers| same_origin(&parts(Method::GET, headers)).is_ok()));
    }
}
