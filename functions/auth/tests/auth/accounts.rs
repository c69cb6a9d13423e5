//! One's own account, API keys, and what administrators do.

use std::time::Duration;

use crate::house::{House, PASSWORD, broker};
use auth::AuthConfig;
use axum::{
    body::Body,
    http::{Request, header},
};
use contracts::{KeyId, Trace, UserId};
use serde_json::{Value, json};

#[tokio::test]
async fn every_guarded_route_asks_for_credentials() {
    let house = House::open().await;
    let key = format!("/keys/{}", KeyId::generate());
    for path in ["/me", "/me/limits", "/me/sessions", "/keys", "/admin/users", "/admin/classes"] {
        assert_eq!(house.get(path, "").await.problem(), (401, "unauthorized".into()), "{path}");
    }
    assert_eq!(house.delete("/me", "").await.status, 401);
    assert_eq!(house.delete(&key, "").await.status, 401);
    assert_eq!(house.api_key("", json!(["read"])).await.status, 401);
    assert_eq!(house.post("/password", "", json!({})).await.status, 401);
    assert_eq!(house.patch(&format!("/admin/users/{}", UserId::generate()), "", json!({})).await.status, 401);
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_that_works() {
    let house = House::open().await;
    house.register("root@example.org").await;
    let id = house.register("ada@example.org").await;
    let (token, refresh_token) = house.tokens("ada@example.org").await;
    let secret = house.api_key(&token, json!(["read"])).await.field("secret");
    assert_eq!(house.delete("/me", &token).await.status, 204);
    assert_eq!(house.get("/me", &token).await.status, 401);
    assert_eq!(house.get("/me", &secret).await.status, 401);
    assert_eq!(house.refresh(&refresh_token).await.status, 401);
    assert_eq!(house.login("ada@example.org", PASSWORD, "*/*").await.status, 401);
    assert!(house.db.user(id).await.unwrap().is_none());
    assert_ne!(house.register("ada@example.org").await, id, "the address is free again");
}

#[tokio::test]
async fn a_key_shows_its_secret_once_and_works() {
    let house = House::open().await;
    let token = house.member("ada@example.org").await;
    let made = house.api_key(&token, json!(["read", "upload", "read"])).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.headers[header::CACHE_CONTROL], "no-store");
    let (id, secret) = (made.field("id"), made.field("secret"));
    assert_eq!(made.headers[header::LOCATION], format!("/keys/{id}").as_str());
    assert_eq!(made.json()["scopes"], json!(["upload", "read"]));
    assert!(secret.starts_with("td_") && secret.len() == 46, "{secret}");
    assert_eq!(house.get("/me", &secret).await.status, 200);
    let list = house.get("/keys", &token).await;
    assert!(!list.text.contains(&secret) && !list.text.contains("hash"), "{}", list.text);
    assert_eq!(list.json()["keys"][0]["id"], json!(id));
    assert!(list.json()["keys"][0]["last_used_at"].is_string());
}

#[tokio::test]
async fn a_deleted_key_stops_working_at_once() {
    let house = House::open().await;
    let token = house.member("ada@example.org").await;
    let key = house.api_key(&token, json!(["read"])).await;
    let path = format!("/keys/{}", key.field("id"));
    assert_eq!(house.delete(&path, &token).await.status, 204);
    assert_eq!(house.get("/me", &key.field("secret")).await.problem(), (401, "unauthorized".into()));
    assert_eq!(house.delete(&path, &token).await.problem(), (404, "not-found".into()));
}

#[tokio::test]
async fn somebody_elses_key_is_not_there() {
    let house = House::open().await;
    let (ada, bob) = (house.member("ada@example.org").await, house.member("bob@example.org").await);
    let key = house.api_key(&ada, json!(["read"])).await;
    let path = format!("/keys/{}", key.field("id"));
    assert_eq!(house.delete(&path, &bob).await.problem(), (404, "not-found".into()));
    assert_eq!(house.delete("/keys/../../etc", &bob).await.status, 404);
    assert_eq!(house.delete("/keys/1", &bob).await.problem(), (404, "not-found".into()));
    assert_eq!(house.get("/keys", &bob).await.json()["keys"], json!([]));
    assert_eq!(house.get("/me", &key.field("secret")).await.status, 200, "it still works");
}

