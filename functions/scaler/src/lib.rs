//! Tells KEDA at once that there is something to convert: its external push scaler, by KEDA's own protocol over gRPC
//! (<https://keda.sh/docs/latest/concepts/external-scalers/>). Only `keda/push` runs it.
//!
//! - `work.rs`: whether there is work, and how much: one query of indexes, twice a second while KEDA listens.
//! - `messages.rs`: what is said, as KEDA's `externalscaler.proto` has it. `methods.rs`: its methods. `grpc.rs`: the server.
//!
//! The messages are written by hand: seven of them, against a generator that needs `protoc` at each build, or a thousand lines
//! that nobody reads. A test holds their bytes against the protocol.

mod grpc;
mod messages;
mod methods;
mod process;
mod work;

use runtime::{Checked, Config, within};
use serde::{Deserialize, Serialize};

pub use grpc::serve;
pub use process::run;
pub use work::Work;

/// How KEDA is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ScalerConfig {
    /// Where KEDA connects.
    pub port: u16,
    /// Milliseconds between two looks at the database.
    pub look_milliseconds: u64,
}

impl Default for ScalerConfig {
    fn default() -> Self {
        Self { port: 6000, look_milliseconds: 500 }
    }
}

impl Config for ScalerConfig {
    const PREFIX: &'static str = "SCALER_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("port", "the port at which `scaler` answers KEDA (gRPC without TLS); keep it from everybody else"),
        (
            "look_milliseconds",
            "milliseconds between two looks of `scaler` for jobs that wait, while KEDA listens",
        ),
    ];

    fn check(&self) -> Checked {
        within("look_milliseconds", &self.look_milliseconds, 50..=60_000)
    }
}

#[cfg(test)]
mod tests;
