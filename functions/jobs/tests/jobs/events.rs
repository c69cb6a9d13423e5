//! Streams of events.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, Request, StatusCode, header},
};
use contracts::{JobId, Stage, UserId};
use db::UserChanges;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::{DAY, MINUTE, World};

/// An open stream.
struct Listening {
    status: StatusCode,
    headers: HeaderMap,
    body: BodyDataStream,
    text: String,
    /// The id of the last event.
    last: String,
    /// How often the stream has said when to come again.
    hints: usize,
}

#[derive(Debug, PartialEq)]
struct Heard {
    event: String,
    data: Value,
}

impl World {
    async fn listen_with(&self, token: &str, path: &str, last: &str) -> Listening {
        let mut request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        if !last.is_empty() {
            request = request.header("last-event-id", last);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let (text, last, hints) = (String::new(), last.to_owned(), 0);
        let body = body.into_data_stream();
        Listening { status: parts.status, headers: parts.headers, body, text, last, hints }
    }

    async fn listen(&self, user: UserId, path: &str, last: &str) -> Listening {
        let listening = self.listen_with(&self.login(user), path, last).await;
        assert_eq!(listening.status, 200);
        assert_eq!(listening.headers["content-type"], "text/event-stream");
        listening
    }

    async fn heartbeat(&self, claimed: &db::Claimed, progress: f64) {
        let lease = &claimed.lease;
        let kept = self.db.jobs().extend_lease(lease, MINUTE, progress, Stage::Encoding).await.unwrap();
        assert!(kept);
    }
}

impl Listening {
    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let fields: Vec<(&str, &str)> =
                    block.lines().filter_map(|line| line.split_once(": ")).collect();
                let field = |name| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
                self.hints += usize::from(field("retry").is_some());
                let Some(event) = field("event") else { continue };
                self.last = field("id").unwrap().to_owned();
                let data = serde_json::from_str(field("data").unwrap()).unwrap();
                return Some(Heard { event: event.to_owned(), data });
            }
            let piece = tokio::time::timeout(MINUTE, self.body.next()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    }

    /// The next change of a state, as `(event, job, state)`. A poll may see a job while it still is `uploading`, and progress
    /// at any time.
    async fn told(&mut self) -> (String, Value, Value) {
        loop {
            let heard = self.next().await.unwrap();
            if heard.event != "progress" && heard.data["state"] != "uploading" {
                return (heard.event, heard.data["id"].clone(), heard.data["state"].clone());
            }
        }
    }
}

fn state(job: JobId, state: &str) -> (String, Value, Value) {
    ("state".into(), json!(job), json!(state))
}

fn deleted(job: JobId) -> (String, Value, Value) {
    ("deleted".into(), json!(job), Value::Null)
}

#[tokio::test]
async fn a_stream_tells_a_jobs_states_and_progress_and_ends_with_the_job() {
    let world = World::new().await;
    let job = world.queued(world.anna).await;
    let path = format!("/jobs/{job}/events");
    let mut stream = world.listen(world.anna, &path, "").await;
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    let first = stream.next().await.unwrap();
    assert_eq!(first.data, world.call(world.anna, &format!("GET /jobs/{job}")).await.json);
    assert_eq!((first.event.as_str(), &first.data["stage"]), ("state", &json!("waiting")));
    assert_eq!(stream.hints, 1);
    let claimed = world.claim().await;
    let begun = stream.next().await.unwrap();
    assert_eq!((&begun.data["state"], &begun.data["stage"]), (&json!("converting"), &json!("reading")));
    let of_state = stream.last.clone();
    world.heartbeat(&claimed, 0.25).await;
    let data = json!({"id": job, "progress": 0.25, "stage": "encoding"});
    assert_eq!(stream.next().await.unwrap(), Heard { event: "progress".into(), data });
    assert_eq!(stream.last, of_state, "who resumes after it hears of progress anyway");
    world.db.jobs().cancel(job).await.unwrap();
    assert_eq!(stream.told().await, state(job, "canceled"));
    assert_eq!(stream.next().await, None);
    let again = world.listen_with(&world.login(world.anna), &path, &stream.last).await;
    assert_eq!(again.status, 204, "a browser does not come again");
    let mut late = world.listen(world.anna, &path, &of_state).await;
    assert_eq!(late.told().await, state(job, "canceled"));
    assert_eq!(late.next().await, None);
}

#[tokio::test]
async fn who_resumes_a_jobs_stream_hears_no_state_twice() {
    let world = World::new().await;
    let job = world.queued(world.anna).await;
    let path = format!("/jobs/{job}/events");
    let mut stream = world.listen(world.anna, &path, "").await;
    assert_eq!(stream.told().await, state(job, "queued"));
    let last = stream.last.clone();
    drop(stream);
    let mut stream = world.listen(world.anna, &path, &last).await;
    let (heard, claimed) = tokio::join!(stream.told(), async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        world.claim().await
    });
    assert_eq!(heard, state(job, "converting"), "the state before it is known");
    let query = format!("{path}?last_event_id={}", stream.last);
    let mut stream = world.listen(world.anna, &query, "").await;
    world.heartbeat(&claimed, 0.5).await;
    assert_eq!(stream.next().await.unwrap().event, "progress");
    world.db.jobs().delete(job).await.unwrap();
    assert_eq!(stream.told().await, deleted(job));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn the_stream_of_all_jobs_tells_of_mine_alone_and_of_deletions() {
    let world = World::new().await;
    let (old, theirs) = (world.queued(world.anna).await, world.queued(world.eve).await);
    world.db.jobs().cancel(old).await.unwrap();
    world.clock.advance(MINUTE * 2);
    let waiting = world.queued(world.anna).await;
    world.clock.advance(MINUTE * 2);
    let mut stream = world.listen(world.anna, "/jobs/events", "").await;
    assert_eq!(stream.told().await, state(waiting, "queued"), "what ended long ago is not news");
    world.db.jobs().cancel(theirs).await.unwrap();
    let claimed = world.claim().await;
    assert_eq!(stream.told().await, state(waiting, "converting"));
    world.heartbeat(&claimed, 0.5).await;
    let heard = stream.next().await.unwrap();
    assert_eq!((heard.event.as_str(), &heard.data["progress"]), ("progress", &json!(0.5)));
    let new = world.queued(world.anna).await;
    assert_eq!(stream.told().await, state(new, "queued"));
    world.db.jobs().delete(old).await.unwrap();
    assert_eq!(stream.told().await, deleted(old));
    world.db.jobs().delete(waiting).await.unwrap();
    assert_eq!(stream.told().await, deleted(waiting));
}

