//! `convert` as processes of its own: what its program and its containers do.
//!
//! | role | on Knative | on AMQP alone |
//! |---|---|---|
//! | `convert intake` | service: event -> queue `tapedeck.convert` of tickets | not needed: the queue is bound to the event |
//! | `convert worker` | deployment: ticket -> audio, one at a time | the same |
//! | `convert worker --once` | job: one message, then it ends | the same |

use std::{error::Error, time::Duration};

use axum::Router;
use blobs::Blobs;
use broker::{Broker, BrokerConfig, WorkQueue};
use clap::Subcommand;
use contracts::VideoUploaded;
use db::Db;
use media::Engine;
use runtime::{Config as _, Function, Service, required};

use crate::{Convert, ConvertConfig};

/// What the process does.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Role {
    /// Take events over HTTP and put them into the work queue.
    Intake,
    /// Convert what is in the work queue, one video at a time.
    Worker {
        /// Convert one video and end; end at once if none comes.
        #[arg(long)]
        once: bool,
    },
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Intake => "convert-intake",
            Self::Worker { .. } => "convert",
        }
    }
}

/// How long `--once` waits: whoever started it saw a message that another worker may have taken meanwhile.
const ONCE_WAIT: Duration = Duration::from_secs(5);

/// Opens what the role needs and does it, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a port that is taken, with `--once` also a job that could not be done.
pub async fn run(role: Role) -> Result<(), Box<dyn Error>> {
    let mut service = Service::start(role.name()).await?;
    let config = BrokerConfig::from_env()?;
    let queue = WorkQueue::open::<VideoUploaded>("convert", &config)?;
    match role {
        Role::Intake => service.serve(crate::intake(queue)).await,
        Role::Worker { once } => {
            let (function, broker) = worker(&service, &config)?;
            let shutdown = service.shutdown.clone();
            if once {
                service.start_metrics().await?;
                queue.work_once(function, broker, ONCE_WAIT, &shutdown).await?;
                return Ok(());
            }
            // Health is served until SIGTERM, work is done until the conversion in hand is finished.
            service.tasks.spawn("the worker", async move { queue.work(function, broker, shutdown).await });
            service.serve(Router::new()).await
        }
    }
}

fn worker(service: &Service, config: &BrokerConfig) -> Result<(Function, Broker), Box<dyn Error>> {
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(config, db.clone())?;
    let function = crate::function(Convert {
        blobs: Blobs::open(required("BLOBS_URL", &parts.blobs_url)?)?,
        engine: Engine::this_program()?,
        config: ConvertConfig::from_env()?,
        db,
    });
    Ok((function, broker))
}
