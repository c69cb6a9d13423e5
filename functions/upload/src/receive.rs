//! Stores the stream of a video under a job that names it.

use std::time::{Duration, Instant};

use blobs::Blob;
use bytes::{Bytes, BytesMut};
use contracts::{JobId, Options, UserId, VideoId};
use db::NewJob;
use futures_util::{Stream, StreamExt as _};
use ring::digest::{Context, SHA256};

use crate::{Upload, refusal::Refusal, sniff};

/// A video that has arrived with valid options: all that is missing is the yes.
pub(crate) struct Arrival {
    pub(crate) stored: Stored,
    pub(crate) options: Options,
}

/// A video in the blob store, named by a job in the state `uploading`.
pub(crate) struct Stored {
    pub(crate) job_id: JobId,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) container: &'static str,
    /// SHA-256 in hex.
    pub(crate) digest: String,
    video_id: VideoId,
}

impl Stored {
    /// Removes what was stored, and returns why. What can't be removed now is removed by the sweep.
    pub(crate) async fn give_up(self, deps: &Upload, refusal: Refusal) -> Refusal {
        forget(deps, self.job_id).await;
        if let Err(error) = deps.blobs.delete(Blob::Video(self.video_id)).await {
            tracing::warn!(job = %self.job_id, %error, "a refused video is left to the sweep");
        }
        refusal
    }
}

async fn forget(deps: &Upload, job_id: JobId) {
    if let Err(error) = deps.db.delete_job(job_id).await {
        tracing::warn!(job = %job_id, %error, "a refused job is left to the sweep");
    }
}

/// How often a slow upload tells the sweep that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// Receives one video for one user.
pub(crate) struct Receiver {
    pub(crate) deps: Upload,
    user_id: UserId,
}

impl Receiver {
    pub(crate) fn new(deps: Upload, user_id: UserId) -> Self {
        Self { deps, user_id }
    }

    /// Stores `stream`. Nothing is left of it unless this returns `Ok`.
    pub(crate) async fn store<S, E>(&self, name: String, stream: S) -> Result<Stored, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
        E: Into<Refusal>,
    {
        let mut body = Body { stream, idle: Duration::from_secs(self.deps.config.idle_seconds) };
        let (head, container) = body.sniffed_head().await?;
        let (job_id, video_id) = (JobId::generate(), VideoId::generate());
        self.deps.db.create_job(&NewJob { id: job_id, user_id: self.user_id, video_id }).await?;
        match self.pour(job_id, video_id, head, body).await {
            Ok((bytes, digest)) => Ok(Stored { job_id, name, bytes, container, digest, video_id }),
            Err(refusal) => {
                forget(&self.deps, job_id).await;
                Err(refusal)
            }
        }
    }

    /// Returns the size and the digest.
    async fn pour<S, E>(
        &self,
        job_id: JobId,
        video_id: VideoId,
        head: Bytes,
        mut body: Body<S>,
    ) -> Result<(u64, String), Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
        E: Into<Refusal>,
    {
        let limit = self.deps.config.max_bytes;
        let mut upload = self.deps.blobs.put(Blob::Video(video_id)).await?;
        let (mut total, mut next, mut sign) = (0, Some(head), Instant::now());
        let mut digest = Context::new(&SHA256);
        while let Some(bytes) = next {
            total += bytes.len() as u64;
            if total > limit {
                return Err(Refusal::TooLarge(limit));
            }
            digest.update(&bytes);
            upload.write(bytes).await?;
            if sign.elapsed() > SIGN_OF_LIFE {
                self.deps.db.touch_upload(job_id).await?;
                sign = Instant::now();
            }
            next = body.next().await?;
        }
        Ok((upload.finish().await?, hex(digest.finish().as_ref())))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Body<S> {
    stream: S,
    idle: Duration,
}

impl<S, E> Body<S>
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
    E: Into<Refusal>,
{
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let next = tokio::time::timeout(self.idle, self.stream.next()).await.map_err(|_| Refusal::Stalled)?;
        next.transpose().map_err(Into::into)
    }

    /// Enough bytes to tell the container, and which one it is.
    async fn sniffed_head(&mut self) -> Result<(Bytes, &'static str), Refusal> {
        let mut head = BytesMut::new();
        while head.len() < sniff::ENOUGH {
            match self.next().await? {
                Some(bytes) => head.extend_from_slice(&bytes),
                None => break,
            }
        }
        if head.is_empty() {
            return Err(Refusal::Empty);
        }
        let container = sniff::container(&head).ok_or(Refusal::UnknownContainer)?;
        Ok((head.freeze(), container))
    }
}
