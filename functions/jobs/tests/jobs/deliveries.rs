//! Who was told of what.

use contracts::{DeliveryDue, DeliveryId, DestinationEvent, DestinationId, DestinationKind, Event as _};
use db::{Attempt, DestinationChanges, NewDestination};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_owner_sees_what_is_told_about_a_job_and_may_have_it_repeated() {
    let world = World::new().await;
    let (job, delivery) = world.failed(world.anna).await;
    let list = format!("GET /jobs/{job}/deliveries");
    let seen = world.call(world.anna, &list).await.json;
    assert_eq!(seen["deliveries"].as_array().unwrap().len(), 1);
    let first = &seen["deliveries"][0];
    assert_eq!((&first["id"], &first["job_id"]), (&json!(delivery), &json!(job)));
    assert_eq!((&first["message"], &first["channel"]), (&json!("failed"), &json!("mail")));
    assert!(first["due_at"].is_string() && first["outcome"].is_null());
    let repeat = format!("POST /deliveries/{delivery}/repeat");
    assert_eq!(world.call(world.anna, &repeat).await.status, 409, "it has not ended");
    world.attempt(delivery, Attempt::Refused("550 no such user".into())).await;
    let seen = world.call(world.anna, &list).await.json["deliveries"][0].clone();
    assert_eq!((&seen["outcome"], &seen["detail"]), (&json!("refused"), &json!("550 no such user")));
    assert!(seen["due_at"].is_null() && seen["ended_at"].is_string());
    let events = async || world.db.outbox().due(DeliveryDue::TYPE, 100).await.unwrap().len();
    let before = events().await;
    assert_eq!(world.call(world.anna, &repeat).await.status, 202);
    assert_eq!(events().await, before + 1, "somebody is told that it is due");
    let seen = world.call(world.anna, &list).await.json["deliveries"][0].clone();
    assert!(seen["due_at"].is_string() && seen["outcome"].is_null());
    assert_eq!(seen["attempts"], 0);
    assert_eq!(world.call(world.anna, &repeat).await.status, 409);
}

#[tokio::test]
async fn an_administrator_lists_dead_letters_newest_first_repeats_and_drops_them() {
    let world = World::new().await;
    let mut dead = Vec::new();
    for user in [world.anna, world.eve, world.anna, world.root, world.eve] {
        dead.insert(0, world.dead_letter(user).await);
    }
    let (mut listed, mut path) = (Vec::new(), "GET /admin/deliveries?limit=2".to_owned());
    while let Some(cursor) = {
        let answer = world.call(world.root, &path).await;
        for letter in answer.json["deliveries"].as_array().unwrap() {
            assert_eq!((&letter["outcome"], &letter["detail"]), (&json!("dead"), &json!("no such host")));
            listed.push(letter["id"].clone());
        }
        answer.json["next_cursor"].as_str().map(str::to_owned)
    } {
        path = format!("GET /admin/deliveries?limit=2&cursor={cursor}");
    }
    assert_eq!(listed, dead.iter().map(|id| json!(id)).collect::<Vec<_>>());
    let [repeated, dropped] = [dead[0], dead[1]];
    let repeat = format!("POST /deliveries/{repeated}/repeat");
    assert_eq!(world.call(world.root, &repeat).await.status, 202, "somebody else's");
    let drop = format!("POST /admin/deliveries/{dropped}/drop");
    assert_eq!(world.call(world.root, &drop).await.status, 204);
    assert_eq!(world.call(world.root, &drop).await.status, 404, "no dead letter any more");
    let drop = format!("POST /admin/deliveries/{repeated}/drop");
    assert_eq!(world.call(world.root, &drop).await.status, 404, "nor is this");
    let ids = async |query: &str| -> Vec<String> {
        let answer = world.call(world.root, &format!("GET /admin/deliveries{query}")).await.json;
        let letters = answer["deliveries"].as_array().unwrap().clone();
        letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("").await, dead[2..].iter().map(DeliveryId::to_string).collect::<Vec<_>>());
    assert_eq!(ids("?outcome=dropped").await, [dropped.to_string()]);
    assert!(ids("?outcome=sent").await.is_empty());
}

#[tokio::test]
async fn everybody_lists_what_they_were_told_by_page_and_by_destination() {
    let world = World::new().await;
    let rest = DestinationChanges {
        address: "https://example.org/hook".into(),
        token: None,
        events: DestinationEvent::ALL.into(),
        active: true,
    };
    let id = DestinationId::generate();
    let new = NewDestination { id, user_id: world.anna, kind: DestinationKind::Webhook, rest };
    world.db.create_destination(&new).await.unwrap().unwrap();
    for _ in 0..3 {
        world.failed(world.anna).await;
        world.failed(world.eve).await;
    }
    let list = async |query: &str| world.call(world.anna, &format!("GET /deliveries{query}")).await;
    let all = list("").await.json;
    // A mail and a call for each end, and the mail that welcomes.
    assert_eq!((all["deliveries"].as_array().unwrap().len(), &all["next_cursor"]), (7, &json!(null)));
    let first = list(&format!("?destination={id}&limit=2")).await.json;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = list(&format!("?destination={id}&limit=2&cursor={cursor}")).await.json;
    let (mut found, more) = (first["deliveries"].as_array().unwrap().clone(), rest["deliveries"].as_array());
    found.extend(more.unwrap().clone());
    assert_eq!(found.len(), 3);
    for one in &found {
        assert_eq!((&one["channel"], &one["destination"]), (&json!("destination"), &json!(id)));
    }
    assert!(found.is_sorted_by_key(|one| std::cmp::Reverse(one["id"].as_str().unwrap())));
    let foreign = world.call(world.eve, &format!("GET /deliveries?destination={id}")).await;
    let unknown = list(&format!("?destination={}", DestinationId::generate())).await;
    assert_eq!((foreign.status.as_u16(), unknown.status.as_u16()), (404, 404));
    assert_eq!(foreign.json["detail"], unknown.json["detail"]);
    for query in ["?limit=0", "?limit=201"] {
        assert_eq!(list(query).await.status, 422, "{query}");
    }
}

#[tokio::test]
async fn what_can_not_be_listed_is_refused() {
    let world = World::new().await;
    for (query, status) in [
        ("limit=0", 422),
        ("limit=201", 422),
        ("limit=many", 400),
        ("outcome=lost", 400),
        ("cursor=..%2f", 400),
    ] {
        let answer = world.call(world.root, &format!("GET /admin/deliveries?{query}")).await;
        assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.json);
    }
}
