//! What is stored and what is half-written, in the order of the ids. Each call of the server is answered from an index and
//! brings a bounded number of ids.

use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};

use super::{Grid, fault::within};
use crate::{Bucket, Result, Stored};

/// Files documents that one step of [`partials`] looks at.
const STEP: usize = 1000;

pub(super) async fn page(grid: &Grid, bucket: Bucket, after: &str, limit: usize) -> Result<Vec<Stored>> {
    let mut after = after.to_owned();
    loop {
        let files = files(grid, &after, limit).await?;
        let found: Vec<Stored> = files.iter().filter_map(|file| stored(bucket, file)).collect();
        // Files of other programs alone are not the end.
        match files.last().and_then(id) {
            Some(last) if found.is_empty() => after = last.to_owned(),
            _ => return Ok(found),
        }
    }
}

/// Between the ids of a step of files documents no chunks should be; the index jumps from id to id to find some.
pub(super) async fn partials(grid: &Grid, bucket: Bucket, after: &str, limit: usize) -> Result<Vec<Stored>> {
    let (mut found, mut after) = (Vec::new(), after.to_owned());
    loop {
        let files = files(grid, &after, STEP).await?;
        let known: Vec<&str> = files.iter().filter_map(id).collect();
        let end = known.last().filter(|_| files.len() == STEP).copied();
        while let Some(id) = unknown(grid, &after, end, &known).await? {
            found.extend(partial(grid, bucket, &id).await?);
            if found.len() >= limit {
                return Ok(found);
            }
            after = id;
        }
        match end {
            Some(end) => after = end.to_owned(),
            None => return Ok(found),
        }
    }
}

/// The `_id` and `uploadDate` of up to `limit` files documents.
async fn files(grid: &Grid, after: &str, limit: usize) -> Result<Vec<Document>> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let found = grid.files.find(doc! { "_id": { "$gt": after } }).sort(doc! { "_id": 1 });
    let found = found.projection(doc! { "uploadDate": 1 }).limit(limit.into()).batch_size(limit);
    within(async { found.await?.try_collect().await }).await
}

/// The first id after `after`, and not after `end`, that chunks name and that is not `known`.
async fn unknown(grid: &Grid, after: &str, end: Option<&str>, known: &[&str]) -> Result<Option<String>> {
    let mut ids = doc! { "$gt": after, "$nin": known };
    if let Some(end) = end {
        ids.insert("$lte", end);
    }
    let first = grid.chunks.find_one(doc! { "files_id": ids }).sort(doc! { "files_id": 1, "n": 1 });
    let first = within(first.projection(doc! { "_id": 0, "files_id": 1 })).await?;
    Ok(first.and_then(|chunk| chunk.get_str("files_id").map(str::to_owned).ok()))
}

/// Looks at the files document last: the upload may have ended since the step began.
async fn partial(grid: &Grid, bucket: Bucket, id: &str) -> Result<Option<Stored>> {
    let (Some(blob), Some((_, made))) = (bucket.blob(id), grid.last_chunk(id).await?) else {
        return Ok(None);
    };
    let file = within(grid.files.find_one(doc! { "_id": id }).projection(doc! { "_id": 1 })).await?;
    Ok(file.is_none().then(|| Stored { blob, stored_at: made.to_system_time() }))
}

fn stored(bucket: Bucket, file: &Document) -> Option<Stored> {
    let stored_at = file.get_datetime("uploadDate").ok()?.to_system_time();
    Some(Stored { blob: bucket.blob(id(file)?)?, stored_at })
}

fn id(file: &Document) -> Option<&str> {
    file.get_str("_id").ok()
}
