//! Requests to the server, with the right credentials.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};
use outbound::{Answer, Outbound, Rules, Trust};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::{
    Error,
    place::{Environment, ServerOptions, address},
    session::{self, Granted, Store, Tokens},
};

/// For the head of an answer: a long poll is answered earlier.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(100);
/// Seconds between tries to make something.
const PAUSES: [u64; 4] = [1, 2, 5, 10];
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest answer that is read whole.
const LONGEST: usize = 4 * 1024 * 1024;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A server that we may be logged in at.
pub(crate) struct Server {
    pub(super) home: Url,
    /// Where log-ins and unfinished uploads are kept.
    pub(super) folder: PathBuf,
    key: String,
    outbound: Outbound,
}

impl Server {
    /// The one that the options name, the environment, or the latest log-in.
    pub(crate) fn chosen(options: &ServerOptions) -> Result<Self, Error> {
        let environment = Environment::read()?;
        let folder = environment.folder()?;
        let named = options.server.clone().or(Some(environment.tapedeck_server.clone()));
        let named = match named.filter(|server| !server.is_empty()) {
            Some(server) => Some(server),
            None => session::read(&folder)?.server,
        };
        let named = named.ok_or_else(|| Error::NotLoggedIn("No server is known.".into()))?;
        Self::at(&named, &environment, folder)
    }

    pub(super) fn at(server: &str, environment: &Environment, folder: PathBuf) -> Result<Self, Error> {
        let wrong = |error: outbound::Untrusted| {
            Error::Usage(format!("TAPEDECK_CA_FILE: {}: {error}", environment.tapedeck_ca_file))
        };
        let mut trust = Trust::public().and_of_the_system();
        if !environment.tapedeck_ca_file.is_empty() {
            trust = trust.and_of(Path::new(&environment.tapedeck_ca_file)).map_err(wrong)?;
        }
        // Whoever types the address may go wherever they like.
        let rules = Rules { anywhere: true, ..Rules::default() };
        let outbound = Outbound::new(rules, trust).map_err(wrong)?;
        Ok(Self { home: address(server)?, folder, key: environment.tapedeck_key.clone(), outbound })
    }

    /// By this it is known in the list of log-ins.
    pub(super) fn name(&self) -> String {
        self.home.as_str().trim_end_matches('/').to_owned()
    }

    fn url(&self, path: &str) -> Result<Url, Error> {
        format!("{}{path}", self.name()).parse().map_err(|_| Error::Usage(format!("{path} is no address")))
    }

    /// What is sent as `Authorization`.
    fn bearer(&self, token: &str) -> Result<HeaderValue, Error> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| Error::Usage("TAPEDECK_KEY is no API key".into()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// A request with our credentials; the answer is one of success.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, String)],
    ) -> Result<Answer, Error> {
        self.call_with(method, path, headers, "").await
    }

