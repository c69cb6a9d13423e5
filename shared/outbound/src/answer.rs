//! What a host answers: a head, and a body that comes as it is read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body as _, Incoming},
    header::HeaderName,
};
use tokio::task::JoinSet;

/// The head of an answer, with its body behind. Dropped, it ends the connection.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    content: Content,
}

impl Answer {
    pub(crate) fn new(response: Response<Incoming>, driver: JoinSet<()>) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status, headers: head.headers, content: Content { body, _driver: driver } }
    }

    /// A header, if it is there and plain text.
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, as the host sends it: never decompressed.
    #[must_use]
    pub fn into_content(self) -> Content {
        self.content
    }

    /// The body whole, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// If it is cut off or longer.
    pub async fn read(self, limit: usize) -> io::Result<Vec<u8>> {
        let mut content = self.into_content();
        let mut all = Vec::new();
        while let Some(bytes) = content.try_next().await? {
            all.extend_from_slice(&bytes);
            if all.len() > limit {
                return Err(io::Error::other(format!("the answer is longer than {limit} bytes")));
            }
        }
        Ok(all)
    }
}

/// A body as a stream. One that ends earlier than its length says is an error.
#[derive(Debug)]
pub struct Content {
    body: Incoming,
    /// What moves the connection.
    _driver: JoinSet<()>,
}

impl Stream for Content {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => None,
                Some(Err(error)) => Some(Err(io::Error::other(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Some(Ok(bytes)),
                    // Trailers say nothing to us.
                    Err(_) => continue,
                },
            });
        }
    }
}
