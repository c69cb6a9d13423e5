//! `/docs`: the API for people to read, made of its description when the process starts. Plain HTML: no script, nothing
//! from elsewhere.
//!
//! - `docs/page.rs`: the page: an operation, its parameters, what it answers. `docs/schema.rs`: the JSON in it.
//! - `docs/first-steps.sh`: the example at its top, which a test runs against a real server.
//! - `docs/problems.rs`: `/docs/errors`, all problem types; each `type` of a problem leads there.
//! - `docs/html.rs`: text that is safe in HTML.

mod html;
mod page;
mod problems;
mod schema;

use serde_json::Value;

use crate::asset::Asset;

/// Both pages and what they look like. `description` is that of the API, in JSON.
pub(crate) fn assets(description: &[u8]) -> [(&'static str, Asset); 3] {
    const HTML: &str = "text/html; charset=utf-8";
    let description: Value = serde_json::from_slice(description).unwrap_or_default();
    [
        ("/docs", Asset::new(HTML, page::page(&description))),
        ("/docs/errors", Asset::new(HTML, problems::page())),
        ("/docs/docs.css", Asset::new("text/css; charset=utf-8", include_str!("../page/docs.css"))),
    ]
}
