//! Registering and logging in.

use std::time::{Duration, Instant};

use crate::house::{House, PASSWORD};
use argon2::PasswordHasher as _;
use auth::AuthConfig;
use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::json;

#[tokio::test]
async fn the_tutorials_curl_line_gets_a_bare_token_that_works() {
    let house = House::open().await;
    let id = house.register("Ada@Example.org").await;
    let answer = house.login("ada@example.ORG", PASSWORD, "*/*").await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/plain"));
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.text.split('.').count(), 3);
    let me = house.get("/me", &answer.text).await.json();
    assert_eq!((&me["id"], &me["email"]), (&json!(id), &json!("ada@example.org")));
    assert!(me.get("password_hash").is_none());
}

#[tokio::test]
async fn who_accepts_json_gets_both_tokens() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let answer = house.login("ada@example.org", PASSWORD, "text/html, application/json;q=0.9").await;
    let body = answer.json();
    assert_eq!((&body["expires_in"], &body["token_type"]), (&json!(900), &json!("Bearer")));
    assert_eq!(house.get("/me", &answer.field("access_token")).await.status, 200);
    assert_eq!(house.get("/me", &answer.field("refresh_token")).await.status, 401, "no access token");
}

#[tokio::test]
async fn wrong_credentials_have_one_answer_whatever_is_wrong() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let wrong = house.login("ada@example.org", "wrong password", "*/*").await;
    let unknown = house.login("bob@example.org", PASSWORD, "*/*").await;
    assert_eq!(wrong.problem(), (401, "unauthorized".into()));
    assert_eq!(wrong.text, unknown.text);
    assert!(
        wrong.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic realm=\"tapedeck\"")
    );
    for email in ["", "x' OR '1'='1", "ada@example.org\0", "%"] {
        assert_eq!(house.login(email, PASSWORD, "*/*").await.text, wrong.text, "{email:?}");
    }
}

#[tokio::test]
async fn an_unknown_user_takes_as_long_as_a_wrong_password() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..8 {
        let start = Instant::now();
        house.login("ada@example.org", "wrong password", "*/*").await;
        known = known.min(start.elapsed());
        let start = Instant::now();
        house.login("bob@example.org", "wrong password", "*/*").await;
        unknown = unknown.min(start.elapsed());
    }
    assert!(known < unknown * 2 && unknown < known * 2, "{known:?} {unknown:?}");
}

