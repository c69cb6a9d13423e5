//! What of a form is not its video. multer gathers all it can get until it finds a boundary or the end of a part's
//! head, so what it gets is counted and handed on in small pieces.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;

use crate::pace::Broken;

/// Most bytes of a form besides its video: all boundaries, heads and options together.
pub(crate) const MAX_FRAME: u64 = 256 * 1024;
/// Most bytes from one part's head to the next one's.
const MAX_STRETCH: u64 = 64 * 1024;
/// A piece of the frame. A part's head and its first bytes come in one, so it is not much more than a head.
const PIECE: usize = 4 * 1024;

/// What is counted, and whether it is.
#[derive(Clone, Default)]
pub(crate) struct Frame(Arc<Counters>);

#[derive(Default)]
struct Counters {
    in_file: AtomicBool,
    total: AtomicU64,
    stretch: AtomicU64,
}

impl Frame {
    /// A part's head was read.
    pub(crate) fn part_begins(&self) {
        self.0.stretch.store(0, Relaxed);
    }

    /// From here on the video comes, which does not count, until [`file_ends`](Self::file_ends).
    pub(crate) fn file_begins(&self) {
        self.0.in_file.store(true, Relaxed);
    }

    pub(crate) fn file_ends(&self) {
        self.0.in_file.store(false, Relaxed);
    }

    fn count(&self, bytes: usize) -> Result<(), Broken> {
        let bytes = bytes as u64;
        let over = |counter: &AtomicU64, most| counter.fetch_add(bytes, Relaxed) + bytes > most;
        if over(&self.0.stretch, MAX_STRETCH) {
            return Err(Broken::Frame(MAX_STRETCH));
        }
        if over(&self.0.total, MAX_FRAME) { Err(Broken::Frame(MAX_FRAME)) } else { Ok(()) }
    }
}

/// A body as multer gets it: one piece a poll, because it polls until there is none.
pub(crate) struct Framed<S> {
    body: S,
    frame: Frame,
    /// Came already, not handed on yet.
    rest: Bytes,
    /// Something was handed on since the last pause.
    handed: bool,
}

impl<S> Framed<S> {
    pub(crate) fn new(body: S) -> Self {
        Self { body, frame: Frame::default(), rest: Bytes::new(), handed: false }
    }

    pub(crate) fn frame(&self) -> Frame {
        self.frame.clone()
    }

    /// What has not been read.
    pub(crate) fn into_body(self) -> S {
        self.body
    }
}

impl<S: Stream<Item = Result<Bytes, Broken>> + Unpin> Stream for Framed<S> {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.handed) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(cx)) {
                Some(Ok(bytes)) => self.rest = bytes,
                end => return Poll::Ready(end),
            }
        }
        self.handed = true;
        if self.frame.0.in_file.load(Relaxed) {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
        }
        let most = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(most);
        Poll::Ready(Some(self.frame.count(piece.len()).map(|()| piece)))
    }
}
