//! `/docs` and `/docs/errors`: what is written there is what the code does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::Path,
};

use axum::{Router, body::Body, http::Request};
use runtime::CancellationToken;
use serde_json::Value;
use tower::ServiceExt as _;

const KEPT: &str = include_str!("../openapi.json");

/// A file as the gateway serves it in front of separate processes.
async fn page(path: &str) -> String {
    let function = gateway::proxy(&gateway::GatewayConfig::default()).unwrap();
    let router: Router = runtime::http_router(function.into_parts().0, CancellationToken::new());
    let answer = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let body = axum::body::to_bytes(answer.into_body(), 10_000_000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

/// What stands between `before` and the next quote.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn every_operation_and_every_shape_of_the_api_has_its_place_and_no_link_leads_nowhere() {
    let docs = page("/docs").await;
    let api: Value = serde_json::from_str(KEPT).unwrap();
    for (path, methods) in api["paths"].as_object().unwrap() {
        let heading = format!("<code>{path}</code></h3>");
        let known = ["get", "post", "put", "patch", "delete", "head", "options"];
        let methods = methods.as_object().unwrap();
        let methods = known.iter().filter(|method| methods.contains_key(**method)).count();
        assert_eq!(docs.matches(&heading).count(), methods, "{path}");
    }
    let anchors = quoted(&docs, " id=\"");
    let unique: HashSet<&str> = anchors.iter().copied().collect();
    assert_eq!(unique.len(), anchors.len(), "an anchor stands there twice");
    for place in quoted(&docs, "href=\"") {
        match place.strip_prefix('#') {
            Some(anchor) => assert!(unique.contains(anchor), "#{anchor} is nowhere"),
            None => assert!(!page(place).await.is_empty(), "{place}"),
        }
    }
    // The policy would block it.
    for inline in ["<style", "style=", "<script", "onclick", "http://", "src="] {
        assert!(!docs.contains(inline), "{inline}");
    }
}

/// All Rust below a folder, without tests.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if name != "tests" && name != "target" {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            found.push((path.display().to_string(), code.to_owned()));
        }
    }
}

/// The arguments of a call, whose text begins behind its bracket.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut in_text, mut found) = (0, 0, false, Vec::new());
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        match character {
            '"' if before != '\\' => in_text = !in_text,
            _ if in_text => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                found.push(text[begin..at].trim());
                return found;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(text[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
        before = character;
    }
    found
}

/// A word in quotes.
fn word(argument: Option<&&str>) -> Option<String> {
    argument?.strip_prefix('"')?.strip_suffix('"').map(str::to_owned)
}

/// Functions that hand their own `kind` on, with its place among their arguments.
fn helpers(code: &str) -> Vec<(String, usize)> {
    let signatures = code.split("fn ").skip(1).filter_map(|rest| rest.split_once('('));
    // `new` is `Problem::new`, which is looked for by its whole name.
    let named = signatures
        .filter(|(name, _)| *name != "new" && name.chars().all(|part| part.is_alphanumeric() || part == '_'));
    named
        .filter_map(|(name, rest)| {
            let parameters = arguments(rest);
            let place = parameters.iter().position(|parameter| *parameter == "kind: &'static str")?;
            Some((name.to_owned(), place))
        })
        .collect()
}

/// Every kind of problem in the code, with a file that has it.
fn kinds() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    ["functions", "shared"].iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let helpers: BTreeSet<(String, usize)> = files.iter().flat_map(|(_, code)| helpers(code)).collect();
    let mut kinds = BTreeMap::new();
    for (file, code) in &files {
        for maker in ["Problem::new(", "Self::new("] {
            for call in code.split(maker).skip(1).map(arguments).filter(|call| call.len() == 3) {
                // Other things are made of three parts, too, but of no status.
                if !call[0].contains("StatusCode") && call[0] != "status" {
                    continue;
                }
                match word(call.get(1)) {
                    Some(kind) => drop(kinds.insert(kind, file.clone())),
                    None => {
                        assert_eq!(call[1], "kind", "{file}: a kind must be a word or handed on as `kind`")
                    }
                }
            }
        }
        for (name, place) in &helpers {
            let call = format!("{name}(");
            let calls = code.split(&call).skip(1).map(arguments);
            kinds.extend(calls.filter_map(|call| Some((word(call.get(*place))?, file.clone()))));
        }
    }
    kinds.retain(|kind, _| kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
    kinds
}

#[tokio::test]
async fn every_type_of_a_problem_leads_to_its_explanation() {
    let errors = page("/docs/errors").await;
    let explained: BTreeSet<&str> = quoted(&errors, "<section id=\"").into_iter().collect();
    let kinds = kinds();
    assert!(kinds.contains_key("not-found") && kinds.contains_key("wrong-password") && kinds.len() > 20);
    let lacking: Vec<_> = kinds.iter().filter(|(kind, _)| !explained.contains(kind.as_str())).collect();
    assert!(lacking.is_empty(), "functions/gateway/src/docs/problems.rs lacks {lacking:?}");
}

#[test]
fn kinds_are_found_however_they_are_written() {
    let code = "fn gone(kind: &'static str, detail: &str) -> Problem { Problem::new(StatusCode::GONE, kind, detail) }";
    assert_eq!(helpers(code), [("gone".to_owned(), 0)]);
    assert_eq!(arguments("a(b, c), \"d, \\\"e)\", [f, g]) h"), ["a(b, c)", "\"d, \\\"e)\"", "[f, g]"]);
}
