//! Download: the audio of a finished job, whole or in ranges, for its owner or for whoever has a signed link.
//! Start with `get.rs`.
//!
//! - `find.rs`: whose job it is, and whether its audio is there.
//! - `get.rs`: `GET` and `HEAD` of `/download` and `/jobs/{id}/audio`.
//! - `archive.rs`: `GET` of `/jobs/archive`, many as one zip.
//! - `peaks.rs`: `GET` and `HEAD` of `/jobs/{id}/peaks`.
//! - `conditions.rs`, `range.rs`, `name.rs`: `If-*`, `Range` and `Content-Disposition`, as the RFCs say.
//! - `link.rs`: `POST /jobs/{id}/link`.
//! - `feeds.rs`: `/me/feeds`. `podcast.rs`: what podcast apps get of a feed, which `xml.rs` writes; `picture.rs`: the cover
//!   in an MP3.
//!
//! Architecture invariant: it changes no job.
//!
//! The audio is streamed in pieces of at most [`blobs::CHUNK`], read when the client takes them: memory stays
//! flat, and a client that hangs up drops the stream and with it the open file.

mod archive;
mod conditions;
mod feeds;
mod find;
#[doc(hidden)]
pub mod fuzz;
mod get;
mod link;
mod name;
mod peaks;
mod picture;
mod podcast;
mod process;
mod range;
mod xml;

use axum::extract::FromRef;
use blobs::Blobs;
use db::Db;
use identity::{Links, Verifier};
use runtime::{Function, OpenApiRouter, routes};

pub use process::run;

/// What this function needs.
#[derive(Clone)]
pub struct Download {
    /// Jobs.
    pub db: Db,
    /// Where the audios and their waveforms are.
    pub blobs: Blobs,
    /// Checks access tokens and API keys.
    pub verifier: Verifier,
    /// Signs links and checks them.
    pub links: Links,
    /// Where the world finds us, as `https://tapedeck.example.org`.
    pub public_url: String,
}

impl FromRef<Download> for Verifier {
    fn from_ref(deps: &Download) -> Self {
        deps.verifier.clone()
    }
}

/// The routes.
pub fn function(deps: Download) -> Function {
    let routes = OpenApiRouter::new()
        .routes(routes!(get::download))
        .routes(routes!(get::job_audio))
        .routes(routes!(archive::archive))
        .routes(routes!(peaks::job_peaks))
        .routes(routes!(link::create_link))
        .routes(routes!(feeds::list, feeds::create, feeds::delete_all))
        .routes(routes!(feeds::delete))
        .routes(routes!(podcast::feed))
        .routes(routes!(podcast::file))
        .route("/feeds/cover.png", axum::routing::get(podcast::cover))
        .with_state(deps);
    Function::new().routes(routes)
}
