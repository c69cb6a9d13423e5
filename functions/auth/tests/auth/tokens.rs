//! Refresh tokens, logging out, and what is no access token.

use std::time::Duration;

use crate::house::{House, PASSWORD};
use auth::AuthConfig;
use axum::http::header;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::{Claims, SigningKey, VerifyingKeys};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn an_access_token_ends_with_its_lifetime_and_a_refresh_token_gives_the_next() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let answer = house.login("ada@example.org", PASSWORD, "application/json").await;
    let lifetime = Duration::from_secs(answer.json()["expires_in"].as_u64().unwrap());
    let access = answer.field("access_token");
    house.clock.advance(lifetime);
    assert_eq!(house.get("/me", &access).await.status, 200);
    house.clock.advance(Duration::from_secs(11));
    assert_eq!(house.get("/me", &access).await.problem(), (401, "token-expired".into()));
    let next = house.refresh(&answer.field("refresh_token")).await;
    assert_eq!(house.get("/me", &next.field("access_token")).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_gives_the_next_pair_and_access() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let (_, first) = house.tokens("ada@example.org").await;
    let answer = house.refresh(&first).await;
    assert_eq!((answer.status, &answer.headers[header::CACHE_CONTROL]), (200, &"no-store".parse().unwrap()));
    assert_eq!(house.get("/me", &answer.field("access_token")).await.status, 200);
    let second = answer.field("refresh_token");
    assert_ne!(first, second);
    assert_eq!(house.refresh(&second).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_family_and_no_other() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let (_, stolen) = house.tokens("ada@example.org").await;
    let (_, other_device) = house.tokens("ada@example.org").await;
    let next = house.refresh(&stolen).await.field("refresh_token");
    let reused = house.refresh(&stolen).await;
    assert_eq!(reused.problem(), (401, "unauthorized".into()));
    assert!(reused.field("detail").contains("used before"), "{}", reused.text);
    assert_eq!(house.refresh(&next).await.status, 401, "the thief's or the owner's: nobody can tell");
    assert_eq!(house.refresh(&other_device).await.status, 200);
}

#[tokio::test]
async fn of_two_who_refresh_at_once_one_wins_and_the_family_ends() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let (_, token) = house.tokens("ada@example.org").await;
    let (one, two) = tokio::join!(house.refresh(&token), house.refresh(&token));
    let winners: Vec<_> = [one, two].into_iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(house.refresh(&winners[0].field("refresh_token")).await.status, 401);
}

#[tokio::test]
async fn unknown_and_old_refresh_tokens_are_refused() {
    let house = House::with(AuthConfig { refresh_days: 30, ..AuthConfig::default() }).await;
    house.register("ada@example.org").await;
    let (access, old) = house.tokens("ada@example.org").await;
    house.clock.advance(30 * DAY);
    let next = house.refresh(&old).await;
    assert_eq!(next.status, 200, "{}", next.text);
    let old = next.field("refresh_token");
    house.clock.advance(30 * DAY + Duration::from_millis(1));
    for token in [old.as_str(), "tr_unknown", "", access.as_str()] {
        assert_eq!(house.refresh(token).await.problem().0, 401, "{token}");
    }
}

#[tokio::test]
async fn after_logging_out_the_refresh_token_is_good_for_nothing() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let (_, token) = house.tokens("ada@example.org").await;
    for _ in 0..2 {
        let answer = house.post("/logout", "", json!({"refresh_token": token})).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "twice is no error");
    }
    assert_eq!(house.refresh(&token).await.status, 401);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_all_log_ins() {
    let house = House::open().await;
    let token = house.member("ada@example.org").await;
    let (_, refresh_token) = house.tokens("ada@example.org").await;
    let key = house.api_key(&token, json!(["read"])).await.field("secret");
    let change = async |old: &str, new: &str| {
        house.post("/password", &token, json!({"old_password": old, "new_password": new})).await
    };
    assert_eq!(change("wrong password", "another good one").await.problem(), (403, "wrong-password".into()));
    assert_eq!(change(PASSWORD, "short").await.problem().0, 422);
    assert_eq!(house.get("/me", &key).await.status, 200, "nothing has changed yet");
    assert_eq!(change(PASSWORD, "another good one").await.status, 204);
    assert_eq!(house.login("ada@example.org", PASSWORD, "*/*").await.status, 401);
    assert_eq!(house.login("ada@example.org", "another good one", "*/*").await.status, 200);
    assert_eq!(house.refresh(&refresh_token).await.status, 401);
    for from_before in [&key, &token] {
        assert_eq!(house.get("/me", from_before).await.problem(), (401, "unauthorized".into()));
        assert_eq!(house.api_key(from_before, json!(["read"])).await.status, 401, "no way back in");
    }
    let (token, refresh_token) = {
        let answer = house.login("ada@example.org", "another good one", "application/json").await;
        (answer.field("access_token"), answer.field("refresh_token"))
    };
    assert_eq!(house.get("/me", &token).await.status, 200);
    let next = house.refresh(&refresh_token).await.field("access_token");
    assert_eq!(house.get("/me", &next).await.status, 200);
}

