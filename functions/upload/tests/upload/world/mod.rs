//! A real database file, a real blob directory, the real routes.

pub(crate) mod origin;

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};
use blobs::{Blob, Blobs, Bucket};
use broker::{Local, LocalConfig};
use bytes::Bytes;
use contracts::{UserId, VideoId};
use db::{Db, Job, NewUser};
use identity::{Claims, SigningKey, Verifier};
use runtime::CancellationToken;
use tower::ServiceExt as _;
use upload::{Upload, UploadConfig};

/// Every request belongs to this trace.
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) anna: UserId,
    blobs: Blobs,
    key: SigningKey,
    token: String,
    router: Router,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(UploadConfig::default()).await
    }

    pub(crate) async fn with(config: UploadConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        db.migrate().await.unwrap();
        let blobs = Blobs::open(&format!("file:{}", folder.path().join("blobs").display())).unwrap();
        let key = SigningKey::load_or_create(&folder.path().join("key.pem")).unwrap();
        let verifier = Verifier::new(key.verifying_keys(), db.clone());
        let broker = Local::new(db.clone(), LocalConfig::default()).broker();
        let deps = Upload { db: db.clone(), blobs: blobs.clone(), broker, verifier, config };
        let router = runtime::http_router(upload::function(deps).into_parts().0, CancellationToken::new());
        let new = NewUser {
            email: "anna@example.org".into(),
            password_hash: "x".into(),
            admin_if_first: true,
            verified: true,
        };
        let anna = db.create_user(new).await.unwrap().0.id;
        let token = token(&key, anna);
        Self { db, anna, blobs, key, token, router, _folder: folder }
    }

    /// The same, for somebody else.
    pub(crate) async fn another(&mut self) {
        let email = "ben@example.org".into();
        let new = NewUser { email, password_hash: "x".into(), admin_if_first: false, verified: true };
        self.token = token(&self.key, self.db.create_user(new).await.unwrap().0.id);
    }

    pub(crate) async fn call(&self, mut request: Request<Body>) -> Response {
        let bearer = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn stored(&self, id: VideoId) -> Bytes {
        let reader = self.blobs.open_blob(Blob::Video(id)).await.unwrap().unwrap();
        reader.read_at(0, usize::try_from(reader.size()).unwrap()).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, media_type: &str, body: Body) -> (StatusCode, String) {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, media_type)
            .header("traceparent", TRACEPARENT)
            .body(body)
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// A form whose boundary is `x`.
    pub(crate) async fn form(&self, body: impl Into<Body>) -> (StatusCode, String) {
        self.post("/upload", "multipart/form-data; boundary=x", body.into()).await
    }

    /// What the form was taken as.
    pub(crate) async fn taken(&self, body: impl Into<Body>) -> Job {
        let (status, answer) = self.form(body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        let job = self.db.jobs().list(self.anna, 1, None).await.unwrap().remove(0);
        assert!(answer.contains(&job.id.to_string()), "{answer}");
        job
    }

    pub(crate) async fn nothing_is_stored(&self) {
        assert!(self.db.jobs().list(self.anna, 10, None).await.unwrap().is_empty());
        // What was stored before it was refused is named as garbage.
        let garbage = self.db.due_garbage(1000).await.unwrap();
        for bucket in Bucket::ALL {
            let mut left = self.blobs.page(bucket, None, 1000).await.unwrap();
            left.extend(self.blobs.partials(bucket, None, 1000).await.unwrap());
            left.retain(|stored| match stored.blob {
                blobs::Blob::Video(id) => !garbage.contains(&db::Garbage::Video(id)),
                blobs::Blob::Audio(id) | blobs::Blob::Peaks(id) => !garbage.contains(&db::Garbage::Audio(id)),
            });
            assert_eq!(left, []);
        }
    }
}

fn token(key: &SigningKey, user: UserId) -> String {
    key.issue(&Claims::access(user, contracts::Timestamp::now(), Duration::from_secs(600))).unwrap()
}

/// A part of a form: its head without the last empty line, and its content.
pub(crate) fn part(head: &[u8], content: &[u8]) -> Vec<u8> {
    [b"--x\r\n", head, b"\r\n\r\n", content, b"\r\n"].concat()
}

pub(crate) fn option(name: &str, value: &str) -> Vec<u8> {
    part(format!("Content-Disposition: form-data; name=\"{name}\"").as_bytes(), value.as_bytes())
}

/// A part that is a file with this `Content-Disposition`, but for its beginning.
pub(crate) fn file(disposition: &[u8]) -> Vec<u8> {
    part(&[b"Content-Disposition: form-data; name=\"f\"", disposition].concat(), &video())
}

pub(crate) fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [&parts.concat()[..], b"--x--\r\n"].concat()
}

pub(crate) fn video() -> Bytes {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/media/fixtures/moov-front.mp4"))
        .unwrap()
        .into()
}
