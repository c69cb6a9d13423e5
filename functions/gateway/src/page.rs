//! The web page: the files of `page/`, and what they may offer.

use serde_json::{Value, json};

use crate::asset::Asset;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";

/// Path, type and content of a file of the page.
macro_rules! files {
    ($($path:literal, $kind:expr, $file:literal;)*) => {
        [$(($path, $kind, include_bytes!(concat!("../page/", $file)).as_slice())),*]
    };
}

/// What stands at the top: a service worker sees nothing above itself, and what the manifest names is relative to it.
const FILES: [(&str, &str, &[u8]); 40] = files! {
    "/", "text/html; charset=utf-8", "index.html";
    "/sw.js", SCRIPT, "sw.js";
    "/icon.svg", "image/svg+xml", "icon.svg";
    "/manifest.webmanifest", "application/manifest+json", "manifest.webmanifest";
    "/page/icon-192.png", "image/png", "icon-192.png";
    "/page/icon-512.png", "image/png", "icon-512.png";
    "/page/app.css", STYLE, "app.css";
    "/page/app.js", SCRIPT, "app.js";
    "/page/account.js", SCRIPT, "account.js";
    "/page/admin.js", SCRIPT, "admin.js";
    "/page/again.js", SCRIPT, "again.js";
    "/page/api.js", SCRIPT, "api.js";
    "/page/card.js", SCRIPT, "card.js";
    "/page/chapters.js", SCRIPT, "chapters.js";
    "/page/deliveries.js", SCRIPT, "deliveries.js";
    "/page/destinations.js", SCRIPT, "destinations.js";
    "/page/dom.js", SCRIPT, "dom.js";
    "/page/entry.js", SCRIPT, "entry.js";
    "/page/events.js", SCRIPT, "events.js";
    "/page/jobs.js", SCRIPT, "jobs.js";
    "/page/labels.js", SCRIPT, "labels.js";
    "/page/link.js", SCRIPT, "link.js";
    "/page/options.js", SCRIPT, "options.js";
    "/page/parts.js", SCRIPT, "parts.js";
    "/page/player.js", SCRIPT, "player.js";
    "/page/queue.js", SCRIPT, "queue.js";
    "/page/sending.js", SCRIPT, "sending.js";
    "/page/session.js", SCRIPT, "session.js";
    "/page/share.js", SCRIPT, "share.js";
    "/page/shelf.js", SCRIPT, "shelf.js";
    "/page/texts.js", SCRIPT, "texts.js";
    "/page/theme.js", SCRIPT, "theme.js";
    "/page/trim.js", SCRIPT, "trim.js";
    "/page/tus.js", SCRIPT, "tus.js";
    "/page/wave.js", SCRIPT, "wave.js";
    "/page/texts/de.json", JSON, "texts/de.json";
    "/page/texts/en.json", JSON, "texts/en.json";
    "/page/vendor/LICENSES", "text/plain; charset=utf-8", "vendor/LICENSES";
    "/page/vendor/qrcode.mjs", SCRIPT, "vendor/qrcode.mjs";
    "/page/vendor/tus.min.js", SCRIPT, "vendor/tus.min.js";
};

/// Path and content of each file.
pub(crate) fn assets() -> impl Iterator<Item = (&'static str, Asset)> {
    FILES.into_iter().map(|(path, kind, content)| (path, Asset::new(kind, content)))
}

/// What is served here, for the page: it shows nothing that the service has not. `description` is that of the API.
pub(crate) fn offers(description: &[u8]) -> (&'static str, Asset) {
    let api: Value = serde_json::from_slice(description).unwrap_or_default();
    let calls = |(path, calls): (&String, &Value)| {
        let methods = calls.as_object().into_iter().flat_map(|calls| calls.keys());
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    let routes: Vec<String> =
        api["paths"].as_object().into_iter().flat_map(|paths| paths.iter().flat_map(calls)).collect();
    let options = api["components"]["schemas"]["Options"]["properties"].as_object();
    let options: Vec<&String> = options.into_iter().flat_map(|options| options.keys()).collect();
    let offers = json!({ "routes": routes, "options": options });
    ("/page/offers.json", Asset::new(JSON, offers.to_string()))
}
