//! A sweep to which everything is due that can be.

use std::time::{Duration, Instant};

use tapedeck_tests::{
    Platform,
    crash::{List, Past, Rig, judge, pass_event_claims, pass_sweep_leases},
};

use crate::{bounded, sent_long_ago, sweep_setup};

/// Until nothing is due, and the walk over the blobs has found what no row names.
async fn swept(platform: &Platform, past: &Past) {
    let (db, blobs) = (platform.db(), platform.blobs());
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let (next, now) = (db.next_due().await.unwrap(), db.now().await.unwrap());
        let unfinished = db.jobs().count_unfinished().await.unwrap();
        let left = past.left(&db, &blobs).await;
        if next.is_none_or(|next| next > now) && unfinished == 0 && left.is_empty() {
            return;
        }
        let what = format!("{unfinished} jobs; due at {next:?}; left: {left:?}");
        assert!(Instant::now() < until, "{what}\n{}", platform.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_dies_at_any_step_is_taken_up_by_the_next_one() {
    let mut rig = Rig::start("sweep", 0, sweep_setup()).await;
    let ann = rig.platform.new_user().await;
    rig.platform.settle().await;
    let (db, blobs) = (rig.platform.db(), rig.platform.blobs());
    rig.stop();
    let mut pasts = vec![Past::make(db.clone(), &blobs, &ann.email).await];
    rig.start_armed(None);
    rig.platform.settle().await;
    swept(&rig.platform, &pasts[0]).await;
    let (list, recorded) = (List::read("sweep"), rig.recorded());
    list.hold(&recorded);
    let points = list.points(&recorded, bounded(), 1);
    for point in &points {
        rig.stop();
        // It may have had one in its hands.
        pass_sweep_leases(db.clone()).await;
        pasts.push(Past::make(db.clone(), &blobs, &ann.email).await);
        rig.start_armed(Some(point));
        rig.died(point).await;
        rig.stop();
        pass_sweep_leases(db.clone()).await;
        if bounded() {
            pass_event_claims(db.clone()).await;
        }
        rig.start_armed(None);
        swept(&rig.platform, &pasts[pasts.len() - 1]).await;
    }
    println!("sweep: {} steps, {} crash points", recorded.len(), points.len());
    let sent: Vec<_> = pasts.iter().flat_map(sent_long_ago).collect();
    judge(&rig.platform, &ann, &sent, "done").await;
    for past in &pasts {
        assert_eq!(past.left(&db, &blobs).await, Vec::<String>::new());
    }
    rig.platform.finish().await;
}
