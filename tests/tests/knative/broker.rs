//! Events and functions.

use contracts::{DeliveryDue, Event as _, VideoUploaded};
use knative_world::{Ending, Trouble};
use tapedeck_tests::{Deployment, OwnServers, Platform, Setup, User};

use crate::until;

async fn cluster() -> Platform {
    Setup::default().start_cluster(&Deployment::default()).await
}

/// How many hints nobody heard: tickets and deliveries.
fn dropped(platform: &Platform) -> [usize; 2] {
    [VideoUploaded::TYPE, DeliveryDue::TYPE].map(|kind| platform.cluster().dropped(kind))
}

/// Each job is done at its first attempt, and each owner told once.
async fn each_is_done_and_told_once(platform: &Platform, user: &User, ids: &[String]) {
    platform.settle().await;
    for id in ids {
        let job = user.job(id).await;
        assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &1.into()), "{job}");
        let mails = platform.mails().iter().filter(|mail| mail.job() == id).count();
        assert_eq!(mails, 1, "mails of {job}");
    }
}

async fn upload(user: &User, titles: std::ops::Range<u32>) -> Vec<String> {
    let mut ids = Vec::new();
    for title in titles {
        ids.push(user.upload_fixture("video.mkv", &[("title", &title.to_string())]).await);
    }
    ids
}

/// So nothing holds uploads back until the wiring is there: the rows know what is to be done, and the sweep, which the clock
/// ticks without any Trigger, says it again.
#[tokio::test]
async fn an_event_from_before_the_triggers_is_dropped_and_nothing_is_lost() {
    let setup = Setup::default().set("SWEEP_TICKET_SECONDS", 2);
    let deployment = Deployment { bound: false, ..Deployment::default() };
    let platform = setup.start_cluster(&deployment).await;
    let ann = platform.new_user().await;
    let ids = upload(&ann, 0..3).await;
    // Answered 202, as an event that somebody hears: three tickets and a welcome.
    assert!(dropped(&platform)[0] >= 3 && dropped(&platform)[1] >= 1, "{:?}", dropped(&platform));
    platform.cluster().bind_triggers().await.unwrap();
    each_is_done_and_told_once(&platform, &ann, &ids).await;
    platform.finish().await;
}

#[tokio::test]
async fn events_that_come_twice_late_and_in_another_order_do_their_work_once() {
    let platform = cluster().await;
    platform.cluster().trouble(Trouble { twice: true, late: 0..1500 });
    let ann = platform.new_user().await;
    let ids = upload(&ann, 0..12).await;
    each_is_done_and_told_once(&platform, &ann, &ids).await;
    assert_eq!((dropped(&platform), platform.cluster().buried()), ([0, 0], 0));
    platform.finish().await;
}

#[tokio::test]
async fn dispatchers_that_are_killed_or_end_with_events_in_hand_lose_nothing() {
    let setup = Setup::default().set("SWEEP_TICKET_SECONDS", 2);
    let platform = setup.start_cluster(&Deployment::default()).await;
    platform.cluster().trouble(Trouble { twice: false, late: 200..1500 });
    let ann = platform.new_user().await;
    let mut ids = upload(&ann, 0..5).await;
    platform.cluster().restart_dispatchers(Ending::Killed).await;
    assert_eq!(platform.cluster().buried(), 0, "RabbitMQ has them again");
    ids.extend(upload(&ann, 5..10).await);
    platform.cluster().restart_dispatchers(Ending::InGoodOrder).await;
    assert!(platform.cluster().buried() > 0, "what was in hand went to the dead letters");
    platform.cluster().trouble(Trouble::default());
    each_is_done_and_told_once(&platform, &ann, &ids).await;
    platform.finish().await;
}

#[tokio::test]
async fn a_way_that_is_not_there_yet_is_tried_again_until_it_is() {
    let platform = cluster().await;
    let ann = platform.new_user().await;
    platform.cluster().hide("convert", true);
    platform.cluster().put_away("notify", true);
    let ids = upload(&ann, 0..2).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(ann.job(&ids[0]).await["state"], "queued", "its ticket is answered 404");
    platform.cluster().hide("convert", false);
    platform.cluster().put_away("notify", false);
    each_is_done_and_told_once(&platform, &ann, &ids).await;
    assert_eq!((dropped(&platform), platform.cluster().buried()), ([0, 0], 0));
    platform.finish().await;
}

#[tokio::test]
async fn functions_that_nobody_asks_sleep_and_the_sweep_does_so_between_two_ticks() {
    let platform = cluster().await;
    let ann = platform.new_user().await;
    let ids = upload(&ann, 0..1).await;
    each_is_done_and_told_once(&platform, &ann, &ids).await;
    let cluster = platform.cluster();
    for function in ["auth", "upload", "jobs", "download", "notify", "convert", "gateway"] {
        until(function, async || cluster.sleeps(function).await).await;
    }
    let before = cluster.starts("sweep");
    until("the sweep starts anew for a tick", async || cluster.starts("sweep") >= before + 2).await;
    assert_eq!(ann.get("/me").await.status(), 200, "whoever is asked wakes up");
    assert!(cluster.starts("auth") >= 2 && cluster.starts("gateway") >= 2);
    platform.finish().await;
}

#[tokio::test]
async fn a_pod_that_is_killed_is_replaced_at_the_next_request() {
    let platform = cluster().await;
    let ann = platform.new_user().await;
    for function in ["auth", "upload", "jobs", "notify", "convert", "sweep", "gateway"] {
        platform.cluster().kill(function).await;
    }
    let ids = upload(&ann, 0..2).await;
    each_is_done_and_told_once(&platform, &ann, &ids).await;
    platform.finish().await;
}

#[tokio::test]
async fn while_rabbitmq_is_away_uploads_go_on_and_afterwards_all_are_done() {
    let mut servers = OwnServers::start();
    let platform = Setup::default().set("SWEEP_TICKET_SECONDS", 5).start_cluster_on(&servers).await;
    let ann = platform.new_user().await;
    let mut ids = upload(&ann, 0..4).await;
    servers.rabbitmq.stop();
    ids.extend(upload(&ann, 4..8).await);
    servers.rabbitmq.restart();
    ids.extend(upload(&ann, 8..10).await);
    each_is_done_and_told_once(&platform, &ann, &ids).await;
    platform.finish().await;
}