#[tokio::test]
async fn a_key_that_is_asked_for_again_is_made_once_and_its_secret_is_not_shown_again() {
    let house = House::open().await;
    let token = house.member("ann@example.org").await;
    let ask = async |name: &str| {
        let request = Request::post("/keys")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", "8e03978e");
        let body = json!({"name": name, "scopes": ["read"]}).to_string();
        house.send(request.body(Body::from(body)).unwrap()).await
    };
    let made = ask("phone").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let again = ask("phone").await;
    assert_eq!(again.problem(), (409, "idempotency-key-used".into()));
    assert_eq!(again.headers[header::LOCATION], made.headers[header::LOCATION]);
    assert!(!again.text.contains(&made.field("secret")));
    assert_eq!(ask("piano").await.problem(), (422, "idempotency-key-reused".into()));
    assert_eq!(house.get("/keys", &token).await.json()["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_makes_no_keys_and_changes_no_account() {
    let house = House::open().await;
    let token = house.member("ada@example.org").await;
    let made = house.api_key(&token, json!(["upload", "read", "admin"])).await;
    let (id, key) = (made.field("id"), made.field("secret"));
    assert_eq!(house.api_key(&key, json!(["admin"])).await.problem(), (403, "forbidden".into()));
    assert_eq!(house.get("/keys", &key).await.status, 403);
    assert_eq!(house.delete(&format!("/keys/{id}"), &key).await.status, 403);
    assert_eq!(house.delete("/me", &key).await.status, 403);
    let change = json!({"old_password": PASSWORD, "new_password": "another good one"});
    assert_eq!(house.post("/password", &key, change).await.status, 403);
}

#[tokio::test]
async fn the_scope_admin_is_for_administrators() {
    let house = House::open().await;
    let (admin, user) = (house.member("ada@example.org").await, house.member("bob@example.org").await);
    assert_eq!(house.api_key(&user, json!(["admin"])).await.problem(), (403, "forbidden".into()));
    let strong = house.api_key(&admin, json!(["admin"])).await.field("secret");
    assert_eq!(house.get("/admin/users", &strong).await.status, 200);
    let weak = house.api_key(&admin, json!(["upload", "read"])).await.field("secret");
    assert_eq!(house.get("/admin/users", &weak).await.problem(), (403, "forbidden".into()));
}

#[tokio::test]
async fn a_key_needs_a_name_and_known_scopes() {
    let house = House::open().await;
    let token = house.member("ada@example.org").await;
    let long = "x".repeat(101);
    for body in [
        json!({"name": " ", "scopes": ["read"]}),
        json!({"name": long, "scopes": ["read"]}),
        json!({"name": "a", "scopes": []}),
        json!({"name": "a", "scopes": ["fly"]}),
        json!({"name": "a"}),
    ] {
        assert_eq!(house.post("/keys", &token, body.clone()).await.problem().0, 422, "{body}");
    }
}

#[tokio::test]
async fn only_an_administrator_sees_and_changes_accounts() {
    let house = House::open().await;
    let admin = house.member("ada@example.org").await;
    let bob = house.register("bob@example.org").await;
    let user = house.login("bob@example.org", PASSWORD, "*/*").await.text;
    let path = format!("/admin/users/{bob}");
    assert_eq!(house.get("/admin/users", &user).await.problem(), (403, "forbidden".into()));
    assert_eq!(house.patch(&path, &user, json!({"role": "admin"})).await.status, 403);
    let changed = house.patch(&path, &admin, json!({"role": "admin", "class": "priority"})).await;
    assert_eq!((changed.field("role"), changed.field("class")), ("admin".into(), "priority".into()));
    assert_eq!(house.get("/admin/users", &user).await.status, 200, "the same token, at once");
    let nobody = format!("/admin/users/{}", UserId::generate());
    assert_eq!(house.patch(&nobody, &admin, json!({})).await.problem(), (404, "not-found".into()));
    for body in [
        json!({"role": "king"}),
        json!({"class": "a b"}),
        json!({"class": ""}),
        json!({"class": "large"}),
        json!({"email": "x"}),
    ] {
        assert_eq!(house.patch(&path, &admin, body.clone()).await.problem().0, 422, "{body}");
    }
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_comes_back() {
    let house = House::open().await;
    let admin = house.member("ada@example.org").await;
    let bob = house.register("bob@example.org").await;
    let (token, refresh_token) = house.tokens("bob@example.org").await;
    let key = house.api_key(&token, json!(["read"])).await.field("secret");
    let path = format!("/admin/users/{bob}");
    let changed = house.patch(&path, &admin, json!({"disabled": true})).await;
    assert!(changed.json()["disabled_at"].is_string());
    for credentials in [&token, &key] {
        assert_eq!(house.get("/me", credentials).await.problem(), (403, "account-disabled".into()));
    }
    assert_eq!(house.refresh(&refresh_token).await.status, 401);
    let right = house.login("bob@example.org", PASSWORD, "*/*").await;
    assert_eq!(right.problem(), (403, "account-disabled".into()));
    let wrong = house.login("bob@example.org", "wrong password", "*/*").await;
    assert_eq!(wrong.problem(), (401, "unauthorized".into()), "a stranger does not learn it");
    house.patch(&path, &admin, json!({"disabled": false})).await;
    assert_eq!(house.get("/me", &token).await.status, 200);
}

#[tokio::test]
async fn where_registration_is_for_a_domain_nobody_else_gets_an_account() {
    let config = AuthConfig { registration: "example.org".into(), ..AuthConfig::default() };
    let house = House::with(config).await;
    let stranger = json!({"email": "eve@example.com", "password": PASSWORD});
    assert_eq!(house.post("/register", "", stranger).await.problem(), (403, "registration-closed".into()));
    house.register("ada@example.org").await;
}

#[tokio::test]
async fn an_administrator_is_always_left() {
    let house = House::open().await;
    let ada = house.register("ada@example.org").await;
    let (token, _) = house.tokens("ada@example.org").await;
    for body in [json!({"disabled": true}), json!({"role": "user"})] {
        let answer = house.patch(&format!("/admin/users/{ada}"), &token, body).await;
        assert_eq!(answer.problem(), (409, "conflict".into()));
        assert!(answer.field("detail").contains("PATCH /admin/users/{id}"), "{}", answer.text);
    }
    assert_eq!(house.delete("/me", &token).await.problem(), (409, "conflict".into()));
    assert_eq!(house.get("/me", &token).await.field("role"), "admin", "nothing has happened");
    let bob = house.register("bob@example.org").await;
    house.patch(&format!("/admin/users/{bob}"), &token, json!({"role": "admin"})).await;
    let stepped_down = house.patch(&format!("/admin/users/{ada}"), &token, json!({"role": "user"})).await;
    assert_eq!(stepped_down.field("role"), "user", "where somebody else is left");
    assert_eq!(house.delete("/me", &token).await.status, 204);
}

#[tokio::test]
async fn whoever_registers_when_all_accounts_are_gone_is_no_administrator() {
    let house = House::with(AuthConfig { first_is_admin: false, ..AuthConfig::default() }).await;
    let token = house.member("ada@example.org").await;
    assert_eq!(house.delete("/me", &token).await.status, 204);
    let stranger = db::NewUser {
        email: "eve@example.org".into(),
        password_hash: "-".into(),
        admin_if_first: true,
        verified: true,
    };
    assert_eq!(house.db.create_user(stranger).await.unwrap().0.role, db::Role::User);
}

#[tokio::test]
async fn a_key_sees_the_account_with_the_scope_read_only() {
    let house = House::open().await;
    let token = house.member("ada@example.org").await;
    for (scopes, status) in [(json!(["read"]), 200), (json!(["upload"]), 403), (json!(["admin"]), 403)] {
        let key = house.api_key(&token, scopes.clone()).await.field("secret");
        assert_eq!(house.get("/me", &key).await.status, status, "{scopes}");
    }
}

#[tokio::test]
async fn the_list_of_accounts_has_pages_newest_first() {
    let house = House::open().await;
    let admin = house.member("ada@example.org").await;
    for number in 0..4 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        house.register(&format!("user{number}@example.org")).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("/admin/users?limit=2{cursor}"), &admin).await.json();
        let emails = page["users"].as_array().unwrap().iter();
        seen.extend(emails.map(|user| user["email"].as_str().unwrap().to_owned()));
        let Value::String(next) = &page["next_cursor"] else { break };
        cursor = format!("&cursor={next}");
    }
    let all = [
        "user3@example.org",
        "user2@example.org",
        "user1@example.org",
        "user0@example.org",
        "ada@example.org",
    ];
    assert_eq!(seen, all);
    assert_eq!(house.get("/admin/users?limit=x", &admin).await.problem().0, 400);
    for limit in [0, 201] {
        assert_eq!(house.get(&format!("/admin/users?limit={limit}"), &admin).await.problem().0, 422);
    }
}

#[tokio::test]
async fn every_route_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let db = db::Db::open("sqlite::memory:", 1).unwrap();
    let key = identity::SigningKey::load_or_create(&folder.path().join("key")).unwrap();
    let proofs = identity::Proofs::load_or_create(&folder.path().join("proofs")).unwrap();
    let config = auth::AuthConfig::default();
    let (_, openapi) = auth::function(db.clone(), broker(&db), key, proofs, config).into_parts();
    let paths: Vec<&String> = openapi.paths.paths.keys().collect();
    let expected = [
        "/.well-known/jwks.json",
        "/admin/classes",
        "/admin/classes/{name}",
        "/admin/users",
        "/admin/users/{id}",
        "/auth/oidc",
        "/auth/oidc/callback",
        "/auth/oidc/callback/{provider}",
        "/auth/oidc/login",
        "/guest",
        "/keys",
        "/keys/{id}",
        "/login",
        "/logout",
        "/me",
        "/me/destinations",
        "/me/destinations/{id}",
        "/me/destinations/{id}/secret",
        "/me/destinations/{id}/test",
        "/me/limits",
        "/me/sessions",
        "/me/sessions/{id}",
        "/me/webhook-secret",
        "/password",
        "/password/reset",
        "/password/reset/confirm",
        "/register",
        "/session",
        "/token/refresh",
        "/verify",
    ];
    assert_eq!(paths, expected);
    let components = openapi.components.unwrap();
    assert_eq!(components.security_schemes.keys().collect::<Vec<_>>(), ["basic", "bearer"]);
}

