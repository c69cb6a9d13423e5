//! What people come for, from the first call to the mail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{Cursor, Read as _},
    time::{Duration, Instant},
};

use blobs::{Blob, Bucket};
use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tapedeck_tests::{Platform, User, close, fixture, listen, probe};

async fn audio_of(user: &User, job: &Value) -> Bytes {
    let answer = user.get(job["links"]["audio"].as_str().unwrap()).await;
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap()
}

async fn stored(platform: &Platform, bucket: Bucket) -> Vec<Blob> {
    platform.blobs().page(bucket, None, 100).await.unwrap().into_iter().map(|stored| stored.blob).collect()
}

/// The sweep removes what no job names any more.
async fn none_is_stored(platform: &Platform, bucket: Bucket) {
    let until = Instant::now() + Duration::from_secs(60);
    while !stored(platform, bucket).await.is_empty() {
        assert!(Instant::now() < until, "{bucket:?} are left");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_video_becomes_an_mp3_and_a_mail_with_a_link_that_needs_no_token() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let job = ann.ended(&ann.upload_fixture("moov-end.mp4", &[]).await).await;
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(job["attempts"], 1);
    assert_eq!(job["source"]["name"], "moov-end.mp4");
    assert_eq!(job["source"]["container"], "mp4");
    assert_eq!(job["source"]["codec"], "aac");
    let mp3 = audio_of(&ann, &job).await;
    assert_eq!(job["audio"]["bytes"], mp3.len());
    let expected = job["source"]["duration"].as_f64().unwrap();
    assert!(close(listen(&mp3).await.duration, expected), "not {expected} s");

    platform.settle().await;
    let mails = platform.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("To"), Some(ann.email.as_str()));
    assert!(mails[0].header("Subject").unwrap().starts_with("Your MP3 is ready: "));
    assert!(mails[0].text().contains(job["audio"]["id"].as_str().unwrap()), "the audio's id");
    let linked = reqwest::get(mails[0].link().unwrap()).await.unwrap();
    assert_eq!(linked.status(), 200);
    assert_eq!(linked.bytes().await.unwrap(), mp3);
    platform.finish().await;
}

#[tokio::test]
async fn the_three_calls_of_the_tutorials_work_as_they_stand_there() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    // `log_in` is `curl -X POST .../login -u email:password`: the answer is the bare token.
    assert_eq!(ann.token.split('.').count(), 3);
    // curl -X POST -F 'file=@./video.mp4' -H 'Authorization: Bearer ...' .../upload
    let answer = ann.upload("video.mp4", fixture("moov-front.mp4"), &[]).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let accepted: Value = answer.json().await.unwrap();
    assert_eq!(accepted["links"]["self"], location);
    let id = accepted["id"].as_str().unwrap();
    let job = ann.ended(id).await;
    // curl --output mp3_download.mp3 -X GET -H 'Authorization: Bearer ...' ".../download?fid=..."
    for fid in [job["audio"]["id"].as_str().unwrap(), id] {
        let answer = ann.get(&format!("/download?fid={fid}")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "audio/mpeg");
        assert_eq!(answer.headers()["content-length"], job["audio"]["bytes"].to_string().as_str());
    }
    platform.finish().await;
}

#[tokio::test]
async fn every_container_becomes_an_mp3_of_the_length_of_its_sound() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let names = [
        "moov-end.mp4",
        "moov-front.mp4",
        "video.mkv",
        "video.webm",
        "video.mov",
        "video.avi",
        "surround.mp4",
    ];
    for name in names {
        let id = ann.upload_fixture(name, &[]).await;
        let job = ann.ended(&id).await;
        assert_eq!(job["state"], "done", "{name}: {job}");
        let heard = listen(&audio_of(&ann, &job).await).await;
        let said = job["source"]["duration"].as_f64().unwrap();
        assert!(close(heard.duration, said), "{name}: {:?} of {said} s", heard.duration);
        assert_eq!(heard.channels, 2, "{name}");
    }
    platform.settle().await;
    assert_eq!(platform.mails().len(), names.len());
    platform.finish().await;
}

#[tokio::test]
async fn a_raw_body_is_as_good_as_a_form() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let request = ann.request(Method::POST, "/upload?filename=talk.mkv&quality=9&channels=1");
    let accepted: Value = request.body(fixture("video.mkv")).send().await.unwrap().json().await.unwrap();
    let job = ann.ended(accepted["id"].as_str().unwrap()).await;
    assert_eq!((&job["state"], &job["source"]["name"]), (&"done".into(), &"talk.mkv".into()), "{job}");
    assert_eq!(job["options"]["quality"], 9);
    assert_eq!(listen(&audio_of(&ann, &job).await).await.channels, 1);
    platform.finish().await;
}

