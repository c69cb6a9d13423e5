//! A put: chunks in groups, several groups in flight, the files document last.

use std::{io, mem};

use bytes::Bytes;
use mongodb::bson::{
    Binary, DateTime, Document, RawBinaryRef, RawDocumentBuf, cstr, doc, oid::ObjectId, rawdoc,
    spec::BinarySubtype,
};
use tokio::{runtime::Handle, task::JoinSet};

use super::{CHUNK_SIZE, Grid, fault, fault::within};
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
    /// Bytes in flight or stored.
    sent: u64,
    flights: JoinSet<Result<()>>,
    /// Whether chunks may be there that go when this value does.
    unfinished: bool,
}

impl GridUpload {
    pub(super) fn new(grid: Grid, id: String) -> Self {
        Self { grid, id, gathered: Vec::new(), sent: 0, flights: JoinSet::new(), unfinished: false }
    }

    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
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
    }

    /// Sends what is gathered, once there is room in flight.
    async fn send(&mut self) -> Result<()> {
        while self.flights.len() >= IN_FLIGHT {
            self.land().await?;
        }
        let first = number(self.sent / CHUNK_SIZE as u64)?;
        let group = mem::take(&mut self.gathered);
        self.sent += group.len() as u64;
        self.unfinished = true;
        let (chunks, id) = (self.grid.chunks.clone(), self.id.clone());
        self.flights.spawn(async move {
            let documents: Vec<_> =
                group.chunks(CHUNK_SIZE).zip(first..).map(|(data, n)| document(&id, n, data)).collect();
            drop(group);
            within(chunks.insert_many(documents)).await.map(drop)
        });
        Ok(())
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

    pub(crate) async fn rewrite(&mut self, offset: u64, mut bytes: Bytes) -> Result<()> {
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
    }

    /// Overwrites bytes of a chunk that is stored.
    async fn patch(&self, n: i32, start: usize, piece: &[u8]) -> Result<()> {
        let named = doc! { "files_id": &self.id, "n": n };
        let chunk = within(self.grid.chunks.find_one(named.clone())).await?;
        let chunk = chunk.as_ref().and_then(|chunk| chunk.get_binary("data").ok());
        let mut data = chunk.map(|data| data.bytes.to_vec()).unwrap_or_default();
        overwrite(&mut data, start, piece)?;
        let data = Binary { subtype: BinarySubtype::Generic, bytes: data };
        within(self.grid.chunks.update_one(named, doc! { "$set": { "data": data } })).await.map(drop)
    }

    pub(crate) async fn finish(mut self) -> Result<u64> {
        if !self.gathered.is_empty() {
            self.send().await?;
        }
        while self.land().await? {}
        within(self.grid.files.insert_one(self.file()?)).await?;
        self.check().await?;
        self.unfinished = false;
        Ok(self.sent)
    }

    /// A delete of the half-written blob may have taken chunks before there was a files document for it to take.
    async fn check(&self) -> Result<()> {
        let stored = within(self.grid.chunks.count_documents(doc! { "files_id": &self.id })).await?;
        if stored == self.sent.div_ceil(CHUNK_SIZE as u64) {
            return Ok(());
        }
        self.grid.remove(&self.id).await?;
        Err(fault::deleted())
    }

    fn file(&self) -> Result<Document> {
        Ok(doc! {
            "_id": &self.id,
            "length": i64::try_from(self.sent).map_err(|_| Error::Full)?,
            "chunkSize": number(CHUNK_SIZE as u64)?,
            "uploadDate": DateTime::now(),
            "filename": &self.id,
        })
    }
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
fn number(n: u64) -> Result<i32> {
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
