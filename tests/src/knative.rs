//! The platform as its manifests put it on Knative: `tests/broker` plays the cluster, on real servers.

use std::path::{Path, PathBuf};

use knative_world::{Pace, Settings, World};
use manifests::Resource;
use servers::Smtp;

use crate::{
    Platform,
    fleet::Place,
    process::{binary, folder_of_binaries},
    world,
};

/// A tick every three seconds, a function asleep after four, a worker gone after six.
const PACE: Pace = Pace(20.0);

/// A cluster and what belongs to it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) world: World,
    pub(crate) home: String,
    pub(crate) smtp: Smtp,
    pub(crate) place: Place,
}

/// How a cluster differs from what the manifests say.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// How fast its time passes.
    pub pace: Pace,
    /// Whether Triggers are bound before the first event can come.
    pub bound: bool,
    /// Laid over the manifests.
    pub change: fn(&mut Vec<Resource>),
}

/// What only a platform on a cluster has.
impl Platform {
    fn on_cluster(&self) -> &Cluster {
        match self.world() {
            world::World::Cluster(cluster) => cluster,
            _ => panic!("that is no cluster: use Setup::start_cluster"),
        }
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &World {
        &self.on_cluster().world
    }

    /// The converter's queue in RabbitMQ's management API.
    #[must_use]
    pub fn queue_url(&self) -> String {
        let place = &self.on_cluster().place;
        let vhost = place.broker_url.rsplit_once('/').unwrap().1;
        format!("{}/api/queues/{vhost}/tapedeck.convert", place.management_url)
    }
}

impl Default for Deployment {
    fn default() -> Self {
        Self { pace: PACE, bound: true, change: |_| {} }
    }
}

impl Cluster {
    pub(crate) async fn start(
        folder: &Path,
        variables: &[(String, String)],
        place: Place,
        deployment: &Deployment,
    ) -> Self {
        let smtp = Smtp::start();
        let mut resources = manifests::overlay(&root().join("knative/external")).unwrap();
        (deployment.change)(&mut resources);
        resources.extend(secrets(&place, &smtp));
        let settings = Settings {
            resources,
            programs: folder_of_binaries(),
            folder: folder.to_owned(),
            log: folder.join("log"),
            variables: variables.to_vec(),
            amqp: place.broker_url.clone(),
            management: place.management_url.clone(),
            pace: deployment.pace,
            bound: deployment.bound,
        };
        let log = settings.log.clone();
        let world = World::start(settings).await;
        let world = world.unwrap_or_else(|why| {
            panic!("the cluster does not start: {why}\n{}", std::fs::read_to_string(log).unwrap_or_default())
        });
        let home = world.address("gateway");
        Self { world, home, smtp, place }
    }
}

/// What `make secrets` would apply.
fn secrets(place: &Place, smtp: &Smtp) -> Vec<Resource> {
    let script = root().join("knative/secrets.sh").display().to_string();
    let (before, host) = place.management_url.rsplit_once('@').unwrap();
    let (username, password) = before.trim_start_matches("http://").split_once(':').unwrap();
    let (management, mail, tapedeck) = (format!("http://{host}"), smtp.url(), binary("tapedeck"));
    let variables = [
        ("DATABASE_URL", place.database_url.as_str()),
        ("BLOBS_URL", &place.blobs_url),
        ("BROKER_URL", &place.broker_url),
        ("MAIL_URL", &mail),
        ("RABBITMQ_MANAGEMENT_URL", &management),
        ("RABBITMQ_USERNAME", username),
        ("RABBITMQ_PASSWORD", password),
        ("TAPEDECK", tapedeck.to_str().unwrap()),
    ];
    let print = |what: &str| {
        let yaml = manifests::run("bash", &[&script, what], &variables).unwrap().expect("bash is not there");
        manifests::parse("knative/secrets.sh", &yaml).unwrap()
    };
    print("keys").into_iter().chain(print("external")).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
