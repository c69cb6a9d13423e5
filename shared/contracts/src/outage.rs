//! Whether an error will pass.

/// An error of a store, which may be away for a while or be beyond help.
pub trait Outage: std::error::Error {
    /// Whether trying again later may help.
    fn is_outage(&self) -> bool;
}
