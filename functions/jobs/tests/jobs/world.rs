//! A database whose clock the test turns, the real routes, an administrator and two users.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use broker::{Local, LocalConfig};
use contracts::{Clock, DeliveryId, FailureCode, JobId, Options, Timestamp, UserId, VideoId};
use db::{Attempt, Claimed, Db, NewJob, NewUser, Source, UserChanges};
use identity::{Claims, KEY_PREFIX, SigningKey, Verifier, hash_secret, new_secret};
use jobs::Jobs;
use runtime::CancellationToken;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) root: UserId,
    pub(crate) anna: UserId,
    pub(crate) eve: UserId,
    pub(crate) shutdown: CancellationToken,
    key: SigningKey,
    pub(crate) router: Router,
    _folder: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::now());
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        let db = db.with_clock(clock.clone());
        db.migrate().await.unwrap();
        let key = SigningKey::load_or_create(&folder.path().join("key.pem")).unwrap();
        let verifier = Verifier::new(key.verifying_keys(), db.clone());
        let (broker, shutdown) =
            (Local::new(db.clone(), LocalConfig::default()).broker(), CancellationToken::new());
        let deps = Jobs::new(db.clone(), broker, verifier, shutdown.clone());
        let (routes, _) = jobs::function(deps).into_parts();
        let router = runtime::http_router(routes, shutdown.clone());
        let [root, anna, eve] = [user(&db, "root").await, user(&db, "anna").await, user(&db, "eve").await];
        let admin = UserChanges { role: Some(db::Role::Admin), ..UserChanges::default() };
        db.change_user(root, &admin).await.unwrap().unwrap().unwrap();
        Self { db, clock, root, anna, eve, shutdown, key, router, _folder: folder }
    }

    /// Credentials of a log-in.
    pub(crate) fn login(&self, user: UserId) -> String {
        self.key.issue(&Claims::access(user, Timestamp::now(), 3650 * DAY)).unwrap()
    }

    /// Credentials of an API key with these scopes.
    pub(crate) async fn api_key(&self, user: UserId, scopes: &str) -> String {
        let secret = new_secret(KEY_PREFIX).unwrap();
        self.db.create_key(user, "a program", scopes, &hash_secret(&secret)).await.unwrap();
        secret
    }

    /// `call` is a method and a path; with a body if it is not null.
    pub(crate) async fn call_with(&self, token: &str, call: &str, body: &Value) -> Answer {
        let (method, path) = call.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Value::Null => Body::empty(),
            body => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
        };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
        Answer { status, json: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// As somebody who has logged in.
    pub(crate) async fn call(&self, user: UserId, call: &str) -> Answer {
        self.call_with(&self.login(user), call, &Value::Null).await
    }

    pub(crate) async fn queued(&self, user: UserId) -> JobId {
        // Ids are in the order of time.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let id = JobId::generate();
        self.db.jobs().create(&NewJob { id, user_id: user, video_id: VideoId::generate() }).await.unwrap();
        let source = Source { name: "a.mp4".into(), bytes: 10, container: "mp4".into(), ..Source::default() };
        self.db.jobs().queue(id, &source, &Options::default()).await.unwrap().unwrap();
        id
    }

    /// The job that is next.
    pub(crate) async fn claim(&self) -> Claimed {
        self.db.jobs().claim_next(MINUTE).await.unwrap().unwrap()
    }

    /// A failed job, and the mail that is due about it.
    pub(crate) async fn failed(&self, user: UserId) -> (JobId, DeliveryId) {
        let id = self.queued(user).await;
        let claimed = self.claim().await;
        assert_eq!(claimed.job.id, id, "no other waits");
        let ended = self.db.jobs().fail(&claimed, FailureCode::NoAudio, "").await.unwrap().unwrap();
        (id, ended.deliveries[0].event.delivery_id)
    }

    /// Makes a delivery, which ends so.
    pub(crate) async fn attempt(&self, delivery: DeliveryId, attempt: Attempt) {
        let claim = self.db.deliveries().claim(delivery, MINUTE).await.unwrap().unwrap();
        self.db.deliveries().settle(&claim, attempt).await.unwrap();
    }

    /// A failed job whose mail is a dead letter.
    pub(crate) async fn dead_letter(&self, user: UserId) -> DeliveryId {
        let (_, delivery) = self.failed(user).await;
        self.clock.advance(5 * DAY);
        self.attempt(delivery, Attempt::Failed("no such host".into())).await;
        delivery
    }
}

async fn user(db: &Db, name: &str) -> UserId {
    let email = format!("{name}@example.org");
    let new = NewUser { email, password_hash: "x".into(), admin_if_first: false, verified: true };
    db.create_user(new).await.unwrap().0.id
}
