use std::{collections::HashMap, time::Duration};

use contracts::{JobId, Options, UserId, VideoId};
use db::{Db, NewJob, Source};
use prost::Message;
use runtime::CancellationToken;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::{
    ScalerConfig, Work,
    messages::{
        GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, ScaledObjectRef,
    },
    serve,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// The function on a database, and somebody who asks it.
struct World {
    db: Db,
    client: Grpc<Channel>,
    shutdown: CancellationToken,
    served: JoinHandle<Result<(), tonic::transport::Error>>,
    _folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        db.migrate().await.unwrap();
        Self::over(db, folder).await
    }

    async fn over(db: Db, folder: TempDir) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let (work, shutdown) = (Work::of(db.clone()), CancellationToken::new());
        let config = ScalerConfig { look_milliseconds: 50, ..ScalerConfig::default() };
        tokio::spawn(work.clone().watch(config, shutdown.clone()));
        let served = tokio::spawn(serve(listener, work, shutdown.clone()));
        Self { db, client: Grpc::new(endpoint.connect_lazy()), shutdown, served, _folder: folder }
    }

    async fn ask<A: Message + Default + 'static>(
        &mut self,
        method: &str,
        request: impl Message + 'static,
    ) -> Result<A, Status> {
        self.client.ready().await.unwrap();
        let path = format!("/externalscaler.ExternalScaler/{method}").parse().unwrap();
        let answer = self.client.unary(Request::new(request), path, ProstCodec::default()).await;
        answer.map(tonic::Response::into_inner)
    }

    async fn states(&mut self) -> Streaming<IsActiveResponse> {
        self.client.ready().await.unwrap();
        let path = "/externalscaler.ExternalScaler/StreamIsActive".parse().unwrap();
        let request = Request::new(scaled("1"));
        self.client.server_streaming(request, path, ProstCodec::default()).await.unwrap().into_inner()
    }

    async fn jobs(&mut self) -> (i64, f64) {
        let spec: GetMetricSpecResponse = self.ask("GetMetricSpec", scaled("1")).await.unwrap();
        let metric_name = spec.metric_specs[0].metric_name.clone();
        let asked =
            GetMetricsRequest { scaled_object_ref: Some(scaled("1")), metric_name: metric_name.clone() };
        let answer: GetMetricsResponse = self.ask("GetMetrics", asked).await.unwrap();
        assert_eq!(answer.metric_values[0].metric_name, metric_name);
        (answer.metric_values[0].metric_value, answer.metric_values[0].metric_value_float)
    }

    async fn queue(&self) -> NewJob {
        let new =
            NewJob { id: JobId::generate(), user_id: UserId::generate(), video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        self.db.jobs().queue(new.id, &Source::default(), &Options::default()).await.unwrap().unwrap();
        new
    }
}

fn scaled(value: &str) -> ScaledObjectRef {
    let scaler_metadata = HashMap::from([("value".to_owned(), value.to_owned())]);
    ScaledObjectRef { name: "convert-worker".into(), namespace: "tapedeck".into(), scaler_metadata }
}

/// What the stream says next; `None` at its end.
async fn next(states: &mut Streaming<IsActiveResponse>) -> Option<bool> {
    let state = timeout(PATIENCE, states.message()).await.expect("nothing is told").unwrap();
    state.map(|state| state.result)
}

#[tokio::test]
async fn whoever_listens_hears_of_the_first_job_and_of_the_end_of_the_last() {
    let mut world = World::start().await;
    let mut states = world.states().await;
    assert_eq!(next(&mut states).await, Some(false));
    assert_eq!(world.jobs().await, (0, 0.0));
    let (first, second) = (world.queue().await, world.queue().await);
    assert_eq!(next(&mut states).await, Some(true));
    assert_eq!(world.jobs().await, (2, 2.0));
    let claimed = world.db.jobs().claim_next(PATIENCE).await.unwrap().unwrap();
    assert_eq!(world.jobs().await, (2, 2.0), "a converter at work is needed too");
    for job in [&first, &second] {
        let active: IsActiveResponse = world.ask("IsActive", scaled("1")).await.unwrap();
        assert!(active.result);
        world.db.jobs().cancel(job.id).await.unwrap();
    }
    assert!([first.id, second.id].contains(&claimed.job.id));
    assert_eq!(next(&mut states).await, Some(false));
    assert_eq!(world.jobs().await, (0, 0.0));
    // Who comes later is told at once how it is.
    world.queue().await;
    assert_eq!(next(&mut world.states().await).await, Some(true));
}

#[tokio::test]
async fn the_end_of_the_process_ends_streams_and_keeps_nobody_waiting() {
    let mut world = World::start().await;
    let mut states = world.states().await;
    assert_eq!(next(&mut states).await, Some(false));
    world.shutdown.cancel();
    assert_eq!(next(&mut states).await, None, "in good order: whoever listens comes back");
    timeout(PATIENCE, world.served).await.expect("it goes on").unwrap().unwrap();
}

#[tokio::test]
async fn how_many_jobs_a_worker_is_for_is_the_triggers_value() {
    let mut world = World::start().await;
    let spec: GetMetricSpecResponse = world.ask("GetMetricSpec", scaled("2.5")).await.unwrap();
    assert_eq!((spec.metric_specs[0].target_size, spec.metric_specs[0].target_size_float), (3, 2.5));
    let unsaid: GetMetricSpecResponse = world.ask("GetMetricSpec", ScaledObjectRef::default()).await.unwrap();
    assert_eq!(unsaid.metric_specs[0].target_size, 1);
    for value in ["0", "-1", "NaN", "inf", "many", ""] {
        let refused = world.ask::<GetMetricSpecResponse>("GetMetricSpec", scaled(value)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{value}");
        assert!(refused.message().contains("expected a number of jobs above 0"), "{refused}");
    }
}

#[tokio::test]
async fn what_there_is_not_is_refused() {
    let mut world = World::start().await;
    let other = GetMetricsRequest { scaled_object_ref: None, metric_name: "other".into() };
    let refused = world.ask::<GetMetricsResponse>("GetMetrics", other).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    // A newer KEDA asks for it, and does without it if it is answered so.
    let refused = world.ask::<GetMetricSpecResponse>("StreamMetricSpec", scaled("1")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn while_the_database_is_away_keda_is_told_that_nobody_knows() {
    let away = Db::open("mysql://nobody@127.0.0.1:1/nothing", 2).unwrap();
    let mut world = World::over(away, tempfile::tempdir().unwrap()).await;
    for method in ["IsActive", "StreamIsActive"] {
        let asked = timeout(PATIENCE, world.ask::<IsActiveResponse>(method, scaled("1")));
        assert_eq!(asked.await.expect("in time").unwrap_err().code(), Code::Unavailable);
    }
}
