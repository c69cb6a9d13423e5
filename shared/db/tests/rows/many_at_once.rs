//! Many converters, heartbeats and sweeps at once: nobody gets what another has, and nobody is told of a deadlock.

use std::{collections::HashSet, time::Duration};

use contracts::State;
use db::Release;

use crate::world::{ENGINE, KEEP, LEASE, finished, worlds};

#[tokio::test]
async fn of_many_converters_one_gets_the_job() {
    for world in worlds().await {
        world.queued().await;
        let tries = (0..32).map(|_| {
            let db = world.db.clone();
            tokio::spawn(async move { db.jobs().claim_next(LEASE).await.unwrap().is_some() })
        });
        let mut won = 0;
        for attempt in tries.collect::<Vec<_>>() {
            won += usize::from(attempt.await.unwrap());
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn thirty_two_converters_at_once_get_a_job_each() {
    for world in worlds().await {
        for _ in 0..32 {
            world.queued().await;
        }
        let tries = (0..32).map(|_| {
            let db = world.db.clone();
            tokio::spawn(
                async move { db.jobs().claim_next(LEASE).await.unwrap().map(|claimed| claimed.job.id) },
            )
        });
        let mut got = HashSet::new();
        for attempt in tries.collect::<Vec<_>>() {
            got.insert(attempt.await.unwrap().unwrap());
        }
        assert_eq!(got.len(), 32);
    }
}

/// A quiet system was the one that had deadlocks: few rows in each state.
#[tokio::test]
async fn claims_heartbeats_ends_and_looks_at_once_end_without_an_error() {
    for world in worlds().await {
        for _ in 0..96 {
            world.queued().await;
        }
        let converters = (0..32).map(|number| {
            let db = world.db.clone();
            tokio::spawn(async move {
                let jobs = db.jobs();
                let mut done = 0;
                while let Some(claimed) = jobs.claim_next(LEASE).await.unwrap() {
                    for beat in 0..3 {
                        assert!(
                            jobs.extend_lease(
                                &claimed.lease,
                                LEASE,
                                f64::from(beat) / 3.0,
                                contracts::Stage::Encoding
                            )
                            .await
                            .unwrap()
                        );
                    }
                    if number % 4 == 0 && claimed.job.outages == 0 && claimed.job.attempts == 1 {
                        jobs.release(&claimed, Release::Outage).await.unwrap().unwrap();
                        continue;
                    }
                    jobs.finish(&claimed, &finished(&claimed), ENGINE).await.unwrap().unwrap();
                    done += 1;
                }
                done
            })
        });
        let converters: Vec<_> = converters.collect();
        let db = world.db.clone();
        let sweep = tokio::spawn(async move {
            loop {
                db.jobs().look(KEEP, 10).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let mut done = 0;
        for converter in converters {
            done += converter.await.unwrap();
        }
        sweep.abort();
        let resting = world.number("SELECT COUNT(*) FROM jobs WHERE state = 'queued'").await;
        assert_eq!(done + resting, 96);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs WHERE state = 'done' AND end_no = 1").await, done);
        assert_eq!(world.number("SELECT COUNT(*) FROM deliveries").await, done);
        assert_eq!(State::ALL.len(), 7);
    }
}