#[tokio::test]
async fn without_basic_credentials_the_answer_says_what_to_send() {
    let house = House::open().await;
    for authorization in ["", "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic /w==", "Bearer x"] {
        let request = Request::post("/login").header(header::AUTHORIZATION, authorization);
        let answer = house.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.problem().0, 401, "{authorization}");
        assert!(answer.field("detail").contains("HTTP Basic"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_password_may_hold_colons_and_any_letters() {
    let house = House::open().await;
    let password = "a:b:пароль ist lang";
    let answer = house.post("/register", "", json!({"email": "ada@example.org", "password": password})).await;
    assert_eq!(answer.status, 201);
    assert_eq!(house.login("ada@example.org", password, "*/*").await.status, 200);
}

#[tokio::test]
async fn registering_answers_the_account_and_the_first_is_the_administrators() {
    let house = House::open().await;
    let body = json!({"email": " Ada@Example.org ", "password": PASSWORD});
    let first = house.post("/register", "", body).await;
    assert_eq!((first.status, first.headers[header::LOCATION].to_str().unwrap()), (201, "/me"));
    assert_eq!((first.field("email"), first.field("role")), ("ada@example.org".into(), "admin".into()));
    let second = house.post("/register", "", json!({"email": "bob@example.org", "password": PASSWORD})).await;
    assert_eq!(second.field("role"), "user");
    let due =
        house.db.deliveries().due(contracts::Channel::Mail, std::time::Duration::ZERO, 10).await.unwrap();
    assert_eq!(due.len(), 2, "each waits for its mail");
}

#[tokio::test]
async fn the_first_is_nobody_special_if_so_configured() {
    let house = House::with(AuthConfig { first_is_admin: false, ..AuthConfig::default() }).await;
    let token = house.member("ada@example.org").await;
    assert_eq!(house.get("/me", &token).await.field("role"), "user");
}

#[tokio::test]
async fn a_taken_address_is_answered_like_a_new_one_and_its_owner_is_told() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let again = house.post("/register", "", json!({"email": "ADA@example.org", "password": PASSWORD})).await;
    assert_eq!((again.status, again.field("email")), (201, "ada@example.org".into()));
    assert_eq!(house.db.users(10, None).await.unwrap().len(), 1);
    let due = async || {
        house
            .db
            .deliveries()
            .due(contracts::Channel::Mail, std::time::Duration::ZERO, 10)
            .await
            .unwrap()
            .len()
    };
    // The welcome, and the mail that says that there is an account.
    while due().await < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn of_two_who_register_one_address_at_once_one_wins() {
    let house = House::open().await;
    let body = || json!({"email": "ada@example.org", "password": PASSWORD});
    let (one, two) = tokio::join!(house.post("/register", "", body()), house.post("/register", "", body()));
    assert_eq!([one.status, two.status], [201, 201], "neither learns that there is an account");
    assert_eq!(house.db.users(10, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_refused_names_its_field() {
    let house = House::open().await;
    for (email, password, field) in [
        ("ada", PASSWORD, "email"),
        ("ada@example.org\r\nBcc: all@example.org", PASSWORD, "email"),
        ("ada@example.org", "too short", "password"),
        ("ada@example.org", "Qwertyuiop", "password"),
        ("ada@example.org", "ada@example.org", "password"),
    ] {
        let answer = house.post("/register", "", json!({"email": email, "password": password})).await;
        assert_eq!(answer.problem(), (422, "unprocessable".into()));
        assert_eq!(answer.field("field"), field);
        assert!(!answer.text.contains(password), "the password is not echoed");
    }
    let unknown = json!({"email": "ada@example.org", "password": PASSWORD, "role": "admin"});
    assert_eq!(house.post("/register", "", unknown).await.problem().0, 422);
    assert_eq!(house.post("/register", "", json!({"email": "ada@example.org"})).await.problem().0, 422);
}

#[tokio::test]
async fn an_old_hash_is_made_anew_by_whoever_logs_in_and_ends_nothing() {
    let house = House::open().await;
    let id = house.register("ada@example.org").await;
    let (_, refresh_token) = house.tokens("ada@example.org").await;
    let cheap = argon2::Params::new(8192, 1, 1, None).unwrap();
    let cheap = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
    let old = cheap.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let stored = async || house.db.user(id).await.unwrap().unwrap().password_hash;
    assert!(house.db.rehash_password(id, &stored().await, &old).await.unwrap());
    assert_eq!(house.login("ada@example.org", "wrong password", "*/*").await.status, 401);
    assert_eq!(stored().await, old, "who is wrong changes nothing");
    assert_eq!(house.login("ada@example.org", PASSWORD, "*/*").await.status, 200);
    let new = stored().await;
    assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{new}");
    assert_eq!(house.login("ada@example.org", PASSWORD, "*/*").await.status, 200);
    assert_eq!(stored().await, new, "once");
    assert_eq!(house.refresh(&refresh_token).await.status, 200);
}

#[tokio::test]
async fn a_body_that_no_account_needs_is_refused_unread() {
    let house = House::open().await;
    let answer =
        house.post("/register", "", json!({"email": "x".repeat(20_000), "password": PASSWORD})).await;
    assert_eq!(answer.problem(), (413, "too-large".into()));
}

#[tokio::test]
async fn an_unproven_address_can_be_kept_out() {
    let house = House::with(AuthConfig { allow_unverified: false, ..AuthConfig::default() }).await;
    house.register("ada@example.org").await;
    let answer = house.login("ada@example.org", PASSWORD, "*/*").await;
    assert_eq!(answer.problem(), (403, "address-unproven".into()));
    assert_eq!(house.login("ada@example.org", "wrong password", "*/*").await.status, 401);
}

#[tokio::test]
async fn a_crowd_is_told_to_come_back() {
    let config = AuthConfig { hash_parallel: 1, hash_queue: 0, ..AuthConfig::default() };
    let house = House::with(config).await;
    let login = || house.login("ada@example.org", PASSWORD, "*/*");
    let answers = tokio::join!(login(), login(), login(), login());
    let answers = [answers.0, answers.1, answers.2, answers.3];
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty() && busy.len() < 4, "{} of 4 refused", busy.len());
    assert_eq!(busy[0].headers[header::RETRY_AFTER], "2");
    assert_eq!(login().await.status, 401, "afterwards it works again");
}

#[tokio::test]
async fn without_a_database_the_answer_is_503() {
    let house = House::open().await;
    house.db.close().await;
    let answer = house.login("ada@example.org", PASSWORD, "*/*").await;
    assert_eq!(answer.problem(), (503, "unavailable".into()));
}
