//! Who does something. Each step is one call of `db`, or one thing that happens outside of it; between any two of them
//! everybody else may act, and a process may die.

pub(crate) mod owner;
pub(crate) mod sender;
pub(crate) mod sweeper;
pub(crate) mod upload;
pub(crate) mod worker;
