//! Logging in at a provider: a small one of our own that says whatever a test wants it to say. A certified one is asked by
//! the tests of the page.

use std::sync::{Arc, Mutex};

use auth::AuthConfig;
use axum::{Form, Json, Router, body::Body, extract::State, http::Request, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use contracts::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::house::{Answer, House, PASSWORD};

pub(crate) const CLIENT: &str = "tapedeck";
const CALLBACK: &str = "/auth/oidc/callback";

/// What the provider will say of the next person.
#[derive(Clone)]
pub(crate) struct Says {
    pub(crate) subject: &'static str,
    pub(crate) email: Option<&'static str>,
    pub(crate) proven: Value,
    /// Instead of what is right, in the claims of the ID token.
    pub(crate) claims: Value,
    algorithm: &'static str,
    /// Whether another key than the published one signs.
    forged: bool,
    /// Whether the token is no token.
    nonsense: bool,
    /// Whether who the address is of is told by the userinfo endpoint only.
    apart: bool,
}

impl Says {
    fn ann() -> Self {
        Self {
            subject: "ann-1",
            email: Some("ann@example.org"),
            proven: json!(true),
            claims: json!({}),
            algorithm: "EdDSA",
            forged: false,
            nonsense: false,
            apart: false,
        }
    }
}

/// A provider on a port of its own.
#[derive(Clone)]
pub(crate) struct Provider {
    /// What Tapedeck calls it; empty: the one without a name.
    pub(crate) id: &'static str,
    pub(crate) issuer: String,
    says: Arc<Mutex<Says>>,
    /// Of the one code that it has given: challenge and nonce; taken by who exchanges it.
    code: Arc<Mutex<Option<(String, String)>>>,
    now: Timestamp,
}

fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

impl Provider {
    pub(crate) async fn start(id: &'static str, now: Timestamp) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self {
            id,
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            says: Arc::new(Mutex::new(Says::ann())),
            code: Arc::default(),
            now,
        };
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(keys))
            .route("/token", axum::routing::post(token))
            .route("/userinfo", get(userinfo))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    fn config(&self) -> AuthConfig {
        AuthConfig {
            oidc_issuer: self.issuer.clone(),
            oidc_client_id: CLIENT.into(),
            oidc_client_secret: "secret of the client".into(),
            oidc_name: "Example".into(),
            ..AuthConfig::default()
        }
        .reached_at("https://tapes.example/below")
    }

    /// Where it sends the browser back to.
    pub(crate) fn callback(&self) -> String {
        if self.id.is_empty() { CALLBACK.into() } else { format!("{CALLBACK}/{}", self.id) }
    }

    pub(crate) fn says(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }
}

async fn discovery(State(provider): State<Provider>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", provider.issuer);
    Json(json!({
        "issuer": provider.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"), "userinfo_endpoint": at("/userinfo"), "response_types_supported": ["code"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

async fn keys() -> Json<Value> {
    let x = BASE64.encode(key(1).public_key());
    Json(
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "1", "x": x}]}),
    )
}

async fn token(
    State(provider): State<Provider>,
    Form(asked): Form<std::collections::HashMap<String, String>>,
) -> Result<Json<Value>, (axum::http::StatusCode, Json<Value>)> {
    let refused = |why| (axum::http::StatusCode::BAD_REQUEST, Json(json!({"error": why})));
    let (challenge, nonce) = provider.code.lock().unwrap().take().ok_or_else(|| refused("invalid_grant"))?;
    if BASE64.encode(Sha256::digest(&asked["code_verifier"])) != challenge
        || asked["redirect_uri"] != format!("https://tapes.example/below{}", provider.callback())
    {
        return Err(refused("invalid_grant"));
    }
    let says = provider.says.lock().unwrap().clone();
    let now = provider.now.millis() / 1000;
    let mut claims = json!({
        "iss": provider.issuer, "aud": CLIENT, "sub": says.subject, "nonce": nonce, "iat": now, "exp": now + 300,
    });
    if !says.apart {
        claims["email"] = json!(says.email);
        claims["email_verified"] = says.proven;
    }
    for (name, value) in says.claims.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let part = |value: &Value| BASE64.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": says.algorithm, "kid": "1"})), part(&claims));
    let signature = match says.algorithm {
        "none" => String::new(),
        "HS256" => {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"secret of the client");
            BASE64.encode(ring::hmac::sign(&key, signed.as_bytes()))
        }
        _ => BASE64.encode(key(if says.forged { 2 } else { 1 }).sign(signed.as_bytes())),
    };
    let id_token = if says.nonsense { "nonsense".into() } else { format!("{signed}.{signature}") };
    Ok(Json(json!({"access_token": "a", "token_type": "Bearer", "id_token": id_token})))
}

