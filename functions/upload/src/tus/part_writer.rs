//! The bytes of a part go to the end of the blob, and every few seconds how many they are into the row.

use std::time::{Duration, Instant};

use axum::body::Body;
use blobs::Blob;
use bytes::{Bytes, BytesMut};
use contracts::EventId;
use db::PartialUpload;
use futures_util::StreamExt as _;

use super::{KEEP, checksum::Checksum, digest::Digest, write_lock::WriterActivity};
use crate::{
    Upload,
    pace::{Broken, PacedBody},
    refusal::Refusal,
    sniff,
};

/// How often is noted how much has come. A process that dies loses no more.
const NOTE: Duration = Duration::from_secs(5);

/// How a part ended.
pub(super) enum Ended {
    /// All of its body has come.
    Whole,
    /// The client is gone, or is too slow.
    Broken(Broken),
    /// Another request goes on with the upload, or the job is gone.
    GaveWay,
    /// More came than the whole has, or may have.
    TooLong(u64),
    /// This is no video.
    NoVideo,
    /// The bytes are not those that were announced.
    OtherBytes,
}

/// A part that arrives.
pub(super) struct PartWriter<'a> {
    pub(super) deps: &'a Upload,
    pub(super) upload: &'a PartialUpload,
    pub(super) part: EventId,
    pub(super) activity: &'a WriterActivity,
    /// Most bytes of the whole.
    pub(super) limit: u64,
    blob: blobs::Upload,
    digest: Digest,
    total: u64,
    /// The beginning of the video, until it is enough to tell what it is.
    head: Option<BytesMut>,
    noted: Instant,
}

impl<'a> PartWriter<'a> {
    /// Goes on behind what has come.
    pub(super) async fn begin(
        deps: &'a Upload,
        upload: &'a PartialUpload,
        part: EventId,
        activity: &'a WriterActivity,
    ) -> Result<Self, Refusal> {
        let digest = Digest::restored(&upload.digest)
            .ok_or_else(|| db::Error::Corrupt(format!("the digest of upload {}", upload.id)))?;
        let limit = upload.length.unwrap_or(deps.config.max_bytes);
        let blob = deps.blobs.resume(Blob::Video(upload.video_id), upload.received).await?;
        let head = (upload.received == 0).then(BytesMut::new);
        let (total, noted) = (upload.received, Instant::now());
        Ok(Self { deps, upload, part, activity, limit, blob, digest, total, head, noted })
    }

    /// Takes the body as far as it comes. With a checksum nothing is noted before it is known to be right.
    pub(super) async fn take(
        &mut self,
        body: Body,
        mut checksum: Option<Checksum>,
    ) -> Result<Ended, Refusal> {
        let mut body = PacedBody::new(body.into_data_stream(), self.deps.config.pace());
        loop {
            let next = tokio::select! {
                next = body.next() => next,
                () = self.activity.stop.cancelled() => return Ok(Ended::GaveWay),
            };
            let bytes = match next {
                None => break,
                Some(Ok(bytes)) => bytes,
                Some(Err(broken)) => return Ok(Ended::Broken(broken)),
            };
            self.activity.moved();
            if self.total + bytes.len() as u64 > self.limit {
                return Ok(Ended::TooLong(self.limit));
            }
            if let Some(checksum) = &mut checksum {
                checksum.update(&bytes);
            }
            if !self.is_video(&bytes) {
                return Ok(Ended::NoVideo);
            }
            self.store(bytes).await?;
            if checksum.is_none() && self.noted.elapsed() >= NOTE && !self.note(false).await? {
                return Ok(Ended::GaveWay);
            }
        }
        Ok(if checksum.is_none_or(Checksum::agrees) { Ended::Whole } else { Ended::OtherBytes })
    }

    /// Told as soon as enough has come in the first part; what is shorter is judged at the end.
    fn is_video(&mut self, bytes: &Bytes) -> bool {
        let Some(head) = &mut self.head else { return true };
        head.extend_from_slice(bytes);
        if head.len() < sniff::ENOUGH {
            return true;
        }
        let known = sniff::container(head).is_some();
        self.head = None;
        known
    }

    async fn store(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        self.total += bytes.len() as u64;
        self.digest.update(&bytes);
        self.activity.storing(true);
        let stored = self.blob.write(bytes).await;
        self.activity.storing(false);
        Ok(stored?)
    }

    /// Makes sure of what has come, and says so. False if that is no longer this part's to say.
    pub(super) async fn note(&mut self, last: bool) -> Result<bool, Refusal> {
        self.activity.storing(true);
        let flushed = self.blob.flush().await;
        self.activity.storing(false);
        let state = self.digest.state();
        self.noted = Instant::now();
        let far = (flushed?, state.as_str());
        Ok(self.deps.db.uploads().note((self.upload.id, self.part), far, last, KEEP).await?.is_some())
    }
}
