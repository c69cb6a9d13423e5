//! How often somebody may try, and what accounts may use.

use auth::AuthConfig;
use axum::{
    body::Body,
    http::{Request, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use runtime::Client;
use serde_json::{Value, json};

use crate::house::{Answer, House, PASSWORD};

const HOME: &str = "198.51.100.7";
const ELSEWHERE: &str = "203.0.113.9";
const ADA: &str = "ada@example.org";

/// From this address.
async fn login(house: &House, address: &str, email: &str, password: &str) -> Answer {
    let basic = STANDARD.encode(format!("{email}:{password}"));
    let mut request = Request::post("/login")
        .header(header::AUTHORIZATION, format!("Basic {basic}"))
        .body(Body::empty())
        .unwrap();
    request.extensions_mut().insert(Client(address.parse().unwrap()));
    house.send(request).await
}

async fn post(house: &House, address: &str, path: &str, body: Value) -> Answer {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    request.extensions_mut().insert(Client(address.parse().unwrap()));
    house.send(request).await
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.problem().0, answer.field("policy"))
}

#[tokio::test]
async fn who_guesses_from_one_address_has_to_wait_and_the_owner_gets_in_from_another() {
    let house = House::with(AuthConfig { guesses_per_hour: 3, ..AuthConfig::default() }).await;
    house.register(ADA).await;
    for _ in 0..3 {
        assert_eq!(login(&house, ELSEWHERE, ADA, "a guess at it").await.status, 401);
    }
    let waits = login(&house, ELSEWHERE, "ADA@example.org ", PASSWORD).await;
    assert_eq!(refused(&waits), (429, "guesses".into()), "the right one too");
    assert_eq!(waits.headers["ratelimit-policy"], "\"guesses\";q=3;w=3600");
    assert_eq!(waits.headers["ratelimit"], "\"guesses\";r=0;t=1200");
    assert_eq!(waits.headers[header::RETRY_AFTER], "1200");
    assert_eq!(login(&house, HOME, ADA, PASSWORD).await.status, 200);
    assert_eq!(
        login(&house, ELSEWHERE, "bob@example.org", "a guess at it").await.status,
        401,
        "another account"
    );
    house.clock.advance(std::time::Duration::from_secs(1200));
    assert_eq!(login(&house, ELSEWHERE, ADA, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_account_that_there_is_not_is_guessed_at_as_often() {
    let house = House::with(AuthConfig { guesses_per_hour: 2, ..AuthConfig::default() }).await;
    for expected in [401, 401, 429] {
        assert_eq!(login(&house, ELSEWHERE, "nobody@example.org", "a guess").await.status, expected);
    }
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_are_looked_at_than_of_many_in_turn() {
    let house = House::with(AuthConfig { guesses_per_hour: 3, ..AuthConfig::default() }).await;
    house.register(ADA).await;
    let guess = || login(&house, ELSEWHERE, ADA, "a guess at it");
    let (a, b, c, d, e, f) = tokio::join!(guess(), guess(), guess(), guess(), guess(), guess());
    let looked_at = [a, b, c, d, e, f].iter().filter(|answer| answer.status == 401).count();
    assert_eq!(looked_at, 3);
}

#[tokio::test]
async fn a_right_password_is_no_guess() {
    let house = House::with(AuthConfig { guesses_per_hour: 2, ..AuthConfig::default() }).await;
    house.register(ADA).await;
    for _ in 0..5 {
        assert_eq!(login(&house, HOME, ADA, PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn many_addresses_together_do_not_get_far_and_do_not_lock_the_owner_out() {
    let config = AuthConfig { account_guesses_per_hour: 4, ..AuthConfig::default() };
    let house = House::with(config).await;
    house.register(ADA).await;
    assert_eq!(login(&house, HOME, ADA, PASSWORD).await.status, 200);
    for number in 1..5 {
        assert_eq!(login(&house, &format!("203.0.113.{number}"), ADA, "a guess at it").await.status, 401);
    }
    assert_eq!(refused(&login(&house, ELSEWHERE, ADA, PASSWORD).await), (429, "account-guesses".into()));
    assert_eq!(login(&house, HOME, ADA, PASSWORD).await.status, 200, "from where they have logged in before");
}

#[tokio::test]
async fn one_line_of_ipv6_is_one_address() {
    let house = House::with(AuthConfig { logins_per_minute: 1, ..AuthConfig::default() }).await;
    assert_eq!(login(&house, "2001:db8:1:2::1", ADA, PASSWORD).await.status, 401);
    assert_eq!(refused(&login(&house, "2001:db8:1:2:f::9", ADA, PASSWORD).await), (429, "logins".into()));
    assert_eq!(login(&house, "2001:db8:1:3::1", ADA, PASSWORD).await.status, 401);
}

#[tokio::test]
async fn without_the_database_nobody_logs_in_and_nobody_guesses() {
    let house = House::open().await;
    house.register(ADA).await;
    house.db.close().await;
    for password in [PASSWORD, "a guess at it"] {
        assert_eq!(login(&house, HOME, ADA, password).await.problem(), (503, "unavailable".into()));
    }
}

#[tokio::test]
async fn registrations_and_mails_for_passwords_are_counted_by_address() {
    let (registrations_per_hour, resets_per_hour) = (2, 2);
    let house =
        House::with(AuthConfig { registrations_per_hour, resets_per_hour, ..AuthConfig::default() }).await;
    let register = |address, number: u32| {
        let account = json!({"email": format!("{number}@example.org"), "password": PASSWORD});
        post(&house, address, "/register", account)
    };
    for (number, expected) in [(1, 201), (1, 201), (2, 429)] {
        assert_eq!(register(ELSEWHERE, number).await.status, expected);
    }
    let weak = json!({"email": "3@example.org", "password": "x"});
    assert_eq!(
        post(&house, HOME, "/register", weak).await.status,
        422,
        "costs nothing and counts for nothing"
    );
    assert_eq!(register(HOME, 3).await.status, 201);
    let ask = |address| post(&house, address, "/password/reset", json!({"email": ADA}));
    for expected in [202, 202, 429] {
        assert_eq!(ask(ELSEWHERE).await.status, expected);
    }
    assert_eq!(ask(HOME).await.status, 202);
}

#[tokio::test]
async fn keys_are_counted_by_account() {
    let house = House::with(AuthConfig { keys_per_hour: 1, ..AuthConfig::default() }).await;
    let (ada, bob) = (house.member(ADA).await, house.member("bob@example.org").await);
    assert_eq!(house.api_key(&ada, json!(["read"])).await.status, 201);
    assert_eq!(refused(&house.api_key(&ada, json!(["read"])).await), (429, "keys".into()));
    assert_eq!(house.api_key(&bob, json!(["read"])).await.status, 201);
}

#[tokio::test]
async fn administrators_say_what_a_class_may_use_and_everybody_sees_their_own() {
    let house = House::open().await;
    let (admin, user) = (house.member(ADA).await, house.member("bob@example.org").await);
    let standard = house.get("/me/limits", &user).await.json();
    assert_eq!((&standard["class"]["name"], &standard["minutes_left"]), (&json!("standard"), &Value::Null));
    let small = json!({"bytes_per_file": 1000, "minutes_a_day": 60, "jobs_at_once": 3, "keep_days": 7});
    let put = |path, token, body: &Value| house.call("PUT".parse().unwrap(), path, token, body.clone());
    assert_eq!(put("/admin/classes/small", &user, &small).await.status, 403);
    assert_eq!(put("/admin/classes/small", &admin, &small).await.status, 200);
    for (path, body) in [
        ("/admin/classes/No", small.clone()),
        ("/admin/classes/small", json!({"bytes_per_file": -1})),
        ("/admin/classes/small", json!({"bytes_per_file": 1_u64 << 54})),
        ("/admin/classes/small", json!({"bytes": 1})),
    ] {
        assert_eq!(put(path, &admin, &body).await.problem().0, 422, "{path} {body}");
    }
    let classes = house.get("/admin/classes", &admin).await.json();
    let names: Vec<_> = classes["classes"].as_array().unwrap().iter().map(|class| &class["name"]).collect();
    assert_eq!(names, ["guest", "priority", "small", "standard"]);
    let bob = house.get("/me", &user).await.field("id");
    let changed = house.patch(&format!("/admin/users/{bob}"), &admin, json!({"class": "small"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let limits = house.get("/me/limits", &user).await.json();
    let expected = json!({
        "class": {"name": "small", "bytes_per_file": 1000, "minutes_a_day": 60, "jobs_at_once": 3, "keep_days": 7},
        "jobs": 0,
        "minutes_left": 60,
    });
    assert_eq!(limits, expected);
}
