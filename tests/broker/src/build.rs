//! The world out of the files: addresses first, then what names them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use axum::Router;
use manifests::{Container, Resource, containers};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};
use url::Url;

use crate::{
    Pace,
    dispatcher::{Dispatcher, Trouble},
    function::Function,
    ingress::Ingress,
    log::Log,
    pod::Program,
    rabbit::Rabbit,
    scaler::{ScaledBy, ScaledObject, Scaler, Source},
    standing::Standing,
    wiring::{Delivery, Trigger, Wiring},
};

/// Knative's `scale-to-zero-grace-period`, on top of the window.
const SLEEP_GRACE: Duration = Duration::from_secs(30);
/// Knative's `stable-window`.
const WINDOW: Duration = Duration::from_secs(60);

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The built kustomization, and the Secrets that it names.
    pub resources: Vec<Resource>,
    /// Where the program `tapedeck` is.
    pub programs: PathBuf,
    /// Where mounted files go.
    pub folder: PathBuf,
    /// Where all logs go.
    pub log: PathBuf,
    /// For every program, on top of its manifest.
    pub variables: Vec<(String, String)>,
    /// RabbitMQ's address for an administrator, with a virtual host of this world's own.
    pub amqp: String,
    /// Its management API, as `http://user:password@host:port`.
    pub management: String,
    /// How fast the cluster's time passes.
    pub pace: Pace,
    /// Whether Triggers are bound before the first event can come.
    pub bound: bool,
}

/// A function or the broker, and where it listens.
type Listeners = Vec<(String, TcpListener)>;

pub(crate) struct Parts {
    pub(crate) wiring: Wiring,
    /// As functions name them -> on this machine.
    pub(crate) addresses: BTreeMap<String, String>,
    pub(crate) functions: BTreeMap<String, Arc<Function>>,
    pub(crate) ingress: Arc<Ingress>,
    pub(crate) dispatchers: Vec<(Trigger, Arc<Dispatcher>)>,
    /// Those of the dead letters.
    pub(crate) undertakers: Vec<Arc<Dispatcher>>,
    pub(crate) trouble: Arc<Mutex<Trouble>>,
    pub(crate) scaler: Option<Arc<Scaler>>,
    /// KEDA's, where it is one of ours.
    pub(crate) external_scaler: Option<Standing>,
    pub(crate) client: reqwest::Client,
    pub(crate) log: Log,
}

/// Makes everything; starts the listeners and runs the Jobs.
pub(crate) async fn build(mut settings: Settings) -> Result<Parts, String> {
    let log = Log::at(&settings.log);
    let wiring = Wiring::read(&settings.resources);
    wiring.not_ready.iter().for_each(|why| log.line(&format!("not Ready: {why}")));
    let (addresses, listeners) = listen(&settings.resources, &wiring).await?;
    operate(&mut settings).await?;
    let home = addresses.get("http://gateway.tapedeck.svc.cluster.local").cloned().unwrap_or_default();
    set(&mut settings.resources, ("ConfigMap", "settings"), "data", "PUBLIC_URL", &home);
    let client = reqwest::Client::builder().build().map_err(|error| error.to_string())?;
    let mut programs = BTreeMap::new();
    for container in containers(&settings.resources)? {
        programs.insert(container.workload.clone(), program(&container, &settings, &addresses, &log)?);
    }
    for job in settings.resources.iter().filter(|one| one.kind() == "Job") {
        programs.get(job.name()).ok_or("a Job of another's image")?.run().await?;
    }
    let functions = functions(&settings, &programs, &client);
    let spec = ScaledObject::read(&settings.resources);
    let external_scaler = match spec.as_ref().map(|spec| &spec.trigger) {
        Some(ScaledBy::ExternalPush { address, .. }) => {
            Some(Standing::behind(address, &settings.resources, &programs, &client).await?)
        }
        _ => None,
    };
    let scaler = match spec {
        Some(spec) => Some(scaler(spec, &settings, (&programs, external_scaler.as_ref()), &log)?),
        None => None,
    };
    let name = wiring.broker.as_ref().map_or("none", |(name, _)| name);
    let exchange = format!("b.tapedeck.{name}");
    let rabbit = Arc::new(Rabbit::at(&settings.amqp));
    rabbit.make_exchange(&exchange).await?;
    let ingress = Arc::new(Ingress { rabbit, exchange, log: log.clone(), dropped: Mutex::default() });
    for (host, listener) in listeners {
        match functions.get(&host) {
            Some(function) => serve(listener, function.clone().activator()),
            None => serve(listener, ingress.clone().router()),
        }
    }
    let (dispatchers, undertakers, trouble) = (Vec::new(), Vec::new(), Arc::default());
    let mut parts = Parts {
        wiring,
        addresses,
        functions,
        ingress,
        dispatchers,
        undertakers,
        trouble,
        scaler,
        external_scaler,
        client,
        log,
    };
    parts.add_dispatchers(settings.pace).await?;
    if settings.bound {
        parts.bind().await?;
    }
    Ok(parts)
}

