//! The page as a browser gets it: its files, its weight, its words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use gateway::GatewayConfig;
use runtime::CancellationToken;
use serde_json::{Map, Value};
use tower::ServiceExt as _;

async fn get(path: &str, header: Option<(&str, &str)>) -> (StatusCode, HeaderMap, Vec<u8>) {
    let (routes, _) = gateway::proxy(&GatewayConfig::default()).unwrap().into_parts();
    let router = runtime::http_router(routes, CancellationToken::new());
    let request =
        header.into_iter().fold(Request::get(path), |request, (name, value)| request.header(name, value));
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, axum::body::to_bytes(body, 1_000_000).await.unwrap().to_vec())
}

/// Names and texts of the files of the page in a folder of it that end so.
fn sources(folder: &str, ending: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut found: Vec<_> = files
        .filter(|file| file.is_file() && file.to_string_lossy().ends_with(ending))
        .map(|file| (file.file_name().unwrap().to_string_lossy().into(), fs::read_to_string(file).unwrap()))
        .collect();
    found.sort();
    found
}

/// What follows each `before` up to `after`.
fn between<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

/// The addresses, from the top, of what the page at `/` and its scripts load at once.
async fn first_load() -> BTreeSet<String> {
    let page = String::from_utf8(get("/", None).await.2).unwrap();
    let mut seen = BTreeSet::from(["/".to_owned(), "/page/texts/en.json".into(), "/page/offers.json".into()]);
    let mut next: Vec<String> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| between(&page, attribute, '"'))
        .filter(|place| place.ends_with(".js") || place.ends_with(".css") || place.ends_with(".svg"))
        .map(|place| format!("/{place}"))
        .collect();
    while let Some(place) = next.pop() {
        if seen.insert(place.clone()) && place.ends_with(".js") {
            let script = String::from_utf8(get(&place, None).await.2).unwrap();
            let imports = script.lines().filter(|line| line.starts_with("import "));
            let names = imports.filter_map(|line| line.split("\"./").nth(1)?.split('"').next());
            next.extend(names.map(|name| format!("/page/{name}")));
        }
    }
    seen
}

#[tokio::test]
async fn the_first_load_is_under_30_kb_as_it_is_sent() {
    let mut total = 0;
    for place in first_load().await {
        let (status, headers, body) = get(&place, Some(("accept-encoding", "gzip, deflate, br"))).await;
        assert_eq!((status, &headers["content-encoding"] == "gzip"), (StatusCode::OK, true), "{place}");
        assert_eq!(headers["vary"], "accept-encoding");
        total += body.len();
    }
    println!("first load: {total} bytes");
    assert!(total < 30_000, "{total} bytes");
}

