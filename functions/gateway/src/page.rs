//! The web page.

use crate::asset::Asset;

/// Path and content of each file.
pub(crate) fn assets() -> [(&'static str, Asset); 5] {
    [
        ("/", Asset::new("text/html; charset=utf-8", include_str!("../page/index.html"))),
        ("/app.css", Asset::new("text/css; charset=utf-8", include_str!("../page/app.css"))),
        ("/app.js", Asset::new("text/javascript; charset=utf-8", include_str!("../page/app.js"))),
        ("/session.js", Asset::new("text/javascript; charset=utf-8", include_str!("../page/session.js"))),
        ("/icon.svg", Asset::new("image/svg+xml", include_str!("../page/icon.svg"))),
    ]
}
