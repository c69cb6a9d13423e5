//! What a handler is given beside its event.

use std::{ops::Deref, time::Instant};

use contracts::Trace;
use tokio_util::sync::CancellationToken;

/// One delivery, as its transport knows it.
#[derive(Clone, Debug)]
pub struct Call {
    /// 1 for the first delivery of the event, as far as the transport counts.
    pub attempt: u32,
    /// When the transport gives up waiting for the answer. What is not done by then is left in the rows.
    pub deadline: Option<Instant>,
    /// Cancelled when the process must end: a handler releases its claims and returns.
    pub shutdown: CancellationToken,
    /// The trace that the event belongs to. What a handler writes because of the event belongs to it too: see
    /// `db::Db::caused_by`.
    pub trace: Trace,
}

impl Default for Call {
    fn default() -> Self {
        Self { attempt: 1, deadline: None, shutdown: CancellationToken::new(), trace: Trace::default() }
    }
}

impl Call {
    /// A first delivery that ends with `shutdown`.
    #[must_use]
    pub fn until(shutdown: CancellationToken) -> Self {
        Self { shutdown, ..Self::default() }
    }
}

/// A function's dependencies, and the delivery in hand. Dereferences to the dependencies.
#[derive(Clone, Debug)]
pub struct Context<D> {
    deps: D,
    /// The delivery.
    pub call: Call,
}

impl<D> Context<D> {
    /// For a transport or a test.
    pub fn new(deps: D, call: Call) -> Self {
        Self { deps, call }
    }
}

impl<D> Deref for Context<D> {
    type Target = D;
    fn deref(&self) -> &D {
        &self.deps
    }
}
