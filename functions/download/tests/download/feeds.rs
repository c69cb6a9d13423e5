//! Podcast feeds over HTTP, read by a parser of RSS.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request},
};
use blobs::Blob;
use bytes::Bytes;
use contracts::{JobId, Options, UserId, VideoId};
use db::{Audio, Chapter, Finished, Labels, NewJob, Source, UserChanges};
use rss::{Channel, Item};
use serde_json::{Value, json};

use crate::world::{Answer, PUBLIC_URL, World};

const KEEP: Duration = Duration::from_secs(3600);

impl World {
    async fn as_json(&self, user: UserId, method: Method, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.call(method, path, user, &json, Body::from(body.to_string())).await
    }

    /// The path of a new feed, without its ending.
    async fn feed(&self, user: UserId, wanted: &Value) -> String {
        let made = self.as_json(user, Method::POST, "/me/feeds", wanted).await;
        assert_eq!((made.status.as_u16(), made.header("cache-control")), (201, "no-store"));
        let url = made.json()["url"].as_str().unwrap().to_owned();
        url.strip_prefix(PUBLIC_URL).unwrap().strip_suffix(".xml").unwrap().to_owned()
    }

    async fn fetch(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn channel(&self, feed: &str) -> Channel {
        let answer = self.get_as_nobody(&format!("{feed}.xml")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/rss+xml; charset=utf-8");
        Channel::read_from(answer.body.as_ref()).unwrap()
    }

    /// An audio of 1000 bytes that was made of a video with this name.
    async fn made(&self, user: UserId, name: &str, options: &[(&'static str, &'static str)]) -> JobId {
        let bytes = (0..1000_u32).map(|number| number as u8).collect();
        self.made_of(user, name, options, bytes).await
    }

    async fn made_of(
        &self,
        user: UserId,
        name: &str,
        options: &[(&'static str, &'static str)],
        content: Vec<u8>,
    ) -> JobId {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let (id, video_id) = (JobId::generate(), VideoId::generate());
        self.db.jobs().create(&NewJob { id, user_id: user, video_id }).await.unwrap();
        let source = Source { name: name.into(), ..Source::default() };
        let options = Options::from_fields(options.iter().copied()).unwrap();
        self.db.jobs().queue(id, &source, &options).await.unwrap().unwrap();
        let claimed = self.db.jobs().claim_next(KEEP).await.unwrap().unwrap();
        let audio_id = claimed.lease.audio_id;
        let mut upload = self.blobs.put(Blob::Audio(audio_id)).await.unwrap();
        upload.write(Bytes::from(content)).await.unwrap();
        let bytes = upload.finish().await.unwrap();
        let duration = Duration::from_millis(187_600);
        let audio = Audio { id: audio_id, bytes, duration, codec: "mp3".into(), bitrate: 128_000 };
        let finished = Finished {
            audio,
            peaks: None,
            source_codec: None,
            source_duration: None,
            warning: None,
            keep: KEEP,
        };
        self.db.jobs().finish(&claimed, &finished, "1").await.unwrap().unwrap();
        id
    }
}

fn ids(channel: &Channel) -> Vec<String> {
    channel.items.iter().map(|item| item.guid.as_ref().unwrap().value.clone()).collect()
}

fn path(item: &Item) -> String {
    item.enclosure.as_ref().unwrap().url.strip_prefix(PUBLIC_URL).unwrap().to_owned()
}

#[tokio::test]
async fn a_podcast_app_finds_what_it_looks_for_newest_first() {
    let world = World::new().await;
    let feed = world.feed(world.anna, &json!({})).await;
    assert!(world.channel(&feed).await.items.is_empty());
    let old = world.made(world.anna, "a <b> & \"c\" ]]>\u{1}.mp4", &[("artist", "Ann & Co.")]).await;
    let new = world.made(world.anna, "talk.mkv", &[("format", "m4a"), ("title", "Über <alles>")]).await;
    world.made(world.anna, "book.mkv", &[("chapters", "split")]).await;
    world.made(world.eve, "hers.mp4", &[]).await;
    let chapters =
        [Chapter::new(Duration::ZERO, "One"), Chapter::new(Duration::from_millis(61_500), "Two & <3>")];
    world.db.jobs().note_chapters(new, &chapters).await.unwrap();

    let channel = world.channel(&feed).await;
    assert_eq!(ids(&channel), [new.to_string(), old.to_string()], "a zip is nothing to hear");
    let itunes = channel.itunes_ext.as_ref().unwrap();
    assert_eq!((itunes.block(), itunes.explicit()), (Some("yes"), Some("false")));
    assert_eq!(itunes.categories.len(), 1);
    assert_eq!(channel.language.as_deref(), Some("en"));
    let own = &channel.extensions["atom"]["link"][0].attrs;
    assert_eq!((own["rel"].as_str(), &own["href"]), ("self", &format!("{PUBLIC_URL}{feed}.xml")));
    let cover = itunes.image().unwrap().strip_prefix(PUBLIC_URL).unwrap();
    assert_eq!(world.get_as_nobody(cover).await.header("content-type"), "image/png");

    let [first, second] = &channel.items[..] else { panic!("two items") };
    assert_eq!(first.title.as_deref(), Some("Über <alles>"));
    assert_eq!(second.title.as_deref(), Some("a <b> & \"c\" ]]>"));
    let enclosure = first.enclosure.as_ref().unwrap();
    assert_eq!((enclosure.length.as_str(), enclosure.mime_type.as_str()), ("1000", "audio/mp4"));
    assert!(enclosure.url.ends_with(&format!("/{new}.m4a")));
    assert!(path(second).ends_with(".mp3"));
    let itunes = second.itunes_ext.as_ref().unwrap();
    assert_eq!((itunes.duration(), itunes.author()), (Some("188"), Some("Ann & Co.")));
    assert!(httpdate_is_recent(first.pub_date.as_deref().unwrap()));
    assert!(!first.guid.as_ref().unwrap().permalink);

    assert!(second.extensions.is_empty());
    let told = &first.extensions["podcast"]["chapters"][0].attrs;
    assert_eq!(told["type"], "application/json+chapters");
    let answer = world.get_as_nobody(told["url"].strip_prefix(PUBLIC_URL).unwrap()).await;
    assert_eq!(answer.header("content-type"), "application/json+chapters");
    let expected = json!([{"startTime": 0.0, "title": "One"}, {"startTime": 61.5, "title": "Two & <3>"}]);
    assert_eq!((&answer.json()["version"], &answer.json()["chapters"]), (&json!("1.2.0"), &expected));
    let none = world.get_as_nobody(&format!("{feed}/{old}.chapters.json")).await;
    assert_eq!(none.status, 404);
}

fn httpdate_is_recent(date: &str) -> bool {
    let age = httpdate::parse_http_date(date).unwrap().elapsed().unwrap();
    age < Duration::from_secs(600)
}

#[tokio::test]
async fn the_picture_in_an_mp3_is_shown_and_else_that_of_all_feeds() {
    let world = World::new().await;
    let feed = world.feed(world.anna, &json!({})).await;
    let frame = b"APIC\0\0\0\x1a\0\0\0image/png\0\x03\0\x89PNG\r\n\x1a\nrest!";
    let tagged = [b"ID3\x04\0\0\0\0\0\x24", &frame[..], &[0; 100]].concat();
    let with = world.made_of(world.anna, "a.mp4", &[], tagged).await;
    let without = world.made(world.anna, "b.mp4", &[]).await;
    let other = world.made(world.anna, "c.mp4", &[("format", "opus")]).await;
    let channel = world.channel(&feed).await;
    let image = |item: &Item| item.itunes_ext.as_ref().unwrap().image().map(str::to_owned);
    let told: Vec<_> = channel.items.iter().map(image).collect();
    let url = |job: JobId| Some(format!("{PUBLIC_URL}{feed}/{job}.cover"));
    assert_eq!(told, [None, url(without), url(with)]);
    let found = world.get_as_nobody(&format!("{feed}/{with}.cover")).await;
    assert_eq!((found.status.as_u16(), found.header("content-type")), (200, "image/png"));
    assert!(found.body.ends_with(b"rest!"));
    for job in [without, other] {
        let found = world.get_as_nobody(&format!("{feed}/{job}.cover")).await;
        assert_eq!((found.status.as_u16(), found.header("location")), (302, "../cover.png"));
    }
}

#[tokio::test]
async fn audio_comes_whole_in_parts_and_as_a_head() {
    let world = World::new().await;
    let feed = world.feed(world.anna, &json!({})).await;
    world.made(world.anna, "a.mp4", &[]).await;
    let path = path(&world.channel(&feed).await.items[0]);
    let whole = world.get_as_nobody(&path).await;
    assert_eq!((whole.status.as_u16(), whole.body.len()), (200, 1000));
    assert_eq!(whole.header("content-type"), "audio/mpeg");
    let head = world.fetch(Method::HEAD, &path, &[]).await;
    assert_eq!((head.header("content-length"), head.header("accept-ranges")), ("1000", "bytes"));
    assert!(head.body.is_empty());
    let etag = whole.header("etag");
    let rest = world.fetch(Method::GET, &path, &[("range", "bytes=600-"), ("if-range", etag)]).await;
    assert_eq!((rest.status.as_u16(), &rest.body[..]), (206, &whole.body[600..]));
    assert_eq!(world.fetch(Method::GET, &path, &[("if-none-match", etag)]).await.status, 304);
}

#[tokio::test]
async fn a_feed_is_fetched_again_only_if_it_has_changed() {
    let world = World::new().await;
    let feed = world.feed(world.anna, &json!({})).await;
    let job = world.made(world.anna, "a.mp4", &[]).await;
    let url = format!("{feed}.xml");
    let fresh = world.get_as_nobody(&url).await;
    assert_eq!(fresh.header("last-modified"), "", "this second is not over");
    let etag = fresh.header("etag").to_owned();
    let known = world.fetch(Method::GET, &url, &[("if-none-match", &etag)]).await;
    assert_eq!((known.status.as_u16(), known.header("etag"), known.body.len()), (304, etag.as_str(), 0));
    let weak = format!("\"other\", W/{etag}");
    assert_eq!(world.fetch(Method::GET, &url, &[("if-none-match", &weak)]).await.status, 304);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let head = world.fetch(Method::HEAD, &url, &[]).await;
    assert_eq!(head.header("content-length"), fresh.body.len().to_string());
    let modified = head.header("last-modified").to_owned();
    assert_eq!(world.fetch(Method::GET, &url, &[("if-modified-since", &modified)]).await.status, 304);
    let old = httpdate::fmt_http_date(std::time::SystemTime::now() - Duration::from_secs(2 * 86_400));
    assert_eq!(world.fetch(Method::GET, &url, &[("if-modified-since", &old)]).await.status, 200);
    // What is deleted is gone from the feed at once, for all who ask.
    world.db.jobs().delete(job).await.unwrap();
    for header in [("if-none-match", etag.as_str()), ("if-modified-since", modified.as_str())] {
        let changed = world.fetch(Method::GET, &url, &[header]).await;
        assert_eq!(changed.status, 200, "{header:?}");
        assert!(Channel::read_from(changed.body.as_ref()).unwrap().items.is_empty());
    }
}

#[tokio::test]
async fn a_feed_of_a_folder_has_its_jobs_alone() {
    let world = World::new().await;
    let feed = world.feed(world.anna, &json!({"folder": "Talks & <more>"})).await;
    let inside = world.made(world.anna, "a.mp4", &[("folder", "Talks & <more>")]).await;
    let outside = world.made(world.anna, "b.mp4", &[("folder", "talks & <more>")]).await;
    let channel = world.channel(&feed).await;
    assert_eq!(ids(&channel), [inside.to_string()]);
    assert_eq!(channel.title, "Talks & <more> (Tapedeck)");
    assert_eq!(world.get_as_nobody(&format!("{feed}/{inside}.mp3")).await.status, 200);
    assert_eq!(world.get_as_nobody(&format!("{feed}/{outside}.mp3")).await.status, 404);
}

#[tokio::test]
async fn what_the_owner_calls_a_job_is_its_title_and_the_name_of_its_file() {
    let world = World::new().await;
    let feed = world.feed(world.anna, &json!({})).await;
    let id = world.made(world.anna, "a.mp4", &[("title", "As asked for")]).await;
    let labels = Labels { name: Some(Some("Überblick".into())), tags: None };
    world.db.jobs().label(id, &labels).await.unwrap();
    assert_eq!(world.channel(&feed).await.items[0].title.as_deref(), Some("Überblick"));
    let answer = world.get(&format!("/jobs/{id}/audio"), &[]).await;
    assert!(answer.header("content-disposition").ends_with("filename*=UTF-8''%C3%9Cberblick.mp3"));
}

#[tokio::test]
async fn whatever_is_not_in_a_feed_does_not_exist() {
    let world = World::new().await;
    let feed = world.feed(world.anna, &json!({})).await;
    let mine = world.made(world.anna, "a.mp4", &[]).await;
    let gone = world.made(world.anna, "b.mp4", &[]).await;
    let hers = world.made(world.eve, "c.mp4", &[]).await;
    let failed = world.failed().await;
    world.db.jobs().delete(gone).await.unwrap();
    let secret = feed.strip_prefix("/feeds/").unwrap();
    let damaged = format!("/feeds/{}x", &secret[..secret.len() - 1]);
    let wrong = if damaged == feed { format!("/feeds/{}y", &secret[..secret.len() - 1]) } else { damaged };
    for path in [
        format!("{feed}/{hers}.mp3"),
        format!("{feed}/{failed}.mp3"),
        format!("{feed}/{gone}.mp3"),
        format!("{feed}/{mine}.m4a"),
        format!("{feed}/{mine}"),
        format!("{feed}/{mine}.mp3.mp3"),
        format!("{feed}/x.mp3"),
        feed.clone(),
        format!("{wrong}.xml"),
        format!("{wrong}/{mine}.mp3"),
        "/feeds/.xml".into(),
        format!("/feeds/{mine}.xml"),
    ] {
        let answer = world.get_as_nobody(&path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(secret), "the secret is told");
    }
}

#[tokio::test]
async fn a_feed_can_be_shown_again_and_removed_by_its_owner_with_a_log_in() {
    let world = World::new().await;
    let feed = world.feed(world.anna, &json!({"folder": "Talks"})).await;
    world.made(world.anna, "a.mp4", &[("folder", "Talks")]).await;
    let audio = path(&world.channel(&feed).await.items[0]);
    let listed = world.get("/me/feeds", &[]).await.json();
    assert_eq!(listed["feeds"][0]["url"], format!("{PUBLIC_URL}{feed}.xml"));
    assert_eq!(listed["feeds"][0]["folder"], "Talks");
    let id = listed["feeds"][0]["id"].as_str().unwrap().to_owned();
    let own = format!("/me/feeds/{id}");
    let of_eve = world.call(Method::DELETE, &own, world.eve, &[], Body::empty()).await;
    assert_eq!(of_eve.status, 404);
    assert_eq!(world.get_as_nobody("/me/feeds").await.status, 401);
    let gone = world.call(Method::DELETE, &own, world.anna, &[], Body::empty()).await;
    assert_eq!(gone.status, 204);
    for path in [format!("{feed}.xml"), audio] {
        assert_eq!(world.get_as_nobody(&path).await.status, 404);
    }
    let feed = world.feed(world.eve, &json!({})).await;
    for (disabled, status) in [(true, 404), (false, 200)] {
        let lock = UserChanges { disabled: Some(disabled), ..UserChanges::default() };
        world.db.change_user(world.eve, &lock).await.unwrap().unwrap().unwrap();
        assert_eq!(world.get_as_nobody(&format!("{feed}.xml")).await.status.as_u16(), status);
    }
    let all = world.call(Method::DELETE, "/me/feeds", world.eve, &[], Body::empty()).await;
    assert_eq!(all.status, 204);
    assert_eq!(world.get_as_nobody(&format!("{feed}.xml")).await.status, 404);
}

#[tokio::test]
async fn a_feed_that_is_asked_for_again_is_the_same_one() {
    let world = World::new().await;
    let ask = async |folder: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "8e03978e")];
        let body = json!({"folder": folder}).to_string();
        world.call(Method::POST, "/me/feeds", world.anna, &headers, Body::from(body)).await
    };
    let (made, again, other) = (ask("Talks").await, ask("Talks").await, ask("Songs").await);
    assert_eq!((made.status.as_u16(), again.status.as_u16(), other.status.as_u16()), (201, 201, 422));
    assert_eq!(made.json(), again.json());
    let feed = format!("/me/feeds/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(world.as_json(world.anna, Method::DELETE, &feed, &Value::Null).await.status, 204);
    let gone = ask("Talks").await;
    assert_eq!(
        (gone.status.as_u16(), gone.json()["type"].clone()),
        (409, json!("/docs/errors#idempotency-key-used"))
    );
}

#[tokio::test]
async fn feeds_that_make_no_sense_are_refused() {
    let world = World::new().await;
    for body in
        [json!({"folder": ""}), json!({"folder": " a"}), json!({"folder": "x".repeat(65)}), json!({"x": 1})]
    {
        assert_eq!(world.as_json(world.anna, Method::POST, "/me/feeds", &body).await.status, 422, "{body}");
    }
    for _ in 0..50 {
        world.feed(world.anna, &json!({})).await;
    }
    let answer = world.as_json(world.anna, Method::POST, "/me/feeds", &json!({})).await;
    assert_eq!(answer.status, 409);
    world.feed(world.eve, &json!({})).await;
}
