//! What reads heads from strangers, as plain functions: for fuzzing.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::proxy::{headers, routes};

/// The head of a request as a function gets it, from a client at `peer`.
pub fn forward(headers: &mut HeaderMap, peer: Option<IpAddr>, trusted: bool) {
    headers::remove_hop_by_hop(headers);
    headers::add_forwarded(headers, peer, trusted);
}

/// Whether some function owns the path.
#[must_use]
pub fn is_owned(path: &str) -> bool {
    routes::upstream(path).is_some()
}
