//! A delete, the files document first, then the chunks in steps.

use mongodb::bson::doc;

use super::{Grid, fault::within};
use crate::Result;

/// Chunks that one call deletes, 125 MiB: a video of 20 GiB has 80,000, more than one call could do in its time.
const STEP: i32 = 500;

impl Grid {
    /// From the end of its first call on nobody finds the blob. What an interrupted delete leaves is a partial, which the
    /// next delete of the same id removes. False if there was nothing.
    pub(super) async fn remove(&self, id: &str) -> Result<bool> {
        let file = self.remove_file(id).await?;
        let chunks = self.remove_chunks(id, 0).await?;
        if chunks && !file {
            // An upload that has ended meanwhile would be without the chunks that just went.
            self.remove_file(id).await?;
            self.remove_chunks(id, 0).await?;
        }
        Ok(file || chunks)
    }

    async fn remove_file(&self, id: &str) -> Result<bool> {
        Ok(within(self.files.delete_one(doc! { "_id": id })).await?.deleted_count > 0)
    }

    /// Those from the number `from` on that are there now: an upload that goes on does not keep this busy. False if the
    /// blob has no chunks at all.
    pub(super) async fn remove_chunks(&self, id: &str, from: i32) -> Result<bool> {
        let Some((last, _)) = self.last_chunk(id).await? else { return Ok(false) };
        for first in (from..=last).step_by(STEP as usize) {
            let step = doc! { "files_id": id, "n": { "$gte": first, "$lt": first.saturating_add(STEP) } };
            within(self.chunks.delete_many(step)).await?;
        }
        Ok(true)
    }
}
