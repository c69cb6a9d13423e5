//! A Deployment of one pod, behind a Service with one port: what tells KEDA.

use std::{collections::BTreeMap, time::Duration};

use manifests::Resource;
use servers::free_port;
use tokio::sync::Mutex;

use crate::{
    Ending,
    pod::{Pod, Program},
};

/// Kubernetes' own.
const GRACE: Duration = Duration::from_secs(30);
/// Pods have a network of their own; here the port that its Service leads to must be a free one.
const PORT: &str = "SCALER_PORT";

pub(crate) struct Standing {
    /// Where it is on this machine.
    pub(crate) address: String,
    program: Program,
    pod: Mutex<Option<Pod>>,
}

impl Standing {
    /// What a Service at `address` (`name.tapedeck.svc.cluster.local:port`) selects; waits until it is ready.
    pub(crate) async fn behind(
        address: &str,
        resources: &[Resource],
        programs: &BTreeMap<String, Program>,
        client: &reqwest::Client,
    ) -> Result<Self, String> {
        let name = address.split('.').next().unwrap_or_default();
        let find = |kind: &str| {
            let same = |one: &&Resource| one.kind() == kind && one.name() == name && !one.is_function();
            resources.iter().find(same).ok_or(format!("there is no {kind} {name}"))
        };
        let service = &find("Service")?.value["spec"];
        let deployment = &find("Deployment")?.value["spec"]["template"];
        if service["selector"] != deployment["metadata"]["labels"] {
            return Err(format!("the Service {name} finds no pod"));
        }
        let mut program = programs.get(name).ok_or(format!("{name} is another's image"))?.clone();
        let port = free_port();
        program.variables.push((PORT.to_owned(), port.to_string()));
        let standing = Self { address: format!("127.0.0.1:{port}"), program, pod: Mutex::default() };
        standing.start(client).await?;
        Ok(standing)
    }

    async fn start(&self, client: &reqwest::Client) -> Result<(), String> {
        let mut pod = self.program.start()?;
        self.program.ready(&mut pod, client).await?;
        *self.pod.lock().await = Some(pod);
        Ok(())
    }

    /// SIGTERM; its exit code, 0 if there is none.
    pub(crate) async fn stop(&self) -> Option<i32> {
        match self.pod.lock().await.take() {
            Some(pod) => pod.stop(GRACE).await,
            None => Some(0),
        }
    }

    /// It ends so, and another takes its place.
    pub(crate) async fn replace(&self, ending: Ending, client: &reqwest::Client) -> Result<(), String> {
        match ending {
            Ending::Killed => {
                if let Some(pod) = self.pod.lock().await.take() {
                    pod.kill().await;
                }
            }
            Ending::InGoodOrder => match self.stop().await {
                Some(0) => {}
                code => return Err(format!("it ended with {code:?}")),
            },
        }
        self.start(client).await
    }

    /// `kill -9`.
    pub(crate) fn drop_now(&self) {
        if let Ok(mut pod) = self.pod.try_lock() {
            pod.take();
        }
    }
}
