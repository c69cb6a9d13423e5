//! The function runtime: what every function of Tapedeck is made of.
//!
//! A [`Function`] is a value: HTTP routes and event subscriptions. A handler of an event is a plain typed
//! async function; the type of its argument is the subscription, what it returns is passed on:
//!
//! ```
//! use contracts::{AudioReady, VideoUploaded, Recorded};
//! use runtime::{Context, Failure, Function};
//!
//! #[derive(Clone)]
//! struct Deps;
//!
//! async fn convert(cx: Context<Deps>, event: VideoUploaded) -> Result<Option<Recorded<AudioReady>>, Failure> {
//!     Ok(None)
//! }
//!
//! let function = Function::new().on(Deps, convert);
//! # assert_eq!(function.event_types().len(), 1);
//! ```
//!
//! - `function.rs`: the value, `merge` and `deliver`. Many functions merged are a function: there is no second
//!   architecture for one process.
//! - `context.rs`: what a handler is given beside its event: attempt, deadline, shutdown, trace.
//! - `cloudevents.rs`: CloudEvents over HTTP (`POST /`).
//! - `failure.rs` and `problem.rs`: the two error worlds, events and HTTP. They never mix.
//! - `tasks.rs`: the parts of a process beside its HTTP server, supervised.
//! - `serve.rs`, `write_timeout.rs`, `edge.rs`, `health.rs`, `drain.rs`: the HTTP server around it. `config.rs`, `telemetry.rs`:
//!   environment and logs. `metrics.rs`: what Prometheus scrapes, or is pushed by OTLP. `traces.rs`: spans, by OTLP. `wire.rs`: OTLP's
//!   way out. `memory.rs`: the allocator. `client.rs`, `limit.rs`: whose request it is, and how many they may send.
//!
//! Architecture invariants: nothing is registered by string, nothing by magic; no broker client in this crate
//! (it would be linked into every function).

#[doc(hidden)]
pub mod bench;
mod client;
mod cloudevents;
mod config;
mod context;
mod drain;
mod edge;
mod extract;
mod failure;
mod function;
#[doc(hidden)]
pub mod fuzz;
mod health;
mod limit;
mod memory;
mod metrics;
mod problem;
mod serve;
mod service;
mod tasks;
mod telemetry;
mod traces;
mod whole;
mod wire;
mod write_timeout;

pub use client::Client;
pub use cloudevents::{NoEvent, event, event_routes, header_value, is_attribute_name};
pub use config::{Checked, Config, ConfigError, Variable, changed, variables, within};
pub use context::{Call, Context};
pub use drain::drain;
pub use extract::{Cause, Json, Path, Query};
pub use failure::{Failure, OrFail};
pub use function::{Function, Reply};
pub use limit::{RequestLimit, too_many};
pub use memory::give_memory_back;
pub use metrics::{Ask, MetricsConfig, MetricsError, Push, PushConfig, start_metrics};
pub use problem::Problem;
pub use serve::{ServeConfig, http_router, serve, shutdown_signal};
pub use service::{Missing, PartsConfig, Service, ended, flush_telemetry, listen, required};
pub use tasks::{TaskEnded, Tasks, serve_with};
pub use telemetry::{LogConfig, start_logging};
pub use tokio_util::sync::CancellationToken;
pub use traces::{SpanKind, Traced, TracesConfig, start_traces};
pub use utoipa_axum::{router::OpenApiRouter, routes};
pub use whole::whole;
