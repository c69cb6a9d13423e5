//! Mails over SMTP: a real server with STARTTLS and AUTH, and servers that refuse, stall, and drop.

use crate::servers::{Smtp, odd_server};
use notify::{Error, Mail, MailConfig, Mailer};

const LOGIN: &str = "tape%40deck:p%3Ass%2Fw%25rd";

fn mailer(url: &str, ca_file: &str) -> Mailer {
    let from = "Tapedeck <deck@example.org>".into();
    let config = MailConfig { url: url.into(), from, ca_file: ca_file.into(), ..MailConfig::default() };
    Mailer::open(&config).unwrap()
}

fn mail(to: &str) -> Mail {
    Mail {
        to: to.into(),
        id: "01job.ready".into(),
        subject: "Your MP3 is ready: Füße".into(),
        text: "Here:\n.\n..dots\nhttps://example.org/\n".into(),
        html: "<p>Here</p>".into(),
        link: None,
    }
}

async fn refusal(url: &str, ca_file: &str, to: &str) -> Error {
    mailer(url, ca_file).send(&mail(to)).await.unwrap_err()
}

#[tokio::test]
async fn a_mail_goes_by_starttls_and_login_and_arrives_as_it_was() {
    let server = Smtp::start("starttls");
    let url = format!("smtp://{LOGIN}@127.0.0.1:{}", server.port);
    mailer(&url, &server.ca_file()).send(&mail("anna@example.org")).await.unwrap();
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("Message-ID: <01job.ready@example.org>"), "{}", mails[0]);
    assert!(mails[0].contains("To: anna@example.org"), "{}", mails[0]);
    assert!(mails[0].contains("X-RcptTo: anna@example.org"), "{}", mails[0]);
    assert!(mails[0].contains("\n.\n..dots\n"), "a dot alone ends no mail: {}", mails[0]);
}

#[tokio::test]
async fn a_mail_goes_over_tls_from_the_first_byte_and_without_tls_if_so_said() {
    let server = Smtp::start("tls");
    let url = format!("smtps://{LOGIN}@127.0.0.1:{}", server.port);
    mailer(&url, &server.ca_file()).send(&mail("anna@example.org")).await.unwrap();
    assert_eq!(server.mails().len(), 1);
    let server = Smtp::start("plain");
    for tls in ["none", "opportunistic"] {
        let url = format!("smtp://127.0.0.1:{}?tls={tls}", server.port);
        mailer(&url, "").send(&mail("anna@example.org")).await.unwrap();
    }
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn a_server_that_is_not_who_it_says_or_has_no_tls_gets_no_password_and_no_mail() {
    let server = Smtp::start("starttls");
    let foreign = refusal(&format!("smtp://{LOGIN}@127.0.0.1:{}", server.port), "", "anna@example.org").await;
    assert!(matches!(&foreign, Error::Unavailable(cause) if cause.starts_with("STARTTLS")), "{foreign}");
    let plain = Smtp::start("plain");
    let url = format!("smtp://127.0.0.1:{}?tls=required", plain.port);
    let none = refusal(&url, "", "anna@example.org").await;
    assert!(matches!(none, Error::Unavailable(_)), "{none}");
    assert!(server.mails().is_empty() && plain.mails().is_empty());
}

#[tokio::test]
async fn what_is_said_of_the_recipient_is_for_good_and_all_else_is_for_now() {
    let server = Smtp::start("starttls");
    let (url, ca) = (format!("smtp://{LOGIN}@127.0.0.1:{}", server.port), server.ca_file());
    let unknown = refusal(&url, &ca, "unknown@example.org").await;
    assert!(matches!(unknown, Error::Refused(_)), "{unknown}");
    assert_eq!(unknown.to_string(), "mail refused: the mail server answered 550 to RCPT", "no address in it");
    let busy = refusal(&url, &ca, "busy@example.org").await;
    assert!(matches!(&busy, Error::Deferred(cause) if cause.ends_with("answered 451 to RCPT")), "{busy}");
    let url = format!("smtp://tape%40deck:wrong@127.0.0.1:{}", server.port);
    let login = refusal(&url, &ca, "anna@example.org").await;
    assert!(
        matches!(&login, Error::Unavailable(cause) if cause.ends_with("answered 535 to AUTH")),
        "{login}"
    );
    let nobody = refusal("smtp://127.0.0.1:1?tls=none", "", "anna@example.org").await;
    assert!(matches!(nobody, Error::Unavailable(_)), "{nobody}");
    let strange = refusal(&url, &ca, "anna@").await;
    assert!(matches!(strange, Error::Address(_)), "{strange}");
}

#[tokio::test]
async fn a_server_that_refuses_everybody_is_asked_again_later() {
    for port in [
        odd_server(|_| Some("554 no service for you")).await,
        odd_server(|_| Some("421 too busy")).await,
        odd_server(|_| Some("hello?")).await,
        odd_server(|_| None).await,
        odd_server(|command| Some(if command.starts_with("MAIL") { "550 not from you" } else { "250 ok" }))
            .await,
        odd_server(|command| Some(if command.starts_with("RCPT") { "530 log in first" } else { "250 ok" }))
            .await,
    ] {
        let refused = refusal(&format!("smtp://127.0.0.1:{port}?tls=none"), "", "anna@example.org").await;
        assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    }
}

/// A server that takes everything but the mail's last line, which is left to the test.
fn all_but_the_end(command: &str) -> Option<&'static str> {
    match command {
        "CONNECT" => Some("220 hello"),
        "DATA" => Some("354 go on"),
        _ if ["EHLO", "MAIL", "RCPT"].iter().any(|known| command.starts_with(known)) => Some("250 ok"),
        _ => Some(""),
    }
}

#[tokio::test]
async fn a_server_that_drops_after_the_mail_may_or_may_not_have_it_so_it_is_sent_again() {
    let port = odd_server(|command| if command == "." { None } else { all_but_the_end(command) }).await;
    let dropped = refusal(&format!("smtp://127.0.0.1:{port}?tls=none"), "", "anna@example.org").await;
    assert!(matches!(dropped, Error::Unavailable(_)), "{dropped}");
}

#[tokio::test]
async fn a_server_that_refuses_the_mail_itself_has_refused_it_for_good() {
    let port = odd_server(|command| if command == "." { Some("554 spam") } else { all_but_the_end(command) });
    let url = format!("smtp://127.0.0.1:{}?tls=none", port.await);
    let spam = refusal(&url, "", "anna@example.org").await;
    assert!(matches!(spam, Error::Refused(_)), "{spam}");
}

#[tokio::test]
async fn a_mail_that_was_taken_is_sent_even_if_the_server_hangs_up_without_goodbye() {
    let port = odd_server(|command| match command {
        "." => Some("250 taken"),
        "QUIT" => None,
        _ => all_but_the_end(command),
    });
    let url = format!("smtp://127.0.0.1:{}?tls=none", port.await);
    mailer(&url, "").send(&mail("anna@example.org")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = odd_server(|_| Some("")).await;
    let late = refusal(&format!("smtp://127.0.0.1:{silent}?tls=none"), "", "anna@example.org").await;
    assert!(late.to_string().ends_with("took more than 20 s"), "{late}");
}
