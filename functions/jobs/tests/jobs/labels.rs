//! Names and tags.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_job_is_named_and_tagged_and_found_by_its_tag() {
    let world = World::new().await;
    let (job, other) = (world.queued(world.anna).await, world.queued(world.anna).await);
    let (call, token) = (format!("PATCH /jobs/{job}"), world.login(world.anna));
    let answer =
        world.call_with(&token, &call, &json!({"name": "Überblick", "tags": ["Jazz", "a b", "Jazz"]})).await;
    assert_eq!((answer.status.as_u16(), &answer.json["name"]), (200, &json!("Überblick")), "{}", answer.json);
    assert_eq!(answer.json["tags"], json!(["Jazz", "a b"]));
    assert_eq!(answer.json["source"]["name"], "a.mp4");
    let found = world.call(world.anna, "GET /jobs?tag=a%20b").await;
    assert_eq!(found.json["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(found.json["jobs"][0]["id"], json!(job));
    let answer = world.call_with(&token, &call, &json!({"tags": null})).await;
    assert_eq!((&answer.json["name"], &answer.json["tags"]), (&json!("Überblick"), &json!([])));
    let answer = world.call_with(&token, &call, &json!({"name": null})).await;
    assert_eq!(answer.json["name"], json!(null));
    assert_eq!(world.call(world.anna, "GET /jobs?tag=a%20b").await.json["jobs"], json!([]));
    assert_eq!(world.call(world.anna, &format!("GET /jobs/{other}")).await.json["tags"], json!([]));
}

#[tokio::test]
async fn what_is_no_name_or_no_tag_is_refused() {
    let world = World::new().await;
    let call = format!("PATCH /jobs/{}", world.queued(world.anna).await);
    for wrong in [
        json!({"name": ""}),
        json!({"name": " a"}),
        json!({"name": "a\nb"}),
        json!({"name": "a".repeat(121)}),
        json!({"name": 1}),
        json!({"tags": "a"}),
        json!({"tags": [""]}),
        json!({"tags": ["a".repeat(33)]}),
        json!({"tags": (0..17).map(|tag| tag.to_string()).collect::<Vec<_>>()}),
        json!({"state": "done"}),
    ] {
        let answer = world.call_with(&world.login(world.anna), &call, &wrong).await;
        assert_eq!(answer.status, 422, "{wrong}");
    }
}
