//! Neither memory nor open files grow with what clients do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use reqwest::{Body, Method};
use tapedeck_tests::{Platform, Setup, User, memory_mib, mp4_of};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Sends a form of 300 MB, `head` and then `piece` over and over, as far as the server takes it; the answer's status.
async fn send_endless_form(platform: &Platform, user: &User, head: &[u8], piece: &[u8]) -> u16 {
    const LENGTH: usize = 300_000_000;
    let address = platform.home().strip_prefix("http://").unwrap();
    let (mut answer, mut request) = TcpStream::connect(address).await.unwrap().into_split();
    let begin = format!(
        "POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {LENGTH}\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n",
        user.token
    );
    let (begin, pieces) = ([begin.as_bytes(), head].concat(), piece.repeat(65_536 / piece.len()));
    let sending = tokio::spawn(async move {
        // It is refused long before its end: then the connection breaks.
        let mut left = LENGTH;
        let mut sent = request.write_all(&begin).await;
        while sent.is_ok() && left > 0 {
            sent = request.write_all(&pieces).await;
            left = left.saturating_sub(pieces.len());
        }
        request
    });
    let mut status = [0; 12];
    answer.read_exact(&mut status).await.unwrap();
    sending.abort();
    String::from_utf8_lossy(&status[9..]).parse().unwrap()
}

#[tokio::test]
async fn a_form_without_a_boundary_or_with_an_endless_head_is_refused_within_150_mib() {
    let platform = Setup::default().start_embedded();
    let ann = platform.new_user().await;
    let field = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nx\r\n";
    for (head, piece) in [("", "\0"), ("--x\r\nContent-Disposition: ", "x"), ("", field)] {
        assert_eq!(
            send_endless_form(&platform, &ann, head.as_bytes(), piece.as_bytes()).await,
            400,
            "{piece:?}"
        );
    }
    let peak = memory_mib(platform.pid(), "VmHWM:");
    println!("at most {peak} MiB");
    assert!(peak < 150, "{peak} MiB");
    platform.finish().await;
}

#[tokio::test]
async fn a_large_upload_and_its_conversion_stay_within_150_mib() {
    let platform = Setup::default().start_embedded();
    let ann = platform.new_user().await;
    let video = futures_util::stream::iter(mp4_of(700 * 1024 * 1024).map(Ok::<_, std::io::Error>));
    let answer = ann.request(Method::POST, "/upload").body(Body::wrap_stream(video)).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let id = answer.json::<serde_json::Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let job = ann.ended(&id).await;
    assert_eq!(job["state"], "done", "{job}");
    let peak = memory_mib(platform.pid(), "VmHWM:");
    assert!(peak < 150, "{peak} MiB");
    platform.finish().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_during_a_download_harms_nobody() {
    let platform = Setup::default().start_embedded();
    let ann = platform.new_user().await;
    let id = ann.upload_fixture("video.mkv", &[]).await;
    ann.ended(&id).await;
    let open_files = || std::fs::read_dir(format!("/proc/{}/fd", platform.pid())).unwrap().count();
    let before = open_files();
    for _ in 0..20 {
        let address = platform.home().strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /download?fid={id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
            ann.token
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        connection.read_exact(&mut [0; 500]).await.unwrap();
    }
    for _ in 0..100 {
        if open_files() <= before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(open_files() <= before, "{} files are open, {before} were", open_files());
    assert_eq!(ann.get(&format!("/download?fid={id}")).await.status(), 200);
    platform.finish().await;
}