#[tokio::test]
async fn an_upload_that_is_sent_again_is_converted_once() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let send = async || {
        let request = ann.upload("talk.mp4", fixture("moov-end.mp4"), &[("quality", "9")]);
        let answer = request.header("idempotency-key", "\"8e03978e-40d5-43dd-bc93\"").send().await.unwrap();
        let (status, location) = (answer.status(), answer.headers()["location"].clone());
        (status, location, answer.json::<Value>().await.unwrap())
    };
    let first = send().await;
    assert_eq!(first.0, StatusCode::ACCEPTED);
    assert_eq!(send().await, first, "with another boundary");
    assert_eq!(ann.ended(first.2["id"].as_str().unwrap()).await["state"], "done");
    assert_eq!(send().await, first);
    platform.settle().await;
    assert_eq!((ann.all_jobs().await.len(), platform.mails().len()), (1, 1));
    platform.finish().await;
}

#[tokio::test]
async fn options_are_honoured() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let options = [
        ("bitrate", "128"),
        ("sample_rate", "32000"),
        ("channels", "1"),
        ("start", "0:01"),
        ("end", "2.5"),
        ("title", "Ümläut & Co"),
        ("artist", "Ann"),
        ("notify", "none"),
    ];
    let job = ann.ended(&ann.upload_fixture("moov-end.mp4", &options).await).await;
    assert_eq!(job["state"], "done", "{job}");
    let mp3 = audio_of(&ann, &job).await;
    let heard = listen(&mp3).await;
    assert!(close(heard.duration, 1.5), "{:?}", heard.duration);
    let said = probe(&mp3).await;
    assert_eq!((said.streams[0].sample_rate, said.streams[0].channels), (Some(32000), Some(1)));
    assert_eq!(said.tags["title"], "Ümläut & Co");
    assert_eq!(said.tags["artist"], "Ann");
    let rate = job["audio"]["bitrate"].as_u64().unwrap();
    assert!((120_000..150_000).contains(&rate), "{rate}");
    platform.settle().await;
    assert!(platform.mails().is_empty(), "notify=none");
    platform.finish().await;
}

#[tokio::test]
async fn chapters_become_files_in_a_zip() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let options = [("chapters", "split"), ("title", "The Whole")];
    let job = ann.ended(&ann.upload_fixture("chapters.mp4", &options).await).await;
    assert_eq!(job["state"], "done", "{job}");
    let answer = ann.get(job["links"]["audio"].as_str().unwrap()).await;
    assert_eq!(answer.headers()["content-type"], "application/zip");
    assert!(answer.headers()["content-disposition"].to_str().unwrap().ends_with(".zip"));
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(job["audio"]["bytes"], bytes.len());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 2);
    for (name, title, length) in [("01 One.mp3", "One", 1.5), ("02 Zwei.mp3", "Zwei", 2.52)] {
        let mut mp3 = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut mp3).unwrap();
        let mp3 = Bytes::from(mp3);
        assert!(close(listen(&mp3).await.duration, length), "{name}");
        let tags = probe(&mp3).await.tags;
        assert_eq!((tags["title"].as_str(), tags["album"].as_str()), (title, "The Whole"));
    }
    platform.settle().await;
    assert!(platform.mails()[0].header("Subject").unwrap().starts_with("Your audio is ready: "));
    assert_eq!(stored(&platform, Bucket::Audios).await.len(), 1, "the parts are in the zip alone");
    platform.finish().await;
}

#[tokio::test]
async fn a_waveform_comes_with_the_audio_and_goes_with_it() {
    let platform = Platform::start().await;
    let (ann, bob) = (platform.new_user().await, platform.new_user().await);
    let mut shown = Vec::new();
    // Converted, then answered by the earlier result.
    for _ in 0..2 {
        let job = ann.ended(&ann.upload_fixture("moov-end.mp4", &[("peaks", "true")]).await).await;
        let path = job["links"]["peaks"].as_str().unwrap().to_owned();
        let answer = ann.get(&path).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/json");
        let peaks: Value = answer.json().await.unwrap();
        let length = peaks["length"].as_f64().unwrap() * peaks["samples_per_pixel"].as_f64().unwrap();
        let seconds = length / peaks["sample_rate"].as_f64().unwrap();
        assert!((seconds - job["audio"]["duration"].as_f64().unwrap()).abs() < 0.1, "{seconds} s");
        assert_eq!(bob.get(&path).await.status(), 404);
        shown.push((peaks, job["links"]["self"].as_str().unwrap().to_owned(), path));
    }
    assert_eq!(shown[0].0, shown[1].0);
    let plain = ann.ended(&ann.upload_fixture("moov-end.mp4", &[]).await).await;
    assert!(plain["links"]["peaks"].is_null(), "{plain}");
    assert_eq!(stored(&platform, Bucket::Peaks).await.len(), 2);
    platform.settle().await;
    for (_, job, path) in shown {
        assert_eq!(ann.request(Method::DELETE, &job).send().await.unwrap().status(), StatusCode::NO_CONTENT);
        assert_eq!(ann.get(&path).await.status(), 404);
    }
    none_is_stored(&platform, Bucket::Peaks).await;
    assert_eq!(stored(&platform, Bucket::Audios).await.len(), 1, "that of the job without");
    platform.finish().await;
}

