//! A real database file, a real blob directory, the real routes.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::Response,
};
use blobs::{Blob, Blobs};
use bytes::Bytes;
use contracts::{AudioId, FailureCode, JobId, Options, UserId, VideoId};
use db::{Audio, Claimed, Db, Finished, NewJob, NewUser, Source};
use download::Download;
use identity::{Claims, KEY_PREFIX, Links, SigningKey, Verifier, hash_secret, new_secret};
use runtime::CancellationToken;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const PUBLIC_URL: &str = "https://tapedeck.example.org";

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) links: Links,
    pub(crate) anna: UserId,
    pub(crate) eve: UserId,
    pub(crate) blobs: Blobs,
    key: SigningKey,
    pub(crate) router: Router,
    _folder: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        db.migrate().await.unwrap();
        let blobs = Blobs::open(&format!("file:{}", folder.path().join("blobs").display())).unwrap();
        let key = SigningKey::load_or_create(&folder.path().join("key.pem")).unwrap();
        let links = Links::load_or_create(&folder.path().join("links")).unwrap();
        let verifier = Verifier::new(key.verifying_keys(), db.clone());
        let deps = Download {
            db: db.clone(),
            blobs: blobs.clone(),
            verifier,
            links: links.clone(),
            public_url: PUBLIC_URL.into(),
        };
        let (routes, _) = download::function(deps).into_parts();
        let router = runtime::http_router(routes, CancellationToken::new());
        let (anna, eve) = (user(&db, "anna@example.org").await, user(&db, "eve@example.org").await);
        Self { db, links, anna, eve, blobs, key, router, _folder: folder }
    }

    pub(crate) fn bearer(&self, user: UserId) -> String {
        let claims = Claims::access(user, contracts::Timestamp::now(), Duration::from_secs(60));
        format!("Bearer {}", self.key.issue(&claims).unwrap())
    }

    pub(crate) async fn begin(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.begin(request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 100_000_000).await.unwrap();
        Answer { status, headers, body }
    }

    /// As Anna.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.call(Method::GET, path, self.anna, headers, Body::empty()).await
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        user: UserId,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::AUTHORIZATION, self.bearer(user));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body).unwrap()).await
    }

    /// `POST /jobs/{job}/link` with an API key of Anna's.
    pub(crate) async fn link_by_key(&self, job: JobId, scopes: &str, body: &Value) -> Answer {
        let secret = new_secret(KEY_PREFIX).unwrap();
        self.db.create_key(self.anna, "a program", scopes, &hash_secret(&secret)).await.unwrap();
        let request = Request::post(format!("/jobs/{job}/link"))
            .header(header::AUTHORIZATION, format!("Bearer {secret}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Without credentials.
    pub(crate) async fn get_as_nobody(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn uploading(&self) -> JobId {
        let id = JobId::generate();
        let new = NewJob { id, user_id: self.anna, video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        id
    }

    pub(crate) async fn queued(&self, name: &str) -> JobId {
        let id = self.uploading().await;
        let source = Source { name: name.into(), bytes: 10, container: "mp4".into(), ..Source::default() };
        self.db.jobs().queue(id, &source, &Options::default()).await.unwrap().unwrap();
        id
    }

    pub(crate) async fn converting(&self, name: &str) -> Claimed {
        self.queued(name).await;
        self.db.jobs().claim_next(Duration::from_secs(60)).await.unwrap().unwrap()
    }

    pub(crate) async fn failed(&self) -> JobId {
        let claimed = self.converting("a.mp4").await;
        self.db.jobs().fail(&claimed, FailureCode::NoAudio, "no streams").await.unwrap().unwrap();
        claimed.job.id
    }

    /// A finished job of Anna's with this content.
    pub(crate) async fn done(&self, name: &str, content: &[u8], keep: Duration) -> (JobId, AudioId) {
        self.done_with(name, content, None, keep).await
    }

    /// The same, with this waveform.
    pub(crate) async fn done_with(
        &self,
        name: &str,
        content: &[u8],
        peaks: Option<&[u8]>,
        keep: Duration,
    ) -> (JobId, AudioId) {
        let claimed = self.converting(name).await;
        let id = claimed.lease.audio_id;
        let bytes = self.put(Blob::Audio(id), content).await;
        let peaks = match peaks {
            Some(peaks) => Some(self.put(Blob::Peaks(id), peaks).await),
            None => None,
        };
        let duration = Duration::from_secs(187);
        let audio = Audio { id, bytes, duration, codec: "mp3".into(), bitrate: 128_000 };
        let finished =
            Finished { audio, peaks, source_codec: None, source_duration: None, warning: None, keep };
        self.db.jobs().finish(&claimed, &finished, "1").await.unwrap().unwrap();
        (claimed.job.id, id)
    }

    async fn put(&self, blob: Blob, content: &[u8]) -> u64 {
        let mut upload = self.blobs.put(blob).await.unwrap();
        upload.write(Bytes::copy_from_slice(content)).await.unwrap();
        upload.finish().await.unwrap()
    }
}

async fn user(db: &Db, email: &str) -> UserId {
    let new =
        NewUser { email: email.into(), password_hash: "x".into(), admin_if_first: true, verified: true };
    db.create_user(new).await.unwrap().0.id
}
