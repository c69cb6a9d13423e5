//! A put: chunks in groups, several groups in flight, the files document last.

use std::{io, mem};

use bytes::Bytes;
use mongodb::{
    Collection,
    bson::{
        Binary, DateTime, Document, RawBinaryRef, RawDocumentBuf, cstr, doc, oid::ObjectId, rawdoc,
        spec::BinarySubtype,
    },
};
use tokio::{runtime::Handle, task::JoinSet};

use super::{Answer, CHUNK_SIZE, Grid, fault, fault::within};
use crate::{Error, Result};

/// Bytes that one insert takes.
const GROUP: usize = 2 * CHUNK_SIZE;
/// Inserts at the same time: 1.5 MiB, which the driver holds up to three times over.
const IN_FLIGHT: usize = 3;

#[derive(Debug)]
pub(crate) struct GridUpload {
    grid: Grid,
    id: String,
    /// Less than a group.
    gathered: Vec<u8>,
    /// How many chunks of it a flush has stored, as far as they were filled.
    shown: usize,
    /// Bytes in flight or stored as full chunks.
    sent: u64,
    /// Bytes that the last flush has found durable.
    durable: u64,
    flights: JoinSet<Result<()>>,
    /// Whether what is stored stays when this value goes.
    kept: bool,
    /// Whether chunks may be there that go when this value does.
    unfinished: bool,
}

impl GridUpload {
    pub(super) fn new(grid: Grid, id: String) -> Self {
        let (gathered, flights) = (Vec::new(), JoinSet::new());
        let (shown, sent, durable, kept, unfinished) = (0, 0, 0, false, false);
        Self { grid, id, gathered, shown, sent, durable, flights, kept, unfinished }
    }

    /// Goes on behind `chunks` full chunks and the `tail` of the next one, which are stored.
    pub(super) fn behind(grid: Grid, id: String, chunks: u64, tail: Vec<u8>) -> Self {
        let sent = chunks * CHUNK_SIZE as u64;
        let mut upload = Self::new(grid, id);
        (upload.sent, upload.durable, upload.kept) = (sent, sent + tail.len() as u64, true);
        (upload.shown, upload.gathered) = (usize::from(!tail.is_empty()), tail);
        upload
    }

    pub(crate) fn write(&mut self, mut bytes: Bytes) -> Answer<'_, ()> {
        Box::pin(async move {
            while !bytes.is_empty() {
                self.gathered.reserve_exact(GROUP - self.gathered.len());
                let room = GROUP - self.gathered.len();
                let piece = bytes.split_to(room.min(bytes.len()));
                self.gathered.extend_from_slice(&piece);
                if self.gathered.len() == GROUP {
                    self.send().await?;
                }
            }
            Ok(())
        })
    }

    /// Sends what is gathered, once there is room in flight.
    async fn send(&mut self) -> Result<()> {
        while self.flights.len() >= IN_FLIGHT {
            self.land().await?;
        }
        let first = number(self.sent / CHUNK_SIZE as u64)?;
        let (group, shown) = (mem::take(&mut self.gathered), mem::take(&mut self.shown));
        self.sent += group.len() as u64;
        self.unfinished = !self.kept;
        let (chunks, id) = (self.grid.chunks.clone(), self.id.clone());
        self.flights.spawn(async move { store(&chunks, &id, first, group, shown).await });
        Ok(())
    }

    /// What is gathered is stored too, and kept here to become a full group.
    pub(crate) fn flush(&mut self) -> Answer<'_, u64> {
        Box::pin(async move {
            while self.land().await? {}
            let size = self.sent + self.gathered.len() as u64;
            if size > self.durable {
                let first = number(self.sent / CHUNK_SIZE as u64)?;
                self.unfinished = !self.kept;
                store(&self.grid.chunks, &self.id, first, self.gathered.clone(), self.shown).await?;
                self.shown = self.gathered.len().div_ceil(CHUNK_SIZE);
                self.durable = size;
            }
            Ok(size)
        })
    }

    /// Waits for one group in flight. False if there is none.
    async fn land(&mut self) -> Result<bool> {
        let landed = match self.flights.join_next().await {
            None => return Ok(false),
            Some(landed) => landed.unwrap_or_else(|panic| Err(Error::Unavailable(io::Error::other(panic)))),
        };
        // The chunks that are there are another upload's: hands off.
        self.unfinished &= !landed.as_ref().is_err_and(fault::is_taken);
        landed.map(|()| true)
    }

    pub(crate) fn rewrite(&mut self, offset: u64, mut bytes: Bytes) -> Answer<'_, ()> {
        Box::pin(async move {
            while self.land().await? {}
            let (mut at, size) = (offset, CHUNK_SIZE as u64);
            while at < self.sent && !bytes.is_empty() {
                let start = at % size;
                let room = (size - start).min(self.sent - at) as usize;
                let piece = bytes.split_to(room.min(bytes.len()));
                self.patch(number(at / size)?, start as usize, &piece).await?;
                at += piece.len() as u64;
            }
            overwrite(&mut self.gathered, at.saturating_sub(self.sent) as usize, &bytes)
        })
    }

    /// Overwrites bytes of a chunk that is stored.
    async fn patch(&self, n: i32, start: usize, piece: &[u8]) -> Result<()> {
        let chunk = within(self.grid.chunks.find_one(doc! { "files_id": &self.id, "n": n })).await?;
        let chunk = chunk.as_ref().and_then(|chunk| chunk.get_binary("data").ok());
        let mut data = chunk.map(|data| data.bytes.to_vec()).unwrap_or_default();
        overwrite(&mut data, start, piece)?;
        replace(&self.grid.chunks, &self.id, n, data).await
    }

    pub(crate) fn finish(mut self) -> Answer<'static, u64> {
        Box::pin(async move {
            if !self.gathered.is_empty() {
                self.send().await?;
            }
            while self.land().await? {}
            self.grid.make_whole(&self.id, self.sent).await?;
            self.unfinished = false;
            Ok(self.sent)
        })
    }
}

