//! Neither memory nor open files grow with what clients do.

use std::time::Duration;

use reqwest::{Body, Method};
use tapedeck_tests::{Setup, memory_mib, mp4_of};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

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
