//! Downloads over a real connection: what stays on the wire, and clients that hang up.

use std::time::Duration;

use crate::world::World;
use contracts::{AudioId, Timestamp};
use runtime::{CancellationToken, ServeConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const DAY: Duration = Duration::from_secs(86_400);

async fn connection(world: &World) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = world.router.clone();
    tokio::spawn(async move {
        runtime::serve(listener, router, &ServeConfig::default(), CancellationToken::new()).await
    });
    TcpStream::connect(address).await.unwrap()
}

fn request(method: &str, world: &World, audio: AudioId, header: &str) -> String {
    let token = world.links.sign(audio, Timestamp::now().after(DAY));
    format!("{method} /download?fid={audio}&token={token} HTTP/1.1\r\nhost: x\r\n{header}\r\n")
}

#[tokio::test]
async fn answers_without_a_body_leave_the_connection_usable() {
    let world = World::new().await;
    let (_, audio) = world.done("a.mp4", &[7; 5000], DAY).await;
    let mut stream = connection(&world).await;
    let known = format!("if-none-match: \"{audio}\"\r\n");
    stream.write_all(request("GET", &world, audio, &known).as_bytes()).await.unwrap();
    let not_modified = head(&mut stream).await;
    assert!(not_modified.starts_with("HTTP/1.1 304"), "{not_modified}");
    assert!(!not_modified.contains("content-length: 0"), "{not_modified}");
    stream.write_all(request("HEAD", &world, audio, "").as_bytes()).await.unwrap();
    let head = head(&mut stream).await;
    assert!(head.contains("content-length: 5000\r\n"), "{head}");
    let last = request("GET", &world, audio, "range: bytes=0-9\r\nconnection: close\r\n");
    stream.write_all(last.as_bytes()).await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 206") && rest.ends_with(&"\u{7}".repeat(10)), "{rest}");
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_file_open() {
    let world = World::new().await;
    let (_, audio) = world.done("a.mp4", &vec![7; 40_000_000], DAY).await;
    let open = || {
        let files = std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| entry.unwrap().path().read_link().ok());
        files.filter(|path| path.ends_with(audio.to_string())).count()
    };
    let mut stream = connection(&world).await;
    stream.write_all(request("GET", &world, audio, "").as_bytes()).await.unwrap();
    head(&mut stream).await;
    assert_eq!(open(), 1);
    drop(stream);
    for _ in 0..100 {
        if open() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the file is still open");
}
