//! A body must keep coming. This watches the stream itself, so it covers whatever is read from it: a video, the frame
//! of a form, options, and what is read after a refusal.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::BodyDataStream;
use bytes::Bytes;
use futures_util::Stream;
use tokio::time::{Instant, Sleep, sleep};

/// Why a body does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the body ended early")]
    CutOff,
    #[error("too few bytes for too long")]
    Stalled,
    #[error("more than {0} bytes of a form belong to no part")]
    Frame(u64),
}

/// What must come at least.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// In this time ...
    pub(crate) time: Duration,
    /// ... so many bytes must come, or the end.
    pub(crate) bytes: u64,
}

/// A body that ends with [`Broken::Stalled`] if it comes slower than [`Pace`]. Only the time that we wait for the client
/// counts, not the time that the client waits for us.
pub(crate) struct PacedBody<S = BodyDataStream> {
    body: S,
    pace: Pace,
    deadline: Pin<Box<Sleep>>,
    /// Bytes since the deadline was set.
    came: u64,
    /// When something was handed on: until the next poll it is our time that passes.
    handed: Option<Instant>,
    ended: bool,
}

impl<S> PacedBody<S> {
    pub(crate) fn new(body: S, pace: Pace) -> Self {
        let deadline = Box::pin(sleep(pace.time));
        Self { body, pace, deadline, came: 0, handed: Some(Instant::now()), ended: false }
    }

    fn count(&mut self, bytes: usize) {
        let now = Instant::now();
        self.came += bytes as u64;
        if self.came >= self.pace.bytes {
            self.came = 0;
            self.deadline.as_mut().reset(now + self.pace.time);
        }
        self.handed = Some(now);
    }
}

impl<S, E> Stream for PacedBody<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(handed) = self.handed.take() {
            let later = self.deadline.deadline() + handed.elapsed();
            self.deadline.as_mut().reset(later);
        }
        let broken = match Pin::new(&mut self.body).poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.count(bytes.len());
                return Poll::Ready(Some(Ok(bytes)));
            }
            Poll::Ready(None) => None,
            Poll::Ready(Some(Err(_))) => Some(Err(Broken::CutOff)),
            Poll::Pending if self.deadline.as_mut().poll(cx).is_ready() => Some(Err(Broken::Stalled)),
            Poll::Pending => return Poll::Pending,
        };
        self.ended = true;
        Poll::Ready(broken)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    const PACE: Pace = Pace { time: Duration::from_secs(60), bytes: 100 };

    /// A body that sends `bytes` each `seconds`.
    fn paced(bytes: usize, seconds: u64) -> PacedBody<impl Stream<Item = Result<Bytes, Infallible>> + Unpin> {
        let body = stream::unfold((), move |()| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Some((Ok(Bytes::from(vec![0; bytes])), ()))
        });
        PacedBody::new(Box::pin(body), PACE)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_stalled_though_a_byte_comes_now_and_then() {
        let mut trickle = paced(1, 1);
        let begun = Instant::now();
        let end = loop {
            if let Err(end) = trickle.next().await.unwrap() {
                break end;
            }
        };
        assert_eq!(end, Broken::Stalled);
        assert_eq!(begun.elapsed().as_secs(), 60);
        assert!(trickle.next().await.is_none(), "and that is the end of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_that_keeps_its_pace_goes_on() {
        let mut slow = paced(100, 59);
        for _ in 0..100 {
            assert!(slow.next().await.unwrap().is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_we_take_is_not_the_clients() {
        let mut body = paced(10, 1);
        for _ in 0..50 {
            assert!(body.next().await.unwrap().is_ok());
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
    }
}