async fn userinfo(State(provider): State<Provider>) -> Json<Value> {
    let says = provider.says.lock().unwrap().clone();
    Json(json!({"sub": says.subject, "email": says.email, "email_verified": says.proven}))
}

pub(crate) async fn ask(house: &House, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    house.send(request.body(Body::empty()).unwrap()).await
}

/// A browser that has been sent to the provider.
pub(crate) struct Left {
    pub(crate) cookie: String,
    pub(crate) state: String,
}

fn cookies(answer: &Answer) -> Vec<String> {
    answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

/// To the provider, which lets the person in at once.
pub(crate) async fn leave(house: &House, provider: &Provider) -> Left {
    let named = if provider.id.is_empty() { String::new() } else { format!("?provider={}", provider.id) };
    let answer = ask(house, &format!("/auth/oidc/login{named}"), &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let place: url::Url = answer.headers["location"].to_str().unwrap().parse().unwrap();
    assert_eq!((place.path(), place.origin().ascii_serialization()), ("/authorize", provider.issuer.clone()));
    let query: std::collections::HashMap<_, _> = place.query_pairs().into_owned().collect();
    assert_eq!((query["response_type"].as_str(), query["code_challenge_method"].as_str()), ("code", "S256"));
    assert_eq!(query["scope"], "openid email");
    *provider.code.lock().unwrap() = Some((query["code_challenge"].clone(), query["nonce"].clone()));
    let cookie = cookies(&answer).remove(0);
    assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    Left { cookie: cookie.split(';').next().unwrap().to_owned(), state: query["state"].clone() }
}

async fn back(house: &House, left: &Left) -> Answer {
    back_at(house, CALLBACK, left).await
}

/// The browser comes back to this place.
pub(crate) async fn back_at(house: &House, callback: &str, left: &Left) -> Answer {
    let path = format!("{callback}?code=c&state={}", left.state);
    ask(house, &path, &[("cookie", &left.cookie)]).await
}

pub(crate) async fn log_in(house: &House, provider: &Provider) -> Answer {
    back_at(house, &provider.callback(), &leave(house, provider).await).await
}

/// The address of who is logged in now.
pub(crate) async fn who(house: &House, answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.headers["location"], "https://tapes.example/below/#oidc=done");
    let [session, forgotten] = <[String; 2]>::try_from(cookies(answer)).unwrap();
    assert!(forgotten.starts_with("__Host-tapedeck-oidc=; Path=/; Max-Age=0"), "{forgotten}");
    let cookie = session.split(';').next().unwrap();
    ask(house, "/me", &[("cookie", cookie)]).await.field("email")
}

async fn start() -> (House, Provider) {
    let provider = Provider::start("", Timestamp::now()).await;
    (House::with(provider.config()).await, provider)
}

#[tokio::test]
async fn who_comes_from_the_provider_has_an_account_and_the_next_time_the_same() {
    let (house, provider) = start().await;
    let offer = ask(&house, "/auth/oidc", &[]).await.json();
    assert_eq!(offer, json!({"provider": "Example", "providers": [{"id": "default", "name": "Example"}]}));
    assert_eq!(who(&house, &log_in(&house, &provider).await).await, "ann@example.org");
    // By the subject alone from now on: an address changes, and may be somebody else's later.
    provider.says(|says| (says.email, says.proven) = (Some("new@example.org"), json!(false)));
    assert_eq!(who(&house, &log_in(&house, &provider).await).await, "ann@example.org");
}

#[tokio::test]
async fn an_address_that_only_the_userinfo_endpoint_tells_is_asked_for() {
    let (house, provider) = start().await;
    provider.says(|says| says.apart = true);
    assert_eq!(who(&house, &log_in(&house, &provider).await).await, "ann@example.org");
}

#[tokio::test]
async fn an_account_with_a_password_is_found_by_its_address_if_both_sides_know_it_as_proven() {
    let (house, provider) = start().await;
    let ann = house.register("ann@example.org").await;
    assert_eq!(log_in(&house, &provider).await.problem(), (409, "oidc-taken".into()));
    let expires = house.clock.now().after(std::time::Duration::from_secs(60));
    let link = house.proofs.sign_address(ann, expires);
    assert_eq!(house.post("/verify", "", json!({"token": link})).await.status, 204);
    assert_eq!(who(&house, &log_in(&house, &provider).await).await, "ann@example.org");
    assert_eq!(house.login("ann@example.org", PASSWORD, "*/*").await.status, 200);
    // Another person of the provider with the same address is another person.
    provider.says(|says| says.subject = "ann-2");
    assert_eq!(log_in(&house, &provider).await.problem(), (409, "oidc-taken".into()));
    // Subjects are told apart by case: a database might not.
    provider.says(|says| says.subject = "ANN-1");
    assert_eq!(log_in(&house, &provider).await.problem(), (409, "oidc-taken".into()));
}

#[tokio::test]
async fn an_address_that_the_provider_has_not_proven_opens_nothing() {
    let (house, provider) = start().await;
    for proven in [json!(false), Value::Null] {
        for apart in [false, true] {
            provider.says(|says| (says.proven, says.apart) = (proven.clone(), apart));
            assert_eq!(log_in(&house, &provider).await.problem(), (403, "oidc-unproven".into()));
        }
    }
    provider.says(|says| (says.email, says.proven) = (None, json!(true)));
    assert_eq!(log_in(&house, &provider).await.problem(), (403, "oidc-unproven".into()));
}

#[tokio::test]
async fn who_is_locked_does_not_get_in_by_the_provider() {
    let (house, provider) = start().await;
    log_in(&house, &provider).await;
    let user = house.db.user_by_email("ann@example.org").await.unwrap().unwrap();
    // Somebody else has to administer.
    let other = house.register("other@example.org").await;
    let admin = db::UserChanges { role: Some(db::Role::Admin), ..db::UserChanges::default() };
    house.db.change_user(other, &admin).await.unwrap().unwrap();
    let lock = db::UserChanges { disabled: Some(true), ..db::UserChanges::default() };
    house.db.change_user(user.id, &lock).await.unwrap().unwrap();
    assert_eq!(log_in(&house, &provider).await.problem(), (403, "account-disabled".into()));
}

#[tokio::test]
async fn a_token_that_is_not_the_providers_for_us_for_this_log_in_of_today_opens_nothing() {
    let (house, provider) = start().await;
    let now = provider.now.millis() / 1000;
    for claims in [
        json!({"nonce": "of another log-in"}),
        json!({"nonce": null}),
        json!({"iss": "https://other.example"}),
        json!({"aud": "another client"}),
        json!({"aud": [CLIENT, "another client"]}),
        json!({"exp": now - 1}),
        json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    ] {
        provider.says(|says| says.claims = claims.clone());
        assert_eq!(log_in(&house, &provider).await.problem(), (502, "oidc-invalid".into()), "{claims}");
    }
    provider.says(|says| says.claims = json!({}));
    // By nobody, by who knows what only we and the provider know, and with a name of an algorithm that is not the key's.
    for algorithm in ["none", "HS256", "RS256"] {
        provider.says(|says| says.algorithm = algorithm);
        assert_eq!(log_in(&house, &provider).await.problem(), (502, "oidc-invalid".into()), "{algorithm}");
    }
    provider.says(|says| (says.algorithm, says.forged) = ("EdDSA", true));
    assert_eq!(log_in(&house, &provider).await.problem(), (502, "oidc-invalid".into()));
    provider.says(|says| (says.forged, says.nonsense) = (false, true));
    assert_eq!(log_in(&house, &provider).await.problem(), (502, "oidc-invalid".into()));
    provider.says(|says| says.nonsense = false);
    assert_eq!(log_in(&house, &provider).await.status, 303);
}

#[tokio::test]
async fn a_log_in_ends_once_and_only_in_the_browser_that_has_begun_it() {
    let (house, provider) = start().await;
    let expired = || (400, "oidc-expired".to_owned());
    let (mine, theirs) = (leave(&house, &provider).await, leave(&house, &provider).await);
    // A victim's browser, or none, with the address that an attacker's was sent to.
    let mixed = Left { cookie: mine.cookie.clone(), state: theirs.state.clone() };
    let nobody = Left { cookie: "a=b".into(), state: theirs.state.clone() };
    let empty = Left { cookie: "__Host-tapedeck-oidc=".into(), state: theirs.state.clone() };
    for wrong in [mixed, nobody, empty] {
        assert_eq!(back(&house, &wrong).await.problem(), expired());
    }
    let stateless = ask(&house, &format!("{CALLBACK}?code=c"), &[("cookie", &theirs.cookie)]).await;
    assert_eq!(stateless.problem(), expired());
    // The code is of another log-in of the same browser: the verifier is not the one that it was asked for with.
    assert_eq!(back(&house, &mine).await.problem(), expired());
    let again = leave(&house, &provider).await;
    assert_eq!(back(&house, &again).await.status, 303);
    assert_eq!(back(&house, &again).await.problem(), expired());
}

#[tokio::test]
async fn who_is_not_let_in_or_is_sent_by_another_provider_is_told() {
    let (house, provider) = start().await;
    let left = leave(&house, &provider).await;
    let come = async |query: &str, accept: &str| {
        let path = format!("{CALLBACK}?state={}&{query}", left.state);
        ask(&house, &path, &[("cookie", left.cookie.as_str()), ("accept", accept)]).await
    };
    assert_eq!(come("error=access_denied", "*/*").await.problem(), (403, "oidc-refused".into()));
    let other = come("code=c&iss=https%3A%2F%2Fother.example", "*/*").await;
    assert_eq!(other.problem(), (502, "oidc-invalid".into()));
    // A person sees the page, and the page says it.
    let page = come("error=access_denied", "text/html,*/*;q=0.8").await;
    assert_eq!(page.status, 303);
    assert_eq!(page.headers["location"], "https://tapes.example/below/#oidc=oidc-refused");
    assert_eq!(cookies(&page).len(), 1);
}

#[tokio::test]
async fn a_provider_that_is_away_or_says_nonsense_is_a_problem_of_its_own() {
    let (_, mut provider) = start().await;
    // Nothing listens there.
    provider.issuer = "http://127.0.0.1:1".into();
    let house = House::with(provider.config()).await;
    let answer = ask(&house, "/auth/oidc/login", &[]).await;
    assert_eq!(answer.problem(), (502, "oidc-away".into()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    provider.issuer = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(async || "nonsense")).await });
    let house = House::with(provider.config()).await;
    let answer = ask(&house, "/auth/oidc/login", &[]).await;
    assert_eq!(answer.problem(), (502, "oidc-invalid".into()));
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_to_log_in_at() {
    let house = House::open().await;
    assert_eq!(ask(&house, "/auth/oidc", &[]).await.json(), json!({"provider": null, "providers": []}));
    for path in ["/auth/oidc/login", CALLBACK] {
        assert_eq!(ask(&house, path, &[]).await.problem(), (404, "not-found".into()));
    }
}
