//! The source in blocks, as the worker asks for it.
//!
//! libav reads most files from front to back, with jumps to an index and back. So the last blocks are kept, and while
//! reads run on in sequence the next block is fetched before it is asked for. A block is fetched once unless it was
//! dropped for newer ones in between, so a source is hardly ever read more than once over.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};

use bytes::Bytes;

use crate::ports::Source;
use crate::protocol::BLOCK;

/// Blocks that are kept: 3 MiB a job.
const KEPT: usize = 12;
/// Steps from a block to the next before it counts as a sequence: a chunk of sound may well span two blocks, and
/// the one after those would then be fetched for nothing.
const SEQUENCE: u32 = 2;

/// Fetches, keeps and counts blocks.
pub(super) struct Blocks<'a, S> {
    source: &'a S,
    /// The newest last.
    kept: VecDeque<(u64, Bytes)>,
    ahead: Option<(u64, Fetch<'a>)>,
    last: u64,
    steps: u32,
    read: u64,
}

type Fetch<'a> = Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send + 'a>>;

impl<'a, S: Source + Send + Sync> Blocks<'a, S> {
    pub(super) fn new(source: &'a S) -> Self {
        Self { source, kept: VecDeque::new(), ahead: None, last: 0, steps: 0, read: 0 }
    }

    /// How many bytes were asked of the source.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Up to `len` bytes from `offset`, at most to the end of their block; none at the end of the source.
    pub(super) async fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Bytes> {
        if offset >= self.source.size() {
            return Ok(Bytes::new());
        }
        let index = offset / BLOCK as u64;
        let block = self.block(index).await?;
        self.look_ahead(index);
        let start = (offset % BLOCK as u64) as usize;
        Ok(block.slice(start..block.len().min(start.saturating_add(len))))
    }

    /// Does `work` while the block ahead comes in.
    pub(super) async fn alongside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let Some((index, fetch)) = &mut self.ahead else { return work.await };
            tokio::select! {
                biased;
                done = &mut work => return done,
                block = fetch => {
                    let index = *index;
                    self.ahead = None;
                    // A failure shows when the block is asked for, and then fetched again.
                    if let Ok(block) = block {
                        self.keep(index, block);
                    }
                }
            }
        }
    }

    async fn block(&mut self, index: u64) -> io::Result<Bytes> {
        if let Some(place) = self.kept.iter().position(|(kept, _)| *kept == index)
            && let Some((_, block)) = self.kept.remove(place)
        {
            return Ok(self.keep(index, block));
        }
        let fetch = match self.ahead.take_if(|(ahead, _)| *ahead == index) {
            Some((_, fetch)) => fetch,
            None => self.fetch(index),
        };
        let block = self.alongside(fetch).await?;
        Ok(self.keep(index, block))
    }

    fn keep(&mut self, index: u64, block: Bytes) -> Bytes {
        if self.kept.len() == KEPT {
            // The oldest of those behind: what is ahead, as the first bytes of an index at the end, will be read again.
            let behind = self.kept.iter().position(|(kept, _)| *kept < index);
            self.kept.remove(behind.unwrap_or(0));
        }
        self.kept.push_back((index, block.clone()));
        block
    }

    fn look_ahead(&mut self, index: u64) {
        self.steps = match index.checked_sub(self.last) {
            Some(0) => self.steps,
            Some(1) => self.steps + 1,
            _ => 0,
        };
        self.last = index;
        let next = index + 1;
        let wanted =
            self.steps >= SEQUENCE && self.ahead.is_none() && next * (BLOCK as u64) < self.source.size();
        if wanted && !self.kept.iter().any(|(kept, _)| *kept == next) {
            self.ahead = Some((next, self.fetch(next)));
        }
    }

    fn fetch(&mut self, index: u64) -> Fetch<'a> {
        let offset = index * BLOCK as u64;
        let len = (self.source.size() - offset).min(BLOCK as u64) as usize;
        self.read += len as u64;
        let source = self.source;
        Box::pin(async move {
            let block = source.read_at(offset, len).await?;
            if block.len() == len { Ok(block) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A hundred blocks and a bit, which notes what is asked of it.
    #[derive(Default)]
    struct Noted(Mutex<Vec<u64>>);

    impl Source for Noted {
        fn size(&self) -> u64 {
            100 * BLOCK as u64 + 1
        }

        async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
            self.0.lock().unwrap().push(offset / BLOCK as u64);
            Ok(vec![0; len].into())
        }
    }

    /// Reads the start of each of these blocks, with some work in between; which were fetched, in order.
    async fn fetched(indexes: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let source = Noted::default();
        let mut blocks = Blocks::new(&source);
        for index in indexes {
            blocks.read_at(index * BLOCK as u64, 10).await.unwrap();
            blocks.alongside(tokio::task::yield_now()).await;
        }
        drop(blocks);
        source.0.into_inner().unwrap()
    }

    #[tokio::test]
    async fn a_sequence_is_fetched_ahead_and_once() {
        assert_eq!(fetched(0..2).await, [0, 1]);
        assert_eq!(fetched(0..3).await, [0, 1, 2, 3]);
        assert_eq!(fetched(0..=100).await, (0..=100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn jumps_fetch_nothing_for_nothing() {
        assert_eq!(fetched([0, 2, 4, 6]).await, [0, 2, 4, 6]);
        assert_eq!(fetched([0, 1, 4, 5, 8, 9]).await, [0, 1, 4, 5, 8, 9]);
    }

    #[tokio::test]
    async fn going_back_a_little_fetches_nothing() {
        assert_eq!(fetched([0, 99, 100, 0, 1, 0, 99]).await, [0, 99, 100, 1]);
    }

    #[tokio::test]
    async fn the_end_is_fetched_once_though_it_is_read_first() {
        let all = fetched([0, 98, 99, 100].into_iter().chain(1..=100)).await;
        assert_eq!(all.len(), 101, "{all:?}");
    }

    #[tokio::test]
    async fn two_places_in_turn_are_fetched_once() {
        let all = fetched((0..40).flat_map(|step| [step, step, 50 + step, 50 + step])).await;
        assert_eq!(all.len(), 80, "{all:?}");
    }

    #[tokio::test]
    async fn a_read_ends_with_its_block_and_with_the_source() {
        let source = Noted::default();
        let mut blocks = Blocks::new(&source);
        assert_eq!(blocks.read_at(BLOCK as u64 - 3, 10).await.unwrap().len(), 3);
        assert_eq!(blocks.read_at(source.size() - 1, 10).await.unwrap().len(), 1);
        assert_eq!(blocks.read_at(source.size(), 10).await.unwrap().len(), 0);
        assert_eq!(blocks.read_at(u64::MAX, 10).await.unwrap().len(), 0);
    }
}
