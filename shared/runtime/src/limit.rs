//! Too many requests: the answer that says when to come again, and a limit that one process holds by itself.
//!
//! What must hold over all processes and over restarts (log-ins, new accounts, uploads) is counted in the database
//! (`db::Db::take`). [`RequestLimit`] is for what is cheap: it keeps one address from taking a whole process, and what it
//! knows is gone with the process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};

use crate::{Client, Problem};

/// Addresses that are remembered before those are forgotten that have waited long enough.
const REMEMBERED: usize = 10_000;

/// 429: this was the last of `amount` in `window` (draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` and
/// `RateLimit`), with `Retry-After`. `policy` is a word for programs, `detail` says to people what was too much.
#[must_use]
pub fn too_many(
    policy: &'static str,
    (amount, window): (u64, Duration),
    wait: Duration,
    detail: &str,
) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = seconds.max(1);
    let again = match seconds {
        1 => "in a second".to_owned(),
        2..120 => format!("in {seconds} seconds"),
        120..7200 => format!("in {} minutes", seconds.div_ceil(60)),
        _ => format!("in {} hours", seconds.div_ceil(3600)),
    };
    let quota = format!("\"{policy}\";q={amount};w={}", window.as_secs());
    let left = format!("\"{policy}\";r=0;t={seconds}");
    let headers = [
        (HeaderName::from_static("ratelimit-policy"), quota),
        (HeaderName::from_static("ratelimit"), left),
        (header::RETRY_AFTER, seconds.to_string()),
    ];
    let detail = format!("{detail} Try again {again}.");
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
        .member("policy", policy)
        .member("retry_after", seconds);
    headers.into_iter().fold(problem, |problem, (name, value)| match HeaderValue::from_str(&value) {
        Ok(value) => problem.header(name, value),
        Err(_) => problem,
    })
}

/// How many requests an address may send to this process.
#[derive(Debug)]
pub struct RequestLimit {
    amount: u64,
    window: Duration,
    /// When each address' bucket will be full again.
    full_at: Mutex<HashMap<String, Instant>>,
}

impl RequestLimit {
    /// So many in a minute for each address; all of them may come at once.
    #[must_use]
    pub fn a_minute(amount: u64) -> Self {
        Self { amount: amount.max(1), window: Duration::from_secs(60), full_at: Mutex::default() }
    }

    /// Puts `routes` behind it.
    pub fn before(self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::new(self), limited))
    }

    /// One more request of this address at this time; else how long it has to wait.
    fn take(&self, network: String, now: Instant) -> Result<(), Duration> {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.retain(|_, full_at| *full_at > now);
        }
        let full_at = all.entry(network).or_insert(now);
        let cost = self.window.div_f64(self.amount as f64);
        let next = (*full_at).max(now) + cost;
        match next.checked_duration_since(now + self.window) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *full_at = next;
                Ok(())
            }
        }
    }
}

async fn limited(
    State(limit): State<Arc<RequestLimit>>,
    client: Client,
    request: Request,
    next: Next,
) -> Response {
    match limit.take(client.network(), Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let quota = (limit.amount, limit.window);
            too_many("requests", quota, wait, "Too many requests come from your address.").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use tower::ServiceExt as _;

    use super::*;

    #[test]
    fn an_address_gets_its_requests_at_once_and_then_one_by_one_and_others_get_theirs() {
        let (limit, now) = (RequestLimit::a_minute(60), Instant::now());
        for _ in 0..60 {
            limit.take("a".into(), now).unwrap();
        }
        assert_eq!(limit.take("a".into(), now), Err(Duration::from_secs(1)));
        limit.take("b".into(), now).unwrap();
        let later = now + Duration::from_secs(1);
        limit.take("a".into(), later).unwrap();
        limit.take("a".into(), later).unwrap_err();
    }

    #[test]
    fn addresses_that_have_waited_long_enough_are_forgotten() {
        let (limit, now) = (RequestLimit::a_minute(60), Instant::now());
        for number in 0..REMEMBERED {
            limit.take(number.to_string(), now).unwrap();
        }
        limit.take("a".into(), now + Duration::from_secs(60)).unwrap();
        assert_eq!(limit.full_at.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn the_answer_says_what_the_limit_is_and_when_to_come_again() {
        let routes = RequestLimit::a_minute(1).before(Router::new().route("/", get(async || "")));
        let ask = || routes.clone().oneshot(Request::get("/").body(Body::empty()).unwrap());
        assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
        let refused = ask().await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()["ratelimit-policy"], "\"requests\";q=1;w=60");
        let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert_eq!(refused.headers()["ratelimit"], format!("\"requests\";r=0;t={seconds}").as_str());
        let body = axum::body::to_bytes(refused.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(body["type"].as_str().unwrap().ends_with("too-many-requests"), "{body}");
        assert_eq!((&body["retry_after"], &body["policy"]), (&seconds.into(), &"requests".into()));
    }
}
