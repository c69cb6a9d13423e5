//! Where people are told of their jobs, from the request to the row that says what became of it. Receivers of each kind are
//! in the tests of `notify`; here the platform's own guard answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tapedeck_tests::{Platform, User};

async fn send(user: &User, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let answer = user.request(method, path).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// What became of the latest message to this destination, once there are so many and all have ended.
async fn ended(user: &User, destination: &Value, count: usize) -> Value {
    let path = format!("/deliveries?destination={}", destination["id"].as_str().unwrap());
    let begun = Instant::now();
    loop {
        let list: Value = user.get(&path).await.json().await.unwrap();
        let all = list["deliveries"].as_array().unwrap();
        if all.len() == count && all.iter().all(|one| one["outcome"].is_string()) {
            return all[0].clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{list}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_destination_is_tried_told_of_a_job_instead_of_a_mail_and_sent_to_again() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let (status, me) = send(&ann, Method::PATCH, "/me", &json!({"job_mails": false})).await;
    assert_eq!((status, &me["job_mails"]), (200, &json!(false)));
    let new = json!({"kind": "ntfy", "address": "https://127.0.0.1:1/talks", "token": "tk_1"});
    let (status, destination) = send(&ann, Method::POST, "/me/destinations", &new).await;
    assert_eq!(status, 201, "{destination}");
    let place = format!("/me/destinations/{}", destination["id"].as_str().unwrap());

    let (status, test) = send(&ann, Method::POST, &format!("{place}/test"), &Value::Null).await;
    assert_eq!(status, 202, "{test}");
    let told = ended(&ann, &destination, 1).await;
    assert_eq!((&told["id"], &told["message"]), (&test["delivery_id"], &json!("test")));
    assert_eq!((&told["outcome"], &told["attempts"]), (&json!("refused"), &json!(1)));
    assert_eq!(told["detail"], "private addresses are not called");

    let job = ann.upload_fixture("moov-end.mp4", &[]).await;
    assert_eq!(ann.ended(&job).await["options"]["notify"], "none");
    let told = ended(&ann, &destination, 2).await;
    assert_eq!((&told["job_id"], &told["message"]), (&json!(job), &json!("ready")));
    let repeat = format!("/deliveries/{}/repeat", told["id"].as_str().unwrap());
    assert_eq!(send(&ann, Method::POST, &repeat, &Value::Null).await.0, 202);
    assert_eq!(ended(&ann, &destination, 2).await["outcome"], "refused");
    platform.settle().await;
    assert!(platform.mails().is_empty());

    assert_eq!(send(&ann, Method::DELETE, &place, &Value::Null).await.0, 204);
    let (status, _) = send(&ann, Method::POST, &repeat, &Value::Null).await;
    assert_eq!(status, 202);
    platform.settle().await;
    let list: Value = ann.get(&format!("/jobs/{job}/deliveries")).await.json().await.unwrap();
    assert_eq!(list["deliveries"][0]["outcome"], "dropped");
    assert_eq!(list["deliveries"][0]["detail"], "the destination was deleted");
    platform.finish().await;
}
