//! Each end of a job is told once by each channel that was asked for, or dropped with a reason.

use contracts::{Channel, ConversionFailed, Event as _, Message, NotifyBy, Options, Outcome, UserId};
use db::{Attempt, Source};

use crate::world::{LEASE, World, mail_and_webhook, worlds};

async fn told(world: &World, options: &Options) -> Vec<(Channel, Message, u32)> {
    let id = world.queued_with(UserId::generate(), &Source::default(), options).await;
    world.finish(&world.claim().await).await;
    let deliveries = world.db.deliveries().of_job(id).await.unwrap();
    deliveries.iter().map(|one| (one.channel, one.message, one.about.unwrap().1)).collect()
}

#[tokio::test]
async fn an_end_is_told_by_the_channels_that_were_asked_for() {
    for world in worlds().await {
        let (mail, hook) = ((Channel::Mail, Message::Ready, 1), (Channel::Webhook, Message::Ready, 1));
        assert_eq!(told(&world, &Options::default()).await, [mail]);
        let mut both = told(&world, &mail_and_webhook()).await;
        both.sort_by_key(|(channel, ..)| channel.as_str());
        assert_eq!(both, [mail, hook]);
        let silent = Options { notify: Some(NotifyBy::None), ..Options::default() };
        assert!(told(&world, &silent).await.is_empty());
        assert_eq!(
            told(&world, &Options { notify: Some(NotifyBy::None), ..mail_and_webhook() }).await,
            [hook]
        );
    }
}

#[tokio::test]
async fn the_second_failure_after_a_retry_is_told_again() {
    for world in worlds().await {
        let id = world.queued_with(UserId::generate(), &Source::default(), &mail_and_webhook()).await;
        for end in 1..=2 {
            world.fail(&world.claim().await).await;
            let all = world.db.deliveries().of_job(id).await.unwrap();
            let new: Vec<_> = all.iter().filter(|one| one.about == Some((id, end))).collect();
            assert_eq!(new.len(), 2, "end {end}");
            for delivery in new {
                let claim = world.db.deliveries().claim(delivery.id, LEASE).await.unwrap().unwrap();
                assert_eq!(claim.delivery.message, Message::Failed);
                world.db.deliveries().settle(&claim, Attempt::Sent).await.unwrap();
            }
            assert_eq!(world.events(ConversionFailed::TYPE).await.len(), usize::try_from(end).unwrap());
            if end == 1 {
                world.db.jobs().retry(id).await.unwrap().unwrap();
            }
        }
        let all = world.db.deliveries().of_job(id).await.unwrap();
        assert!(all.len() == 4 && all.iter().all(|one| one.outcome == Some(Outcome::Sent)));
    }
}

#[tokio::test]
async fn what_is_told_waits_for_nobody_and_a_deleted_job_is_told_of_no_more() {
    for world in worlds().await {
        let id = world.queued_with(UserId::generate(), &Source::default(), &mail_and_webhook()).await;
        world.finish(&world.claim().await).await;
        let (mail, hook) = (Channel::Mail, Channel::Webhook);
        for channel in [mail, hook] {
            let due = world.db.deliveries().due(channel, std::time::Duration::ZERO, 10).await.unwrap();
            assert_eq!(due.len(), 1, "{channel}");
        }
        world.db.jobs().delete(id).await.unwrap();
        assert!(!world.db.deliveries().any_waiting().await.unwrap());
        let dropped = world.db.deliveries().ended(Outcome::Dropped, 10, None).await.unwrap();
        assert_eq!(dropped.len(), 2);
        assert!(dropped.iter().all(|one| one.detail.as_deref() == Some("the job was deleted")));
    }
}
