//! Several providers to log in at: what one says is never taken for what another one says.

use auth::{AuthConfig, OidcConfig};
use contracts::Timestamp;
use serde_json::json;

use crate::{
    house::House,
    oidc::{CLIENT, Left, Provider, ask, back_at, leave, log_in, who},
};

fn known(provider: &Provider) -> OidcConfig {
    OidcConfig {
        id: provider.id.into(),
        issuer: provider.issuer.clone(),
        client_id: CLIENT.into(),
        client_secret: "secret of the client".into(),
        name: format!("The {}", provider.id),
    }
}

/// A service with two providers.
async fn start() -> (House, Provider, Provider) {
    let now = Timestamp::now();
    let (red, blue) = (Provider::start("red", now).await, Provider::start("blue", now).await);
    let config = AuthConfig { oidc_named: vec![known(&red), known(&blue)], ..AuthConfig::default() };
    (House::with(config.reached_at("https://tapes.example/below")).await, red, blue)
}

#[tokio::test]
async fn each_provider_is_offered_and_lets_its_people_in() {
    let (house, red, blue) = start().await;
    let offer = ask(&house, "/auth/oidc", &[]).await.json();
    let both = json!([{"id": "red", "name": "The red"}, {"id": "blue", "name": "The blue"}]);
    assert_eq!(offer, json!({"provider": "The red", "providers": both}));
    blue.says(|says| (says.subject, says.email) = ("bob-1", Some("bob@example.org")));
    assert_eq!(who(&house, &log_in(&house, &red).await).await, "ann@example.org");
    assert_eq!(who(&house, &log_in(&house, &blue).await).await, "bob@example.org");
    // Who names none comes to the first.
    let first = ask(&house, "/auth/oidc/login", &[]).await;
    assert!(first.headers["location"].to_str().unwrap().starts_with(&red.issuer));
}

#[tokio::test]
async fn the_same_subject_at_two_providers_is_two_people() {
    let (house, red, blue) = start().await;
    assert_eq!(who(&house, &log_in(&house, &red).await).await, "ann@example.org");
    // The same subject: somebody else, with an address of their own.
    blue.says(|says| says.email = Some("eve@example.org"));
    assert_eq!(who(&house, &log_in(&house, &blue).await).await, "eve@example.org");
    let accounts = ["ann", "eve"].map(|name| format!("{name}@example.org"));
    for email in accounts {
        assert!(house.db.user_by_email(&email).await.unwrap().is_some());
    }
    // And without a proven address: nobody.
    let (house, red, blue) = start().await;
    assert_eq!(log_in(&house, &red).await.status, 303);
    blue.says(|says| says.proven = json!(false));
    assert_eq!(log_in(&house, &blue).await.problem(), (403, "oidc-unproven".into()));
}

#[tokio::test]
async fn an_account_of_one_provider_is_not_opened_by_the_same_address_at_another() {
    let (house, red, blue) = start().await;
    assert_eq!(who(&house, &log_in(&house, &red).await).await, "ann@example.org");
    for subject in ["ann-1", "ann-2"] {
        blue.says(|says| says.subject = subject);
        assert_eq!(log_in(&house, &blue).await.problem(), (409, "oidc-taken".into()));
    }
    assert_eq!(who(&house, &log_in(&house, &red).await).await, "ann@example.org");
}

#[tokio::test]
async fn a_log_in_that_was_begun_at_one_provider_does_not_end_at_another() {
    let (house, red, blue) = start().await;
    let expired = || (400, "oidc-expired".to_owned());
    // The red one sends the browser on to the blue one, and hopes that its code comes to the red one, or opens an account.
    let (at_red, at_blue) = (leave(&house, &red).await, leave(&house, &blue).await);
    let mixed = Left { cookie: at_red.cookie.clone(), state: at_blue.state.clone() };
    for (callback, left) in [
        (blue.callback(), &at_red),
        (red.callback(), &at_blue),
        (red.callback(), &mixed),
        (blue.callback(), &mixed),
    ] {
        assert_eq!(back_at(&house, &callback, left).await.problem(), expired(), "{callback}");
    }
    // What has failed so has told neither of them a code.
    assert_eq!(back_at(&house, &red.callback(), &at_red).await.status, 303);
    assert_eq!(back_at(&house, &blue.callback(), &at_blue).await.problem(), (409, "oidc-taken".into()));
}

#[tokio::test]
async fn an_answer_that_says_it_is_of_another_provider_is_refused() {
    let (house, red, blue) = start().await;
    let left = leave(&house, &red).await;
    let issuer: String = url::form_urlencoded::byte_serialize(blue.issuer.as_bytes()).collect();
    let path = format!("{}?code=c&state={}&iss={issuer}", red.callback(), left.state);
    let answer = ask(&house, &path, &[("cookie", &left.cookie)]).await;
    assert_eq!(answer.problem(), (502, "oidc-invalid".into()));
    // And so is a token of another one.
    let issuer = blue.issuer.clone();
    red.says(|says| says.claims = json!({"iss": issuer}));
    assert_eq!(log_in(&house, &red).await.problem(), (502, "oidc-invalid".into()));
}

#[tokio::test]
async fn a_provider_that_nobody_has_named_is_not_there() {
    let (house, red, _) = start().await;
    let left = leave(&house, &red).await;
    let missing = || (404, "not-found".to_owned());
    for name in ["green", "default", "", "Red", "red%2F", "re%00d", "https://evil.example"] {
        let answer = ask(&house, &format!("/auth/oidc/login?provider={name}"), &[]).await;
        assert_eq!(answer.problem(), missing(), "{name}");
        assert!(answer.text.contains("GET /auth/oidc lists them"), "{}", answer.text);
    }
    for place in ["/auth/oidc/callback", "/auth/oidc/callback/green", "/auth/oidc/callback/default"] {
        assert_eq!(back_at(&house, place, &left).await.problem(), missing(), "{place}");
    }
    // A person sees the page.
    let page = ask(&house, "/auth/oidc/login?provider=green", &[("accept", "text/html")]).await;
    assert_eq!(page.headers["location"], "https://tapes.example/below/#oidc=not-found");
}
