//! The bytes of a video from a link, with an end: slow ones, endless ones, and those that nobody waits for any more.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use runtime::CancellationToken;
use tokio::time::{Instant, sleep_until};

use crate::pace::{Broken, Pace, PacedBody};

/// `body`, which must keep its pace, be complete at `deadline`, and ends when the client has hung up. (Its size is
/// counted where it is stored.)
pub(super) fn bounded<S, E>(
    body: S,
    pace: Pace,
    deadline: Instant,
    hung_up: CancellationToken,
) -> impl Stream<Item = Result<Bytes, Broken>> + Send
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
{
    let ends: Pin<Box<dyn Future<Output = Broken> + Send>> = Box::pin(async move {
        tokio::select! {
            () = sleep_until(deadline) => Broken::Stalled,
            () = hung_up.cancelled() => Broken::CutOff,
        }
    });
    stream::unfold(Some((PacedBody::new(body, pace), ends)), async |state| {
        let (mut body, mut ends) = state?;
        tokio::select! {
            biased;
            broken = &mut ends => Some((Err(broken), None)),
            next = body.next() => next.map(|next| (next, Some((body, ends)))),
        }
    })
    // Whoever sniffs a short video asks again after its end.
    .fuse()
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use super::*;

    const PACE: Pace = Pace { time: Duration::from_secs(60), bytes: 1 };

    /// A byte each second, for ever.
    fn endless() -> impl Stream<Item = Result<Bytes, Infallible>> + Send + Unpin {
        Box::pin(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_has_a_deadline() {
        let deadline = Instant::now() + Duration::from_secs(100);
        let body = bounded(endless(), PACE, deadline, CancellationToken::new());
        let all: Vec<_> = body.collect().await;
        assert_eq!((all.len(), all.last()), (100, Some(&Err(Broken::Stalled))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_waits_for_ends() {
        let (hung_up, far) = (CancellationToken::new(), Instant::now() + Duration::from_secs(1000));
        let mut body = Box::pin(bounded(endless(), PACE, far, hung_up.clone()));
        assert!(body.next().await.unwrap().is_ok());
        hung_up.cancel();
        assert_eq!(body.next().await, Some(Err(Broken::CutOff)));
        assert_eq!((body.next().await, body.next().await), (None, None));
    }
}