#[tokio::test]
async fn a_form_that_the_browser_has_is_304_and_the_other_form_has_another_tag() {
    let zipped = get("/page/app.js", Some(("accept-encoding", "gzip"))).await.1;
    let plain = get("/page/app.js", None).await.1;
    assert_ne!(zipped["etag"], plain["etag"]);
    assert!(plain.get("content-encoding").is_none());
    let (status, ..) = get("/page/app.js", Some(("if-none-match", plain["etag"].to_str().unwrap()))).await;
    assert_eq!(status, StatusCode::NOT_MODIFIED);
    let (status, ..) = get("/page/app.js", Some(("if-none-match", zipped["etag"].to_str().unwrap()))).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn every_file_of_the_page_is_served() {
    for (folder, ending) in [("", "js"), ("texts", ".json"), ("vendor", "js")] {
        for (name, text) in sources(folder, ending) {
            let parts = [folder, &name].into_iter().filter(|part| !part.is_empty());
            let path = parts.collect::<Vec<_>>().join("/");
            let place = if name == "sw.js" { "/sw.js".into() } else { format!("/page/{path}") };
            assert_eq!(get(&place, None).await.2, text.as_bytes(), "{place}");
        }
    }
}

/// The page may stand below a path, so nothing that it names begins with a slash.
#[tokio::test]
async fn the_page_names_only_what_is_served_here_and_has_nothing_inline() {
    let page = String::from_utf8(get("/", None).await.2).unwrap();
    for place in ["src=\"", "href=\""].iter().flat_map(|attribute| between(&page, attribute, '"')) {
        assert!(!place.starts_with('/') && !place.contains("://"), "{place}");
        if !place.starts_with('#') && place != "./" {
            assert_eq!(get(&format!("/{place}"), None).await.0, StatusCode::OK, "{place}");
        }
    }
    for inline in ["<style", "style=", "onclick", "onload", "<script>", "javascript:"] {
        assert!(!page.contains(inline), "{inline}");
    }
    for (name, script) in sources("", ".js") {
        for unsafe_way in
            ["innerHTML", "eval(", "insertAdjacentHTML", "document.write", "setAttribute(\"style"]
        {
            assert!(!script.contains(unsafe_way), "{name}: {unsafe_way}");
        }
    }
    // Credentials are in a cookie that no script can read.
    let all: String = sources("", ".js").into_iter().map(|(_, text)| text).collect();
    assert!(!all.contains("access_token") && !all.contains("Authorization"));
}

#[tokio::test]
async fn a_small_file_has_few_lines() {
    for (name, text) in sources("", ".js").into_iter().chain(sources("", ".html")) {
        assert!(text.lines().count() <= 400, "{name}");
        assert!(text.lines().all(|line| line.chars().count() <= 200), "{name}");
    }
}

#[tokio::test]
async fn the_page_learns_what_is_offered_from_the_description() {
    let offers: Value = serde_json::from_slice(&get("/page/offers.json", None).await.2).unwrap();
    let has = |list: &str, name: &str| offers[list].as_array().unwrap().iter().any(|one| one == name);
    assert!(has("routes", "POST /upload") && has("routes", "DELETE /jobs/{id}") && has("options", "format"));
    assert!(!has("routes", "POST /nothing"));
}

/// Every route that the page asks for by name, and every option of its table, is one of the API: a typing error would
/// hide a button for ever. What other parts of the project bring is named beforehand.
#[test]
fn every_option_of_the_api_is_in_the_page_and_every_value_too() {
    let api: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let schemas = &api["components"]["schemas"];
    let table = sources("", "options.js").remove(0).1;
    for name in schemas["Options"]["properties"].as_object().unwrap().keys().filter(|name| *name != "preset")
    {
        assert!(table.contains(&format!("(\"{name}\"")), "{name}");
    }
    for schema in
        ["Format", "SilencePolicy", "ChapterPolicy", "TagPolicy", "CoverPolicy", "NotifyBy", "Preset"]
    {
        for value in schemas[schema]["enum"].as_array().unwrap() {
            assert!(table.contains(&value.to_string()), "{schema} {value}");
        }
    }
}

fn texts(language: &str) -> Map<String, Value> {
    serde_json::from_str(&sources("texts", &format!("{language}.json"))[0].1).unwrap()
}

/// The names in braces.
fn places(text: &Value) -> BTreeSet<&str> {
    between(text.as_str().unwrap(), "{", '}').into_iter().collect()
}

#[test]
fn every_language_has_every_text_with_the_same_places() {
    let (english, german) = (texts("en"), texts("de"));
    assert_eq!(english.keys().collect::<Vec<_>>(), german.keys().collect::<Vec<_>>());
    for (key, text) in &english {
        assert!(!text.as_str().unwrap().is_empty() && !german[key].as_str().unwrap().is_empty(), "{key}");
        assert_eq!(places(text), places(&german[key]), "{key}");
    }
}

#[test]
fn every_text_is_used_and_every_text_that_is_used_is_there() {
    let english = texts("en");
    let page = sources("", "index.html").remove(0).1;
    let all: String = sources("", ".js").into_iter().map(|(_, text)| text).collect();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    named.extend(between(&page, "data-t=\"", '"').into_iter().chain(between(&page, "data-t-label=\"", '"')));
    let quoted = all.split('"').filter(|text| english.contains_key(*text));
    let used: BTreeSet<&str> = named.iter().copied().chain(quoted).collect();
    // t(`state.${...}`): every key that begins so.
    let families: Vec<&str> = all
        .split('`')
        .filter_map(|text| text.split("${").next())
        .filter(|text| text.ends_with('.'))
        .collect();
    for key in english.keys() {
        let family = families.iter().any(|family| key.starts_with(family));
        assert!(family || used.contains(key.as_str()), "{key} is used nowhere");
    }
    let called = between(&all, " t(\"", '"').into_iter().chain(between(&all, "(t(\"", '"'));
    for key in named.iter().copied().chain(called) {
        assert!(english.contains_key(key), "{key} is no text");
    }
}

#[test]
fn every_code_and_state_of_the_api_has_its_words() {
    let api: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let english = texts("en");
    let families = [
        ("State", "state"),
        ("FailureCode", "failure"),
        ("Outcome", "outcome"),
        ("Channel", "channel"),
        ("Message", "message"),
        ("Scope", "scope"),
        ("Role", "role"),
        ("Stage", "stage"),
    ];
    for (schema, family) in families {
        for value in api["components"]["schemas"][schema]["enum"].as_array().into_iter().flatten() {
            let key = format!("{family}.{}", value.as_str().unwrap());
            assert!(english.contains_key(&key), "{key}");
        }
    }
}

/// Sentences stand in the files of the languages, not in scripts.
#[test]
fn no_text_stands_in_the_code() {
    for (name, script) in sources("", ".js") {
        for line in script.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for text in line.split('"').skip(1).step_by(2) {
                let words =
                    text.split(' ').filter(|word| word.len() > 1 && word.chars().all(char::is_alphabetic));
                let sentence = text.starts_with(char::is_uppercase) && words.count() > 1;
                assert!(!sentence, "{name}: {text}");
            }
        }
    }
    let page = sources("", "index.html").remove(0).1;
    let outside = page
        .split('<')
        .filter(|part| !part.starts_with("noscript") && !part.starts_with("p class=\"card\">This"));
    let words: String = outside.filter_map(|part| part.split('>').nth(1)).collect();
    assert_eq!(words.split_whitespace().collect::<Vec<_>>().join(" "), "Tapedeck Tapedeck API does not.");
}