impl Parts {
    pub(crate) fn address(&self, in_cluster: &str) -> String {
        self.addresses.get(in_cluster).cloned().unwrap_or_else(|| in_cluster.to_owned())
    }

    async fn add_dispatchers(&mut self, pace: Pace) -> Result<(), String> {
        for trigger in self.wiring.triggers.clone() {
            let queue = format!("t.tapedeck.{}", trigger.name);
            self.ingress.rabbit.make_queue(&queue, "quorum").await?;
            let mut dead = None;
            if let Some(sink) = &trigger.delivery.dead_letter {
                let queue = format!("{queue}.dlq");
                self.ingress.rabbit.make_queue(&queue, "quorum").await?;
                let delivery = Delivery { dead_letter: None, ..trigger.delivery.clone() };
                let name = format!("dead letters of {}", trigger.name);
                self.undertakers.push(self.dispatcher((name, queue.clone(), sink), delivery, None, pace));
                dead = Some(queue);
            }
            let named = (trigger.name.clone(), queue, trigger.subscriber.as_str());
            let dispatcher = self.dispatcher(named, trigger.delivery.clone(), dead, pace);
            self.dispatchers.push((trigger, dispatcher));
        }
        Ok(())
    }

    fn dispatcher(
        &self,
        (name, queue, to): (String, String, &str),
        delivery: Delivery,
        dead: Option<String>,
        pace: Pace,
    ) -> Arc<Dispatcher> {
        Arc::new(Dispatcher {
            name,
            queue,
            to: self.address(to),
            delivery,
            dead,
            ingress: self.ingress.clone(),
            client: self.client.clone(),
            trouble: self.trouble.clone(),
            pace,
            log: self.log.clone(),
            buried: AtomicUsize::new(0),
        })
    }

    /// From now on events find their Triggers.
    pub(crate) async fn bind(&self) -> Result<(), String> {
        for (trigger, dispatcher) in &self.dispatchers {
            let filter = trigger.filter.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            self.ingress.rabbit.bind(&dispatcher.queue, &self.ingress.exchange, filter).await?;
        }
        Ok(())
    }
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}

async fn listen(
    resources: &[Resource],
    wiring: &Wiring,
) -> Result<(BTreeMap<String, String>, Listeners), String> {
    let functions = resources.iter().filter(|one| one.is_function()).map(|one| one.name().to_owned());
    let hosts = functions.map(|name| (format!("http://{name}.tapedeck.svc.cluster.local"), name));
    let broker = wiring.broker.iter().map(|(name, url)| (url.clone(), format!("broker {name}")));
    let (mut addresses, mut listeners) = (BTreeMap::new(), Vec::new());
    for (url, name) in hosts.chain(broker) {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        addresses.insert(url, format!("http://{address}"));
        listeners.push((name, listener));
    }
    Ok((addresses, listeners))
}

/// The topology operator's work: queues, users and what they may.
async fn operate(settings: &mut Settings) -> Result<(), String> {
    let amqp = Url::parse(&settings.amqp).map_err(|error| error.to_string())?;
    let vhost = amqp.path().trim_start_matches('/').to_owned();
    let rabbit = Rabbit::at(&settings.amqp);
    let client = reqwest::Client::new();
    let api = settings.management.clone();
    let put = async |path: String, body: Value| {
        let answer = client.put(format!("{api}/api/{path}")).json(&body).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        answer.map(drop).map_err(|error| error.to_string())
    };
    let mut made = Vec::new();
    for one in &settings.resources {
        match one.kind() {
            "Queue" => rabbit.make_queue(one.text("/spec/name"), one.text("/spec/type")).await?,
            "User" => {
                let (name, password) = (user_of(one.name(), &vhost), "made by the operator");
                let tags =
                    one.value["spec"]["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let tags = tags.collect::<Vec<_>>().join(",");
                put(format!("users/{name}"), json!({"password": password, "tags": tags})).await?;
                made.push(secret(&format!("{}-user-credentials", one.name()), &name, password));
            }
            _ => {}
        }
    }
    for one in settings.resources.iter().filter(|one| one.kind() == "Permission") {
        let user = user_of(one.text("/spec/userReference/name"), &vhost);
        put(format!("permissions/{vhost}/{user}"), one.value["spec"]["permissions"].clone()).await?;
    }
    settings.resources.extend(made);
    let mut host = Url::parse(&settings.management).map_err(|error| error.to_string())?;
    let _ = (host.set_username(""), host.set_password(None));
    host.set_path(&vhost);
    set(&mut settings.resources, ("Secret", "rabbitmq"), "stringData", "keda-host", host.as_str());
    Ok(())
}

/// Users are the whole server's, so each world has its own.
fn user_of(name: &str, vhost: &str) -> String {
    format!("{name}-{}", vhost.replace('%', ""))
}

fn secret(name: &str, username: &str, password: &str) -> Resource {
    let value = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "stringData": {"username": username, "password": password}});
    Resource { file: "the topology operator".into(), value }
}

