//! The extractor on a real router and a real database: what is taken, and what is not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{FromRef, Request},
    http::{HeaderMap, StatusCode, header},
    routing,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::{Clock, Timestamp, UserId};
use db::{Db, NewUser};
use identity::{Caller, Claims, Scope, SigningKey, Verifier, VerifyingKeys, hash_secret, new_secret};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

const LIFETIME: Duration = Duration::from_secs(900);

#[derive(Clone)]
struct Deps {
    verifier: Verifier,
}
impl FromRef<Deps> for Verifier {
    fn from_ref(deps: &Deps) -> Self {
        deps.verifier.clone()
    }
}

struct House {
    folder: TempDir,
    db: Db,
    clock: Clock,
    key: SigningKey,
    user: UserId,
    router: Router,
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::now());
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        let db = db.with_clock(clock.clone());
        db.migrate().await.unwrap();
        let key = SigningKey::load_or_create(&folder.path().join("key.pem")).unwrap();
        let router = guarded(key.verifying_keys(), &db);
        let user = add_user(&db, "ada@example.org", true).await;
        Self { folder, db, clock, key, user, router }
    }

    /// The same house after a restart with these public keys.
    fn knowing(&self, folder: &TempDir, pem: &str) -> Router {
        let path = folder.path().join("public.pem");
        std::fs::write(&path, pem).unwrap();
        guarded(VerifyingKeys::load(&path).unwrap(), &self.db)
    }

    async fn get(&self, path: &str, authorization: &str) -> (StatusCode, HeaderMap, Value) {
        get(&self.router, path, authorization).await
    }

    async fn status(&self, path: &str, credentials: &str) -> u16 {
        self.get(path, &format!("Bearer {credentials}")).await.0.as_u16()
    }

    fn token(&self, claims: &Claims) -> String {
        self.key.issue(claims).unwrap()
    }

    async fn api_key(&self, user: UserId, scopes: &str) -> String {
        let secret = new_secret("td_").unwrap();
        self.db.create_key(user, "test", scopes, &hash_secret(&secret)).await.unwrap();
        secret
    }
}

fn guarded(keys: VerifyingKeys, db: &Db) -> Router {
    let verifier = Verifier::new(keys, db.clone());
    let routes = Router::new()
        .route("/who", routing::get(|caller: Caller| async move { caller.user_id.to_string() }))
        .route("/read", routing::get(|caller: Caller| async move { caller.require(Scope::Read) }))
        .route("/admin", routing::get(|caller: Caller| async move { caller.require(Scope::Admin) }))
        .route("/login-only", routing::get(|caller: Caller| async move { caller.require_login() }))
        .with_state(Deps { verifier });
    runtime::http_router(routes, runtime::CancellationToken::new())
}

