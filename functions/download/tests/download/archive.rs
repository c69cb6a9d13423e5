//! Many audios as one zip.

use std::{
    io::{Cursor, Read as _},
    process::Command,
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, header},
    response::Response,
};
use blobs::{Blob, CHUNK};
use contracts::{AudioId, JobId};
use db::Labels;
use http_body_util::BodyExt as _;
use serde_json::json;
use zip::ZipArchive;

use crate::world::{Answer, World};

const KEEP: Duration = Duration::from_secs(3600);
const MIB: usize = 1024 * 1024;

fn path(ids: &[JobId]) -> String {
    let ids: Vec<_> = ids.iter().map(JobId::to_string).collect();
    format!("/jobs/archive?ids={}", ids.join(","))
}

async fn asked(world: &World, ids: &[JobId]) -> Answer {
    world.get(&path(ids), &[]).await
}

/// The answer while its body is still to come.
async fn begun(world: &World, ids: &[JobId]) -> Response {
    let request = Request::get(path(ids)).header(header::AUTHORIZATION, world.bearer(world.anna));
    world.begin(request.body(Body::empty()).unwrap()).await
}

/// Names and contents.
fn read(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = Vec::new();
    for place in 0..zip.len() {
        let (mut file, mut content) = (zip.by_index(place).unwrap(), Vec::new());
        file.read_to_end(&mut content).unwrap();
        assert_eq!(file.compressed_size(), content.len() as u64, "stored");
        files.push((file.name().unwrap().into_owned(), content));
    }
    files
}

async fn lose(world: &World, audio: AudioId) {
    world.blobs.delete(Blob::Audio(audio)).await.unwrap();
}

#[tokio::test]
async fn many_audios_come_as_one_zip_with_names_that_differ() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for (name, content) in [("talk.mp4", "1"), ("../Füße.mkv", "22"), ("TALK.avi", ""), ("d.mp4", "4444")] {
        ids.push(world.done(name, content.as_bytes(), KEEP).await.0);
    }
    let labels = Labels { name: Some(Some("talk (2)".into())), tags: None };
    world.db.jobs().label(ids[3], &labels).await.unwrap();
    let answer = asked(&world, &[ids[0], ids[1], ids[2], ids[0], ids[3]]).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/zip"));
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"tapedeck.zip\"");
    let files = read(&answer.body);
    let files: Vec<_> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let expected: [(&str, &[u8]); 4] =
        [("talk.mp3", b"1"), ("Füße.mp3", b"22"), ("TALK (2).mp3", b""), ("talk (2) (2).mp3", b"4444")];
    assert_eq!(files, expected);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "another program is to read what we write")]
async fn python_reads_what_is_written() {
    let world = World::new().await;
    let (one, two) = (vec![7; 3 * MIB + 1], b"audio".to_vec());
    let ids = [world.done("Füße.mp4", &one, KEEP).await.0, world.done("b.mp4", &two, KEEP).await.0];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &asked(&world, &ids).await.body).unwrap();
    let script = "import sys, zipfile\nzip = zipfile.ZipFile(sys.argv[1])\nassert zip.testzip() is None\nprint(*[(one.filename, one.file_size, one.compress_type, one.date_time[0] > 2020) for one in zip.infolist()])";
    let output = Command::new("/usr/bin/python3").args(["-c", script]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told.trim(), "('Füße.mp3', 3145729, 0, True) ('b.mp3', 5, 0, True)");
}

#[tokio::test]
async fn without_the_audio_of_each_nothing_is_sent_and_the_answer_says_whose_is_missing() {
    let world = World::new().await;
    let (done, _) = world.done("a.mp4", b"audio", KEEP).await;
    let (lost, audio) = world.done("b.mp4", b"audio", KEEP).await;
    lose(&world, audio).await;
    let (old, _) = world.done("c.mp4", b"audio", Duration::ZERO).await;
    let (failed, waiting) = (world.failed().await, world.queued("d.mp4").await);
    for (job, status) in [(JobId::generate(), 404), (failed, 409), (waiting, 409), (old, 410), (lost, 500)] {
        let answer = asked(&world, &[done, job]).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["job"]),
            (status, &json!(job)),
            "{}",
            answer.json()
        );
    }
    let request = Request::get(path(&[done])).header(header::AUTHORIZATION, world.bearer(world.eve));
    assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.status, 404);
    assert_eq!(world.get("/jobs/archive?ids=x", &[]).await.status, 422);
    assert_eq!(world.get("/jobs/archive", &[]).await.status, 400);
}

#[tokio::test]
async fn a_zip_is_sent_as_it_is_written_a_piece_at_a_time() {
    let world = World::new().await;
    let content = vec![1; 20 * MIB];
    let ids = [world.done("a.mp4", &content, KEEP).await.0, world.done("b.mp4", &content, KEEP).await.0];
    let (mut body, mut total, mut longest) = (begun(&world, &ids).await.into_body(), 0, 0);
    while let Some(frame) = body.frame().await {
        let bytes = frame.unwrap().into_data().unwrap().len();
        (total, longest) = (total + bytes, longest.max(bytes));
    }
    assert!((40 * MIB..40 * MIB + 1000).contains(&total), "{total}");
    assert!(longest < CHUNK + 1000, "{longest}");
}

#[tokio::test]
async fn a_zip_whose_audio_is_lost_on_the_way_breaks_off() {
    let world = World::new().await;
    let first = world.done("a.mp4", &vec![1; 2 * MIB], KEEP).await;
    let second = world.done("b.mp4", b"audio", KEEP).await;
    let response = begun(&world, &[first.0, second.0]).await;
    lose(&world, second.1).await;
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.is_err());
}
