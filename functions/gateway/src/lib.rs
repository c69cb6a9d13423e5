//! Gateway: the one public address. The web page and the description of the API.
//!
//! - `page.rs` and `page/`: a static page of four small files that uses nothing but the public API.
//! - `describe.rs`: `/openapi.json`, the descriptions of all functions as one.
//! - `asset.rs`: how a file that never changes while the process runs is served.
//!
//! In one process the other functions' routes stand beside these, merged by `standalone`.

mod asset;
mod describe;
mod page;

use axum::routing::get;
use runtime::{Function, OpenApiRouter};
use utoipa::openapi::OpenApi;

use crate::asset::Asset;

/// The routes. `functions` is the description of the functions that are served on the same address.
pub fn function(functions: OpenApi) -> Function {
    let assets = page::assets().into_iter().chain([describe::asset(functions)]);
    let routes =
        assets.fold(OpenApiRouter::new(), |routes, (path, asset)| routes.route(path, get(serve(asset))));
    Function::new().routes(routes)
}

/// A handler that serves `asset`.
fn serve(
    asset: Asset,
) -> impl FnOnce(axum::http::HeaderMap) -> std::future::Ready<axum::response::Response> + Clone {
    move |headers| std::future::ready(asset.answer(&headers))
}
