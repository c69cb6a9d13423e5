//! Events to Knative: `POST` to `K_SINK` in binary mode. 202 means that the broker has the event on disk.

use std::{collections::BTreeMap, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use contracts::{Envelope, data_schema};
use runtime::{Traced, header_value, is_attribute_name};
use serde::Deserialize;

use crate::{BrokerConfig, Error};

/// How long the sink gets. An upload waits for it; after that the sweep publishes the event.
const POST_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a SinkBinding told us to send events.
pub(crate) struct Sink {
    url: String,
    overrides: HeaderMap,
    client: reqwest::Client,
}

/// `K_CE_OVERRIDES`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Overrides {
    extensions: BTreeMap<String, String>,
}

impl Sink {
    pub(crate) fn open(url: &str, config: &BrokerConfig) -> Result<Self, Error> {
        let overrides: Overrides = match &config.k_ce_overrides {
            Some(json) => serde_json::from_str(json).map_err(Error::Overrides)?,
            None => Overrides::default(),
        };
        let client = reqwest::Client::builder().timeout(POST_TIMEOUT).build().map_err(Error::Client)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &overrides.extensions {
            attribute(&mut headers, name, value)?;
        }
        Ok(Self { url: url.to_owned(), overrides: headers, client })
    }

    /// Returns when the sink has taken the event.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for what may pass, [`Error::Refused`] for what will not.
    pub(crate) async fn post(&self, envelope: &Envelope) -> Result<(), Error> {
        let mut headers = binary_mode(envelope)?;
        headers.extend(self.overrides.clone());
        let mut traced = Traced::sending("knative", "broker", envelope);
        traced.carry(&mut headers);
        let outcome = self.send(headers, envelope).await;
        if let Err(error) = &outcome {
            traced.failed(&error.to_string());
        }
        outcome
    }

    async fn send(&self, headers: HeaderMap, envelope: &Envelope) -> Result<(), Error> {
        let request = self.client.post(&self.url).headers(headers).body(envelope.data.to_string());
        let answer = request.send().await.map_err(|error| Error::Unavailable(error.to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if may_pass(status) => Err(Error::Unavailable(status.to_string())),
            status => Err(Error::Refused(status.to_string())),
        }
    }
}

/// What Knative's own senders send again.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 404 | 408 | 409 | 429)
}

fn binary_mode(envelope: &Envelope) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let time = envelope.time.to_string();
    for (name, value) in [
        ("specversion", "1.0"),
        ("id", &envelope.id),
        ("type", &envelope.kind),
        ("source", &envelope.source),
        ("subject", &envelope.subject),
        ("time", &time),
    ] {
        if !value.is_empty() {
            attribute(&mut headers, name, value)?;
        }
    }
    if let Some(schema) = data_schema(&envelope.kind) {
        attribute(&mut headers, "dataschema", &schema)?;
    }
    for (name, value) in &envelope.extensions {
        attribute(&mut headers, name, value)?;
    }
    Ok(headers)
}

/// Under a name that CloudEvents does not know, nobody would take the event.
fn attribute(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Error> {
    let bad = || Error::Refused(format!("the attribute {name:?} can't be written as a header"));
    if !is_attribute_name(name) {
        return Err(bad());
    }
    let header = HeaderName::try_from(format!("ce-{name}")).map_err(|_| bad())?;
    headers.insert(header, HeaderValue::from_str(&header_value(value)).map_err(|_| bad())?);
    Ok(())
}
