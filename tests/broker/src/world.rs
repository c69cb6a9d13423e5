//! A cluster with Tapedeck on it, while it runs.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::Mutex,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Left, Pace, Replicas, Settings, Trouble,
    build::{Parts, build},
    clock,
    dispatcher::Dispatcher,
    function::Function,
};

/// How a dispatcher or KEDA's external scaler ends before it is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// SIGTERM: what a dispatcher has in hand goes to the dead letters.
    InGoodOrder,
    /// SIGKILL: RabbitMQ gives a dispatcher's successor what it had in hand.
    Killed,
}

/// Has threads of its own, so that a test may block. Dropping it is `kill -9` of all.
pub struct World {
    runtime: Option<Runtime>,
    parts: Arc<Parts>,
    dispatchers: Mutex<Vec<(CancellationToken, JoinHandle<()>)>>,
    clocks: Vec<JoinHandle<()>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// Starts everything but the functions, which start when they are asked.
    ///
    /// # Errors
    /// What of the files can't be started.
    pub async fn start(settings: Settings) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let pace = settings.pace;
        let built = runtime.spawn(build(settings)).await;
        let parts = match built {
            Ok(Ok(parts)) => Arc::new(parts),
            failed => {
                runtime.shutdown_background();
                return Err(
                    failed.map_or_else(|panic| panic.to_string(), |built| built.err().unwrap_or_default())
                );
            }
        };
        let mut world =
            Self { runtime: Some(runtime), parts, dispatchers: Mutex::default(), clocks: Vec::new() };
        world.run(pace).await;
        Ok(world)
    }

    async fn run(&mut self, pace: Pace) {
        let parts = self.parts.clone();
        for function in parts.functions.values() {
            self.spawn(function.clone().sleep_when_idle());
        }
        if let Some(scaler) = &parts.scaler {
            let task = self.spawn(scaler.clone().run());
            self.clocks.push(task);
        }
        for tick in &parts.wiring.ticks {
            let (client, log) = (parts.client.clone(), parts.log.clone());
            let task = self.spawn(clock::run(tick.clone(), parts.address(&tick.sink), client, pace, log));
            self.clocks.push(task);
        }
        for undertaker in &parts.undertakers {
            self.spawn(undertaker.clone().run(CancellationToken::new()));
        }
        self.start_dispatchers().await;
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.runtime.as_ref().unwrap().spawn(work)
    }

    /// On the world's own threads.
    async fn on<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime.as_ref().unwrap().spawn(work).await.unwrap()
    }

    async fn start_dispatchers(&self) {
        let mut running = self.dispatchers.lock().await;
        for (_, dispatcher) in &self.parts.dispatchers {
            let end = CancellationToken::new();
            running.push((end.clone(), self.spawn(dispatcher.clone().run(end))));
        }
    }

    /// The dispatchers of all Triggers end so, and start again.
    pub async fn restart_dispatchers(&self, ending: Ending) {
        for (end, task) in std::mem::take(&mut *self.dispatchers.lock().await) {
            match ending {
                Ending::InGoodOrder => end.cancel(),
                Ending::Killed => task.abort(),
            }
            let _ = task.await;
        }
        self.start_dispatchers().await;
    }

    /// What the dispatchers do from now on.
    pub fn trouble(&self, trouble: Trouble) {
        *self.parts.trouble.lock().unwrap() = trouble;
    }

    /// Binds the Triggers of a world that was started without.
    ///
    /// # Errors
    /// If RabbitMQ fails.
    pub async fn bind_triggers(&self) -> Result<(), String> {
        let parts = self.parts.clone();
        self.on(async move { parts.bind().await }).await
    }

    /// What of the files does not become Ready, and why.
    #[must_use]
    pub fn not_ready(&self) -> &[String] {
        &self.parts.wiring.not_ready
    }

    /// How many events of a type no Trigger was bound for: each was answered 202, and is gone.
    #[must_use]
    pub fn dropped(&self, kind: &str) -> usize {
        self.parts.ingress.dropped.lock().unwrap().iter().filter(|one| *one == kind).count()
    }

    /// How many events went to the dead letters.
    #[must_use]
    pub fn buried(&self) -> usize {
        let count = |one: &Arc<Dispatcher>| one.buried.load(Ordering::SeqCst);
        self.parts.dispatchers.iter().map(|(_, one)| count(one)).sum()
    }

    /// Where a function listens: its activator.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn address(&self, function: &str) -> String {
        self.parts.addresses[&format!("http://{function}.tapedeck.svc.cluster.local")].clone()
    }

    /// Where events are posted.
    #[must_use]
    pub fn ingress(&self) -> Option<String> {
        self.parts.wiring.broker.as_ref().map(|(_, url)| self.parts.address(url))
    }

    fn function(&self, name: &str) -> Arc<Function> {
        self.parts.functions[name].clone()
    }

    /// How often a pod of the function was started.
    #[must_use]
    pub fn starts(&self, function: &str) -> usize {
        self.function(function).starts.load(Ordering::SeqCst)
    }

    /// Whether the function has no pod.
    pub async fn sleeps(&self, function: &str) -> bool {
        self.function(function).pod.lock().await.is_none()
    }

    /// The process of the function's pod, if it has one.
    #[must_use]
    pub fn pid(&self, function: &str) -> Option<u32> {
        self.function(function).pod.try_lock().ok()?.as_ref().map(crate::pod::Pod::pid)
    }

    /// `kill -9` of the function's pod, or of all workers; the next request starts another pod.
    pub async fn kill(&self, name: &str) {
        if let Some(scaler) = self.parts.scaler.as_ref().filter(|_| name == "convert-worker") {
            return scaler.workers.kill().await;
        }
        self.function(name).kill().await;
    }

    /// KEDA's external scaler ends so, and another pod takes its place.
    ///
    /// # Panics
    /// If it can't be started, or there is none.
    pub async fn replace_external_scaler(&self, ending: Ending) {
        let parts = self.parts.clone();
        let client = self.parts.client.clone();
        let replaced =
            self.on(async move { parts.external_scaler.as_ref().unwrap().replace(ending, &client).await });
        replaced.await.unwrap();
    }

    /// SIGTERM to the function's pod; its exit code, 0 if it sleeps.
    pub async fn stop(&self, function: &str) -> Option<i32> {
        let function = self.function(function);
        self.on(async move { function.stop().await }).await
    }

    /// Whether a function is not to be started for now: who asks for it is answered 502.
    pub fn put_away(&self, function: &str, away: bool) {
        self.function(function).away.store(away, Ordering::SeqCst);
    }

    /// Whether the way to a function is not known yet: who asks for it is answered 404.
    pub fn hide(&self, function: &str, hidden: bool) {
        self.function(function).no_route.store(hidden, Ordering::SeqCst);
    }

    /// How many workers were wanted since the start.
    #[must_use]
    pub fn replicas(&self) -> Vec<Replicas> {
        self.parts.scaler.as_ref().map(|scaler| scaler.history.lock().unwrap().clone()).unwrap_or_default()
    }

    /// The workers that had to go.
    #[must_use]
    pub fn left(&self) -> Vec<Left> {
        self.parts
            .scaler
            .as_ref()
            .map(|scaler| scaler.workers.left.lock().unwrap().clone())
            .unwrap_or_default()
    }

    /// The node of a worker with a video in hand goes away: SIGTERM, and SIGKILL after the notice. False if none has one.
    pub async fn drain_worker(&self, notice: Duration) -> bool {
        let parts = self.parts.clone();
        self.on(async move {
            match &parts.scaler {
                Some(scaler) => scaler.workers.drain(notice).await,
                None => false,
            }
        })
        .await
    }

    /// SIGTERM to all, what calls first; what did not end in good order.
    pub async fn end(mut self) -> Vec<String> {
        self.clocks.drain(..).for_each(|clock| clock.abort());
        let parts = self.parts.clone();
        self.on(async move {
            let mut bad = Vec::new();
            if let Some(scaler) = &parts.scaler {
                scaler.workers.end().await;
                let ends = scaler.workers.left.lock().unwrap().clone();
                bad.extend(
                    ends.iter()
                        .filter(|left| left.code.is_some_and(|code| code != 0))
                        .map(|left| format!("{left:?}")),
                );
            }
            if let Some(external_scaler) = &parts.external_scaler
                && let Some(code) = external_scaler.stop().await.filter(|code| *code != 0)
            {
                bad.push(format!("the external scaler ended with {code}"));
            }
            for (name, function) in &parts.functions {
                let ended = function.stop().await;
                if ended != Some(0) {
                    bad.push(format!("{name} ended with {ended:?}"));
                }
                bad.extend(function.bad.lock().unwrap().drain(..));
            }
            bad
        })
        .await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Whatever still runs is killed with its value.
        for function in self.parts.functions.values() {
            if let Ok(mut pod) = function.pod.try_lock() {
                pod.take();
            }
        }
        if let Some(scaler) = &self.parts.scaler {
            scaler.workers.drop_all();
        }
        if let Some(external_scaler) = &self.parts.external_scaler {
            external_scaler.drop_now();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
