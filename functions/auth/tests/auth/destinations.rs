//! Where somebody is told of the ends of jobs, and whether by mail.

use std::time::Duration;

use auth::AuthConfig;
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use contracts::{DeliveryDue, Event as _, Timestamp};
use serde_json::{Value, json};

use crate::house::{Answer, House, PASSWORD};

const ADA: &str = "ada@example.org";
const HOOK: &str = "https://example.org/hook";

async fn make(house: &House, token: &str, kind: &str, address: &str) -> Answer {
    house.post("/me/destinations", token, json!({"kind": kind, "address": address})).await
}

/// A webhook that was made: where it is, and its secret.
async fn webhook(house: &House, token: &str) -> (String, String) {
    let answer = make(house, token, "webhook", HOOK).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    (answer.headers[header::LOCATION].to_str().unwrap().to_owned(), answer.field("secret"))
}

async fn listed(house: &House, token: &str) -> Vec<Value> {
    let answer = house.get("/me/destinations", token).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    answer.json()["destinations"].as_array().unwrap().clone()
}

/// The same request again and again.
async fn post_with_key(house: &House, token: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = Request::post(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header("idempotency-key", "one")
        .header(header::CONTENT_TYPE, "application/json");
    house.send(request.body(body.map_or_else(Body::empty, |body| body.to_string().into())).unwrap()).await
}

#[tokio::test]
async fn a_webhook_is_made_shown_changed_and_removed_and_its_secret_is_shown_once() {
    let house = House::open().await;
    let ada = house.member(ADA).await;
    let (place, secret) = webhook(&house, &ada).await;
    assert!(secret.starts_with("whsec_"));
    let all = listed(&house, &ada).await;
    assert_eq!((all.len(), &all[0]["address"], &all[0]["active"]), (1, &json!(HOOK), &json!(true)));
    assert_eq!((&all[0]["events"], &all[0]["token"]), (&json!(["done", "failed"]), &json!(false)));
    assert!(!all[0].to_string().contains("whsec_"));
    let patch = json!({"active": false, "events": ["failed"], "address": "https://example.com/"});
    let changed = house.patch(&place, &ada, patch).await.json();
    assert_eq!((&changed["active"], &changed["events"]), (&json!(false), &json!(["failed"])));
    assert_eq!(house.patch(&place, &ada, json!({})).await.json(), changed, "what is left out stays");
    assert_eq!(house.delete(&place, &ada).await.status, 204);
    assert_eq!(house.delete(&place, &ada).await.status, 404);
    assert!(listed(&house, &ada).await.is_empty());
}

#[tokio::test]
async fn a_token_is_never_shown_and_stored_sealed_and_does_not_follow_to_another_address() {
    let house = House::open().await;
    let ada = house.member(ADA).await;
    let new = json!({"kind": "ntfy", "address": "https://ntfy.sh/talks", "token": "tk_visible"});
    let made = house.post("/me/destinations", &ada, new).await;
    assert_eq!(
        (made.status, &made.json()["token"], &made.json()["secret"]),
        (201, &json!(true), &Value::Null)
    );
    assert!(!made.text.contains("tk_visible"));
    let id = made.field("id").parse().unwrap();
    let sealed = async || house.db.destination(id).await.unwrap().unwrap().token;
    let before = sealed().await.unwrap();
    assert!(!before.contains("tk_visible"));
    assert_eq!(house.proofs.open_token(id, &before).as_deref(), Some("tk_visible"));
    let place = format!("/me/destinations/{id}");
    house.patch(&place, &ada, json!({"address": "https://ntfy.sh/talks", "active": false})).await;
    assert_eq!(sealed().await, Some(before), "the same address");
    let moved = house.patch(&place, &ada, json!({"address": "https://ntfy.example.com/talks"})).await;
    assert_eq!((&moved.json()["token"], sealed().await), (&json!(false), None));
    let again = house.patch(&place, &ada, json!({"token": "tk_2"})).await;
    assert_eq!(again.json()["token"], true);
    assert_eq!(house.patch(&place, &ada, json!({"token": null})).await.json()["token"], false);
}

#[tokio::test]
async fn a_replaced_secret_is_another_and_the_one_before_signs_for_a_day() {
    let house = House::open().await;
    let ada = house.member(ADA).await;
    let (place, first) = webhook(&house, &ada).await;
    let second = house.post(&format!("{place}/secret"), &ada, Value::Null).await;
    assert_eq!((second.status, &second.headers[header::CACHE_CONTROL]), (200, &"no-store".parse().unwrap()));
    assert_ne!(second.field("secret"), first);
    let destination = house.db.destination(second.field("id").parse().unwrap()).await.unwrap().unwrap();
    let signatures = |age| {
        let time: Timestamp = house.clock.now().after(Duration::from_secs(age));
        house.proofs.destination_secret(&destination).sign("id", time, b"body").split(' ').count()
    };
    assert_eq!((signatures(0), signatures(86_399), signatures(86_400)), (2, 2, 1));
    let ntfy = make(&house, &ada, "ntfy", "https://ntfy.sh/talks").await.field("id");
    let unsigned = house.post(&format!("/me/destinations/{ntfy}/secret"), &ada, Value::Null).await;
    assert_eq!(unsigned.problem(), (409, "conflict".into()));
}

#[tokio::test]
async fn a_test_is_written_as_a_delivery_and_said_at_once() {
    let house = House::open().await;
    let ada = house.member(ADA).await;
    let (place, _) = webhook(&house, &ada).await;
    house.patch(&place, &ada, json!({"active": false})).await;
    let told = async || house.db.outbox().due(DeliveryDue::TYPE, 100).await.unwrap().len();
    let before = told().await;
    let answer = house.post(&format!("{place}/test"), &ada, Value::Null).await;
    assert_eq!((answer.status, told().await), (202, before + 1), "{}", answer.text);
    let delivery = house.db.deliveries().get(answer.field("delivery_id").parse().unwrap()).await.unwrap();
    assert!(place.ends_with(&delivery.unwrap().destination.unwrap().to_string()));
}

#[tokio::test]
async fn a_request_that_is_sent_again_makes_no_second_destination_secret_or_test() {
    let house = House::open().await;
    let ada = house.member(ADA).await;
    let new = json!({"kind": "webhook", "address": HOOK});
    let first = post_with_key(&house, &ada, "/me/destinations", Some(&new)).await;
    let again = post_with_key(&house, &ada, "/me/destinations", Some(&new)).await;
    assert_eq!((first.status, &first.text), (201, &again.text));
    let other = json!({"kind": "webhook", "address": "https://example.org/hooks"});
    assert_eq!(post_with_key(&house, &ada, "/me/destinations", Some(&other)).await.status, 422);
    assert_eq!(listed(&house, &ada).await.len(), 1);
    let place = format!("/me/destinations/{}", first.field("id"));
    for (what, status) in [("secret", 200), ("test", 202)] {
        let path = format!("{place}/{what}");
        let first = post_with_key(&house, &ada, &path, None).await;
        assert_eq!(
            (first.status, &first.text),
            (status, &post_with_key(&house, &ada, &path, None).await.text)
        );
    }
    house.delete(&place, &ada).await;
    let gone = post_with_key(&house, &ada, "/me/destinations", Some(&new)).await;
    assert_eq!(gone.problem(), (409, "idempotency-key-used".into()));
}

#[tokio::test]
async fn what_is_no_destination_is_refused_and_says_why() {
    let house = House::open().await;
    let ada = house.member(ADA).await;
    for (body, name) in [
        (json!({"kind": "webhook", "address": "http://example.org"}), "address"),
        (json!({"kind": "webhook", "address": "https://me:pw@example.org/"}), "address"),
        (json!({"kind": "ntfy", "address": "https://ntfy.sh/"}), "address"),
        (json!({"kind": "apprise", "address": "https://example.org/notify/"}), "address"),
        (json!({"kind": "webhook", "address": HOOK, "events": []}), "events"),
        (json!({"kind": "webhook", "address": HOOK, "token": "x"}), "token"),
        (json!({"kind": "ntfy", "address": "https://ntfy.sh/a", "token": "a b"}), "token"),
        (json!({"kind": "ntfy", "address": "https://ntfy.sh/a", "token": "x".repeat(201)}), "token"),
    ] {
        let answer = house.post("/me/destinations", &ada, body.clone()).await;
        assert_eq!((answer.status, answer.field("field")), (422, name.into()), "{body}");
    }
    for body in [
        json!({"kind": "pigeon", "address": HOOK}),
        json!({"kind": "webhook"}),
        json!({"kind": "webhook", "address": HOOK, "events": ["born"]}),
        json!({"kind": "webhook", "address": HOOK, "user_id": "x"}),
    ] {
        let answer = house.post("/me/destinations", &ada, body.clone()).await;
        assert!([400, 422].contains(&answer.status), "{body}: {}", answer.text);
    }
    assert!(listed(&house, &ada).await.is_empty());
}

#[tokio::test]
async fn an_account_has_at_most_ten_and_makes_and_tries_so_many_in_an_hour() {
    let house = House::with(AuthConfig { destinations_per_hour: 12, ..AuthConfig::default() }).await;
    let ada = house.member(ADA).await;
    for _ in 0..10 {
        webhook(&house, &ada).await;
    }
    let more = make(&house, &ada, "webhook", HOOK).await;
    assert_eq!(more.problem(), (409, "conflict".into()));
    let id = listed(&house, &ada).await[0]["id"].as_str().unwrap().to_owned();
    let test = format!("/me/destinations/{id}/test");
    assert_eq!(house.post(&test, &ada, Value::Null).await.status, 202);
    let refused = house.post(&test, &ada, Value::Null).await;
    assert_eq!((refused.status, refused.field("policy")), (429, "destinations".into()));
    let bob = house.member("bob@example.org").await;
    webhook(&house, &bob).await;
}

#[tokio::test]
async fn somebody_elses_destination_is_404_like_one_that_is_not_there_and_a_key_manages_none() {
    let house = House::open().await;
    let (ada, bob) = (house.member(ADA).await, house.member("bob@example.org").await);
    let (place, _) = webhook(&house, &ada).await;
    let key = house.api_key(&ada, json!(["read", "upload"])).await.field("secret");
    let unknown = format!("/me/destinations/{}", contracts::DestinationId::generate());
    let calls = [
        (Method::PATCH, "", json!({"active": false})),
        (Method::POST, "/secret", Value::Null),
        (Method::POST, "/test", Value::Null),
        (Method::DELETE, "", Value::Null),
    ];
    for (method, rest, body) in calls {
        let mut details = Vec::new();
        for place in [&place, &unknown] {
            let answer = house.call(method.clone(), &format!("{place}{rest}"), &bob, body.clone()).await;
            assert_eq!(answer.problem(), (404, "not-found".into()), "{method} {rest}");
            details.push(answer.field("detail"));
        }
        assert_eq!(details[0], details[1]);
        let own = house.call(method.clone(), &format!("{place}{rest}"), &key, body).await;
        assert_eq!(own.status, 403, "{method} {rest}");
    }
    assert_eq!(house.get("/me/destinations", &key).await.status, 403);
    assert_eq!(listed(&house, &ada).await.len(), 1);
    assert!(listed(&house, &bob).await.is_empty());
}

#[tokio::test]
async fn another_password_switches_destinations_off() {
    let house = House::open().await;
    let ada = house.member(ADA).await;
    webhook(&house, &ada).await;
    let other = json!({"old_password": PASSWORD, "new_password": "another good staple"});
    assert_eq!(house.post("/password", &ada, other).await.status, 204);
    let ada = house.login(ADA, "another good staple", "*/*").await.text;
    assert_eq!(listed(&house, &ada).await[0]["active"], false);
}

#[tokio::test]
async fn mails_about_jobs_are_by_choice() {
    let house = House::open().await;
    let ada = house.member(ADA).await;
    assert_eq!(house.get("/me", &ada).await.json()["job_mails"], true);
    for wanted in [false, true] {
        let answer = house.patch("/me", &ada, json!({"job_mails": wanted})).await;
        assert_eq!((answer.status, &answer.json()["job_mails"]), (200, &json!(wanted)));
        assert_eq!(house.patch("/me", &ada, json!({})).await.json()["job_mails"], wanted);
        assert_eq!(house.get("/me", &ada).await.json()["job_mails"], wanted);
    }
    assert_eq!(house.patch("/me", &ada, json!({"role": "admin"})).await.status, 422);
    let key = house.api_key(&ada, json!(["read", "upload"])).await.field("secret");
    assert_eq!(house.patch("/me", &key, json!({"job_mails": false})).await.status, 403);
}
