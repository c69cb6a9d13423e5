//! A step whose COMMIT went through and whose answer was lost is tried again, says the same, and has happened once.

use std::collections::HashSet;

use contracts::{FailureCode, JobId, Options, Outcome, State, UserId};
use db::{Attempt, Claimed, Db, Release, Released, Source};

use crate::{
    destinations::new_destination,
    line::Line,
    world::{ENGINE, LEASE, World, finished, mail_and_webhook, mysql_world},
};

/// A database, and a handle on it whose answers can be lost.
struct Lossy {
    world: World,
    line: Line,
    db: Db,
}

const COMMIT: &str = "COMMIT";

impl Lossy {
    async fn new() -> Self {
        let world = mysql_world().await;
        let (line, url) = Line::to(&world.url);
        let db = Db::open(&url, 1).unwrap().with_clock(world.clock.clone());
        db.ping().await.unwrap();
        Self { world, line, db }
    }

    async fn claimed(&self) -> Claimed {
        self.world.queued_with(UserId::generate(), &Source::default(), &mail_and_webhook()).await;
        self.world.claim().await
    }

    async fn state(&self, id: JobId) -> State {
        assert!(self.line.has_lost(), "nothing was lost");
        self.world.state(id).await
    }

    async fn number(&self, sql: &str) -> i64 {
        self.world.number(sql).await
    }

    /// Of all attempts, how many the months count.
    async fn attempts_counted(&self) -> i64 {
        self.number("SELECT CAST(SUM(attempts) AS SIGNED) FROM costs").await
    }

    /// The ids of events that a step has returned are those that stand in the outbox.
    async fn stand_in_outbox(&self, kind: &str, ids: &[&str]) {
        let written = self.world.events(kind).await;
        let written: HashSet<_> = written.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(written, ids.iter().copied().collect(), "{kind}");
    }
}

#[tokio::test]
async fn a_video_is_accepted_once() {
    let lossy = Lossy::new().await;
    let id = lossy.world.uploading(UserId::generate()).await;
    lossy.line.lose_answer_to(COMMIT);
    let ticket = lossy.db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap();
    assert_eq!(lossy.state(id).await, State::Queued);
    lossy.stand_in_outbox("dev.tapedeck.video.uploaded.v1", &[&ticket.envelope.id]).await;
}

#[tokio::test]
async fn a_converter_gets_the_job_that_it_has_claimed() {
    let lossy = Lossy::new().await;
    lossy.world.queued().await;
    lossy.world.queued().await;
    lossy.line.lose_answer_to(COMMIT);
    let claimed = lossy.db.jobs().claim_next(LEASE).await.unwrap().unwrap();
    assert_eq!((lossy.state(claimed.job.id).await, claimed.job.attempts), (State::Converting, 1));
    assert_eq!(lossy.number("SELECT COUNT(*) FROM jobs WHERE state = 'queued'").await, 1);
    assert!(
        lossy.db.jobs().extend_lease(&claimed.lease, LEASE, 0.5, contracts::Stage::Encoding).await.unwrap()
    );
}

#[tokio::test]
async fn an_audio_is_finished_once_and_told_once() {
    let lossy = Lossy::new().await;
    let claimed = lossy.claimed().await;
    lossy.line.lose_answer_to(COMMIT);
    let ended = lossy.db.jobs().finish(&claimed, &finished(&claimed), ENGINE).await.unwrap().unwrap();
    assert_eq!(lossy.state(claimed.job.id).await, State::Done);
    lossy.stand_in_outbox("dev.tapedeck.audio.ready.v1", &[&ended.fact.envelope.id]).await;
    let due: Vec<_> = ended.deliveries.iter().map(|due| due.envelope.id.as_str()).collect();
    assert_eq!(due.len(), 2);
    lossy.stand_in_outbox("dev.tapedeck.delivery.due.v1", &due).await;
    for due in &ended.deliveries {
        assert!(lossy.world.db.deliveries().get(due.event.delivery_id).await.unwrap().is_some());
    }
    assert_eq!(lossy.number("SELECT COUNT(*) FROM deliveries").await, 2);
    assert_eq!(lossy.attempts_counted().await, 1);
}

#[tokio::test]
async fn an_end_is_told_once_to_a_destination() {
    let lossy = Lossy::new().await;
    let (claimed, db) = (lossy.claimed().await, &lossy.world.db);
    let kept = db.create_destination(&new_destination(claimed.job.user_id)).await.unwrap().unwrap();
    lossy.line.lose_answer_to(COMMIT);
    let ended = lossy.db.jobs().finish(&claimed, &finished(&claimed), ENGINE).await.unwrap().unwrap();
    assert_eq!(lossy.state(claimed.job.id).await, State::Done);
    let due: Vec<_> = ended.deliveries.iter().map(|due| due.envelope.id.as_str()).collect();
    assert_eq!(due.len(), 3);
    lossy.stand_in_outbox("dev.tapedeck.delivery.due.v1", &due).await;
    let told = db.deliveries().of_job(claimed.job.id).await.unwrap();
    assert_eq!(told.iter().filter(|one| one.destination == Some(kept.id)).count(), 1);
}

