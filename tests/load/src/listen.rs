//! `GET /jobs/events` of an account, resumed after each end with `Last-Event-ID`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::Response;
use serde_json::Value;
use tokio::sync::Notify;

use crate::{Result, account::Account, course::Courses};

/// Before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What an account listens with.
pub(crate) struct Listener {
    pub(crate) account: Arc<Account>,
    pub(crate) courses: Arc<Courses>,
    /// How often a stream had to be resumed.
    pub(crate) resumed: Arc<AtomicUsize>,
    /// Told once the first stream is open.
    pub(crate) open: Arc<Notify>,
}

impl Listener {
    /// For ever. A stream may end at any time; nothing is missed by that.
    pub(crate) async fn run(self) {
        let mut last = String::new();
        loop {
            if let Ok(answer) = self.connect(&last).await {
                self.open.notify_one();
                read(answer, &self.courses, &mut last).await;
            }
            self.resumed.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn connect(&self, last: &str) -> Result<Response> {
        let answer = self.account.send(|client, home| {
            let request = client.get(format!("{home}/jobs/events"));
            if last.is_empty() { request } else { request.header("last-event-id", last) }
        });
        Ok(answer.await?.error_for_status()?)
    }
}

/// Up to the stream's end.
async fn read(mut answer: Response, courses: &Courses, last: &mut String) {
    let mut text = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        text.extend_from_slice(&piece);
        while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = text.drain(..end + 2).collect();
            take(&String::from_utf8_lossy(&block), courses, last);
        }
    }
}

fn take(block: &str, courses: &Courses, last: &mut String) {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    if let Some(id) = field("id") {
        id.clone_into(last);
    }
    if let (Some("state"), Some(data)) = (field("event"), field("data")) {
        courses.tell(&serde_json::from_str::<Value>(data).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_taken_a_comment_is_not_and_the_last_id_stays() {
        let (courses, mut last) = (Courses::default(), String::new());
        take(": alive\n\n", &courses, &mut last);
        take("event: state\nid: 7\ndata: {\"id\":\"a\",\"state\":\"queued\"}\n\n", &courses, &mut last);
        take("event: progress\nid: 8\ndata: {\"id\":\"b\"}\n\n", &courses, &mut last);
        take("retry: 2000\n\n", &courses, &mut last);
        assert_eq!(last, "8");
        assert_eq!(courses.take().into_keys().collect::<Vec<_>>(), ["a"]);
    }
}