#[tokio::test]
async fn of_two_who_change_a_password_at_once_one_wins() {
    let house = House::open().await;
    let token = house.member("ada@example.org").await;
    let change = |new: &str| json!({"old_password": PASSWORD, "new_password": new});
    let (one, two) = tokio::join!(
        house.post("/password", &token, change("another good one")),
        house.post("/password", &token, change("a third good one")),
    );
    let statuses = [one.status, two.status];
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
}

#[tokio::test]
async fn the_function_takes_and_publishes_the_keys_beside_its_own() {
    let (house, folder) = (House::open().await, tempfile::tempdir().unwrap());
    let id = house.register("ada@example.org").await;
    let next = SigningKey::load_or_create(&folder.path().join("next.pem")).unwrap();
    let both = folder.path().join("public.pem");
    let pem = |key: &SigningKey| key.verifying_keys().to_pem().unwrap();
    std::fs::write(&both, format!("{}{}", pem(&house.key), pem(&next))).unwrap();
    let next = next.beside(VerifyingKeys::load(&both).unwrap());
    let later = house.again_with(next.clone());
    let jwks = later.get("/.well-known/jwks.json", "").await.json();
    let kids: Vec<_> = jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(kids, [json!(next.kid()), json!(house.key.kid())]);
    let old = house.key.issue(&Claims::access(id, house.clock.now(), Duration::from_secs(900))).unwrap();
    let new = later.login("ada@example.org", PASSWORD, "*/*").await.text;
    for token in [&old, &new] {
        assert_eq!(later.get("/me", token).await.status, 200);
    }
    assert_eq!(house.get("/me", &new).await.status, 401, "who does not know the new key yet");
}

#[tokio::test]
async fn tampered_expired_and_unsigned_tokens_open_nothing() {
    let house = House::open().await;
    let id = house.register("ada@example.org").await;
    let claims = Claims::access(id, house.clock.now(), Duration::from_secs(900));
    let good = house.key.issue(&claims).unwrap();
    let [head, body, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let expired = house.key.issue(&Claims { exp: claims.iat - 60, ..claims.clone() }).unwrap();
    assert_eq!(house.get("/me", &expired).await.problem(), (401, "token-expired".into()));
    let mut longer = serde_json::to_value(&claims).unwrap();
    longer["exp"] = json!(claims.exp + 1);
    for token in [
        format!("{head}.{}.{signature}", part(longer)),
        format!("{}.{body}.", part(json!({"alg": "none", "typ": "JWT"}))),
        format!("{}.{body}.{signature}", part(json!({"alg": "HS256", "typ": "JWT"}))),
        format!("{head}.{body}."),
    ] {
        assert_eq!(house.get("/me", &token).await.problem(), (401, "unauthorized".into()), "{token}");
    }
    assert_eq!(house.get("/me", &good).await.status, 200);
}

#[tokio::test]
async fn the_public_key_is_there_for_everybody_and_names_the_key_of_the_tokens() {
    let house = House::open().await;
    let token = house.member("ada@example.org").await;
    let jwks = house.get("/.well-known/jwks.json", "").await.json();
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let head: Value = serde_json::from_slice(&head).unwrap();
    assert_eq!((&head["alg"], &head["kid"]), (&json!("EdDSA"), &jwks["keys"][0]["kid"]));
    assert_eq!(jwks["keys"][0]["kty"], "OKP");
    assert!(jwks["keys"][0].get("d").is_none(), "not the private half");
}
