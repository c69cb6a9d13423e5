//! Mails as files: what they say, that there is one, and that names from outside stay names.

use crate::world::{self, World, decoded, header, parts};
use contracts::{
    AudioReady, ConversionFailed, FailureCode, JobId, NotifyBy, Options, PasswordResetAsked, Timestamp,
    UserRegistered,
};
use runtime::Failure;

#[tokio::test]
async fn the_mail_has_the_title_the_link_and_all_that_the_owner_asks() {
    let world = World::new().await;
    let event = world.done("Holiday in Rome.mp4", Options::default(), Some("The video ends early.")).await;
    world.deliver(&event).await.unwrap();
    let mail = world.mail(event.job_id, "ready").unwrap();
    assert_eq!(header(&mail, "Subject"), "Your MP3 is ready: Holiday in Rome");
    assert_eq!(header(&mail, "To"), "anna@example.org");
    assert_eq!(header(&mail, "From"), "Tapedeck <deck@example.org>");
    assert_eq!(header(&mail, "Message-ID"), format!("<{}.ready@example.org>", event.job_id));
    assert!(header(&mail, "Content-Type").starts_with("multipart/alternative;"));
    let (text, html) = parts(&mail);
    for body in [&text, &html] {
        for part in
            ["Holiday in Rome", "3:07", "4.2 MB", "The video ends early.", &event.audio_id.to_string()]
        {
            assert!(body.contains(part), "{part}: {body}");
        }
    }
    let link = text.lines().find(|line| line.starts_with("https://")).unwrap();
    let start = format!("https://tapedeck.example.org/download?fid={}&token=", event.audio_id);
    let token = link.strip_prefix(&start).unwrap();
    world.links.verify(token, event.audio_id).unwrap();
    assert!(html.contains(&format!("href=\"{}\"", link.replace('&', "&amp;"))));
}

