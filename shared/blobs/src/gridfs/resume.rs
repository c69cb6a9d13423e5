//! A put in several parts, by several processes one after the other. The last chunk of a part is as full as it came; the
//! next part takes it up, and replaces it by a fuller one. What a part had stored beyond what its caller noted is dropped.

use std::io;

use mongodb::bson::doc;

use super::{
    CHUNK_SIZE, Grid, GridUpload,
    fault::{deleted, is_taken, within},
    upload::number,
};
use crate::{Error, Result};

impl Grid {
    pub(super) async fn resume(self, id: String, at: u64) -> Result<GridUpload> {
        if within(self.files.find_one(doc! { "_id": &id }).projection(doc! { "_id": 1 })).await?.is_some() {
            return Err(Error::Unavailable(io::ErrorKind::AlreadyExists.into()));
        }
        let (chunks, rest) = (at / CHUNK_SIZE as u64, (at % CHUNK_SIZE as u64) as usize);
        let next = number(chunks)?;
        self.remove_chunks(&id, next + i32::from(rest > 0)).await?;
        let tail = if rest > 0 { self.beginning(&id, next, rest).await? } else { Vec::new() };
        Ok(GridUpload::behind(self, id, chunks, tail))
    }

    /// The first `len` bytes of a chunk.
    async fn beginning(&self, id: &str, n: i32, len: usize) -> Result<Vec<u8>> {
        let chunk = within(self.chunks.find_one(doc! { "files_id": id, "n": n })).await?;
        let data = chunk.as_ref().and_then(|chunk| chunk.get_binary("data").ok()?.bytes.get(..len));
        data.map(<[u8]>::to_vec).ok_or_else(deleted)
    }

    pub(super) async fn complete(&self, id: &str, size: u64) -> Result<()> {
        match self.make_whole(id, size).await {
            Err(error) if is_taken(&error) => Ok(()),
            done => done,
        }
    }
}