    async fn call_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, String)],
        body: &str,
    ) -> Result<Answer, Error> {
        let answer = self.send(method.clone(), path, headers, whole(body.to_owned())).await;
        match answer {
            // The token may have been ended by the server: a new one tells.
            Err(Error::NotLoggedIn(_)) if self.key.is_empty() => {
                self.renew().await?;
                self.send(method, path, headers, whole(body.to_owned())).await
            }
            answer => answer,
        }
    }

    /// `POST` of JSON that makes something, and the JSON of the answer. While the server is away it is tried again, with the
    /// key by which the server knows it.
    pub(super) async fn make<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Error> {
        let key = identity::new_secret("").map_err(|error| Error::Usage(error.to_string()))?;
        let headers = [(CONTENT_TYPE, "application/json".to_owned()), (IDEMPOTENCY_KEY, key)];
        let body = body.to_string();
        for pause in PAUSES {
            match self.call_with(Method::POST, path, &headers, &body).await {
                Err(Error::Away(_)) => tokio::time::sleep(Duration::from_secs(pause)).await,
                answer => return parsed(answer?).await,
            }
        }
        parsed(self.call_with(Method::POST, path, &headers, &body).await?).await
    }

    /// The same with a body, once.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, String)],
        body: Body,
    ) -> Result<Answer, Error> {
        let mut all = HeaderMap::new();
        all.insert(AUTHORIZATION, self.bearer(&self.token().await?)?);
        for (name, value) in headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Error::Usage(format!("{value:?} can't be sent as {name}")))?;
            all.insert(name, value);
        }
        self.request(method, path, all, body).await
    }

    /// `GET`, and the JSON of the answer.
    pub(super) async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, self.call(Method::GET, path, &[])).await;
        parsed(answer.map_err(|_| Error::Away(format!("{} does not answer.", self.name())))??).await
    }

    /// A request with these headers.
    async fn request(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Body,
    ) -> Result<Answer, Error> {
        headers.insert(USER_AGENT, HeaderValue::from_static(outbound::USER_AGENT));
        let mut request = Request::new(body);
        (*request.method_mut(), *request.headers_mut()) = (method, headers);
        let answer = self.outbound.send(&self.url(path)?, request).await;
        let answer = answer.map_err(|error| Error::Away(format!("{}: {error}", self.name())))?;
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(answer).await) }
    }

    /// Tokens for mail address and password.
    pub(super) async fn log_in(&self, basic: HeaderValue) -> Result<Tokens, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, basic);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.request(Method::POST, "/login", headers, nothing()).await?;
        Ok(parsed::<Granted>(answer).await?.into())
    }

    /// Ends a log-in.
    pub(super) async fn log_out(&self, tokens: &Tokens) -> Result<(), Error> {
        self.post("/logout", &json!({ "refresh_token": tokens.refresh_token })).await.map(drop)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.request(Method::POST, path, headers, whole(body.to_string())).await
    }

    /// A token that is good for a while, or the API key.
    async fn token(&self) -> Result<String, Error> {
        if !self.key.is_empty() {
            return Ok(self.key.clone());
        }
        let tokens = session::read(&self.folder)?.tokens.remove(&self.name());
        match tokens {
            None => Err(Error::NotLoggedIn(format!("You are not logged in at {}.", self.name()))),
            Some(tokens) if tokens.is_stale() => self.renew_unless(&tokens).await,
            Some(tokens) => Ok(tokens.access_token),
        }
    }

    async fn renew(&self) -> Result<(), Error> {
        let tokens = session::read(&self.folder)?.tokens.remove(&self.name());
        match tokens {
            Some(tokens) => self.renew_unless(&tokens).await.map(drop),
            None => Err(Error::NotLoggedIn("You are not logged in.".into())),
        }
    }

    /// Exchanges the refresh token, unless another process has done so since `known` was read.
    async fn renew_unless(&self, known: &Tokens) -> Result<String, Error> {
        let folder = self.folder.clone();
        let store = tokio::task::spawn_blocking(move || Store::open(&folder)).await;
        let store = store.map_err(|error| Error::Usage(error.to_string()))??;
        let mut sessions = store.read()?;
        if let Some(newer) = sessions.tokens.get(&self.name()).filter(|tokens| *tokens != known) {
            return Ok(newer.access_token.clone());
        }
        let answer = self.post("/token/refresh", &json!({ "refresh_token": known.refresh_token })).await?;
        let tokens: Tokens = parsed::<Granted>(answer).await?.into();
        sessions.tokens.insert(self.name(), tokens.clone());
        store.write(&sessions)?;
        Ok(tokens.access_token)
    }
}

async fn parsed<T: DeserializeOwned>(answer: Answer) -> Result<T, Error> {
    let body = answer.read(LONGEST).await.map_err(|error| Error::Away(error.to_string()))?;
    serde_json::from_slice(&body)
        .map_err(|_| Error::Away("The answer is none of Tapedeck's. Is the address right?".into()))
}

/// What an answer that is none of success means: the detail of a problem says what to do.
async fn refusal(answer: Answer) -> Error {
    let status = answer.status;
    let body = answer.read(64 * 1024).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let detail = match problem["detail"].as_str() {
        Some(detail) => detail.to_owned(),
        None => format!("The server answered {status}."),
    };
    match status {
        StatusCode::UNAUTHORIZED => Error::NotLoggedIn(detail),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::LOCKED => {
            Error::Away(detail)
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => Error::Absent(detail),
        status if status.is_server_error() => Error::Away(detail),
        _ => Error::Refused(detail),
    }
}

pub(super) fn nothing() -> Body {
    whole(Bytes::new())
}

pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}
