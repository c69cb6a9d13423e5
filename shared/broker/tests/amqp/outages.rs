//! A broker that goes away and comes back.

use std::sync::Arc;

use contracts::VideoUploaded;
use runtime::{CancellationToken, Context, Function};
use servers::Rabbitmq;
use tokio::sync::Semaphore;

use crate::world::{Heard, World, envelope};

#[tokio::test(flavor = "multi_thread")]
async fn consumers_and_publishers_outlive_a_restart_of_the_broker() {
    let mut server = Rabbitmq::start();
    let world = World::on(&server.url()).await;
    let heard = Heard::default();
    let served = world.serve(heard.function()).await;
    let broker = world.broker();
    broker.publish(&world.uploaded().await.envelope).await;
    heard.count(1).await;

    server.stop();
    let recorded = world.uploaded().await;
    broker.publish(&recorded.envelope).await;
    world.sweep(&broker).await;
    assert_eq!(world.attempts().await, [0], "accepted and kept; an outage is no event's fault");

    server.restart();
    crate::world::until(|| async {
        world.sweep(&broker).await;
        world.rows().await == 0
    })
    .await;
    heard.count(2).await;
    assert_eq!(heard.all()[1], recorded.event.job_id);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_in_hand_is_finished_while_the_broker_restarts_and_its_message_comes_again() {
    let mut server = Rabbitmq::start();
    let world = World::on(&server.url()).await;
    let queue = world.work_queue();
    queue.publish(&envelope()).await.unwrap();
    let (begun, finished, shutdown) = (Heard::default(), Heard::default(), CancellationToken::new());
    let gate = Arc::new(Semaphore::new(0));
    let deps = (begun.clone(), gate.clone(), finished.clone());
    type Deps = (Heard, Arc<Semaphore>, Heard);
    let function = Function::new().on(deps, |deps: Context<Deps>, event: VideoUploaded| async move {
        let (begun, gate, finished) = &*deps;
        begun.note(event.job_id);
        gate.acquire().await.unwrap().forget();
        finished.note(event.job_id);
        Ok(())
    });
    tokio::join!(queue.work(function, world.broker(), shutdown.clone()), async {
        begun.count(1).await;
        tokio::task::block_in_place(|| {
            server.stop();
            server.restart();
        });
        gate.add_permits(2);
        finished.count(2).await;
        shutdown.cancel();
    });
    assert_eq!(finished.all()[0], finished.all()[1]);
}
