//! What the links in mails do: prove an address, set a new password; and the secret of webhooks.

use std::time::{Duration, Instant};

use crate::house::{Answer, House, PASSWORD};
use auth::AuthConfig;
use broker::{Broker, BrokerConfig};
use contracts::{Channel, Message, Timestamp, UserId};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const NEW: &str = "another good one";

fn soon() -> Timestamp {
    Timestamp::now().after(Duration::from_secs(60))
}

fn past() -> Timestamp {
    Timestamp::now().before(Duration::from_secs(2))
}

impl House {
    async fn verify(&self, token: &str) -> Answer {
        self.post("/verify", "", json!({"token": token})).await
    }

    async fn ask_reset(&self, email: &str) -> Answer {
        self.post("/password/reset", "", json!({"email": email})).await
    }

    async fn confirm(&self, token: &str, password: &str) -> Answer {
        self.post("/password/reset/confirm", "", json!({"token": token, "password": password})).await
    }

    /// What `notify` writes into the mail.
    async fn reset_token(&self, id: UserId, until: Timestamp) -> String {
        let user = self.db.user(id).await.unwrap().unwrap();
        self.proofs.sign_reset(id, &user.password_hash, until)
    }

    async fn resets_asked(&self) -> usize {
        let mut resets = 0;
        for id in self.db.deliveries().due(Channel::Mail, std::time::Duration::ZERO, 100).await.unwrap() {
            let delivery = self.db.deliveries().get(id).await.unwrap().unwrap();
            resets += usize::from(delivery.message == Message::PasswordReset);
        }
        resets
    }

    /// Waits until a mail was asked for: the answer comes whether or not it was.
    async fn reset_is_asked(&self) {
        while self.resets_asked().await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn where_addresses_must_be_proven_the_mail_opens_the_door() {
    let house = House::with(AuthConfig { allow_unverified: false, ..AuthConfig::default() }).await;
    let id = house.register("ada@example.org").await;
    let token = house.proofs.sign_address(id, soon());
    assert_eq!(house.login("ada@example.org", PASSWORD, "*/*").await.problem().0, 403);
    assert_eq!(house.verify(&token).await.status, 204);
    let access = house.login("ada@example.org", PASSWORD, "*/*").await.text;
    assert!(house.get("/me", &access).await.json()["verified_at"].is_string());
    assert_eq!(house.verify(&token).await.status, 204, "a second click is no error");
}

#[tokio::test]
async fn a_token_that_is_old_foreign_or_for_something_else_proves_no_address() {
    let house = House::open().await;
    let id = house.register("ada@example.org").await;
    let old = house.verify(&house.proofs.sign_address(id, past())).await;
    assert_eq!(old.problem(), (410, "link-expired".into()));
    let unknown = house.proofs.sign_address(UserId::generate(), soon());
    for token in ["", "x", &unknown, &house.reset_token(id, soon()).await] {
        assert_eq!(house.verify(token).await.problem(), (422, "unprocessable".into()), "{token}");
    }
    assert!(house.db.user(id).await.unwrap().unwrap().verified_at.is_none());
}

#[tokio::test]
async fn the_mail_sets_a_new_password_once_ends_log_ins_and_proves_the_address() {
    let house = House::open().await;
    let id = house.register("ada@example.org").await;
    let (access, refresh_token) = house.tokens("ada@example.org").await;
    let key = house.api_key(&access, json!(["read"])).await.field("secret");
    let token = house.reset_token(id, soon()).await;
    assert_eq!(house.confirm(&token, "short").await.field("field"), "password");
    assert_eq!(house.confirm(&token, NEW).await.status, 204);
    assert_eq!(house.confirm(&token, "a third good one").await.problem(), (410, "link-expired".into()));
    assert_eq!(house.login("ada@example.org", PASSWORD, "*/*").await.status, 401);
    assert_eq!(house.refresh(&refresh_token).await.status, 401);
    for from_before in [&key, &access] {
        assert_eq!(house.get("/me", from_before).await.status, 401);
    }
    let access = house.login("ada@example.org", NEW, "*/*").await.text;
    assert!(house.get("/me", &access).await.json()["verified_at"].is_string());
}

#[tokio::test]
async fn of_two_who_use_one_mail_at_once_one_wins() {
    let house = House::open().await;
    let id = house.register("ada@example.org").await;
    let token = house.reset_token(id, soon()).await;
    let (one, two) = tokio::join!(house.confirm(&token, NEW), house.confirm(&token, "a third good one"));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 410]);
}

#[tokio::test]
async fn old_and_foreign_tokens_set_no_password() {
    let house = House::open().await;
    let id = house.register("ada@example.org").await;
    let old = house.reset_token(id, past()).await;
    assert_eq!(house.confirm(&old, NEW).await.problem(), (410, "link-expired".into()));
    let gone = house.proofs.sign_reset(UserId::generate(), "x", soon());
    for token in ["", &house.proofs.sign_address(id, soon()), &gone] {
        assert_eq!(house.confirm(token, NEW).await.problem(), (422, "unprocessable".into()), "{token}");
    }
    assert_eq!(house.login("ada@example.org", PASSWORD, "*/*").await.status, 200);
}

