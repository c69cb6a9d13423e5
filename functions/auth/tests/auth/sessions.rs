//! Log-ins that outlive a tab, and guests.

use std::time::Duration;

use auth::AuthConfig;
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};

use crate::house::{Answer, House, PASSWORD};

const ADA: &str = "ada@example.org";
const CROSS_SITE: [(&str, &str); 1] = [("sec-fetch-site", "cross-site")];

async fn send(
    house: &House,
    (method, path): (Method, &str),
    cookie: &str,
    headers: &[(&str, &str)],
    body: Value,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header(header::COOKIE, cookie);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Value::Null => Body::empty(),
        value => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from(value.to_string())
        }
    };
    house.send(request.body(body).unwrap()).await
}

async fn get(house: &House, path: &str, cookie: &str) -> Answer {
    send(house, (Method::GET, path), cookie, &[], Value::Null).await
}

async fn open(house: &House, agent: &str) -> Answer {
    let credentials = json!({"email": ADA, "password": PASSWORD});
    send(house, (Method::POST, "/session"), "", &[("user-agent", agent)], credentials).await
}

/// What a browser sends back.
fn cookie(answer: &Answer) -> String {
    let set = answer.headers[header::SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

async fn house() -> House {
    let house = House::open().await;
    house.register(ADA).await;
    house
}

#[tokio::test]
async fn a_cookie_logs_in_until_it_is_logged_out() {
    let house = house().await;
    let opened = open(&house, "a browser").await;
    assert_eq!((opened.status, opened.field("email")), (200, ADA.into()));
    assert_eq!(opened.headers[header::CACHE_CONTROL], "no-store");
    let set = opened.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(set.contains("; HttpOnly; SameSite=Lax") && !set.contains("Secure"), "{set}");
    let mine = cookie(&opened);
    assert_eq!(get(&house, "/me", &mine).await.field("email"), ADA);
    assert_eq!(get(&house, "/me", &format!("{mine}x")).await.problem(), (401, "session-ended".into()));
    let closed = send(&house, (Method::DELETE, "/session"), &mine, &[], Value::Null).await;
    assert_eq!((closed.status, cookie(&closed)), (204, "tapedeck=".into()));
    assert_eq!(get(&house, "/me", &mine).await.status, 401);
    let again = send(&house, (Method::DELETE, "/session"), &mine, &[], Value::Null).await;
    assert_eq!(again.status, 204);
}

#[tokio::test]
async fn a_wrong_password_opens_no_session_and_no_browser_asks_for_another_one() {
    let house = house().await;
    let wrong = json!({"email": ADA, "password": "wrong password"});
    let answer = send(&house, (Method::POST, "/session"), "", &[], wrong).await;
    assert_eq!(answer.problem(), (401, "unauthorized".into()));
    assert!(!answer.headers.contains_key(header::WWW_AUTHENTICATE));
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn where_the_world_comes_by_https_the_cookie_is_for_https_only() {
    let house = House::with(AuthConfig::default().reached_at("https://tapes.example")).await;
    house.register(ADA).await;
    let opened = open(&house, "").await;
    let set = opened.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(set.starts_with("__Host-tapedeck=ts_") && set.ends_with("; Secure"), "{set}");
    assert_eq!(get(&house, "/me", &cookie(&opened)).await.status, 200);
}

#[tokio::test]
async fn no_page_of_another_site_changes_anything_with_the_cookie() {
    let house = house().await;
    let mine = cookie(&open(&house, "").await);
    let key = json!({"name": "a program", "scopes": ["read"]});
    let make =
        |headers: &'static [(&str, &str)]| send(&house, (Method::POST, "/keys"), &mine, headers, key.clone());
    assert_eq!(make(&CROSS_SITE).await.problem(), (403, "cross-site".into()));
    assert_eq!(make(&[("host", "tapes.example"), ("origin", "http://evil.example")]).await.status, 403);
    assert_eq!(make(&[("sec-fetch-site", "same-origin")]).await.status, 201);
    assert_eq!(make(&[("host", "tapes.example"), ("origin", "http://tapes.example")]).await.status, 201);
    let seen = send(&house, (Method::GET, "/me"), &mine, &CROSS_SITE, Value::Null).await;
    assert_eq!(
        seen.status, 200,
        "a link from elsewhere leads in: it changes nothing, and the other page sees nothing"
    );
    let credentials = json!({"email": ADA, "password": PASSWORD});
    for (target, body) in [
        ((Method::POST, "/session"), credentials),
        ((Method::DELETE, "/session"), Value::Null),
        ((Method::POST, "/guest"), Value::Null),
    ] {
        assert_eq!(
            send(&house, target, &mine, &CROSS_SITE, body).await.problem(),
            (403, "cross-site".into())
        );
    }
    let token = house.login(ADA, PASSWORD, "*/*").await.text;
    let bearer = format!("Bearer {token}");
    let headers = [("sec-fetch-site", "cross-site"), ("authorization", bearer.as_str())];
    let made = send(&house, (Method::POST, "/keys"), "", &headers, key.clone()).await;
    assert_eq!(made.status, 201, "no browser sends a token by itself");
}

#[tokio::test]
async fn log_ins_are_listed_and_ended_one_by_one() {
    let house = house().await;
    let mine = cookie(&open(&house, "browser one").await);
    house.clock.advance(Duration::from_secs(1));
    let lost = cookie(&open(&house, "browser two").await);
    house.clock.advance(Duration::from_secs(1));
    let (_, refresh) = house.tokens(ADA).await;
    let list = get(&house, "/me/sessions", &mine).await.json();
    let sessions = list["sessions"].as_array().unwrap();
    let agents: Vec<_> = sessions.iter().map(|session| session["agent"].as_str().unwrap()).collect();
    assert_eq!(agents, ["", "browser two", "browser one"]);
    let current: Vec<_> = sessions.iter().map(|session| session["current"].as_bool().unwrap()).collect();
    assert_eq!(current, [false, false, true]);
    let path = |at: usize| format!("/me/sessions/{}", sessions[at]["id"].as_str().unwrap());
    let bob = house.member("bob@example.org").await;
    assert_eq!(house.delete(&path(1), &bob).await.problem(), (404, "not-found".into()));
    for at in [0, 1] {
        let ended = send(&house, (Method::DELETE, &path(at)), &mine, &[], Value::Null).await;
        assert_eq!(ended.status, 204);
    }
    assert_eq!(get(&house, "/me", &lost).await.status, 401);
    assert_eq!(house.refresh(&refresh).await.status, 401);
    assert_eq!(get(&house, "/me", &mine).await.status, 200);
}

#[tokio::test]
async fn an_api_key_neither_sees_nor_ends_log_ins() {
    let house = house().await;
    let token = house.login(ADA, PASSWORD, "*/*").await.text;
    let key = house.api_key(&token, json!(["read", "upload"])).await.field("secret");
    assert_eq!(house.get("/me/sessions", &key).await.status, 403);
    let id = contracts::TokenId::generate();
    assert_eq!(house.delete(&format!("/me/sessions/{id}"), &key).await.status, 403);
}

#[tokio::test]
async fn a_new_password_and_a_lock_end_cookies() {
    let house = house().await;
    let mine = cookie(&open(&house, "").await);
    let passwords = json!({"old_password": PASSWORD, "new_password": "another horse battery"});
    let changed = send(&house, (Method::POST, "/password"), &mine, &[], passwords).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    assert_eq!(get(&house, "/me", &mine).await.status, 401);
}

#[tokio::test]
async fn there_are_no_guests_unless_somebody_says_so() {
    let house = House::open().await;
    let answer = send(&house, (Method::POST, "/guest"), "", &[], Value::Null).await;
    assert_eq!(answer.problem(), (403, "no-guests".into()));
    assert_eq!(house.get("/guest", "").await.json(), json!({"hours": 0}));
}

#[tokio::test]
async fn a_guest_has_an_account_for_a_while_and_few_come_from_one_address() {
    let config = AuthConfig { guest_hours: 2, guests_per_hour: 2, ..AuthConfig::default() };
    let house = House::with(config).await;
    let come = || send(&house, (Method::POST, "/guest"), "", &[], Value::Null);
    let guest = come().await;
    assert_eq!(
        (guest.status, guest.field("class"), guest.field("role")),
        (201, "guest".into(), "user".into())
    );
    assert!(guest.json()["guest_until"].is_string());
    let theirs = cookie(&guest);
    let limits = get(&house, "/me/limits", &theirs).await.json();
    assert_eq!((&limits["class"]["name"], &limits["class"]["keep_days"]), (&json!("guest"), &json!(1)));
    let email = guest.field("email");
    assert_eq!(house.login(&email, "", "*/*").await.status, 401, "it has no password");
    assert_eq!(come().await.status, 201);
    assert_eq!(come().await.problem(), (429, "too-many-requests".into()));
    house.clock.advance(Duration::from_secs(2 * 3600 + 1));
    assert_eq!(house.db.delete_expired_guests(10).await.unwrap(), 2);
    assert_eq!(get(&house, "/me", &theirs).await.status, 401);
}
