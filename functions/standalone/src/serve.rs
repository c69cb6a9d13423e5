//! `tapedeck serve`.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use blobs::Blobs;
use broker::{Local, run_clock};
use clap::Args;
use db::Db;
use identity::{Links, Proofs, SigningKey};
use media::Engine;
use notify::MailConfig;
use runtime::{
    CancellationToken, Function, PartsConfig, Push, ServeConfig, Tasks, flush_telemetry, give_memory_back,
    http_router, serve_with, shutdown_signal, start_logging, start_metrics, start_traces,
};
use tokio::net::TcpListener;

use crate::{
    data::Data,
    platform::{Parts, platform},
    settings::Settings,
};

#[derive(Args)]
pub(crate) struct ServeOptions {
    /// The folder in which everything is kept; made if absent.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The address to listen on. Anything but the loopback address makes the service reachable by others.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
}

/// Why the platform does not start, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the data folder {} can't be used: {error}. Choose another one with --data.", folder.display())]
    Data { folder: PathBuf, error: io::Error },
    #[error("another tapedeck uses the data folder {}. Stop it, or choose another folder with --data.", .0.display())]
    InUse(PathBuf),
    #[error("{address} can't be listened on: {error}. Choose another port with --port.")]
    Listen { address: SocketAddr, error: io::Error },
    #[error(transparent)]
    Config(#[from] runtime::ConfigError),
    #[error(transparent)]
    Metrics(#[from] runtime::MetricsError),
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    #[error(transparent)]
    Identity(#[from] identity::Error),
    #[error(transparent)]
    Mail(#[from] notify::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

const SET_PUBLIC_URL: &str =
    "Set PUBLIC_URL to the address that people use, as https://tapedeck.example.org.";

/// Its name in traces and metrics.
const SERVICE: &str = "tapedeck";

/// Connections to the database. SQLite has one writer; a few readers keep long polls out of its way.
const CONNECTIONS: u32 = 4;

pub(crate) async fn serve(options: ServeOptions) -> Result<(), Error> {
    give_memory_back();
    let settings = Settings::from_env()?;
    start_logging(&settings.log);
    start_traces(&settings.traces, SERVICE)?;
    for variable in &settings.unused {
        tracing::warn!(variable, "is set, but `tapedeck serve` does not read it");
    }
    for variable in &settings.unknown {
        tracing::warn!(
            variable,
            "is set, but there is no such variable; `tapedeck variables` lists those that there are"
        );
    }
    let data = Data::open(&options.data)?;
    let db = open_database(&settings.parts, &data).await?;
    let blobs = open_blobs(&settings.parts, &data).await?;
    let address = SocketAddr::new(options.host, options.port);
    let listener = TcpListener::bind(address).await.map_err(|error| Error::Listen { address, error })?;
    let home = format!("http://{}", listener.local_addr()?);
    let shutdown = shutdown_signal()?;
    let settings = Settings { mail: mail_config(&settings.mail, &data), ..settings };
    let local = Local::new(db.clone(), settings.local.clone());
    let keys = &settings.parts;
    let parts = Parts {
        db: db.clone(),
        blobs,
        broker: local.broker(),
        signing_key: SigningKey::load_or_create(&key_file(&keys.signing_key_file, &data, "signing.pem"))?,
        links: Links::load_or_create(&key_file(&keys.links_key_file, &data, "links.key"))?,
        proofs: Proofs::load_or_create(&key_file(&keys.proofs_key_file, &data, "proofs.key"))?,
        engine: Engine::this_program()?,
        public_url: settings.parts.public_url.clone().unwrap_or_else(|| home.clone()),
        shutdown: shutdown.clone(),
    };
    let function = platform(parts, &settings)?;
    if options.host.is_unspecified() && settings.parts.public_url.is_none() {
        println!("Links in mails and feeds begin with {home}, which nobody can open. {SET_PUBLIC_URL}");
        tracing::warn!(address = %home, "links begin with an address that nobody can open. {SET_PUBLIC_URL}");
    }
    greet(&home, &data, &settings.mail.url);
    run(function, (local, db), listener, settings, shutdown).await
}

/// All parts until a signal: HTTP, deliveries, clock. Each finishes what it has in hand; one that ends before the signal
/// ends the process.
async fn run(
    function: Function,
    (local, db): (Local, Db),
    listener: TcpListener,
    settings: Settings,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let routes = gateway::guarded(function.clone().into_parts().0, &settings.gateway);
    let router = http_router(routes, shutdown.clone());
    let mut tasks = Tasks::until(shutdown.clone());
    let push = Push::new(&settings.push, &settings.traces, SERVICE)?;
    start_metrics(&settings.metrics, push, Some(sweep::backlog(db.clone())), &mut tasks).await?;
    let deliveries = local.run(function.clone(), shutdown.clone());
    tasks.spawn("the local broker", async move {
        if let Err(error) = deliveries.await {
            tracing::error!(%error, "event delivery has stopped");
        }
    });
    tasks.spawn("the clock", run_clock(function, db, settings.clock, shutdown.clone()));
    let trust_forwarded = settings.serve.trust_forwarded || settings.gateway.trust_forwarded;
    let config = ServeConfig { trust_forwarded, ..settings.serve };
    let served = serve_with(listener, router, &config, tasks, shutdown).await;
    flush_telemetry();
    served.map_err(|error| Error::Io(io::Error::other(error.to_string())))
}

async fn open_database(parts: &PartsConfig, data: &Data) -> Result<Db, Error> {
    let url = parts.database().unwrap_or_else(|_| data.url("sqlite", "tapedeck.db"));
    let db = Db::open(&url, CONNECTIONS)?;
    db.migrate().await?;
    Ok(db)
}

async fn open_blobs(parts: &PartsConfig, data: &Data) -> Result<Blobs, Error> {
    let blobs = Blobs::open(&parts.blobs_url.clone().unwrap_or_else(|| data.url("file", "blobs")))?;
    blobs.prepare().await?;
    Ok(blobs)
}

fn key_file(file: &Option<String>, data: &Data, name: &str) -> PathBuf {
    file.as_ref().map_or_else(|| data.path("keys").join(name), PathBuf::from)
}

fn mail_config(config: &MailConfig, data: &Data) -> MailConfig {
    let url = if config.url.is_empty() { data.url("file", "mails") } else { config.url.clone() };
    MailConfig { url, ..config.clone() }
}

/// Where mails go, without who may send them there.
fn mails(url: &str) -> String {
    if let Some(folder) = url.strip_prefix("file:") {
        return folder.to_owned();
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let server = rest.split(['/', '?']).next().unwrap_or_default();
    let host = server.rsplit_once('@').map_or(server, |(_, host)| host);
    format!("{scheme}://{host}")
}

fn greet(home: &str, data: &Data, mail_url: &str) {
    if data.first_start {
        println!("First start: signing key made. The first account that registers is the admin.");
    }
    println!("Data: {}   Mails: {}", data.path("").display(), mails(mail_url));
    println!("Tapedeck is ready at {home}");
}

#[cfg(test)]
mod tests {
    use super::mails;

    #[test]
    fn where_mails_go_is_told_without_the_password() {
        assert_eq!(mails("file:/data/mails"), "/data/mails");
        assert_eq!(mails("smtps://me:s3cr@t@smtp.example:465/x?tls=required"), "smtps://smtp.example:465");
        assert_eq!(mails("smtp://127.0.0.1:25"), "smtp://127.0.0.1:25");
    }
}
