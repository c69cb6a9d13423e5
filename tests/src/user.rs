//! Somebody who uses the platform over HTTP.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use reqwest::{
    Client, Method, RequestBuilder, Response,
    multipart::{Form, Part},
};
use serde_json::Value;

use crate::fixture;

/// A registered user with a token.
#[derive(Clone, Debug)]
pub struct User {
    /// The address of the account.
    pub email: String,
    /// The access token.
    pub token: String,
    home: String,
    client: Client,
}

/// A job as the API shows it when it has ended.
pub type Ended = Value;

const PASSWORD: &str = "correct horse battery";
static COUNT: AtomicUsize = AtomicUsize::new(0);

impl User {
    pub(crate) async fn register(home: &str) -> Self {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let email = format!("user{}@example.org", COUNT.fetch_add(1, Ordering::Relaxed));
        let body = serde_json::json!({"email": email, "password": PASSWORD});
        let answer = client.post(format!("{home}/register")).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        let mut user = Self { email, token: String::new(), home: home.into(), client };
        user.log_in().await;
        user
    }

    /// Logs in again, as the tutorials do.
    pub async fn log_in(&mut self) {
        let answer = self
            .client
            .post(format!("{}/login", self.home))
            .basic_auth(&self.email, Some(PASSWORD))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        self.token = answer.text().await.unwrap();
    }

    /// The same user at a platform that was started again under another address.
    #[must_use]
    pub fn at(&self, home: &str) -> Self {
        Self { home: home.into(), ..self.clone() }
    }

    /// A request with the user's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.home)).bearer_auth(&self.token)
    }

    /// `GET path` with the token.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// `POST /upload` as a form with this file and these options.
    pub fn upload(
        &self,
        name: &str,
        bytes: impl Into<reqwest::Body>,
        options: &[(&str, &str)],
    ) -> RequestBuilder {
        let part = Part::stream(bytes).file_name(name.to_owned());
        let form = options
            .iter()
            .fold(Form::new(), |form, (name, value)| form.text((*name).to_owned(), (*value).to_owned()));
        self.request(Method::POST, "/upload").multipart(form.part("file", part))
    }

    /// Uploads a fixture and expects a yes; the job's id.
    pub async fn upload_fixture(&self, name: &str, options: &[(&str, &str)]) -> String {
        let answer = self.upload(name, fixture(name), options).send().await.unwrap();
        assert_eq!(answer.status(), 202, "{name}: {}", answer.text().await.unwrap());
        let body: Value = answer.json().await.unwrap();
        body["id"].as_str().unwrap().to_owned()
    }

    /// A job as it is now.
    pub async fn job(&self, id: &str) -> Value {
        self.get(&format!("/jobs/{id}")).await.json().await.unwrap()
    }

    /// All jobs as the API lists them, page by page.
    pub async fn all_jobs(&self) -> Vec<Value> {
        let (mut jobs, mut cursor) = (Vec::new(), String::new());
        loop {
            let page: Value = self.get(&format!("/jobs?limit=100{cursor}")).await.json().await.unwrap();
            jobs.extend(page["jobs"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return jobs,
            }
        }
    }

    /// Waits for the end of a job, by long polls.
    pub async fn ended(&self, id: &str) -> Ended {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let job: Value = self.get(&format!("/jobs/{id}?wait=10")).await.json().await.unwrap();
            if matches!(job["state"].as_str(), Some("done" | "failed" | "canceled" | "expired")) {
                return job;
            }
            assert!(Instant::now() < until, "the job does not end: {job}");
        }
    }
}
