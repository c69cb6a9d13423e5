//! A part of a process that dies ends the process: whoever started it starts it anew.

use contracts::SweepDue;
use runtime::{CancellationToken, Context, Function, Service};
use tokio::net::TcpListener;

use crate::world::{Heard, QUEUE, World, until};

/// A function that is served beside a part of this name, which dies when the consumers are there; what is told then.
async fn served_beside(world: &World, part: &'static str) -> (String, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let mut service = Service::on(listener, shutdown.clone());
    let begun = CancellationToken::new();
    let dies = begun.clone();
    service.tasks.spawn(part, async move {
        dies.cancelled().await;
        assert!(!dies.is_cancelled(), "a bug");
    });
    let (broker, function) = (world.broker(), Heard::default().function());
    let serving = tokio::spawn(async move {
        broker::serve("tests", function, &broker, service).await.unwrap_err().to_string()
    });
    until(|| async { world.look(QUEUE).await.is_some_and(|(_, consumers)| consumers > 0) }).await;
    begun.cancel();
    (serving.await.unwrap(), shutdown)
}

#[tokio::test]
async fn a_consumer_or_a_clock_that_dies_ends_the_process_with_its_other_parts() {
    for part in ["a consumer", "the clock"] {
        let world = World::new().await;
        let (told, shutdown) = served_beside(&world, part).await;
        assert_eq!(told, format!("{part} ended unexpectedly"));
        assert!(shutdown.is_cancelled(), "readiness is 503 meanwhile");
        world.consumers(QUEUE, 0).await;
    }
}

#[tokio::test]
async fn a_handler_that_panics_ends_no_consumer_and_no_clock() {
    let world = World::new().await;
    let heard = Heard::default();
    let function = Function::new()
        .on(heard.clone(), |heard: Context<Heard>, event: contracts::VideoUploaded| async move {
            assert!(heard.note(event.job_id) > 1, "the first time");
            Ok(())
        })
        .on((), |_: Context<()>, _: SweepDue| async {
            panic!("a bug");
            #[expect(unreachable_code, reason = "it names the type")]
            Ok(())
        });
    let served = world.serve(function.clone()).await;
    let shutdown = CancellationToken::new();
    let config = broker::ClockConfig { due_seconds: 1, ..broker::ClockConfig::default() };
    let clock = tokio::spawn(broker::run_clock(function, world.db.clone(), config, shutdown.clone()));
    for count in 1..=2 {
        let recorded = world.uploaded().await;
        world.broker().publish(&recorded.envelope).await;
        heard.count(count).await;
    }
    assert!(!clock.is_finished());
    shutdown.cancel();
    clock.await.unwrap();
    served.stop().await;
}
