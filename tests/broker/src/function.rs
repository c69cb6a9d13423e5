//! A Knative Service: no pod until somebody asks, one while somebody does, none again after a while. In front of it the
//! activator, which holds the request until the pod is ready.
//!
//! One pod is as many as there ever are: how functions share their work is tested elsewhere. `timeoutSeconds` counts up to
//! the head of the answer only.

use std::{
    sync::{
        Arc, Mutex as StdMutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};

use crate::pod::{Pod, Program};

pub(crate) struct Function {
    pub(crate) program: Program,
    pub(crate) client: reqwest::Client,
    /// `containerConcurrency`: the rest waits.
    pub(crate) slots: Arc<Semaphore>,
    /// `timeoutSeconds`.
    pub(crate) timeout: Duration,
    /// How long nobody may have asked until the pod goes.
    pub(crate) idle: Duration,
    pub(crate) pod: Mutex<Option<Pod>>,
    pub(crate) in_hand: AtomicUsize,
    pub(crate) last: StdMutex<Instant>,
    pub(crate) starts: AtomicUsize,
    /// The ingress does not know the way to it yet.
    pub(crate) no_route: AtomicBool,
    /// It is not to be started.
    pub(crate) away: AtomicBool,
    /// How pods ended that should not have ended so.
    pub(crate) bad: StdMutex<Vec<String>>,
}

/// A request in hand: keeps the pod, a slot, and the connection.
struct Busy {
    function: Arc<Function>,
    slot: Option<OwnedSemaphorePermit>,
    connection: Option<AbortHandle>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.abort();
        }
        *self.function.last.lock().unwrap() = Instant::now();
        self.function.in_hand.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Function {
    /// What listens at its address.
    pub(crate) fn activator(self: Arc<Self>) -> Router {
        Router::new().fallback(pass).with_state(self)
    }

    async fn busy(self: &Arc<Self>) -> Busy {
        self.in_hand.fetch_add(1, Ordering::SeqCst);
        let mut busy = Busy { function: self.clone(), slot: None, connection: None };
        busy.slot = self.slots.clone().acquire_owned().await.ok();
        busy
    }

    /// Of a pod that is ready; started if there is none.
    async fn port(&self) -> Result<u16, String> {
        let mut pod = self.pod.lock().await;
        if let Some(running) = pod.as_mut() {
            if running.is_running() {
                return Ok(running.port);
            }
            self.note(running.exit_code());
            *pod = None;
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(format!("{} is away", self.program.name));
        }
        let mut started = self.program.start()?;
        self.program.ready(&mut started, &self.client).await?;
        self.starts.fetch_add(1, Ordering::SeqCst);
        let port = started.port;
        *pod = Some(started);
        Ok(port)
    }

    fn note(&self, code: Option<i32>) {
        if code != Some(0) {
            self.bad.lock().unwrap().push(format!("{} ended with {code:?}", self.program.name));
        }
    }

    /// Ends the pod when nobody has asked for a while; never ends itself.
    pub(crate) async fn sleep_when_idle(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.idle / 4).await;
            let mut pod = self.pod.lock().await;
            let quiet = self.last.lock().unwrap().elapsed() > self.idle;
            if quiet
                && self.in_hand.load(Ordering::SeqCst) == 0
                && let Some(idle) = pod.take()
            {
                drop(pod);
                self.note(idle.stop(self.timeout).await);
            }
        }
    }

    /// `kill -9`; the next request starts another.
    pub(crate) async fn kill(&self) {
        *self.pod.lock().await = None;
    }

    /// SIGTERM; its exit code, 0 if there is no pod.
    pub(crate) async fn stop(&self) -> Option<i32> {
        let pod = self.pod.lock().await.take();
        match pod {
            Some(pod) => pod.stop(self.timeout).await,
            None => Some(0),
        }
    }
}

async fn pass(State(function): State<Arc<Function>>, request: Request) -> Response {
    if function.no_route.load(Ordering::SeqCst) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let answer = async {
        let busy = function.busy().await;
        let port = function.port().await?;
        forward(port, request, busy).await
    };
    match tokio::time::timeout(function.timeout, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => (StatusCode::BAD_GATEWAY, why).into_response(),
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

/// Bodies are streams both ways. The call ends with the answer's body, and when the caller goes.
async fn forward(port: u16, mut request: Request, mut busy: Busy) -> Result<Response, String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    busy.connection = Some(tokio::spawn(connection).abort_handle());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().map_err(|error| error.to_string())?;
    between(request.headers_mut());
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (mut parts, body) = answer.into_parts();
    between(&mut parts.headers);
    // The request is in hand until the last byte of its answer.
    let body = body.map_frame(move |frame| {
        let _ = &busy;
        frame
    });
    Ok(Response::from_parts(parts, Body::new(body)))
}

/// What is for one connection only.
fn between(headers: &mut HeaderMap) {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}