async fn get(router: &Router, path: &str, authorization: &str) -> (StatusCode, HeaderMap, Value) {
    let request = Request::get(path).header(header::AUTHORIZATION, authorization);
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn add_user(db: &Db, email: &str, admin_if_first: bool) -> UserId {
    let new = NewUser { email: email.into(), password_hash: "-".into(), admin_if_first, verified: true };
    db.create_user(new).await.unwrap().0.id
}

#[tokio::test]
async fn a_good_token_names_its_user_and_has_every_scope() {
    let house = House::open().await;
    let token = house.token(&Claims::access(house.user, house.db.clock().now(), LIFETIME));
    for path in ["/who", "/read", "/admin", "/login-only"] {
        assert_eq!(house.status(path, &token).await, 200, "{path}");
    }
    let (status, _, _) = house.get("/who", &format!("bearer  {token} ")).await;
    assert_eq!(status, 200, "the scheme's case and blanks do not matter");
}

#[tokio::test]
async fn only_an_administrator_has_the_scope_admin() {
    let house = House::open().await;
    let other = add_user(&house.db, "bob@example.org", true).await;
    let token = house.token(&Claims::access(other, house.db.clock().now(), LIFETIME));
    assert_eq!(house.status("/read", &token).await, 200);
    assert_eq!(house.status("/admin", &token).await, 403);
    let key = house.api_key(other, "admin").await;
    assert_eq!(house.status("/admin", &key).await, 403, "a key gives no role");
}

#[tokio::test]
async fn without_credentials_the_answer_says_what_to_send() {
    let house = House::open().await;
    for authorization in ["", "Bearer", "Bearer ", "Basic YTpi", "Token x"] {
        let (status, headers, body) = house.get("/who", authorization).await;
        assert_eq!(status, 401, "{authorization:?}");
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
        assert!(body["detail"].as_str().unwrap().contains("Authorization: Bearer"), "{body}");
    }
}

#[tokio::test]
async fn an_expired_token_is_told_apart() {
    let house = House::open().await;
    let token = house.token(&Claims::access(house.user, house.db.clock().now(), LIFETIME));
    house.clock.advance(LIFETIME);
    assert_eq!(house.status("/who", &token).await, 200);
    house.clock.advance(Duration::from_secs(10));
    assert_eq!(house.status("/who", &token).await, 200, "clocks differ");
    house.clock.advance(Duration::from_secs(1));
    let (status, headers, body) = house.get("/who", &format!("Bearer {token}")).await;
    assert_eq!((status.as_u16(), &body["type"]), (401, &json!("/docs/errors#token-expired")));
    assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn no_other_issuer_audience_or_kind_is_taken() {
    let house = House::open().await;
    let changes: [fn(&mut Claims); 3] = [
        |claims| claims.iss = "somebody".into(),
        |claims| claims.aud = "tapedeck-link".into(),
        |claims| claims.typ = "refresh".into(),
    ];
    for change in changes {
        let mut claims = Claims::access(house.user, house.db.clock().now(), LIFETIME);
        change(&mut claims);
        assert_eq!(house.status("/who", &house.token(&claims)).await, 401, "{claims:?}");
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let house = House::open().await;
    let claims = Claims::access(house.user, house.db.clock().now(), LIFETIME);
    let good = house.token(&claims);
    let [head, body, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let other = json!({"sub": UserId::generate(), "iss": claims.iss, "aud": claims.aud, "typ": "access",
        "iat": claims.iat, "exp": claims.exp});

    // The public key as an HMAC secret: as text, and as bytes.
    let x = house.key.jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
    let hs256 = |secret: &[u8]| {
        encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let stranger = SigningKey::load_or_create(&folder.path().join("key.pem")).unwrap();

    for (what, token) in [
        ("another body", format!("{head}.{}.{signature}", part(other))),
        ("no signature", format!("{head}.{body}.")),
        ("two parts", format!("{head}.{body}")),
        ("alg none", format!("{}.{body}.", part(json!({"alg": "none", "typ": "JWT"})))),
        ("alg none with signature", format!("{}.{body}.{signature}", part(json!({"alg": "none"})))),
        ("HS256, header only", format!("{}.{body}.{signature}", part(json!({"alg": "HS256"})))),
        ("HS256 with the public key's text", hs256(x.as_bytes())),
        ("HS256 with the public key's bytes", hs256(&URL_SAFE_NO_PAD.decode(&x).unwrap())),
        ("another key", stranger.issue(&claims).unwrap()),
        ("rubbish", "a.b.c".to_owned()),
        ("more rubbish", "..".to_owned()),
        ("long rubbish", "x".repeat(7000)),
    ] {
        assert_eq!(house.status("/who", &token).await, 401, "{what}");
    }
    assert_eq!(house.status("/who", &good).await, 200);
}

#[tokio::test]
async fn a_change_of_keys_ends_no_token() {
    let (house, folder) = (House::open().await, tempfile::tempdir().unwrap());
    let claims = Claims::access(house.user, house.db.clock().now(), LIFETIME);
    let next = SigningKey::load_or_create(&folder.path().join("next.pem")).unwrap();
    let pem = |key: &SigningKey| key.verifying_keys().to_pem().unwrap();
    let (old, new) = (pem(&house.key), pem(&next));
    // As RFC 7638 names the keys: the header says which one it was.
    let expired = Claims { exp: claims.iat - 60, ..claims.clone() };
    let tokens = [house.token(&claims), next.issue(&claims).unwrap(), house.token(&expired)];
    for (keys, expected) in [
        (old.clone(), [200, 401, 401]),
        (format!("{old}{new}"), [200, 200, 401]),
        (format!("{new}{old}"), [200, 200, 401]),
        (new.clone(), [401, 200, 401]),
    ] {
        let router = house.knowing(&folder, &keys);
        for (token, expected) in tokens.iter().zip(expected) {
            let (status, ..) = get(&router, "/who", &format!("Bearer {token}")).await;
            assert_eq!(status.as_u16(), expected, "{keys}");
        }
    }
}

#[tokio::test]
async fn another_password_ends_the_tokens_before_it() {
    let house = House::open().await;
    let claims = Claims::access(house.user, house.db.clock().now(), LIFETIME);
    let before = house.token(&claims);
    assert!(house.db.change_password(house.user, "-", "new").await.unwrap());
    assert_eq!(house.status("/who", &before).await, 401);
    assert_eq!(house.status("/who", &house.token(&Claims { generation: 1, ..claims })).await, 200);
}

#[tokio::test]
async fn a_token_that_names_no_key_is_taken_while_there_is_one_and_one_that_names_a_stranger_never() {
    let (house, folder) = (House::open().await, tempfile::tempdir().unwrap());
    let claims = Claims::access(house.user, house.db.clock().now(), LIFETIME);
    let private = std::fs::read(house.folder.path().join("key.pem")).unwrap();
    let sign = |kid: Option<&str>| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &EncodingKey::from_ed_pem(&private).unwrap()).unwrap()
    };
    let other = SigningKey::load_or_create(&folder.path().join("other.pem")).unwrap();
    let one = house.key.verifying_keys().to_pem().unwrap();
    let two = format!("{one}{}", other.verifying_keys().to_pem().unwrap());
    for (keys, kid, expected) in [
        (&one, None, 200),
        (&one, Some(house.key.kid()), 200),
        (&one, Some("stranger"), 401),
        (&one, Some(""), 401),
        (&two, None, 401),
        (&two, Some(house.key.kid()), 200),
        (&two, Some(other.kid()), 401),
    ] {
        let router = house.knowing(&folder, keys);
        let (status, ..) = get(&router, "/who", &format!("Bearer {}", sign(kid))).await;
        assert_eq!(status.as_u16(), expected, "{kid:?}");
    }
}

#[tokio::test]
async fn an_account_that_is_gone_has_no_token_any_more() {
    let house = House::open().await;
    let user = add_user(&house.db, "bob@example.org", true).await;
    let token = house.token(&Claims::access(user, house.db.clock().now(), LIFETIME));
    let key = house.api_key(user, "read").await;
    house.db.delete_user(user).await.unwrap().unwrap();
    assert_eq!(house.status("/who", &token).await, 401);
    assert_eq!(house.status("/who", &key).await, 401);
}

#[tokio::test]
async fn an_api_key_is_good_for_its_scopes_only() {
    let house = House::open().await;
    let reader = house.api_key(house.user, "read").await;
    assert_eq!(house.status("/who", &reader).await, 200);
    assert_eq!(house.status("/read", &reader).await, 200);
    assert_eq!(house.status("/admin", &reader).await, 403);
    assert_eq!(house.status("/login-only", &reader).await, 403);
    let uploader = house.api_key(house.user, "upload").await;
    assert_eq!(house.status("/read", &uploader).await, 403);
    let odd = house.api_key(house.user, "read fly").await;
    assert_eq!(house.status("/read", &odd).await, 403, "a scope of a newer version");
    assert_eq!(house.status("/who", "td_unknown").await, 401);
}

#[tokio::test]
async fn without_a_database_the_answer_is_503_and_not_401() {
    let house = House::open().await;
    let token = house.token(&Claims::access(house.user, house.db.clock().now(), LIFETIME));
    house.db.close().await;
    assert_eq!(house.status("/who", &token).await, 503);
    assert_eq!(house.status("/who", "rubbish").await, 401, "a forged token costs no query");
}