#[tokio::test]
async fn a_video_without_sound_is_answered_by_a_polite_mail() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let job = ann.ended(&ann.upload_fixture("silent-movie.mp4", &[]).await).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&"failed".into(), &"no_audio".into()));
    assert!(job["audio"].is_null());
    let audio = ann.get(&format!("/download?fid={}", job["id"].as_str().unwrap())).await;
    assert_eq!(audio.status(), 409);
    platform.settle().await;
    let mails = platform.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text().contains("no sound"), "{}", mails[0].raw);
    platform.finish().await;
}

#[tokio::test]
async fn failures_are_told_apart_and_the_next_job_is_not_harmed() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let mut noise = fixture("moov-front.mp4")[..64].to_vec();
    noise.extend((0..50_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    let answer = ann.upload("noise.mp4", noise, &[]).send().await.unwrap();
    let accepted: Value = answer.json().await.unwrap();
    let job = ann.ended(accepted["id"].as_str().unwrap()).await;
    assert_eq!(job["error"]["code"], "unreadable", "{job}");
    let job = ann.ended(&ann.upload_fixture("unsupported.mkv", &[]).await).await;
    assert_eq!(job["error"]["code"], "unsupported_codec", "{job}");
    let job = ann.ended(&ann.upload_fixture("moov-end.mp4", &[("start", "1:30")]).await).await;
    assert_eq!(job["error"]["code"], "start_too_late", "{job}");
    assert!(job["error"]["detail"].as_str().unwrap().contains("the sound ends at 0:00:04"), "{job}");
    let job = ann.ended(&ann.upload_fixture("video.mkv", &[]).await).await;
    assert_eq!(job["state"], "done");
    platform.finish().await;
}

#[tokio::test]
async fn a_video_cut_in_half_is_done_with_a_warning() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let job = ann.ended(&ann.upload_fixture("cut.mp4", &[]).await).await;
    assert_eq!(job["state"], "done", "{job}");
    assert!(job["warning"].as_str().unwrap().contains("ends early"), "{job}");
    platform.finish().await;
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(ann.upload_fixture("video.mkv", &[]).await);
        // Ids are in order from one millisecond to the next.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    ids.reverse();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page: Value = ann.get(&format!("/jobs?limit=2{cursor}")).await.json().await.unwrap();
        found.extend(
            page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, ids);
    assert_eq!(ann.get("/jobs?limit=0").await.status(), 422);
    assert_eq!(ann.get("/jobs?cursor=x").await.status(), 400);
    platform.finish().await;
}

#[tokio::test]
async fn a_deleted_job_is_gone_with_its_blobs() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let id = ann.upload_fixture("video.mkv", &[]).await;
    ann.ended(&id).await;
    let path = format!("/jobs/{id}");
    platform.settle().await;
    assert_eq!(ann.request(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(ann.get(&path).await.status(), 404);
    assert_eq!(ann.get(&format!("/download?fid={id}")).await.status(), 404);
    assert_eq!(ann.request(Method::DELETE, &path).send().await.unwrap().status(), 404);
    none_is_stored(&platform, Bucket::Videos).await;
    none_is_stored(&platform, Bucket::Audios).await;
    platform.finish().await;
}

#[tokio::test]
async fn a_running_job_stops_when_it_is_canceled_and_can_be_tried_again() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let long = tapedeck_tests::long_wav(Duration::from_secs(3600));
    // Six times the samples, and the best quality: work for many seconds.
    let options = [("sample_rate", "48000"), ("quality", "0")];
    let answer = ann.upload("long.wav", reqwest::Body::wrap_stream(long), &options).send().await.unwrap();
    let id = answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    while ann.job(&id).await["progress"].as_f64().unwrap() == 0.0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let canceled = ann.request(Method::POST, &format!("/jobs/{id}/cancel")).send().await.unwrap();
    assert_eq!(canceled.status(), 200);
    assert_eq!(canceled.json::<Value>().await.unwrap()["state"], "canceled");
    let again = ann.request(Method::POST, &format!("/jobs/{id}/cancel")).send().await.unwrap();
    assert_eq!(again.status(), 200, "who asks again because the answer was lost gets the same");
    platform.settle().await;
    assert!(platform.mails().is_empty(), "who cancels needs no mail");

    let retried = ann.request(Method::POST, &format!("/jobs/{id}/retry")).send().await.unwrap();
    assert_eq!(retried.json::<Value>().await.unwrap()["state"], "queued");
    let deleted = ann.request(Method::DELETE, &format!("/jobs/{id}")).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    platform.finish().await;
}
