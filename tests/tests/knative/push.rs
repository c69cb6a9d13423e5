//! Workers that are told of: `keda/push`, beside the default that asks.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use knative_world::{Ending, Pace};
use manifests::Resource;
use tapedeck_tests::{Deployment, Platform, Setup, User};

use crate::{scaling::scaled_to_none, until};

const VIDEOS: usize = 20;
/// Uploads to an idle platform, each after the workers of the one before have gone.
const ROUNDS: u32 = 4;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What `make deploy WITH=keda/push` applies. Without kubectl nobody can build it.
fn pushed(resources: &mut Vec<Resource>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keda-push");
    let script = root().join("knative/overlay.sh").display().to_string();
    let written = manifests::run("bash", &[&script, folder.to_str().unwrap()], &[("WITH", "keda/push")]);
    written.unwrap().expect("bash is not there");
    *resources = manifests::kustomize(&folder).unwrap().expect("kubectl is missing: it builds the overlay");
}

/// Workers go soon after their work.
fn short_cooldown(resources: &mut [Resource]) {
    let scaled = resources.iter_mut().find(|one| one.kind() == "ScaledObject").unwrap();
    scaled.value["spec"]["cooldownPeriod"] = 1.into();
}

fn pushed_with_a_short_cooldown(resources: &mut Vec<Resource>) {
    pushed(resources);
    short_cooldown(resources);
}

async fn upload(user: &User, title: &str) -> String {
    user.upload_fixture("video.mkv", &[("title", title)]).await
}

async fn each_is_done_at_its_first_attempt(platform: &Platform, user: &User, ids: &[String]) {
    platform.settle().await;
    for id in ids {
        let job = user.job(id).await;
        assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &1.into()), "{job}");
    }
    assert_eq!(platform.mails().len(), ids.len());
}

/// How long each of some uploads waited for the first worker.
async fn first_waits(change: fn(&mut Vec<Resource>)) -> Vec<f64> {
    let deployment = Deployment { pace: Pace(1.0), change, ..Deployment::default() };
    let platform = Setup::default().start_cluster(&deployment).await;
    let ann = platform.new_user().await;
    let mut waits = Vec::new();
    for round in 0..ROUNDS {
        let id = upload(&ann, &round.to_string()).await;
        let job = ann.ended(&id).await;
        assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &1.into()), "{job}");
        waits.push(job["cost"]["waited_seconds"].as_f64().unwrap());
        scaled_to_none(&platform).await;
    }
    platform.finish().await;
    waits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scaler_that_tells_brings_the_first_worker_sooner_than_one_that_asks() {
    let told = first_waits(pushed_with_a_short_cooldown).await;
    let asked = first_waits(|resources| short_cooldown(resources)).await;
    println!(
        "seconds from an upload to an idle platform until its conversion: told {told:.2?}, asked {asked:.2?}"
    );
    assert!(told.iter().sum::<f64>() < asked.iter().sum(), "{told:?} {asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_scales_by_what_the_function_tells_from_none_to_many_to_none() {
    let deployment = Deployment { pace: Pace(20.0), change: pushed, ..Deployment::default() };
    let platform = Setup::default().start_cluster(&deployment).await;
    let ann = platform.new_user().await;
    let mut ids = Vec::new();
    for number in 0..VIDEOS {
        ids.push(upload(&ann, &number.to_string()).await);
    }
    each_is_done_at_its_first_attempt(&platform, &ann, &ids).await;
    scaled_to_none(&platform).await;
    let replicas = platform.cluster().replicas();
    replicas.iter().for_each(|now| println!("{now}"));
    assert!(replicas.iter().any(|now| now.wanted > 1), "{replicas:?}");
    assert!(platform.cluster().left().iter().all(|left| left.code == Some(0)));
    platform.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scaler_that_is_killed_or_replaced_is_listened_to_again() {
    let deployment = Deployment { pace: Pace(20.0), change: pushed, ..Deployment::default() };
    let platform = Setup::default().start_cluster(&deployment).await;
    let ann = platform.new_user().await;
    let mut ids = Vec::new();
    for ending in [Ending::Killed, Ending::InGoodOrder] {
        platform.cluster().replace_external_scaler(ending).await;
        let id = upload(&ann, "again").await;
        until("it is converted", async || ann.job(&id).await["state"] == "done").await;
        ids.push(id);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    each_is_done_at_its_first_attempt(&platform, &ann, &ids).await;
    platform.finish().await;
}
