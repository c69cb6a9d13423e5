//! Looking at jobs.

use std::time::Duration;

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_list_has_my_jobs_newest_first_in_pages() {
    let world = World::new().await;
    let mut mine = Vec::new();
    for _ in 0..5 {
        mine.insert(0, json!(world.queued(world.anna).await));
        world.queued(world.eve).await;
    }
    let (mut listed, mut path) = (Vec::new(), "GET /jobs?limit=2".to_owned());
    for pages in 1.. {
        let answer = world.call(world.anna, &path).await;
        listed.extend(answer.json["jobs"].as_array().unwrap().iter().map(|job| job["id"].clone()));
        match answer.json["next_cursor"].as_str() {
            Some(cursor) => path = format!("GET /jobs?limit=2&cursor={cursor}"),
            None => {
                assert_eq!(pages, 3);
                break;
            }
        }
    }
    assert_eq!(listed, mine);
    for limit in ["0", "101"] {
        assert_eq!(world.call(world.anna, &format!("GET /jobs?limit={limit}")).await.status, 422);
    }
}

#[tokio::test]
async fn an_administrator_sees_what_waits_and_what_became_of_the_day() {
    let world = World::new().await;
    world.failed(world.anna).await;
    world.queued(world.eve).await;
    let overview = world.call(world.root, "GET /admin/overview").await;
    assert_eq!(overview.status, 200);
    assert_eq!((&overview.json["waiting"], &overview.json["dead_deliveries"]), (&json!(1), &json!(0)));
    assert_eq!(overview.json["day"]["jobs"], json!({"failed": 1, "queued": 1}));
    assert_eq!(overview.json["day"]["video_bytes"], 20);
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let world = World::new().await;
    let (job, _) = world.failed(world.anna).await;
    let seen = world.call(world.anna, &format!("GET /jobs/{job}")).await.json;
    assert_eq!((&seen["state"], &seen["error"]["code"]), (&json!("failed"), &json!("no_audio")));
    assert!(seen["error"]["detail"].as_str().unwrap().len() > 20);
    assert_eq!(seen["links"], json!({"self": format!("/jobs/{job}")}));
    assert_eq!(seen["audio"], json!(null));
}

#[tokio::test]
async fn a_long_poll_is_answered_when_the_job_ends_or_goes() {
    let world = World::new().await;
    for deletes in [false, true] {
        let job = world.queued(world.anna).await;
        let path = format!("GET /jobs/{job}?wait=50");
        let (answer, ()) = tokio::join!(world.call(world.anna, &path), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let jobs = world.db.jobs();
            assert!(if deletes { jobs.delete(job).await } else { jobs.cancel(job).await }.unwrap());
        });
        if deletes {
            assert_eq!(answer.status, 404);
        } else {
            assert_eq!((answer.status.as_u16(), &answer.json["state"]), (200, &json!("canceled")));
            assert_eq!(world.call(world.anna, &path).await.json["state"], "canceled", "at once");
        }
    }
}

#[tokio::test]
async fn a_long_poll_ends_with_its_time_and_with_the_process() {
    let world = World::new().await;
    let job = world.queued(world.anna).await;
    let begun = std::time::Instant::now();
    let answer = world.call(world.anna, &format!("GET /jobs/{job}?wait=1")).await;
    assert_eq!(answer.json["state"], "queued");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // The test runner would end one that waits for ever; this one asks for far longer than the drain time.
    let path = format!("GET /jobs/{job}?wait=18446744073709551615");
    let (answer, ()) = tokio::join!(world.call(world.anna, &path), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.shutdown.cancel();
    });
    assert_eq!((answer.status.as_u16(), &answer.json["state"]), (200, &json!("queued")));
    assert!(begun.elapsed() < Duration::from_secs(50));
}
