//! Gateway: the one public address. The web page and the description of the API. Start with [`function`] and
//! [`mod@proxy`].
//!
//! - `page.rs` and `page/`: the web page: small files that use nothing but the public API.
//! - `describe.rs`: `/openapi.json`, the descriptions of all functions as one. `events.rs`: `/asyncapi.json`, that of the
//!   events.
//! - `docs.rs`: `/docs`, the same for people, and `/docs/errors`.
//! - `asset.rs`: how a file that never changes while the process runs is served.
//! - `proxy.rs` and `proxy/`: the way to functions that run on their own; `config.rs`: where they are.
//!
//! In one process the other functions' routes stand beside these, merged by `standalone`: [`function`]. In front of
//! separate processes requests are passed on: [`mod@proxy`].
//!
//! Architecture invariant: it holds no state, no secret and no connection to a store, and checks no token.

mod asset;
mod config;
mod describe;
mod docs;
mod events;
#[doc(hidden)]
pub mod fuzz;
mod page;
mod process;
mod proxy;

use axum::{Router, routing::get};
use runtime::{Function, OpenApiRouter, RequestLimit};
use utoipa::openapi::OpenApi;

use crate::asset::Asset;
pub use crate::{config::GatewayConfig, process::run, proxy::InvalidAddress};

/// The routes. `functions` is the description of the functions that are served on the same address.
pub fn function(functions: OpenApi) -> Function {
    assets(describe::asset(functions))
}

/// The routes in front of functions that run on their own.
///
/// # Errors
/// [`InvalidAddress`].
pub fn proxy(config: &GatewayConfig) -> Result<Function, InvalidAddress> {
    Ok(assets(describe::committed()).merge(proxy::routes(config)?))
}

/// Routes that the world reaches, behind the limit of requests that one address may send.
pub fn guarded(routes: Router, config: &GatewayConfig) -> Router {
    match config.requests_per_minute {
        0 => routes,
        amount => RequestLimit::a_minute(amount).before(routes),
    }
}

fn assets(description: (&'static str, Asset)) -> Function {
    let offers = page::offers(description.1.content());
    let docs = docs::assets(description.1.content());
    let assets = page::assets().chain(docs).chain([offers, description, events::asset()]);
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