#[tokio::test]
async fn asking_for_a_mail_tells_nothing_about_who_has_an_account() {
    let house = House::open().await;
    house.register("ada@example.org").await;
    let known = house.ask_reset(" Ada@example.org").await;
    house.reset_is_asked().await;
    for email in ["bob@example.org", "no address", "", "x' OR '1'='1"] {
        let unknown = house.ask_reset(email).await;
        assert_eq!((unknown.status, &unknown.text), (202, &known.text), "{email}");
    }
    let start = Instant::now();
    assert_eq!(house.ask_reset("bob@example.org").await.status, 202);
    assert!(start.elapsed() >= Duration::from_millis(300), "both are padded to more than either takes");
    assert_eq!(house.resets_asked().await, 1);
    assert_eq!(house.ask_reset("ada@example.org").await.status, 202);
    assert_eq!(house.resets_asked().await, 1, "one mail in ten minutes");
    house.clock.advance(Duration::from_secs(600));
    assert_eq!(house.ask_reset("ada@example.org").await.status, 202);
    while house.resets_asked().await < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Takes connections and never says a word.
async fn silent() -> (TcpListener, BrokerConfig) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker_url = format!("amqp://{}", listener.local_addr().unwrap());
    (listener, BrokerConfig { broker_url, ..BrokerConfig::default() })
}

#[tokio::test]
async fn a_broker_that_hangs_does_not_tell_who_has_an_account() {
    let (listener, config) = silent().await;
    let broker = |db: &db::Db| Broker::open(&config, db.clone()).unwrap();
    let house = House::on(AuthConfig::default(), broker).await;
    let ada = db::NewUser {
        email: "ada@example.org".into(),
        password_hash: "-".into(),
        admin_if_first: true,
        verified: true,
    };
    house.db.create_user(ada).await.unwrap();
    let asked = async |email: &str| {
        let start = Instant::now();
        assert_eq!(house.ask_reset(email).await.status, 202);
        start.elapsed()
    };
    // At the same moment: a busy machine makes both late.
    let (known, unknown) = tokio::join!(asked("ada@example.org"), asked("bob@example.org"));
    assert!(known < unknown + Duration::from_secs(2), "{known:?} {unknown:?}");
    house.reset_is_asked().await;
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn a_locked_account_gets_no_mail_and_no_password() {
    let house = House::open().await;
    house.register("root@example.org").await;
    let id = house.register("ada@example.org").await;
    let token = house.reset_token(id, soon()).await;
    let lock = db::UserChanges { disabled: Some(true), ..db::UserChanges::default() };
    house.db.change_user(id, &lock).await.unwrap().unwrap();
    assert_eq!(house.ask_reset("ada@example.org").await.status, 202);
    assert_eq!(house.resets_asked().await, 0);
    assert_eq!(house.confirm(&token, NEW).await.status, 422);
}

#[tokio::test]
async fn the_secret_of_webhooks_is_shown_to_who_has_logged_in() {
    let house = House::open().await;
    let (ada, bob) = (house.member("ada@example.org").await, house.member("bob@example.org").await);
    let secret = house.get("/me/webhook-secret", &ada).await;
    assert_eq!(secret.headers["cache-control"], "no-store");
    assert!(secret.field("secret").starts_with("whsec_"));
    assert_ne!(secret.text, house.get("/me/webhook-secret", &bob).await.text);
    let key = house.api_key(&ada, json!(["read", "upload"])).await.field("secret");
    assert_eq!(house.get("/me/webhook-secret", &key).await.status, 403);
    assert_eq!(house.get("/me/webhook-secret", "").await.status, 401);
}

#[tokio::test]
async fn the_secret_of_webhooks_can_be_replaced_by_who_has_logged_in() {
    let house = House::open().await;
    let (ada, bob) = (house.member("ada@example.org").await, house.member("bob@example.org").await);
    let shown = async |token: &str| house.get("/me/webhook-secret", token).await.field("secret");
    let (first, other) = (shown(&ada).await, shown(&bob).await);
    let replaced = house.post("/me/webhook-secret", &ada, Value::Null).await;
    assert_eq!((replaced.status, replaced.headers["cache-control"].to_str().unwrap()), (200, "no-store"));
    assert_ne!(replaced.field("secret"), first);
    assert_eq!(shown(&ada).await, replaced.field("secret"));
    assert_eq!(shown(&bob).await, other);
    let key = house.api_key(&ada, json!(["read", "upload", "admin"])).await.field("secret");
    assert_eq!(house.post("/me/webhook-secret", &key, Value::Null).await.status, 403);
    assert_eq!(house.post("/me/webhook-secret", "", Value::Null).await.status, 401);
    assert_eq!(shown(&ada).await, replaced.field("secret"), "neither has replaced it");
}