#[tokio::test]
async fn what_an_account_is_told_belongs_to_the_trace_of_the_request() {
    let house = House::open().await;
    let trace = Trace::new(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), Some("a=1"));
    let ask = async |path: &str, body: Value| {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .header("traceparent", trace.parent().unwrap())
            .header("tracestate", "a=1");
        house.send(request.body(Body::from(body.to_string())).unwrap()).await.status
    };
    let registration = json!({"email": "ada@example.org", "password": PASSWORD});
    assert_eq!(ask("/register", registration).await, 201);
    assert_eq!(ask("/password/reset", json!({"email": "ada@example.org"})).await, 202);
    // The mail for a new password is recorded beside the answer.
    let told = loop {
        let events = house.db.outbox().unpublished(Duration::ZERO, 10).await.unwrap();
        if events.len() == 3 {
            break events;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(told.iter().all(|event| event.envelope.extensions == trace.extensions()), "{told:?}");
}

#[tokio::test]
async fn the_last_use_of_a_key_is_noted_to_the_minute() {
    let house = House::open().await;
    let token = house.member("ada@example.org").await;
    let key = house.api_key(&token, json!(["read"])).await.field("secret");
    let used = async |seconds: u64| {
        house.clock.advance(Duration::from_secs(seconds));
        assert_eq!(house.get("/me", &key).await.status, 200);
        house.get("/keys", &token).await.json()["keys"][0]["last_used_at"].as_str().unwrap().to_owned()
    };
    let first = used(1).await;
    assert_eq!(first, house.clock.now().to_string());
    assert_eq!(used(60).await, first);
    assert_eq!(used(1).await, house.clock.now().to_string());
}