#[tokio::test]
async fn the_title_that_was_asked_for_wins_and_no_name_is_your_video() {
    let world = World::new().await;
    let titled = Options { title: Some("Rome & back".into()), ..Options::default() };
    let event = world.done("x.mp4", titled, None).await;
    world.deliver(&event).await.unwrap();
    let mail = world.mail(event.job_id, "ready").unwrap();
    assert_eq!(header(&mail, "Subject"), "Your MP3 is ready: Rome & back");
    let (text, html) = parts(&mail);
    assert!(html.contains("Rome &amp; back") && !text.contains("Please note"));

    let event = world.done("", Options::default(), None).await;
    world.deliver(&event).await.unwrap();
    let mail = world.mail(event.job_id, "ready").unwrap();
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
        world.deliver(&event).await.unwrap();
        let mail = world.mail(event.job_id, "ready").unwrap();
        let names: Vec<&str> = world::header_names(&mail);
        assert_eq!(
            names,
            ["From", "To", "Subject", "Message-ID", "MIME-Version", "Date", "Content-Type"],
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
    world.deliver(&event).await.unwrap();
    let mail = world.mail(event.job_id, "ready").unwrap();
    assert_eq!(decoded(&header(&mail, "Subject")), "Your MP3 is ready: 🎸 Füße 日本語");
    let (text, html) = parts(&mail);
    assert!(text.contains("🎸 Füße 日本語") && html.contains("🎸 Füße 日本語"));
}

#[tokio::test]
async fn a_failure_is_told_with_what_to_do() {
    let world = World::new().await;
    let event = world.failed("silent.mp4", FailureCode::NoAudio, "2 streams,\r\nnone is audio").await;
    world.deliver(&event).await.unwrap();
    let mail = world.mail(event.job_id, "failed").unwrap();
    assert_eq!(header(&mail, "Subject"), "Your MP3 could not be made: silent");
    let (text, html) = parts(&mail);
    for body in [&text, &html] {
        assert!(body.contains("Upload one that has an audio track."), "{body}");
        assert!(body.contains("2 streams,  none is audio"), "{body}");
        assert!(body.contains("https://tapedeck.example.org"), "{body}");
    }
}

#[tokio::test]
async fn the_same_event_again_is_the_same_mail() {
    let world = World::new().await;
    let event = world.done("a.mp4", Options::default(), None).await;
    world.deliver(&event).await.unwrap();
    let first = world.mail(event.job_id, "ready").unwrap();
    world.deliver(&event).await.unwrap();
    assert_eq!(world.mail(event.job_id, "ready").unwrap(), first);
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn two_deliveries_at_once_send_one_mail() {
    let world = World::new().await;
    let event = world.done("a.mp4", Options::default(), None).await;
    let (one, two) = tokio::join!(world.deliver(&event), world.deliver(&event));
    let busy = |result: &Result<(), Failure>| matches!(result, Err(Failure::Retry(_)));
    assert!([one, two].iter().all(|result| result.is_ok() || busy(result)));
    world.deliver(&event).await.unwrap();
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_that_could_not_be_sent_is_sent_by_the_next_delivery() {
    let world = World::new().await;
    let event = world.done("a.mp4", Options::default(), None).await;
    world.break_mailer();
    assert!(matches!(world.deliver(&event).await, Err(Failure::Retry(_))));
    world.mend_mailer();
    world.deliver(&event).await.unwrap();
    assert!(world.mail(event.job_id, "ready").is_some());
}

#[tokio::test]
async fn a_mail_in_somebodys_hands_is_tried_again_later() {
    let world = World::new().await;
    let event = world.done("a.mp4", Options::default(), None).await;
    let lease = std::time::Duration::from_secs(60);
    world.db.claim_notification(&event.job_id.to_string(), "ready", lease).await.unwrap();
    assert!(matches!(world.deliver(&event).await, Err(Failure::Retry(_))));
    assert!(world.mails().is_empty());
}

#[tokio::test]
async fn who_wants_no_mail_or_has_deleted_the_job_gets_none() {
    let world = World::new().await;
    let quiet = Options { notify: NotifyBy::None, ..Options::default() };
    let event = world.done("a.mp4", quiet, None).await;
    world.deliver(&event).await.unwrap();
    let event = world.done("a.mp4", Options::default(), None).await;
    world.db.jobs().delete(event.job_id).await.unwrap();
    world.deliver(&event).await.unwrap();
    let gone = AudioReady { job_id: JobId::generate(), audio_id: event.audio_id };
    world.deliver(&gone).await.unwrap();
    assert!(world.mails().is_empty());
}

#[tokio::test]
async fn a_failure_that_is_being_retried_is_no_news() {
    let world = World::new().await;
    let event = world.failed("a.mp4", FailureCode::Internal, "").await;
    world.db.jobs().retry(event.job_id).await.unwrap().unwrap();
    world.deliver(&ConversionFailed { job_id: event.job_id, code: event.code }).await.unwrap();
    assert!(world.mails().is_empty());
}

#[tokio::test]
async fn an_address_that_no_mail_can_reach_is_a_dead_letter() {
    let world = World::with_address("anna@").await;
    let event = world.done("a.mp4", Options::default(), None).await;
    assert!(matches!(world.deliver(&event).await, Err(Failure::Reject(_))));
    assert!(world.mails().is_empty());
}

#[tokio::test]
async fn only_an_unproven_address_is_welcomed() {
    let world = World::new().await;
    world.deliver(&UserRegistered { user_id: world.anna }).await.unwrap();
    assert!(world.mails().is_empty());
    let new = world.user("new@example.org", false).await;
    world.deliver(&UserRegistered { user_id: new }).await.unwrap();
    let mail = std::fs::read_to_string(&world.mails()[0]).unwrap();
    assert_eq!(header(&mail, "Subject"), "Welcome to Tapedeck: confirm your address");
    assert_eq!(header(&mail, "To"), "new@example.org");
    let (text, html) = parts(&mail);
    let link = text.lines().find(|line| line.starts_with("https://")).unwrap();
    assert!(html.contains(&format!("href=\"{link}\"")), "{html}");
    let token = link.strip_prefix("https://tapedeck.example.org/#verify=").unwrap();
    assert_eq!(world.proofs.verify_address(token), Ok(new));
}

#[tokio::test]
async fn who_has_forgotten_the_password_gets_one_mail_that_sets_a_new_one() {
    let world = World::new().await;
    let ask = || world.db.ask_password_reset(world.anna, std::time::Duration::ZERO);
    let asked = ask().await.unwrap().unwrap().event;
    world.deliver(&asked).await.unwrap();
    world.deliver(&asked).await.unwrap();
    assert_eq!(world.mails().len(), 1);
    let mail = std::fs::read_to_string(&world.mails()[0]).unwrap();
    assert_eq!(header(&mail, "Subject"), "A new password for Tapedeck");
    let (text, _) = parts(&mail);
    let link = text.lines().find(|line| line.starts_with("https://")).unwrap();
    let token = link.strip_prefix("https://tapedeck.example.org/#reset=").unwrap();
    let reset = world.proofs.verify_reset(token).unwrap();
    assert!(reset.user_id == world.anna && reset.fits("x"));
    let again = ask().await.unwrap().unwrap().event;
    world.deliver(&again).await.unwrap();
    assert_eq!(world.mails().len(), 2, "asked again, it is another mail");
}

#[tokio::test]
async fn a_mail_that_would_come_too_late_to_set_a_password_is_not_sent() {
    let world = World::new().await;
    let asked_at = Timestamp::now().before(std::time::Duration::from_secs(2 * 60 * 60));
    world.deliver(&PasswordResetAsked { user_id: world.anna, asked_at }).await.unwrap();
    assert!(world.mails().is_empty());
}