fn set(resources: &mut [Resource], (kind, name): (&str, &str), part: &str, key: &str, value: &str) {
    if let Some(one) = resources.iter_mut().find(|one| one.kind() == kind && one.name() == name) {
        one.value[part][key] = value.into();
    }
}

/// The container's program with its variables: mounted files and addresses are where they are on this machine.
fn program(
    container: &Container,
    settings: &Settings,
    addresses: &BTreeMap<String, String>,
    log: &Log,
) -> Result<Program, String> {
    let mounts = settings.folder.join("pods").join(&container.workload);
    let here = |path: &str| mounts.join(path.trim_start_matches('/'));
    for (path, content) in &container.files {
        let path = here(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).map_err(|error| error.to_string())?;
        fs::write(path, content).map_err(|error| error.to_string())?;
    }
    let value = |value: &String| match addresses.get(value) {
        Some(address) => address.clone(),
        None if container.files.iter().any(|(path, _)| path == value) => here(value).display().to_string(),
        None => value.clone(),
    };
    let variables = container.variables.iter().map(|(name, said)| (name.clone(), value(said)));
    Ok(Program {
        name: container.workload.clone(),
        path: settings.programs.join("tapedeck"),
        arguments: container.arguments.clone(),
        variables: variables.chain(settings.variables.iter().cloned()).collect(),
        readiness: container.readiness.clone(),
        log: log.clone(),
    })
}

fn functions(
    settings: &Settings,
    programs: &BTreeMap<String, Program>,
    client: &reqwest::Client,
) -> BTreeMap<String, Arc<Function>> {
    let mut functions = BTreeMap::new();
    for one in settings.resources.iter().filter(|one| one.is_function()) {
        let Some(program) = programs.get(one.name()) else { continue };
        let spec = &one.value["spec"]["template"]["spec"];
        let number =
            |field: &str, default| spec[field].as_u64().filter(|number| *number > 0).unwrap_or(default);
        let window = one.text("/spec/template/metadata/annotations/autoscaling.knative.dev~1window");
        let window: Result<jiff::SignedDuration, _> = window.parse();
        let window = window.ok().and_then(|window| window.try_into().ok()).unwrap_or(WINDOW);
        let function = Function {
            program: program.clone(),
            client: client.clone(),
            slots: Arc::new(Semaphore::new(
                usize::try_from(number("containerConcurrency", 1000)).unwrap_or(1),
            )),
            timeout: Duration::from_secs(number("timeoutSeconds", 300)),
            idle: settings.pace.real(window + SLEEP_GRACE),
            pod: tokio::sync::Mutex::default(),
            in_hand: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
            starts: AtomicUsize::new(0),
            no_route: false.into(),
            away: false.into(),
            bad: Mutex::default(),
        };
        functions.insert(one.name().to_owned(), Arc::new(function));
    }
    functions
}

/// Of the Deployment that the ScaledObject names.
fn scaler(
    spec: ScaledObject,
    settings: &Settings,
    (programs, external_scaler): (&BTreeMap<String, Program>, Option<&Standing>),
    log: &Log,
) -> Result<Arc<Scaler>, String> {
    let source = Source::of(&spec, &settings.resources, |_| Some(external_scaler?.address.clone()))?;
    let workers =
        settings.resources.iter().find(|one| one.kind() == "Deployment" && one.name() == spec.target);
    let grace =
        workers.and_then(|one| one.value.pointer("/spec/template/spec/terminationGracePeriodSeconds"));
    let grace = Duration::from_secs(grace.and_then(Value::as_u64).unwrap_or(30));
    let program = programs.get(&spec.target).ok_or("nothing is scaled")?.clone();
    Ok(Arc::new(Scaler::new(spec, source, program, grace, settings.pace, log.clone())))
}
