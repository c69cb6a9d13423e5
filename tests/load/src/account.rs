//! Somebody who uploads.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use crate::Result;

/// For one upload, with all its tries.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two tries, where the answer does not say.
const PAUSE: Duration = Duration::from_secs(1);

/// An account with a token.
pub(crate) struct Account {
    home: String,
    email: String,
    password: String,
    token: Mutex<String>,
    client: Client,
}

/// An upload that was answered 202.
pub(crate) struct Accepted {
    pub(crate) id: String,
    /// How long the last try took.
    pub(crate) took: Duration,
    /// How often it was tried before.
    pub(crate) refused: usize,
}

impl Account {
    /// Logs in, and registers before that if no account is given (as address and password).
    pub(crate) async fn open(home: &str, given: Option<&(String, String)>, name: &str) -> Result<Self> {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let (email, password) =
            given.cloned().unwrap_or_else(|| (format!("{name}@example.org"), format!("password of {name}")));
        if given.is_none() {
            let body = json!({"email": email, "password": password});
            let answer = client.post(format!("{home}/register")).json(&body).send().await?;
            if answer.status() != StatusCode::CREATED {
                return Err(refusal("POST /register", answer).await.into());
            }
        }
        let account = Self { home: home.into(), email, password, token: Mutex::default(), client };
        account.log_in().await?;
        Ok(account)
    }

    async fn log_in(&self) -> Result<()> {
        let request = self.client.post(format!("{}/login", self.home));
        let answer = request.basic_auth(&self.email, Some(&self.password)).send().await?;
        if answer.status() != StatusCode::OK {
            return Err(refusal("POST /login", answer).await.into());
        }
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = answer.text().await?;
        Ok(())
    }

    /// Sends it with the token, and once more with a new one if that has expired.
    pub(crate) async fn send(
        &self,
        request: impl Fn(&Client, &str) -> RequestBuilder + Sync,
    ) -> Result<Response> {
        let token = || self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = request(&self.client, &self.home).bearer_auth(token()).send().await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        self.log_in().await?;
        Ok(request(&self.client, &self.home).bearer_auth(token()).send().await?)
    }

    /// `GET path`, whose answer has to be JSON; `None` if there is no such thing.
    pub(crate) async fn get(&self, path: &str) -> Result<Option<Value>> {
        let answer = self.send(|client, home| client.get(format!("{home}{path}"))).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer.json().await?)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(refusal(path, answer).await.into()),
        }
    }

    /// Uploads until it is accepted. A title of its own makes each work for the converter.
    pub(crate) async fn upload(&self, name: &str, video: &Bytes, title: &str) -> Result<Accepted> {
        let until = Instant::now() + PATIENCE;
        let mut refused = 0;
        loop {
            let begun = Instant::now();
            let form = || {
                let part = Part::stream(video.clone()).file_name(name.to_owned());
                Form::new().text("title", title.to_owned()).part("file", part)
            };
            let tried =
                self.send(|client, home| client.post(format!("{home}/upload")).multipart(form())).await;
            let pause = match tried {
                Ok(answer) if answer.status() == StatusCode::ACCEPTED => {
                    let took = begun.elapsed();
                    let body: Value = answer.json().await?;
                    let id = body["id"].as_str().ok_or("an accepted upload has no id")?.to_owned();
                    return Ok(Accepted { id, took, refused });
                }
                Ok(answer) => match answer.status().as_u16() {
                    409 | 429 | 500..600 => retry_after(&answer).unwrap_or(PAUSE),
                    _ => return Err(refusal("POST /upload", answer).await.into()),
                },
                Err(error) if Instant::now() > until => return Err(error),
                Err(_) => PAUSE,
            };
            if Instant::now() > until {
                return Err("an upload was not accepted within ten minutes".into());
            }
            refused += 1;
            tokio::time::sleep(pause).await;
        }
    }
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn refusal(what: &str, answer: Response) -> String {
    let status = answer.status();
    format!("{what} is answered {status}: {}", answer.text().await.unwrap_or_default())
}
