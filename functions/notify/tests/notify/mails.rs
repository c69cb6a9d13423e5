//! Mails as files: what they say, that there is one, and that names from outside stay names.

use std::{fs, time::Duration};

use crate::{
    reader::{decoded, header, header_names, parts},
    world::{World, deliver_by, named, only},
};
use contracts::{DeliveryId, FailureCode, NotifyBy, Options, Outcome};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_mail_has_the_title_the_link_and_all_that_the_owner_asks() {
    let world = World::new().await;
    let event = world.done("Holiday in Rome.mp4", Options::default(), Some("The video ends early.")).await;
    world.tell(&event).await;
    let mail = world.mail(event.fact.event.job_id, "ready").unwrap();
    assert_eq!(header(&mail, "Subject"), "Your MP3 is ready: Holiday in Rome");
    assert_eq!(header(&mail, "To"), "anna@example.org");
    assert_eq!(header(&mail, "From"), "Tapedeck <deck@example.org>");
    assert_eq!(header(&mail, "Message-ID"), format!("<{}.ready@example.org>", event.fact.event.job_id));
    assert_eq!(header(&mail, "Auto-Submitted"), "auto-generated");
    assert!(header(&mail, "Content-Type").starts_with("multipart/alternative;"));
    let (text, html) = parts(&mail);
    for body in [&text, &html] {
        for part in [
            "Holiday in Rome",
            "3:07",
            "4.2 MB",
            "The video ends early.",
            &event.fact.event.audio_id.to_string(),
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
    }
    let link = text.lines().find(|line| line.starts_with("https://")).unwrap();
    let start = format!("https://tapedeck.example.org/download?fid={}&token=", event.fact.event.audio_id);
    let token = link.strip_prefix(&start).unwrap();
    world.links.verify(token, event.fact.event.audio_id).unwrap();
    assert!(html.contains(&format!("href=\"{}\"", link.replace('&', "&amp;"))));
}

#[tokio::test]
async fn the_title_that_was_asked_for_wins_and_no_name_is_your_video() {
    let world = World::new().await;
    let titled = Options { title: Some("Rome & back".into()), ..Options::default() };
    let event = world.done("x.mp4", titled, None).await;
    world.tell(&event).await;
    let mail = world.mail(event.fact.event.job_id, "ready").unwrap();
    assert_eq!(header(&mail, "Subject"), "Your MP3 is ready: Rome & back");
    let (text, html) = parts(&mail);
    assert!(html.contains("Rome &amp; back") && !text.contains("Please note"));

    let event = world.done("", Options::default(), None).await;
    world.tell(&event).await;
    let mail = world.mail(event.fact.event.job_id, "ready").unwrap();
    assert_eq!(header(&mail, "Subject"), "Your MP3 is ready: your video");
}

#[tokio::test]
async fn a_name_from_outside_adds_no_header_no_line_and_no_markup() {
    let world = World::new().await;
    for name in [
        "a\r\nBcc: eve@example.org\r\n\r\n<script>alert(1)</script>.mp4",
        "quo\"te' \\ <b>.mp4",
        "🎸 Füße 日本語 \u{2028} \u{202e}.mp4",
        "=?utf-8?q?=0D=0ABcc:_eve@example.org?=.mp4",
        &"long ".repeat(60),
        "{{link}}{{audio_id}}.mp4",
    ] {
        let event = world.done(name, Options::default(), None).await;
        world.tell(&event).await;
        let mail = world.mail(event.fact.event.job_id, "ready").unwrap();
        let names: Vec<&str> = header_names(&mail);
        assert_eq!(
            names,
            ["From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Date", "Content-Type"],
            "{mail}"
        );
        assert!(mail.lines().all(|line| line.len() <= 998 && line.is_ascii()), "{mail}");
        let (text, html) = parts(&mail);
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert_eq!(text.lines().filter(|line| line.starts_with("https://")).count(), 1);
    }
}

#[tokio::test]
async fn a_name_in_any_script_arrives_as_it_is() {
    let world = World::new().await;
    let event = world.done("🎸 Füße 日本語.mp4", Options::default(), None).await;
    world.tell(&event).await;
    let mail = world.mail(event.fact.event.job_id, "ready").unwrap();
    assert_eq!(decoded(&header(&mail, "Subject")), "Your MP3 is ready: 🎸 Füße 日本語");
    let (text, html) = parts(&mail);
    assert!(text.contains("🎸 Füße 日本語") && html.contains("🎸 Füße 日本語"));
}

#[tokio::test]
async fn a_failure_is_told_with_what_to_do() {
    let world = World::new().await;
    let event = world.failed("silent.mp4", FailureCode::NoAudio, "2 streams,\r\nnone is audio").await;
    world.tell(&event).await;
    let mail = world.mail(event.fact.event.job_id, "failed").unwrap();
    assert_eq!(header(&mail, "Subject"), "Your MP3 could not be made: silent");
    let (text, html) = parts(&mail);
    for body in [&text, &html] {
        assert!(body.contains("Upload one that has an audio track."), "{body}");
        assert!(body.contains("2 streams,  none is audio"), "{body}");
        assert!(body.contains("https://tapedeck.example.org"), "{body}");
    }
}

#[tokio::test]
async fn a_start_behind_the_end_is_told_with_where_the_end_is() {
    let world = World::new().await;
    let event = world.failed("talk.mp4", FailureCode::StartTooLate, "the sound ends at 0:12:30").await;
    world.tell(&event).await;
    let (text, html) = parts(&world.mail(event.fact.event.job_id, "failed").unwrap());
    for body in [&text, &html] {
        assert!(body.contains("with an earlier start") && body.contains("ends at 0:12:30"), "{body}");
    }
}

#[tokio::test]
async fn the_same_event_again_is_the_same_mail() {
    let world = World::new().await;
    let event = world.done("a.mp4", Options::default(), None).await;
    world.tell(&event).await;
    let first = world.mail(event.fact.event.job_id, "ready").unwrap();
    world.tell(&event).await;
    assert_eq!(world.mail(event.fact.event.job_id, "ready").unwrap(), first);
    assert_eq!(world.mails().len(), 1);
    let row = world.row(only(&event)).await;
    assert_eq!((row.outcome, row.attempts), (Some(Outcome::Sent), 1));
}

#[tokio::test]
async fn two_deliveries_at_once_send_one_mail() {
    let world = World::new().await;
    let id = only(&world.done("a.mp4", Options::default(), None).await);
    tokio::join!(world.deliver(id), world.deliver(id));
    assert_eq!((world.mails().len(), world.row(id).await.attempts), (1, 1));
}

#[tokio::test]
async fn a_mail_that_could_not_be_sent_is_sent_when_it_is_due_again() {
    let world = World::new().await;
    let event = world.done("a.mp4", Options::default(), None).await;
    let id = only(&event);
    world.break_mailer();
    world.deliver(id).await;
    let row = world.row(id).await;
    assert_eq!((row.outcome, row.attempts), (None, 1));
    assert!(row.detail.unwrap().contains("No such file"), "an administrator sees why");
    world.mend_mailer();
    world.deliver(id).await;
    assert!(world.mails().is_empty(), "not before its time");
    world.pass_until_due(id).await;
    world.deliver(id).await;
    assert!(world.mail(event.fact.event.job_id, "ready").is_some());
}

#[tokio::test]
async fn a_mail_in_somebodys_hands_is_left_to_them_until_their_claim_has_run_out() {
    let world = World::new().await;
    let id = only(&world.done("a.mp4", Options::default(), None).await);
    world.db.deliveries().claim(id, MINUTE).await.unwrap().unwrap();
    world.deliver(id).await;
    assert!(world.mails().is_empty());
    world.pass(MINUTE).await;
    world.deliver(id).await;
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn who_wants_no_mail_gets_none_and_an_unknown_delivery_is_nothing() {
    let world = World::new().await;
    let quiet = Options { notify: Some(NotifyBy::None), ..Options::default() };
    assert!(world.done("a.mp4", quiet, None).await.deliveries.is_empty());
    world.deliver(DeliveryId::generate()).await;
    world.announce().await;
    assert!(world.mails().is_empty());
}

#[tokio::test]
async fn a_mail_of_a_deleted_job_is_dropped_with_its_reason() {
    let world = World::new().await;
    let event = world.done("a.mp4", Options::default(), None).await;
    world.db.jobs().delete(event.fact.event.job_id).await.unwrap();
    world.tell(&event).await;
    assert!(world.mails().is_empty());
    world.assert_ended(only(&event), Outcome::Dropped, "the job was deleted").await;
}

#[tokio::test]
async fn a_failure_that_is_being_retried_is_no_news_and_dropped_with_its_reason() {
    let world = World::new().await;
    let event = world.failed("a.mp4", FailureCode::Internal, "").await;
    world.db.jobs().retry(event.fact.event.job_id).await.unwrap().unwrap();
    world.tell(&event).await;
    assert!(world.mails().is_empty());
    world.assert_ended(only(&event), Outcome::Dropped, "the job was tried again").await;
}

#[tokio::test]
async fn a_second_failure_after_a_retry_is_mailed_under_another_message_id() {
    let world = World::new().await;
    let first = world.failed("a.mp4", FailureCode::Internal, "").await;
    let job = first.fact.event.job_id;
    world.tell(&first).await;
    world.db.jobs().retry(job).await.unwrap().unwrap();
    let second = world.fail(&world.claim().await, FailureCode::Internal, "").await;
    assert_eq!(second.fact.event.job_id, job);
    world.tell(&second).await;
    let (one, two) = (world.mail(job, "failed").unwrap(), world.mail(job, "failed-2").unwrap());
    assert_eq!(header(&one, "Message-ID"), format!("<{job}.failed@example.org>"));
    assert_eq!(header(&two, "Message-ID"), format!("<{job}.failed-2@example.org>"));
    assert_eq!(world.mails().len(), 2);
    let of_job = world.db.deliveries().of_job(job).await.unwrap();
    assert!(of_job.len() == 2 && of_job.iter().all(|mail| mail.outcome == Some(Outcome::Sent)));
}

#[tokio::test]
async fn a_mail_of_an_end_that_another_end_has_followed_is_dropped() {
    let world = World::new().await;
    let first = world.failed("a.mp4", FailureCode::Internal, "").await;
    world.db.jobs().retry(first.fact.event.job_id).await.unwrap().unwrap();
    let second = world.fail(&world.claim().await, FailureCode::Internal, "").await;
    world.tell(&first).await;
    world.assert_ended(only(&first), Outcome::Dropped, "the job was tried again").await;
    assert_eq!(world.outcome(only(&second)).await, Some(Outcome::Sent));
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_of_an_audio_that_is_gone_is_dropped() {
    let world = World::new().await;
    let event = world.done("a.mp4", Options::default(), None).await;
    world.pass(8 * 24 * 60 * MINUTE).await;
    let keep = db::Retention { videos: MINUTE, jobs: 365 * 24 * 60 * MINUTE };
    while world.db.jobs().look(keep, 100).await.unwrap().jobs > 0 {}
    world.tell(&event).await;
    let why = "the audio is past the time that it is kept";
    world.assert_ended(only(&event), Outcome::Dropped, why).await;
}

#[tokio::test]
async fn the_mails_of_a_locked_account_are_dropped_with_their_reason_and_never_announced_again() {
    let world = World::new().await;
    let (bob, _) = world.user("bob@example.org", true).await;
    let locked = world.mails_of_jobs(20).await;
    let bobs = only(&world.done_by(bob, Options::default()).await);
    let lock = db::UserChanges { disabled: Some(true), ..db::UserChanges::default() };
    world.db.change_user(world.anna, &lock).await.unwrap().unwrap();
    while world.announce().await > 0 {}
    for id in locked {
        world.assert_ended(id, Outcome::Dropped, "the account is locked").await;
    }
    assert_eq!(world.outcome(bobs).await, Some(Outcome::Sent), "they hold up nobody");
    assert_eq!(world.mails().len(), 1);
    for _ in 0..5 {
        world.pass(24 * 60 * MINUTE).await;
        assert!(world.announced().await.is_empty());
    }
    let listed = world.db.deliveries().ended(Outcome::Dropped, 100, None).await.unwrap();
    assert_eq!(listed.iter().filter(|one| one.user_id == world.anna).count(), 21, "with the welcome");
}

#[tokio::test]
async fn the_mails_of_a_deleted_account_are_sent_to_nobody() {
    let world = World::new().await;
    let event = world.done("a.mp4", Options::default(), None).await;
    world.db.delete_user(world.anna).await.unwrap().unwrap();
    world.tell(&event).await;
    assert!(world.mails().is_empty() && world.announced().await.is_empty());
}

#[tokio::test]
async fn an_account_that_can_not_be_read_holds_up_nobody_and_ends_as_a_dead_letter() {
    let world = World::new().await;
    let (bob, _) = world.user("bob@example.org", true).await;
    let unreadable = world.mails_of_jobs(1).await[0];
    let bobs = only(&world.done_by(bob, Options::default()).await);
    world.spoil(world.anna);
    deliver_by(&world.notify, unreadable).await;
    assert_eq!(world.outcome(bobs).await, Some(Outcome::Sent));
    while world.outcome(unreadable).await.is_none() {
        world.pass_until_due(unreadable).await;
        world.deliver(unreadable).await;
    }
    let row = world.row(unreadable).await;
    assert_eq!((row.outcome, row.attempts), (Some(Outcome::Dead), 13));
    assert!(row.detail.unwrap().contains("wizard"));
}

#[tokio::test]
async fn an_address_that_no_mail_can_reach_is_refused_for_good() {
    let world = World::with_address("anna@").await;
    let id = only(&world.done("a.mp4", Options::default(), None).await);
    world.deliver(id).await;
    assert!(world.mails().is_empty());
    let row = world.row(id).await;
    assert_eq!((row.outcome, row.due_at), (Some(Outcome::Refused), None));
    assert!(row.detail.unwrap().starts_with("the address can't be used"));
}

#[tokio::test]
async fn only_an_unproven_address_is_welcomed() {
    let world = World::new().await;
    let (_, proven) = world.user("bob@example.org", true).await;
    world.deliver(proven).await;
    assert!(world.mails().is_empty());
    world.assert_ended(proven, Outcome::Dropped, "the address is proven already").await;
    let (new, welcome) = world.user("new@example.org", false).await;
    world.deliver(welcome).await;
    let mail = fs::read_to_string(&world.mails()[0]).unwrap();
    assert_eq!(header(&mail, "Subject"), "Welcome to Tapedeck: confirm your address");
    assert_eq!(header(&mail, "To"), "new@example.org");
    let (text, html) = parts(&mail);
    let link = text.lines().find(|line| line.starts_with("https://")).unwrap();
    assert!(html.contains(&format!("href=\"{link}\"")), "{html}");
    let token = link.strip_prefix("https://tapedeck.example.org/#verify=").unwrap();
    assert_eq!(world.proofs.verify_address(token), Ok(new));
}

#[tokio::test]
async fn who_has_an_account_already_is_told_so_and_given_no_token() {
    let world = World::new().await;
    let told = world.db.tell_already_registered("anna@example.org").await.unwrap();
    world.deliver(named(told)).await;
    let mail = fs::read_to_string(&world.mails()[0]).unwrap();
    assert_eq!(header(&mail, "Subject"), "You have an account at Tapedeck already");
    assert_eq!(header(&mail, "To"), "anna@example.org");
    let (text, html) = parts(&mail);
    assert!(text.contains("\nhttps://tapedeck.example.org/\n"), "{text}");
    assert!(html.contains("href=\"https://tapedeck.example.org/\""), "{html}");
    world.pass(61 * MINUTE).await;
    let again = world.db.tell_already_registered("anna@example.org").await.unwrap();
    world.deliver(named(again)).await;
    assert_eq!(world.mails().len(), 2, "an hour later it is another mail");
}

async fn ask_reset(world: &World) -> DeliveryId {
    named(world.db.ask_password_reset(world.anna, Duration::ZERO).await.unwrap())
}

/// The token of the mail that sets a new password, and until when it works.
fn reset_token(mail: &str) -> (String, i64) {
    let (text, _) = parts(mail);
    let link = text.lines().find(|line| line.starts_with("https://")).unwrap();
    let token = link.strip_prefix("https://tapedeck.example.org/#reset=").unwrap();
    (token.to_owned(), crate::reader::expires(token))
}

#[tokio::test]
async fn who_has_forgotten_the_password_gets_one_mail_that_sets_a_new_one() {
    let world = World::new().await;
    let asked = ask_reset(&world).await;
    world.deliver(asked).await;
    world.deliver(asked).await;
    assert_eq!(world.mails().len(), 1);
    let mail = fs::read_to_string(&world.mails()[0]).unwrap();
    assert_eq!(header(&mail, "Subject"), "A new password for Tapedeck");
    let reset = world.proofs.verify_reset(&reset_token(&mail).0).unwrap();
    assert!(reset.user_id == world.anna && reset.fits("x"));
    world.clock.advance(MINUTE);
    let again = ask_reset(&world).await;
    world.deliver(again).await;
    assert_eq!(world.mails().len(), 2, "asked again, it is another mail");
}

#[tokio::test]
async fn a_link_that_sets_a_password_works_for_an_hour_from_when_it_was_asked_for_not_from_when_it_was_sent()
{
    let world = World::new().await;
    let asked_at = world.clock.now();
    let asked = ask_reset(&world).await;
    world.pass(40 * MINUTE).await;
    world.deliver(asked).await;
    let mail = fs::read_to_string(&world.mails()[0]).unwrap();
    assert_eq!(reset_token(&mail).1, asked_at.after(60 * MINUTE).millis() / 1000);
}

#[tokio::test]
async fn a_mail_that_would_come_too_late_to_set_a_password_is_not_sent() {
    let world = World::new().await;
    let asked = ask_reset(&world).await;
    world.pass(60 * MINUTE).await;
    world.deliver(asked).await;
    assert!(world.mails().is_empty());
    world.assert_ended(asked, Outcome::Dropped, "it was asked for too long ago").await;
}
