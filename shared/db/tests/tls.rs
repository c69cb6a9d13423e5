//! How a connection to MySQL is encrypted, and what becomes of the password.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mysql8;

use db::{Db, Error};
use mysql8::{Line, Mysql8};
use servers::{Certificate, Mariadb};

async fn ping(url: &str) -> Result<(), Error> {
    Db::open(url, 2)?.ping().await
}

async fn refused(url: &str) -> String {
    let error = ping(url).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_user_who_must_come_over_tls_may_come() {
    let server = Mariadb::start_with_tls();
    let url = server.careful_url();
    ping(&url).await.unwrap();
    ping(&format!("{url}?ssl-mode=REQUIRED")).await.unwrap();
    assert!(refused(&format!("{url}?ssl-mode=DISABLED")).await.contains("Access denied"));

    let authority = server.certificate().authority.display();
    ping(&format!("{url}?ssl-ca={authority}")).await.unwrap();
    ping(&format!("{url}?ssl-ca={authority}&ssl-mode=VERIFY_IDENTITY")).await.unwrap();
    let elsewhere = url.replace("127.0.0.1", "localhost");
    ping(&format!("{elsewhere}?ssl-ca={authority}")).await.unwrap();
    let text = refused(&format!("{elsewhere}?ssl-ca={authority}&ssl-mode=VERIFY_IDENTITY")).await;
    assert!(text.contains("not valid for name"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let other = Certificate::make(folder.path());
    let text = refused(&format!("{url}?ssl-ca={}", other.authority.display())).await;
    assert!(text.contains("certificate"), "{text}");
    // The public authorities alone don't know it either.
    assert!(refused(&format!("{url}?ssl-mode=VERIFY_CA")).await.contains("UnknownIssuer"));
}

#[tokio::test]
async fn a_database_is_made_and_migrated_over_tls() {
    let server = Mariadb::start_with_tls();
    let url = format!("{}?ssl-ca={}", server.careful_url(), server.certificate().authority.display());
    let url = url.replace("/tapedeck?", "/another?");
    Db::create_if_absent(&url).await.unwrap();
    Db::open(&url, 2).unwrap().migrate().await.unwrap();
}

#[tokio::test]
async fn who_requires_tls_does_not_talk_to_a_server_without() {
    let server = Mysql8::start(Line::Clear).await;
    let text = refused(&format!("{}?ssl-mode=REQUIRED", server.url())).await;
    assert!(text.contains("server does not support TLS"), "{text}");
}

#[tokio::test]
async fn mysql_8_gets_the_password_it_asks_for_over_tls() {
    let server = Mysql8::start(Line::Tls).await;
    ping(&server.url()).await.unwrap();
    assert_eq!(server.password().as_deref(), Some("secret"));
    assert!(!server.saw_in_clear("secret"));
}

#[tokio::test]
async fn mysql_8_does_not_get_the_password_in_clear() {
    let server = Mysql8::start(Line::Clear).await;
    let text = refused(&server.url()).await;
    assert!(text.contains("only goes over TLS") && text.contains("ssl-mode=DISABLED"), "{text}");
    assert_eq!(server.password(), None);
    assert!(!server.saw_in_clear("secret"));
}
