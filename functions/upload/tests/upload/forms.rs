//! Forms as clients send them: strange but well meant, slow, and hostile.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::world::{TRACEPARENT, World, file, form, option, part, video};
use axum::{body::Body, http::StatusCode};
use bytes::Bytes;
use contracts::{Event as _, VideoUploaded};
use futures_util::{Stream, StreamExt as _, stream};
use upload::UploadConfig;

#[tokio::test]
async fn file_names_are_taken_as_clients_send_them() {
    let world = World::new().await;
    for (disposition, name) in [
        (&b"; filename=\"\xfcber.mp4\""[..], "\u{fc}ber.mp4"),
        (b"; filename*=UTF-8''%c3%bcber.mp4", "\u{fc}ber.mp4"),
        (b"; filename=\"a %22b%22.mp4\"", "a \"b\".mp4"),
        (b"\r\nContent-Type: video/mp4", ""),
        (b"\r\nContent-Type: application/octet-stream", ""),
    ] {
        let job = world.taken(form(&[file(disposition)])).await;
        assert_eq!(job.source.name, name, "{}", disposition.escape_ascii());
        assert_eq!(job.source.bytes, video().len() as u64);
    }
}

#[tokio::test]
async fn what_nobody_filled_in_counts_as_not_given() {
    let world = World::new().await;
    let empty = part(
        b"Content-Disposition: form-data; name=\"g\"; filename=\"\"\r\nContent-Type: application/octet-stream",
        b"",
    );
    let filled = file(b"; filename=\"a.mp4\"");
    world.taken(form(&[filled.clone(), empty.clone()])).await;
    world.taken(form(&[empty.clone(), filled.clone(), empty.clone()])).await;
    let options = ["start", "end", "bitrate", "quality", "title", "webhook", "format"];
    let mut parts: Vec<_> = options.iter().map(|name| option(name, "")).collect();
    parts.push(filled.clone());
    let job = world.taken(form(&parts)).await;
    // What the account says of mails is noted with the job.
    let notify = Some(contracts::NotifyBy::Mail);
    assert_eq!(job.options, contracts::Options { notify, ..contracts::Options::default() });
    let (status, _) = world.post("/upload?start=&filename=a.mp4&end=%20", "video/mp4", video().into()).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (status, answer) = world.form(form(&[filled.clone(), filled])).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "two files are still two: {answer}");
}

#[test]
fn a_form_is_the_same_however_it_is_cut_into_pieces() {
    let parts = [option("title", "a\r\n--y"), file(b"; filename=\"a.mp4\""), option("artist", "")];
    let form = form(&parts);
    let whole = upload::fuzz::form("x", &form, form.len()).unwrap();
    let names: Vec<_> =
        whole.iter().map(|(name, file, size)| (name.as_str(), file.as_deref(), *size)).collect();
    assert_eq!(names, [("title", None, 6), ("f", Some("a.mp4"), video().len()), ("artist", None, 0)]);
    for chunk in [1, 2, 3, 7, 63, 1000, 4096, 4097, 40_000] {
        assert_eq!(upload::fuzz::form("x", &form, chunk).unwrap(), whole, "{chunk}");
    }
    for end in 0..200 {
        assert!(upload::fuzz::form("x", &form[..end], 50).is_err(), "cut off after {end}");
    }
}

/// An endless body that begins with `head`, and how much of it was taken.
fn endless(head: &[u8], chunk: &'static [u8]) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let chunks = stream::once(std::future::ready(Bytes::copy_from_slice(head)))
        .chain(stream::repeat_with(move || Bytes::from_static(chunk)));
    let body = chunks.map(move |bytes| {
        count.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok::<_, io::Error>(bytes)
    });
    (Body::from_stream(body), taken)
}

