//! `/openapi.json`: OpenAPI 3.1, generated from the handlers.
//!
//! In front of separate processes it is the file `openapi.json` of this crate: what the platform in one process serves, as
//! a test of the platform holds it. The gateway knows no function, and asking each of them for its part would wake up
//! all that sleep, and tell half the truth while one is away.

mod complete;

use utoipa::openapi::{
    InfoBuilder, LicenseBuilder, OpenApi, PathItem, Server,
    path::Operation,
    security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use crate::asset::Asset;

const DESCRIPTION: &str = "Upload a video, get an MP3.\n\n\
    Log in with `POST /login` (HTTP Basic), send the token as `Authorization: Bearer`, upload with `POST /upload`, \
    follow the job with `GET /jobs/{id}?wait=30`, fetch the audio with `GET /download?fid=`.\n\n\
    Errors are `application/problem+json` (RFC 9457). Ids are ULIDs in lower case, times RFC 3339 in UTC.";

/// The description of all functions, with what is true for the whole.
pub(crate) fn asset(functions: OpenApi) -> (&'static str, Asset) {
    let described = described(functions);
    // Only a map with keys that are no text could fail, and there is none.
    let json = described.to_json().unwrap_or_default();
    ("/openapi.json", Asset::new("application/json", json))
}

/// The description that is kept beside the code.
pub(crate) fn committed() -> (&'static str, Asset) {
    ("/openapi.json", Asset::new("application/json", include_str!("../openapi.json")))
}

fn described(mut functions: OpenApi) -> OpenApi {
    functions.info = InfoBuilder::new()
        .title("Tapedeck")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    let components = functions.components.get_or_insert_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An access token (JWT) from `POST /login`, or an API key (`td_...`)"))
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    let session = "The session of a browser, from `POST /session`; `__Host-tapedeck` where the service is reached by https";
    let session = ApiKey::Cookie(ApiKeyValue::with_description("tapedeck", session));
    components.add_security_scheme("session", SecurityScheme::ApiKey(session));
    functions.paths.paths.values_mut().flat_map(operations).for_each(|(_, one)| take_sessions(one));
    // Beside this file, also where a proxy puts us below a path.
    functions.servers = Some(vec![Server::new(".")]);
    complete::complete(&mut functions);
    functions
}

/// The operations of a path, with the method that each has.
fn operations(path: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = path;
    let all = [
        ("get", get),
        ("put", put),
        ("post", post),
        ("delete", delete),
        ("options", options),
        ("head", head),
        ("patch", patch),
        ("trace", trace),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Whoever takes a bearer token takes the cookie of a session too.
fn take_sessions(operation: &mut Operation) {
    let none: [&str; 0] = [];
    let bearer = SecurityRequirement::new("bearer", none);
    if let Some(security) = operation.security.as_mut().filter(|security| security.contains(&bearer)) {
        security.push(SecurityRequirement::new("session", none));
    }
}
