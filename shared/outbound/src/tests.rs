use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http_body_util::Empty;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

const PUBLIC: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const PRIVATE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// In the world of these tests one address of this machine is public, and all others are not.
fn is_public(address: IpAddr) -> bool {
    address == PUBLIC
}

/// A server that says on which address it was called.
async fn server(address: Ipv4Addr, port: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((address, port)).await.unwrap();
    let (port, calls) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 1000]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        }
    });
    (port, calls)
}

fn get() -> Request<Empty<Bytes>> {
    Request::new(Empty::new())
}

#[tokio::test]
async fn a_name_that_means_another_address_the_second_time_is_asked_once_for_each_connection() {
    let (port, public) = server(PUBLIC, 0).await;
    let (_, private) = server(PRIVATE, port).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let names = {
        let asked = Arc::clone(&asked);
        move |_: &str| match asked.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => vec![PUBLIC.into()],
            _ => vec![PRIVATE.into()],
        }
    };
    let outbound = Outbound::new(Rules::default(), Trust::public()).unwrap().in_a_world(names, is_public);
    let url: Url = format!("https://rebind.example:{port}/").parse().unwrap();
    // The handshake fails, since nobody there speaks TLS: it was the public address that was called.
    assert!(matches!(outbound.send(&url, get()).await, Err(Error::Failed(_))));
    assert_eq!((asked.load(Ordering::SeqCst), public.load(Ordering::SeqCst)), (1, 1));
    // What leads to the same name again, as a redirect does, is held against what the name means by then.
    assert!(matches!(outbound.send(&url, get()).await, Err(Error::Private)));
    assert_eq!((asked.load(Ordering::SeqCst), private.load(Ordering::SeqCst)), (2, 0));
}

#[tokio::test]
async fn of_a_name_with_public_and_private_addresses_only_the_public_ones_are_called() {
    let (port, public) = server(PUBLIC, 0).await;
    let (_, private) = server(PRIVATE, port).await;
    let names = |_: &str| vec![PRIVATE.into(), PUBLIC.into()];
    let outbound = Outbound::new(Rules::default(), Trust::public()).unwrap().in_a_world(names, is_public);
    let url: Url = format!("https://both.example:{port}/").parse().unwrap();
    assert!(outbound.send(&url, get()).await.is_err());
    assert_eq!((public.load(Ordering::SeqCst), private.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn however_a_private_address_is_written_it_is_none_to_call() {
    let outbound = Outbound::new(Rules::default(), Trust::public()).unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "127.0.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "[::]",
        "[::1]",
        "[::ffff:7f00:1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ] {
        // What can't even be read is as good as refused.
        let Ok(url) = format!("https://{host}/").parse::<Url>() else { continue };
        let refused = outbound.send(&url, get()).await;
        // Not every system knows every notation.
        assert!(matches!(refused, Err(Error::Private | Error::Unknown(_))), "{host}");
    }
}

#[tokio::test]
async fn a_trusted_origin_is_called_where_it_is() {
    let (port, _) = server(PRIVATE, 0).await;
    let url: Url = format!("http://127.0.0.2:{port}/a?b#c").parse().unwrap();
    let rules = Rules { trusted: vec![url.clone()], ports: vec![443], ..Rules::default() };
    let answer = Outbound::new(rules, Trust::public()).unwrap().send(&url, get()).await.unwrap();
    assert_eq!(answer.read(10).await.unwrap(), Bytes::from("hi"));
    let strict = Outbound::new(Rules::default(), Trust::public()).unwrap();
    assert!(matches!(strict.send(&url, get()).await, Err(Error::Forbidden(_))));
}