#[tokio::test]
async fn a_form_without_end_that_holds_no_video_is_refused_early() {
    let world = World::new().await;
    static ZEROS: [u8; 65536] = [0; 65536];
    let file = [
        &b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.mp4\"\r\n\r\n"[..],
        &video(),
        b"\r\n",
    ];
    let file = file.concat();
    let field = b"--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nx\r\n";
    for (what, head, chunk) in [
        ("no boundary", &b""[..], &ZEROS[..]),
        ("an endless head", b"--x\r\nContent-Disposition: ", b"xxxxxxxxxxxxxxxx"),
        ("an endless head of many lines", b"--x\r\n", b"A: b\r\nC: d\r\n"),
        ("an endless head after the video", &[&file[..], b"--x\r\nA: "].concat(), b"xxxxxxxxxxxxxxxx"),
        ("endless padding behind a boundary", b"--x", b"                                "),
        ("fields without end", b"", field),
        (
            "one endless field",
            b"--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n",
            b"xxxxxxxxxxxxxxxx",
        ),
    ] {
        let (body, taken) = endless(head, chunk);
        let (status, answer) = world.form(body).await;
        let wanted = if what == "one endless field" { 422 } else { 400 };
        assert_eq!(status.as_u16(), wanted, "{what}: {answer}");
        // What is read after the refusal included.
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken < 18 * 1024 * 1024, "{what}: {taken} bytes were read");
        world.nothing_is_stored().await;
    }
}

#[tokio::test]
async fn a_boundary_of_no_or_many_bytes_is_refused() {
    let world = World::new().await;
    for boundary in [String::new(), "x".repeat(10_000)] {
        let media_type = format!("multipart/form-data; boundary=\"{boundary}\"");
        let (status, _) = world.post("/upload", &media_type, video().into()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{}", boundary.len());
    }
}

/// `begun`, and then `rest` for ever.
fn slow(begun: Vec<u8>, rest: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    Body::from_stream(
        stream::once(std::future::ready(Bytes::from(begun))).chain(rest).map(Ok::<_, io::Error>),
    )
}

fn trickle() -> impl Stream<Item = Bytes> + Send {
    stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Bytes::from_static(b" "), ()))
    })
}

#[tokio::test]
async fn an_upload_that_stalls_or_trickles_is_given_up_wherever_it_is() {
    let world = World::with(UploadConfig { idle_seconds: 1, ..UploadConfig::default() }).await;
    let half = |part: Vec<u8>| part[..part.len() - 4].to_vec();
    let whole = file(b"; filename=\"a.mp4\"");
    for (what, begun) in [
        ("before the form", Vec::new()),
        ("in a head", b"--x\r\nContent-Disp".to_vec()),
        ("in an option", half(option("title", "a title"))),
        ("in the video", half(whole.clone())),
        ("after the video", whole.clone()),
        ("in an option after the video", [whole, half(option("title", "a title"))].concat()),
    ] {
        let (status, answer) = world.form(slow(begun.clone(), stream::pending())).await;
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT, "silence {what}: {answer}");
        let (status, answer) = world.form(slow(begun, trickle())).await;
        let trickled = [StatusCode::REQUEST_TIMEOUT, StatusCode::BAD_REQUEST];
        assert!(trickled.contains(&status), "a byte now and then {what}: {answer}");
        world.nothing_is_stored().await;
    }
    let (status, _) = world.post("/upload", "video/mp4", slow(video()[..5000].to_vec(), trickle())).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    world.nothing_is_stored().await;
}

#[tokio::test]
async fn an_upload_whose_job_was_removed_ends_soon() {
    let world = World::new().await;
    let more = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Bytes::from(vec![0; 100_000]), ()))
    });
    let head = [video().to_vec(), vec![0; 100_000]].concat();
    let upload = world.post("/upload", "video/mp4", slow(head, more));
    let removal = async {
        loop {
            if let [job] = &world.db.jobs().list(world.anna, 1, None).await.unwrap()[..] {
                break world.db.jobs().delete(job.id).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let both = async { tokio::join!(upload, removal) };
    let ((status, answer), _) = Box::pin(tokio::time::timeout(Duration::from_secs(60), both)).await.unwrap();
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    world.nothing_is_stored().await;
}

#[tokio::test]
async fn the_event_of_an_upload_belongs_to_the_trace_of_its_request() {
    let world = World::new().await;
    let job = world.taken(form(&[file(b"; filename=\"a.mp4\"")])).await;
    let events = world.db.outbox().due(VideoUploaded::TYPE, 10).await.unwrap();
    assert_eq!((events.len(), &events[0].envelope.subject), (1, &job.id.to_string()));
    assert_eq!(events[0].envelope.extensions["traceparent"], TRACEPARENT);
}
