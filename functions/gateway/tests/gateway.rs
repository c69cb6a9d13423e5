//! How files are served, and the descriptions, as a browser and a generator get them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode},
};
use runtime::{CancellationToken, Function, OpenApiRouter, routes};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Says hello.
#[utoipa::path(get, path = "/hello", security(("bearer" = [])))]
async fn hello() -> &'static str {
    "hello"
}

fn router() -> Router {
    let other = Function::new().routes(OpenApiRouter::new().routes(routes!(hello)));
    let description = other.clone().into_parts().1;
    let (routes, _) = other.merge(gateway::function(description)).into_parts();
    runtime::http_router(routes, CancellationToken::new())
}

async fn get(path: &str, known: Option<&str>) -> (StatusCode, HeaderMap, Bytes) {
    let mut request = Request::get(path);
    if let Some(tag) = known {
        request = request.header("if-none-match", tag);
    }
    let response = router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, axum::body::to_bytes(body, 1_000_000).await.unwrap())
}

const FILES: [(&str, &str); 8] = [
    ("/", "text/html; charset=utf-8"),
    ("/sw.js", "text/javascript; charset=utf-8"),
    ("/page/app.css", "text/css; charset=utf-8"),
    ("/page/app.js", "text/javascript; charset=utf-8"),
    ("/manifest.webmanifest", "application/manifest+json"),
    ("/icon.svg", "image/svg+xml"),
    ("/openapi.json", "application/json"),
    ("/asyncapi.json", "application/json"),
];

#[tokio::test]
async fn every_file_is_served_with_its_type_and_its_guards() {
    for (path, media_type) in FILES {
        let (status, headers, body) = get(path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(headers["content-type"], media_type);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!body.is_empty());
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_304() {
    for (path, _) in FILES {
        let (_, headers, _) = get(path, None).await;
        let tag = headers["etag"].to_str().unwrap();
        for known in [tag, &format!("W/{tag}"), &format!("\"x\", {tag}"), "*"] {
            let (status, again, body) = get(path, Some(known)).await;
            assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{path} {known}");
            assert_eq!(again["etag"], tag);
        }
        assert_eq!(get(path, Some("\"x\"")).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_description_has_every_function_and_the_ways_to_log_in() {
    let (_, _, body) = get("/openapi.json", None).await;
    let api: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(api["info"]["title"], "Tapedeck");
    assert_eq!(api["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(api["paths"]["/hello"]["get"]["security"][0]["bearer"], serde_json::json!([]));
    assert_eq!(api["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(api["components"]["securitySchemes"]["basic"]["scheme"], "basic");
}

#[test]
fn what_is_described_as_part_of_a_path_stands_in_it() {
    let api: serde_json::Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let given = call["parameters"].as_array().into_iter().flatten();
            let mut named: Vec<&str> = given
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            named.sort_unstable();
            let places = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
            let mut places: Vec<&str> = places.collect();
            places.sort_unstable();
            assert_eq!(named, places, "{method} {path}");
        }
    }
}

/// What a reference within the document names.
fn named<'a>(page: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
    let found = page.pointer(pointer);
    assert!(found.is_some(), "{pointer} names nothing");
    let mut value = found.unwrap();
    while value.get("$ref").is_some() {
        value = named(page, value);
    }
    value
}

#[tokio::test]
async fn every_event_of_the_contracts_is_described_and_nothing_else() {
    let page: Value = serde_json::from_slice(&get("/asyncapi.json", None).await.2).unwrap();
    assert_eq!(
        (&page["asyncapi"], &page["info"]["version"]),
        (&json!("3.0.0"), &json!(env!("CARGO_PKG_VERSION")))
    );
    let operations = page["operations"].as_object().unwrap();
    let channels = page["channels"].as_object().unwrap();
    let events = contracts::described();
    assert_eq!((operations.len(), channels.len()), (events.len(), events.len()));
    for event in events {
        let operation = &operations[&format!("send{}", event.name)];
        assert_eq!(operation["action"], "send");
        let channel = named(&page, &operation["channel"]);
        let messages = operation["messages"].as_array().unwrap();
        assert_eq!((messages.len(), channel["messages"].as_object().unwrap().len()), (1, 1));
        let message = named(&page, &messages[0]);
        assert_eq!(message, named(&page, &channel["messages"][&event.name]));
        assert_eq!((&message["name"], &message["payload"]), (&json!(event.kind), &event.schema));
        let headers = &message["headers"]["properties"];
        for (name, value) in [
            ("type", event.kind.to_owned()),
            ("source", event.source.to_owned()),
            ("dataschema", contracts::data_schema(event.kind).unwrap()),
        ] {
            assert_eq!(headers[name]["const"], value);
            assert_eq!(message["examples"][0]["headers"][name], value);
        }
        assert_eq!(message["examples"][0]["payload"], event.example);
    }
}