impl Grid {
    /// From here on the blob is there, if all of its chunks are.
    pub(super) async fn make_whole(&self, id: &str, size: u64) -> Result<()> {
        within(self.files.insert_one(file(id, size)?)).await?;
        // A delete of the half-written blob may have taken chunks before there was a files document for it to take.
        let stored = within(self.chunks.count_documents(doc! { "files_id": id })).await?;
        if stored == size.div_ceil(CHUNK_SIZE as u64) {
            return Ok(());
        }
        self.remove(id).await?;
        Err(fault::deleted())
    }
}

fn file(id: &str, size: u64) -> Result<Document> {
    Ok(doc! {
        "_id": id,
        "length": i64::try_from(size).map_err(|_| Error::Full)?,
        "chunkSize": number(CHUNK_SIZE as u64)?,
        "uploadDate": DateTime::now(),
        "filename": id,
    })
}

/// Stores the chunks of a group from the number `first` on, of which the first `shown` are there with less in them. Those
/// come first: what is there of the blob never has a gap.
async fn store(
    chunks: &Collection<RawDocumentBuf>,
    id: &str,
    first: i32,
    group: Vec<u8>,
    shown: usize,
) -> Result<()> {
    let mut pieces = group.chunks(CHUNK_SIZE).zip(first..);
    for (data, n) in pieces.by_ref().take(shown) {
        replace(chunks, id, n, data.to_vec()).await?;
    }
    let documents: Vec<_> = pieces.map(|(data, n)| document(id, n, data)).collect();
    drop(group);
    if documents.is_empty() {
        return Ok(());
    }
    within(chunks.insert_many(documents)).await.map(drop)
}

async fn replace(chunks: &Collection<RawDocumentBuf>, id: &str, n: i32, data: Vec<u8>) -> Result<()> {
    let data = Binary { subtype: BinarySubtype::Generic, bytes: data };
    let replace = chunks.update_one(doc! { "files_id": id, "n": n }, doc! { "$set": { "data": data } });
    let done = within(replace).await?;
    if done.matched_count == 1 { Ok(()) } else { Err(fault::deleted()) }
}

fn document(id: &str, n: i32, data: &[u8]) -> RawDocumentBuf {
    let mut document = rawdoc! { "_id": ObjectId::new(), "files_id": id, "n": n };
    document.append(cstr!("data"), RawBinaryRef { subtype: BinarySubtype::Generic, bytes: data });
    document
}

fn overwrite(data: &mut [u8], start: usize, bytes: &[u8]) -> Result<()> {
    let place = data.get_mut(start..start + bytes.len());
    place.ok_or_else(fault::deleted)?.copy_from_slice(bytes);
    Ok(())
}

/// The number of a chunk; GridFS gives it 32 bits.
pub(super) fn number(n: u64) -> Result<i32> {
    i32::try_from(n).map_err(|_| Error::Full)
}

impl Drop for GridUpload {
    /// Best effort, in the background: what it misses is a partial.
    fn drop(&mut self) {
        let (true, Ok(runtime)) = (self.unfinished, Handle::try_current()) else { return };
        let (grid, id, mut flights) =
            (self.grid.clone(), mem::take(&mut self.id), mem::take(&mut self.flights));
        runtime.spawn(async move {
            // An insert that comes after the delete would stay.
            while flights.join_next().await.is_some() {}
            let _ = grid.remove(&id).await;
        });
    }
}
