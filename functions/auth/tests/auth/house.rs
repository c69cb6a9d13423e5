//! The function's router over a real database in a temporary folder, and words to talk to it.

use std::sync::Arc;

use auth::AuthConfig;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use broker::{Broker, Local, LocalConfig};
use contracts::{Clock, Timestamp, UserId};
use db::Db;
use identity::{Proofs, SigningKey};
use runtime::CancellationToken;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct House {
    folder: Arc<TempDir>,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) key: SigningKey,
    pub(crate) proofs: Proofs,
    router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn field(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap().to_owned()
    }

    /// The status, and the last word of the problem's type.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.text);
        (self.status, self.field("type").rsplit([':', '#']).next().unwrap().to_owned())
    }
}

/// Nothing is delivered here: what is published stays in the outbox.
pub(crate) fn broker(db: &Db) -> Broker {
    Local::new(db.clone(), LocalConfig::default()).broker()
}

fn router(db: &Db, broker: Broker, key: &SigningKey, proofs: &Proofs, config: AuthConfig) -> Router {
    let function = auth::function(db.clone(), broker, key.clone(), proofs.clone(), config);
    runtime::http_router(function.into_parts().0, CancellationToken::new())
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(AuthConfig::default()).await
    }

    pub(crate) async fn with(config: AuthConfig) -> Self {
        Self::on(config, broker).await
    }

    /// With the broker that `broker` makes.
    pub(crate) async fn on(config: AuthConfig, broker: impl FnOnce(&Db) -> Broker) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        let clock = Clock::manual(Timestamp::now());
        let db = db.with_clock(clock.clone());
        db.migrate().await.unwrap();
        let key = SigningKey::load_or_create(&folder.path().join("key.pem")).unwrap();
        let proofs = Proofs::load_or_create(&folder.path().join("proofs")).unwrap();
        let proofs = proofs.with_clock(clock.clone());
        let router = router(&db, broker(&db), &key, &proofs, config);
        Self { folder: Arc::new(folder), db, clock, key, proofs, router }
    }

    /// The same house after a restart with another key.
    pub(crate) fn again_with(&self, key: SigningKey) -> Self {
        let (folder, db, proofs) = (self.folder.clone(), self.db.clone(), self.proofs.clone());
        let clock = self.clock.clone();
        let router = router(&db, broker(&db), &key, &proofs, AuthConfig::default());
        Self { folder, db, clock, key, proofs, router }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1_000_000).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// With credentials (empty for none) and a body (`Value::Null` for none).
    pub(crate) async fn call(&self, method: Method, path: &str, credentials: &str, body: Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !credentials.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {credentials}"));
        }
        let body = match body {
            Value::Null => Body::empty(),
            value => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(value.to_string())
            }
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, credentials: &str) -> Answer {
        self.call(Method::GET, path, credentials, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, credentials: &str, body: Value) -> Answer {
        self.call(Method::POST, path, credentials, body).await
    }

    pub(crate) async fn delete(&self, path: &str, credentials: &str) -> Answer {
        self.call(Method::DELETE, path, credentials, Value::Null).await
    }

    pub(crate) async fn patch(&self, path: &str, credentials: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, credentials, body).await
    }

    pub(crate) async fn register(&self, email: &str) -> UserId {
        let answer = self.post("/register", "", json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.field("id").parse().unwrap()
    }

    pub(crate) async fn login(&self, email: &str, password: &str, accept: &str) -> Answer {
        let basic = STANDARD.encode(format!("{email}:{password}"));
        let request = Request::post("/login")
            .header(header::AUTHORIZATION, format!("Basic {basic}"))
            .header(header::ACCEPT, accept);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Registers and logs in; the access token.
    pub(crate) async fn member(&self, email: &str) -> String {
        self.register(email).await;
        let answer = self.login(email, PASSWORD, "*/*").await;
        assert_eq!(answer.status, StatusCode::OK.as_u16(), "{}", answer.text);
        answer.text
    }

    /// Both tokens of a fresh log-in: (access, refresh).
    pub(crate) async fn tokens(&self, email: &str) -> (String, String) {
        let answer = self.login(email, PASSWORD, "application/json").await;
        (answer.field("access_token"), answer.field("refresh_token"))
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/token/refresh", "", json!({"refresh_token": refresh_token})).await
    }

    pub(crate) async fn api_key(&self, token: &str, scopes: Value) -> Answer {
        self.post("/keys", token, json!({"name": "a program", "scopes": scopes})).await
    }
}