#[tokio::test]
async fn a_stream_of_all_jobs_goes_on_where_it_was_without_a_gap_or_a_repeat() {
    let world = World::new().await;
    let (first, second) = (world.queued(world.anna).await, world.queued(world.anna).await);
    let mut stream = world.listen(world.anna, "/jobs/events", "").await;
    let mut begun = [stream.told().await, stream.told().await];
    begun.sort_by_key(|(_, job, _)| job.to_string());
    assert_eq!(begun, [state(first, "queued"), state(second, "queued")]);
    let last = stream.last.clone();
    drop(stream);
    // Meanwhile.
    let third = world.queued(world.anna).await;
    world.db.jobs().cancel(first).await.unwrap();
    world.db.jobs().delete(second).await.unwrap();
    let mut stream = world.listen(world.anna, "/jobs/events", &last).await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(stream.told().await);
    }
    for told in [state(third, "queued"), state(first, "canceled"), deleted(second)] {
        assert!(heard.contains(&told), "{told:?} {heard:?}");
    }
    // A reader that was too slow to see each round is sent away, and misses nothing.
    world.clock.advance(Duration::from_secs(20));
    assert_eq!(stream.next().await, None);
    let mut stream = world.listen(world.anna, "/jobs/events", &stream.last.clone()).await;
    let fourth = world.queued(world.anna).await;
    assert_eq!(stream.told().await, state(fourth, "queued"));
}

#[tokio::test]
async fn an_id_that_is_none_or_too_old_begins_a_fresh_stream() {
    let world = World::new().await;
    let job = world.queued(world.anna).await;
    let mut stream = world.listen(world.anna, "/jobs/events", "").await;
    assert_eq!(stream.told().await, state(job, "queued"));
    world.clock.advance(DAY + MINUTE);
    for last in [stream.last.as_str(), "nonsense", "1-2.3"] {
        let mut stream = world.listen(world.anna, "/jobs/events", last).await;
        assert_eq!(stream.told().await, state(job, "queued"), "{last}");
    }
}

#[tokio::test]
async fn streams_end_with_the_process_and_say_when_to_come_again() {
    let world = World::new().await;
    let job = world.queued(world.anna).await;
    for path in [format!("/jobs/{job}/events"), "/jobs/events".to_owned()] {
        let mut stream = world.listen(world.anna, &path, "").await;
        assert_eq!(stream.told().await, state(job, "queued"));
        if path.ends_with("/jobs/events") {
            world.shutdown.cancel();
            assert_eq!(stream.next().await, None);
            assert_eq!(stream.hints, 2);
        }
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_key_its_account_and_its_token() {
    let world = World::new().await;
    let job = world.queued(world.anna).await;
    let path = format!("/jobs/{job}/events");
    let key = world.api_key(world.anna, "read").await;
    let mut by_key = world.listen_with(&key, &path, "").await;
    let mut by_token = world.listen(world.anna, &path, "").await;
    let other = world.queued(world.eve).await;
    let mut locked = world.listen(world.eve, &format!("/jobs/{other}/events"), "").await;
    for stream in [&mut by_key, &mut by_token, &mut locked] {
        assert_eq!(stream.next().await.unwrap().event, "state");
    }
    let [key] = &world.db.keys(world.anna).await.unwrap()[..] else { panic!("one key") };
    assert!(world.db.delete_key(world.anna, key.id).await.unwrap());
    let lock = UserChanges { disabled: Some(true), ..UserChanges::default() };
    world.db.change_user(world.eve, &lock).await.unwrap().unwrap().unwrap();
    let (key, account, token) = tokio::join!(by_key.next(), locked.next(), async {
        let quiet = tokio::time::timeout(Duration::from_secs(20), by_token.next()).await;
        assert!(quiet.is_err(), "it is good still: {quiet:?}");
        world.clock.advance(3651 * DAY);
        by_token.next().await
    });
    assert_eq!((key, account, token), (None, None, None));
}

#[tokio::test]
async fn streams_have_doors_and_seats() {
    let world = World::new().await;
    let job = world.queued(world.anna).await;
    let path = format!("/jobs/{job}/events");
    assert_eq!(world.listen_with("", &path, "").await.status, 401);
    assert_eq!(world.listen_with(&world.login(world.eve), &path, "").await.status, 404);
    let key = world.api_key(world.anna, "upload").await;
    for path in [path.as_str(), "/jobs/events"] {
        assert_eq!(world.listen_with(&key, path, "").await.status, 403);
    }
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(world.listen(world.anna, "/jobs/events", "").await);
    }
    let refused = world.listen_with(&world.login(world.anna), &path, "").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["retry-after"], "30");
    world.listen(world.eve, "/jobs/events", "").await;
    streams.pop();
    world.listen(world.anna, &path, "").await;
}
