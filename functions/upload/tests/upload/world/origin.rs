//! Servers that links lead to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// A server that answers each path in its way, and counts who connects.
pub(crate) struct Server {
    pub(crate) home: String,
    connections: Arc<AtomicUsize>,
    pub(crate) heads: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Server {
    /// `answer` gets the path and writes whatever it likes.
    pub(crate) async fn start<F>(answer: impl Fn(String, TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let home = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { home, connections: Arc::default(), heads: Arc::default() };
        let (connections, heads) = (Arc::clone(&server.connections), Arc::clone(&server.heads));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let mut reader = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).await.unwrap_or(0) > 0 {}
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                heads.lock().unwrap().push(head);
                tokio::spawn(answer(path, reader.into_inner()));
            }
        });
        server
    }

    /// The same answer for every path.
    pub(crate) async fn saying(answer: Vec<u8>) -> Self {
        let answer: Arc<[u8]> = answer.into();
        Self::start(move |_, mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
                // A connection closed with something unread is reset.
                let _ = stream.read(&mut [0; 1]).await;
            }
        })
        .await
    }

    pub(crate) fn calls(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// One of these answers for each path: `/0`, `/1` ...
pub(crate) async fn answering(answers: Vec<Vec<u8>>) -> Server {
    let answers: Arc<[Vec<u8>]> = answers.into();
    Server::start(move |path, mut stream| {
        let answers = Arc::clone(&answers);
        async move {
            let place: usize = path.trim_start_matches('/').parse().unwrap();
            let _ = stream.write_all(&answers[place]).await;
            let _ = stream.shutdown().await;
            let _ = stream.read(&mut [0; 1]).await;
        }
    })
    .await
}

/// `200` with this body and these headers.
pub(crate) fn file(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub(crate) fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}
