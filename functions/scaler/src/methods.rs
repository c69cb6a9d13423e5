//! What KEDA asks, and what it is answered.

use futures_util::{Stream, StreamExt as _, stream};
use runtime::CancellationToken;
use tokio_stream::wrappers::WatchStream;
use tonic::Status;

use crate::{
    messages::{
        GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
        MetricValue, ScaledObjectRef,
    },
    work::{Unknown, Work},
};

/// The one metric that there is.
const METRIC: &str = "tapedeck-unfinished-jobs";

/// KEDA counts it as a failure, and falls back after some.
fn unavailable(error: Unknown) -> Status {
    Status::unavailable(error.to_string())
}

pub(crate) async fn is_active(work: Work, _: ScaledObjectRef) -> Result<IsActiveResponse, Status> {
    Ok(IsActiveResponse { result: work.there_is().await.map_err(unavailable)? })
}

/// How it is now, and each change until the end of the process.
pub(crate) async fn stream_is_active(
    work: Work,
    shutdown: CancellationToken,
) -> Result<impl Stream<Item = Result<IsActiveResponse, Status>>, Status> {
    // Before the look: a change that comes during it is told after it.
    let changes = WatchStream::from_changes(work.follow());
    let now = work.there_is().await.map_err(unavailable)?;
    let states = stream::once(async move { now }).chain(changes);
    Ok(states.map(|result| Ok(IsActiveResponse { result })).take_until(shutdown.cancelled_owned()))
}

/// How many jobs one worker is for: the trigger's `value`.
pub(crate) async fn get_metric_spec(
    _: Work,
    scaled: ScaledObjectRef,
) -> Result<GetMetricSpecResponse, Status> {
    let value = scaled.scaler_metadata.get("value").map_or("1", String::as_str);
    let wrong = || {
        Status::invalid_argument(format!(
            "the trigger's value is {value:?}: expected a number of jobs above 0"
        ))
    };
    let jobs: f64 = value.parse().map_err(|_| wrong())?;
    if !(jobs.is_finite() && jobs > 0.0) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "a small number; a larger one is the largest")]
    let whole = jobs.ceil() as i64;
    let spec = MetricSpec { metric_name: METRIC.into(), target_size: whole, target_size_float: jobs };
    Ok(GetMetricSpecResponse { metric_specs: vec![spec] })
}

pub(crate) async fn get_metrics(work: Work, asked: GetMetricsRequest) -> Result<GetMetricsResponse, Status> {
    if asked.metric_name != METRIC {
        return Err(Status::invalid_argument(format!(
            "there is no metric {:?}, only {METRIC}",
            asked.metric_name
        )));
    }
    let jobs = work.jobs().await.map_err(unavailable)?;
    let value = MetricValue {
        metric_name: METRIC.into(),
        metric_value: i64::try_from(jobs).unwrap_or(i64::MAX),
        metric_value_float: jobs as f64,
    };
    Ok(GetMetricsResponse { metric_values: vec![value] })
}
