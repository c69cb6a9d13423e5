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
pub(crate) struct ReceivedVideo {
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
}

impl Stored {
    /// Abandons the upload: the sweep removes its blob. A job that is no longer `uploading` is left alone.
    pub(crate) async fn abandon(self, deps: &Upload) {
        abandon_job(deps, self.job_id).await;
    }
}

async fn abandon_job(deps: &Upload, job_id: JobId) {
    if let Err(error) = deps.db.jobs().abandon_upload(job_id).await {
        tracing::warn!(job = %job_id, %error, "a refused upload is forgotten when its heartbeat is missed");
    }
}

/// How often an upload sends its heartbeat, and learns whether its job still exists.
const HEARTBEAT: Duration = Duration::from_secs(5);

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
    pub(crate) async fn store<S, E>(&self, name: String, mut stream: S) -> Result<Stored, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
        E: Into<Refusal>,
    {
        let (head, container) = sniffed_head(&mut stream).await?;
        let (job_id, video_id) = (JobId::generate(), VideoId::generate());
        self.deps.db.jobs().create(&NewJob { id: job_id, user_id: self.user_id, video_id }).await?;
        match self.store_body(job_id, video_id, head, stream).await {
            Ok((bytes, digest)) => Ok(Stored { job_id, name, bytes, container, digest }),
            Err(refusal) => {
                abandon_job(&self.deps, job_id).await;
                Err(refusal)
            }
        }
    }

    /// Returns the size and the digest.
    async fn store_body<S, E>(
        &self,
        job_id: JobId,
        video_id: VideoId,
        head: Bytes,
        mut stream: S,
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
            if sign.elapsed() > HEARTBEAT {
                self.heartbeat(job_id).await?;
                sign = Instant::now();
            }
            next = stream.next().await.transpose().map_err(Into::into)?;
        }
        Ok((upload.finish().await?, hex(digest.finish().as_ref())))
    }

    /// An upload whose job was removed ends; one that can't reach the database goes on, it will need it only at its end.
    pub(crate) async fn heartbeat(&self, job_id: JobId) -> Result<(), Refusal> {
        match self.deps.db.jobs().touch_upload(job_id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::Gone),
            Err(error) => {
                tracing::warn!(job = %job_id, %error, "an upload's heartbeat failed");
                Ok(())
            }
        }
    }
}

/// In lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Enough bytes to tell the container, and which one it is.
async fn sniffed_head<S, E>(stream: &mut S) -> Result<(Bytes, &'static str), Refusal>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Refusal>,
{
    let mut head = BytesMut::new();
    while head.len() < sniff::ENOUGH {
        match stream.next().await {
            Some(bytes) => head.extend_from_slice(&bytes.map_err(Into::into)?),
            None => break,
        }
    }
    if head.is_empty() {
        return Err(Refusal::Empty);
    }
    let container = sniff::container(&head).ok_or(Refusal::UnknownContainer)?;
    Ok((head.freeze(), container))
}
