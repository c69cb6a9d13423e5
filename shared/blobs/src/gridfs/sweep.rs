//! Chunks whose files document never came.

use std::time::SystemTime;

use futures_util::TryStreamExt as _;
use mongodb::bson::{DateTime, Document, RawDocumentBuf, doc};

use super::{Grid, fault::within};
use crate::Result;

/// Removes the chunks of uploads that gave no sign of life since `time`; returns how many uploads.
pub(super) async fn remove_partials(grid: &Grid, time: SystemTime) -> Result<usize> {
    let mut removed = 0;
    for id in unknown(grid).await? {
        if last_sign(grid, &id).await?.is_some_and(|last| last.to_system_time() <= time) {
            grid.remove(&id).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Ids that chunks name and no files document has. Walks the index, one step an id; no chunk is read.
async fn unknown(grid: &Grid) -> Result<Vec<String>> {
    let stages = [
        doc! { "$sort": { "files_id": 1, "n": 1 } },
        doc! { "$group": { "_id": "$files_id" } },
        doc! { "$lookup": { "from": grid.files.name(), "localField": "_id", "foreignField": "_id", "as": "file" } },
        doc! { "$match": { "file": [] } },
    ];
    let found = within(grid.chunks.aggregate(stages)).await?;
    let ids: Vec<Document> = within(found.try_collect()).await?;
    Ok(ids.iter().filter_map(|found| found.get_str("_id").ok().map(str::to_owned)).collect())
}

/// When the newest chunk was made, by its `_id`. `None` if they are gone.
async fn last_sign(grid: &Grid, id: &str) -> Result<Option<DateTime>> {
    let newest = grid.chunks.find_one(doc! { "files_id": id });
    let newest: Option<RawDocumentBuf> =
        within(newest.sort(doc! { "n": -1 }).projection(doc! { "_id": 1 })).await?;
    Ok(newest.and_then(|chunk| chunk.get_object_id("_id").ok()).map(|id| id.timestamp()))
}
