//! Holds the files of `knative/`, `eventing/` and `keda/` against each other, against the code, and against the schemas
//! of what they are applied to. Nothing here needs a cluster.
//!
//! - `read.rs`: YAML -> [`Resource`]s, from the plain files or from `kubectl kustomize`.
//! - `schema.rs`: custom resources against their definitions. `core.rs`: Kubernetes' own types. An unknown field is an
//!   error in both.
//! - `code.rs`: what the code says: the variables that a function reads, the events that it hears, the name of the queue.
//! - `container.rs` and `bin/image-check.rs`: start the images as the manifests would. `sinks.rs`: where events go.
//! - `delivery.rs`, `events.rs`, `functions.rs`, `pods.rs`, `queue.rs`, `references.rs`: the rules. `sums.rs`: what it takes.
//!
//! `tests/mutations.rs` shows that the rules bite.

mod code;
mod container;
mod core;
mod delivery;
mod events;
mod functions;
pub mod monitoring;
mod pods;
mod queue;
mod read;
mod references;
mod schema;
mod sinks;
mod sums;

pub use code::Code;
pub use container::{Container, containers, secret_value};
pub use read::{Resource, kustomizations, kustomize, overlay, parse, plain_files, run};
pub use schema::Schemas;
pub use sinks::{address_of, sink_of};
pub use sums::{Requests, connections, dispatchers, requests};

/// What is wrong with `resources`, a line each.
#[must_use]
pub fn problems(resources: &[Resource], code: &Code, schemas: Option<&Schemas>) -> Vec<String> {
    let mut problems = Vec::new();
    for resource in resources {
        if let Some(schemas) = schemas {
            schemas.check(resource, &mut problems);
        }
        core::check(resource, &mut problems);
    }
    delivery::check(resources, &mut problems);
    events::check(resources, code, &mut problems);
    functions::check(resources, code, &mut problems);
    pods::check(resources, code, &mut problems);
    queue::check(resources, code, &mut problems);
    references::check(resources, &mut problems);
    problems
}
