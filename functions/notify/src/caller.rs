//! Calls a receiver: one POST over a connection of its own, no redirects, no proxies, whatever the answer's body.

use std::{path::Path, time::Duration};

use http_body_util::Full;
use hyper::{Request, StatusCode, body::Bytes, header};
use outbound::{Outbound, Rules, Trust, USER_AGENT, Untrusted};
use url::Url;

use crate::{Error, WebhookConfig};

/// From the look-up of the name to the answer's status.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);

/// Calls receivers; cheap to clone.
#[derive(Clone)]
pub(crate) struct Webhooks {
    outbound: Outbound,
}

/// A message to a receiver.
pub(crate) struct Message {
    /// Where to.
    pub(crate) url: String,
    /// What the body is.
    pub(crate) content_type: &'static str,
    /// By which the receiver knows us, and the message.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(crate) body: String,
}

/// What became of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// The receiver has it, and said so.
    Taken(StatusCode),
    /// The receiver wants no more (410).
    Unwanted,
    /// We don't call such a URL.
    Forbidden,
    /// Perhaps later. The receiver is there, and said so.
    Declined(StatusCode),
    /// Perhaps later: why. The receiver is away or has too much to do.
    Failed(String),
}

impl Webhooks {
    /// Trusts the public certificate authorities and those that the configuration names.
    ///
    /// # Errors
    /// [`Error::CaFile`].
    pub(crate) fn new(config: &WebhookConfig) -> Result<Self, Error> {
        let wrong = |error: Untrusted| Error::CaFile {
            path: config.ca_file.clone().into(),
            problem: error.to_string(),
        };
        let public = Trust::public();
        let trust = match config.ca_file.as_str() {
            "" => public,
            file => public.and_of(Path::new(file)).map_err(wrong)?,
        };
        let rules = Rules { anywhere: config.unsafe_targets_for_tests, ..Rules::default() };
        Ok(Self { outbound: Outbound::new(rules, trust).map_err(wrong)? })
    }

    pub(crate) async fn call(&self, message: &Message) -> CallOutcome {
        match tokio::time::timeout(LIMIT, self.post(message)).await {
            Ok(Ok(status)) if status.is_success() => CallOutcome::Taken(status),
            Ok(Ok(StatusCode::GONE)) => CallOutcome::Unwanted,
            Ok(Ok(status)) => {
                let busy = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                if busy { CallOutcome::Failed(answered(status)) } else { CallOutcome::Declined(status) }
            }
            Ok(Err(outbound::Error::Forbidden(_) | outbound::Error::Private)) => CallOutcome::Forbidden,
            Ok(Err(error)) => CallOutcome::Failed(error.to_string()),
            Err(_) => CallOutcome::Failed(format!("no answer within {} s", LIMIT.as_secs())),
        }
    }

    async fn post(&self, message: &Message) -> Result<StatusCode, outbound::Error> {
        let forbidden = || outbound::Error::Forbidden("this is no URL");
        let url: Url = message.url.parse().map_err(|_| forbidden())?;
        let request = request(message).map_err(|_| forbidden())?;
        Ok(self.outbound.send(&url, request).await?.status)
    }
}

/// What it has said, for whoever wonders why.
pub(crate) fn answered(status: StatusCode) -> String {
    format!("the receiver answered {}", status.as_u16())
}

fn request(message: &Message) -> hyper::http::Result<Request<Full<Bytes>>> {
    let request = Request::post("/")
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONTENT_TYPE, message.content_type);
    let request = message.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    request.body(Full::from(message.body.clone()))
}
