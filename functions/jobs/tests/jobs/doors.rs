//! Who may call what.

use contracts::{DeliveryId, JobId};
use serde_json::{Value, json};

use crate::world::World;

/// Each call, with a body if it takes one; `{job}` and `{delivery}` are to be filled in. The scope that it needs.
const CALLS: [(&str, &str, &str); 13] = [
    ("GET /jobs", "", "read"),
    ("GET /jobs/{job}", "", "read"),
    ("GET /jobs/{job}/deliveries", "", "read"),
    ("GET /deliveries", "", "read"),
    ("PATCH /jobs/{job}", r#"{"name": "a"}"#, "upload"),
    ("POST /jobs/{job}/cancel", "", "upload"),
    ("POST /jobs/{job}/retry", "", "upload"),
    ("DELETE /jobs/{job}", "", "upload"),
    ("POST /deliveries/{delivery}/repeat", "", "upload"),
    ("GET /admin/overview", "", "admin"),
    ("GET /admin/deliveries", "", "admin"),
    ("POST /admin/deliveries/{delivery}/drop", "", "admin"),
    ("POST /admin/jobs/retry", r#"{"failed_since": "2026-01-01T00:00:00Z"}"#, "admin"),
];

fn filled(call: &str, job: &str, delivery: &str) -> String {
    call.replace("{job}", job).replace("{delivery}", delivery)
}

fn body(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { serde_json::from_str(text).unwrap() }
}

#[tokio::test]
async fn without_credentials_it_is_401() {
    let world = World::new().await;
    let (job, delivery) = world.failed(world.anna).await;
    for (call, text, _) in CALLS {
        let call = filled(call, &job.to_string(), &delivery.to_string());
        for token in ["", "td_nobody", "x.y.z"] {
            assert_eq!(world.call_with(token, &call, &body(text)).await.status, 401, "{call}");
        }
    }
    assert!(world.db.jobs().get(job).await.unwrap().is_some());
}

#[tokio::test]
async fn a_job_or_delivery_of_somebody_else_is_404_like_one_that_is_not_there() {
    let world = World::new().await;
    let (job, delivery) = world.failed(world.anna).await;
    let foreign = (job.to_string(), delivery.to_string());
    let unknown = (JobId::generate().to_string(), DeliveryId::generate().to_string());
    let broken = ("1".to_owned(), "..%2f..".to_owned());
    for (call, text, scope) in CALLS.iter().filter(|(call, _, _)| call.contains('{')) {
        let user = if *scope == "admin" { world.root } else { world.eve };
        let mut details = Vec::new();
        for (job, delivery) in [&foreign, &unknown, &broken] {
            let call = filled(call, job, delivery);
            let answer = world.call_with(&world.login(user), &call, &body(text)).await;
            assert_eq!(answer.status, 404, "{call}");
            details.push(answer.json["detail"].clone());
        }
        assert_eq!(details[0], details[1], "{call}");
    }
    assert!(world.db.jobs().get(job).await.unwrap().is_some());
}

#[tokio::test]
async fn an_api_key_opens_what_its_scope_is_for_and_403_tells_the_scope_that_lacks() {
    let world = World::new().await;
    let (job, delivery) = world.failed(world.root).await;
    for (call, text, needed) in CALLS {
        let call = filled(call, &job.to_string(), &delivery.to_string());
        for scope in ["read", "upload", "admin"].into_iter().filter(|scope| *scope != needed) {
            let key = world.api_key(world.root, scope).await;
            let answer = world.call_with(&key, &call, &body(text)).await;
            assert_eq!(answer.status, 403, "{call} with {scope}");
            assert!(answer.json["detail"].as_str().unwrap().contains(needed), "{}", answer.json);
        }
    }
    // In an order in which each can be done.
    for (call, text, needed) in CALLS.iter().filter(|(call, _, _)| !call.starts_with("DELETE")) {
        let key = world.api_key(world.root, needed).await;
        let call = filled(call, &job.to_string(), &delivery.to_string());
        let status = world.call_with(&key, &call, &body(text)).await.status;
        assert!(![401, 403].contains(&status.as_u16()), "{call}: {status}");
    }
}

#[tokio::test]
async fn only_an_administrator_may_call_admin_routes_whatever_the_scopes() {
    let world = World::new().await;
    let delivery = world.dead_letter(world.anna).await;
    let key = world.api_key(world.anna, "read upload admin").await;
    for token in [world.login(world.anna), key] {
        for (call, text, _) in CALLS.iter().filter(|(_, _, scope)| *scope == "admin") {
            let call = filled(call, "", &delivery.to_string());
            let answer = world.call_with(&token, &call, &body(text)).await;
            assert_eq!(answer.status, 403, "{call}");
            assert_eq!(answer.json["detail"], json!("Only an administrator may do this."));
        }
    }
    assert_eq!(world.call(world.root, "GET /admin/deliveries").await.status, 200);
}
