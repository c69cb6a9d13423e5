//! A range, by the chunks that it touches.

use std::{io, ops::Range};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use mongodb::{bson::doc, raw_batch_cursor::RawBatch};

use super::{
    Answer, CHUNK_SIZE, Grid,
    fault::{deleted, within},
};
use crate::{CHUNK, Error, Result};

/// Bytes that one call fetches of a longer range.
const GROUP: u64 = 4 * CHUNK_SIZE as u64;
/// Calls at the same time.
const AHEAD: usize = 3;

#[derive(Clone, Debug)]
pub(crate) struct GridReader {
    grid: Grid,
    id: String,
    size: u64,
    /// Bytes of each chunk but the last, as the files document says: another program may have chosen them.
    chunk: u64,
}

impl GridReader {
    pub(super) async fn open(grid: Grid, id: String) -> Result<Option<Self>> {
        let Some(file) = within(grid.files.find_one(doc! { "_id": &id })).await? else { return Ok(None) };
        let size = file.get_i64("length").ok().and_then(|size| u64::try_from(size).ok());
        let chunk = file.get_i32("chunkSize").ok().and_then(|chunk| u64::try_from(chunk).ok());
        match (size, chunk) {
            (Some(size), Some(chunk @ 1..)) => Ok(Some(Self { grid, id, size, chunk })),
            _ => Err(Error::Damaged(format!("the files document of {id} has no length or chunk size"))),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn read_at(&self, offset: u64, len: usize) -> Answer<'_, Bytes> {
        Box::pin(async move {
            let range = offset..offset.saturating_add(len as u64);
            let mut pieces: Vec<Bytes> = self.stream(range).try_collect().await?;
            Ok(if pieces.len() == 1 { pieces.remove(0) } else { pieces.concat().into() })
        })
    }

    /// Groups of chunks are fetched ahead of what is taken, a few at a time.
    pub(crate) fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let reader = self.clone();
        let end = range.end.min(self.size);
        let range = range.start.min(end)..end;
        stream::iter(groups(range.clone(), self.chunk))
            // Tasks, because the driver's copying of one group takes as long as the way of the next.
            .map(move |chunks| tokio::spawn(reader.clone().fetch(chunks, range.clone())))
            .buffered(AHEAD)
            .map(|fetched| fetched.unwrap_or_else(|panic| Err(Error::Unavailable(io::Error::other(panic)))))
            .map_ok(|pieces| stream::iter(pieces.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    /// The bytes of `chunks` that are in `range`.
    async fn fetch(self, chunks: Range<u64>, range: Range<u64>) -> Result<Vec<Bytes>> {
        // Numbers of chunks are 32 bits long in every files document.
        let (first, end) = (chunks.start as i64, chunks.end as i64);
        let filter = doc! { "files_id": &self.id, "n": { "$gte": first, "$lt": end } };
        let order = doc! { "files_id": 1, "n": 1 };
        let found = self.grid.chunks.find(filter).sort(order).projection(doc! { "_id": 0, "data": 1 });
        let batches: Vec<RawBatch> = within(async { found.batch().await?.try_collect().await }).await?;
        match self.pieces(&batches, &chunks, &range) {
            Some(pieces) => Ok(pieces),
            None => Err(self.incomplete(&chunks).await),
        }
    }

    /// `None` if a chunk is missing or not as long as it has to be.
    fn pieces(&self, batches: &[RawBatch], chunks: &Range<u64>, range: &Range<u64>) -> Option<Vec<Bytes>> {
        let mut pieces = Vec::new();
        let mut next = chunks.start;
        for batch in batches {
            for chunk in batch.doc_slices().ok()? {
                let data = chunk.ok()?.as_document()?.get_binary("data").ok()?.bytes;
                let expected = self.size.saturating_sub(next * self.chunk).min(self.chunk);
                if data.len() as u64 != expected {
                    return None;
                }
                cut(data, next * self.chunk, range, &mut pieces);
                next += 1;
            }
        }
        (next == chunks.end).then_some(pieces)
    }

    /// Why chunks are not as the files document says: either it is gone too, or trying again will not help.
    async fn incomplete(&self, chunks: &Range<u64>) -> Error {
        match within(self.grid.files.find_one(doc! { "_id": &self.id })).await {
            Ok(Some(_)) => Error::Damaged(format!(
                "{}: of the chunks {} to {} of {}, one is missing or has a wrong length",
                self.grid.chunks.name(),
                chunks.start,
                chunks.end - 1,
                self.id
            )),
            Ok(None) => deleted(),
            Err(error) => error,
        }
    }
}

/// The numbers of the chunks that `range` touches, by groups of about [`GROUP`] bytes.
fn groups(range: Range<u64>, chunk: u64) -> impl Iterator<Item = Range<u64>> + Send {
    let (first, end) = (range.start / chunk, range.end.div_ceil(chunk));
    let size = (GROUP / chunk).max(1);
    let starts = (first..end).take_while(move |_| !range.is_empty()).step_by(size as usize);
    starts.map(move |start| start..(start + size).min(end))
}

/// Adds what `range` has of the data at `offset`, in pieces of at most [`CHUNK`].
fn cut(data: &[u8], offset: u64, range: &Range<u64>, pieces: &mut Vec<Bytes>) {
    let start = range.start.saturating_sub(offset) as usize;
    let end = (range.end - offset).min(data.len() as u64) as usize;
    pieces.extend(data[start..end].chunks(CHUNK).map(Bytes::copy_from_slice));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_touches_its_chunks_and_no_others() {
        let touched = |range| groups(range, GROUP / 2).flatten().collect::<Vec<_>>();
        let chunk = GROUP / 2;
        assert_eq!(touched(0..1), [0]);
        assert_eq!(touched(chunk - 1..chunk + 1), [0, 1]);
        assert_eq!(touched(chunk..2 * chunk), [1]);
        assert_eq!(touched(chunk + 5..6 * chunk), [1, 2, 3, 4, 5]);
        assert!(touched(7..7).is_empty());
    }
}
