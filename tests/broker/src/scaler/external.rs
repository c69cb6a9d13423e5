//! A scaler of our own, asked as KEDA asks it: by its `externalscaler.proto` over gRPC without TLS. What the messages are was
//! read in KEDA's sources, apart from the function that is tested; so is when which method is called.

use std::{collections::HashMap, time::Duration};

use prost::Message;
use tokio::sync::mpsc;
use tonic::{
    Request, Response, Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use super::source::Seen;
use crate::Pace;

/// After a stream has ended; twice as long each time that it ends with an error.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Clone, PartialEq, Message)]
struct ScaledObjectRef {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    namespace: String,
    #[prost(map = "string, string", tag = "3")]
    scaler_metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct IsActiveResponse {
    #[prost(bool, tag = "1")]
    result: bool,
}

#[derive(Clone, PartialEq, Message)]
struct MetricSpecs {
    #[prost(message, repeated, tag = "1")]
    specs: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct GetMetricsRequest {
    #[prost(message, optional, tag = "1")]
    scaled_object: Option<ScaledObjectRef>,
    #[prost(string, tag = "2")]
    metric_name: String,
}

#[derive(Clone, PartialEq, Message)]
struct MetricValues {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Metric>,
}

/// `MetricSpec` and `MetricValue` alike: a name, a whole number, and the one that counts if it is above 0.
#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "2")]
    whole: i64,
    #[prost(double, tag = "3")]
    float: f64,
}

#[derive(Clone)]
pub(crate) struct External {
    channel: Channel,
    scaled: ScaledObjectRef,
}

impl External {
    /// Connects when it is first asked, and again after it was away.
    pub(crate) fn at(address: &str, name: &str, metadata: HashMap<String, String>) -> Result<Self, String> {
        let endpoint =
            Endpoint::from_shared(format!("http://{address}")).map_err(|error| error.to_string())?;
        let scaled = ScaledObjectRef {
            name: name.to_owned(),
            namespace: "tapedeck".into(),
            scaler_metadata: metadata,
        };
        Ok(Self { channel: endpoint.connect_lazy(), scaled })
    }

    async fn call<Q, A>(&self, method: &str, request: Q) -> Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + 'static,
    {
        let mut client = ready(&self.channel).await?;
        let codec = ProstCodec::<Q, A>::default();
        client.unary(Request::new(request), path(method)?, codec).await.map(Response::into_inner)
    }

    /// What KEDA does each `pollingInterval`, and for the HPA.
    pub(crate) async fn look(&self) -> Result<Seen, Status> {
        let specs: MetricSpecs = self.call("GetMetricSpec", self.scaled.clone()).await?;
        let spec = specs.specs.first().ok_or(Status::not_found("no metric"))?;
        let asked =
            GetMetricsRequest { scaled_object: Some(self.scaled.clone()), metric_name: spec.name.clone() };
        let values: MetricValues = self.call("GetMetrics", asked).await?;
        let value = values.values.first().ok_or(Status::not_found("no value"))?;
        let active: IsActiveResponse = self.call("IsActive", self.scaled.clone()).await?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = if value.float > 0.0 { value.float as u64 } else { value.whole.max(0) as u64 };
        Ok(Seen { count, active: active.result })
    }

    /// Passes on what `StreamIsActive` says, for ever.
    pub(crate) async fn follow(self, tell: mpsc::Sender<bool>, pace: Pace) {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Ok(mut states) = self.stream().await {
                loop {
                    match states.message().await {
                        Ok(Some(state)) => {
                            let _ = tell.send(state.result).await;
                        }
                        Ok(None) => {
                            pause = FIRST_PAUSE;
                            break;
                        }
                        Err(_) => break,
                    }
                }
            }
            tokio::time::sleep(pace.real(pause)).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    async fn stream(&self) -> Result<Streaming<IsActiveResponse>, Status> {
        let mut client = ready(&self.channel).await?;
        let codec = ProstCodec::default();
        let request = Request::new(self.scaled.clone());
        client.server_streaming(request, path("StreamIsActive")?, codec).await.map(Response::into_inner)
    }
}

async fn ready(channel: &Channel) -> Result<Grpc<Channel>, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(client)
}

fn path(method: &str) -> Result<PathAndQuery, Status> {
    let path = format!("/externalscaler.ExternalScaler/{method}");
    path.parse().map_err(|_| Status::internal("no path"))
}