#[tokio::test]
async fn a_failure_is_told_once() {
    let lossy = Lossy::new().await;
    let claimed = lossy.claimed().await;
    lossy.line.lose_answer_to(COMMIT);
    let ended = lossy.db.jobs().fail(&claimed, FailureCode::NoAudio, "").await.unwrap().unwrap();
    assert_eq!(lossy.state(claimed.job.id).await, State::Failed);
    lossy.stand_in_outbox("dev.tapedeck.conversion.failed.v1", &[&ended.fact.envelope.id]).await;
    assert_eq!((ended.deliveries.len(), lossy.number("SELECT COUNT(*) FROM deliveries").await), (2, 2));
    assert_eq!(lossy.attempts_counted().await, 1);
}

#[tokio::test]
async fn a_job_is_given_back_once() {
    for why in [Release::Crashed, Release::Shutdown, Release::Outage] {
        let lossy = Lossy::new().await;
        let claimed = lossy.claimed().await;
        lossy.line.lose_answer_to(COMMIT);
        let released = lossy.db.jobs().release(&claimed, why).await.unwrap().unwrap();
        assert_eq!(lossy.state(claimed.job.id).await, State::Queued);
        assert_eq!(lossy.attempts_counted().await, 1);
        let job = lossy.world.job(claimed.job.id).await;
        assert_eq!(job.attempts, u32::from(why == Release::Crashed));
        assert_eq!(job.outages, u32::from(why == Release::Outage));
        let tickets = lossy.world.events("dev.tapedeck.video.uploaded.v1").await;
        match released {
            Released::Waiting(ticket) => {
                assert!(tickets.len() == 2 && tickets.iter().any(|one| one.id == ticket.envelope.id));
            }
            Released::Resting(_) => assert_eq!((why, tickets.len()), (Release::Outage, 1)),
            failed @ Released::Failed(_) => panic!("{failed:?}"),
        }
    }
}

#[tokio::test]
async fn what_became_of_a_mail_is_noted_once() {
    for (attempt, outcome) in [
        (Attempt::Sent, Some(Outcome::Sent)),
        (Attempt::Refused("no".into()), Some(Outcome::Refused)),
        (Attempt::Failed("later".into()), None),
        (Attempt::Postponed(LEASE), None),
    ] {
        let lossy = Lossy::new().await;
        let claimed = lossy.claimed().await;
        lossy.world.finish(&claimed).await;
        let mail = lossy.world.db.deliveries().of_job(claimed.job.id).await.unwrap()[0].id;
        let claim = lossy.db.deliveries().claim(mail, LEASE).await.unwrap().unwrap();
        lossy.line.lose_answer_to("UPDATE deliveries");
        let attempts = u32::from(!matches!(attempt, Attempt::Postponed(_)));
        lossy.db.deliveries().settle(&claim, attempt).await.unwrap();
        assert!(lossy.line.has_lost());
        let after = lossy.world.db.deliveries().get(mail).await.unwrap().unwrap();
        assert_eq!((after.outcome, after.attempts), (outcome, attempts));
        assert!(lossy.world.db.deliveries().claim(mail, LEASE).await.unwrap().is_none(), "not due now");
    }
}

/// The statements whose answers a sender may miss when it takes a mail.
const CLAIM: [&str; 2] = ["UPDATE deliveries", "SELECT * FROM deliveries"];

#[tokio::test]
async fn a_mail_whose_claim_was_not_answered_is_sent_now_and_not_after_the_claim() {
    for statement in CLAIM {
        let lossy = Lossy::new().await;
        let claimed = lossy.claimed().await;
        lossy.world.finish(&claimed).await;
        let mail = lossy.world.db.deliveries().of_job(claimed.job.id).await.unwrap()[0].id;
        lossy.line.lose_answer_to(statement);
        let claim = lossy.db.deliveries().claim(mail, LEASE).await.unwrap().unwrap();
        assert!(lossy.line.has_lost(), "{statement}");
        assert_eq!(claim.delivery.attempts, 1, "{statement}: it was begun once");
        let until = lossy.world.clock.now().after(LEASE);
        assert_eq!(claim.delivery.due_at, Some(until), "{statement}: the claim lasts as long as any");
        assert!(lossy.world.db.deliveries().claim(mail, LEASE).await.unwrap().is_none(), "{statement}");
        lossy.db.deliveries().settle(&claim, Attempt::Sent).await.unwrap();
        let sent = lossy.world.db.deliveries().get(mail).await.unwrap().unwrap();
        assert_eq!(sent.outcome, Some(Outcome::Sent), "{statement}");
    }
}

#[tokio::test]
async fn a_dead_letter_is_repeated_once() {
    let lossy = Lossy::new().await;
    let claimed = lossy.claimed().await;
    lossy.world.finish(&claimed).await;
    let mail = lossy.world.db.deliveries().of_job(claimed.job.id).await.unwrap()[0].id;
    lossy
        .world
        .run("UPDATE deliveries SET outcome = 'dead', ended_at = 1, due_at = NULL, attempts = 13")
        .await;
    lossy.world.run("DELETE FROM outbox WHERE kind = 'dev.tapedeck.delivery.due.v1'").await;
    lossy.world.clock.advance(LEASE);
    lossy.line.lose_answer_to(COMMIT);
    let due = lossy.db.deliveries().repeat(mail).await.unwrap().unwrap();
    assert!(lossy.line.has_lost());
    lossy.stand_in_outbox("dev.tapedeck.delivery.due.v1", &[&due.envelope.id]).await;
    let claim = lossy.db.deliveries().claim(mail, LEASE).await.unwrap().unwrap();
    assert_eq!(claim.delivery.attempts, 1);
    assert!(lossy.db.deliveries().repeat(mail).await.unwrap().is_none(), "it has not ended");
}
