//! An earlier result instead of a conversion: the same video of the same owner, with the same options, by the same engine.
//!
//! Each job has a blob of its own, so the copy lives on when the earlier job is deleted or expires. Nothing is looked up
//! across owners: how fast a job is done would tell that somebody else has the video.

use std::pin::pin;

use blobs::{Blob, Reader};
use contracts::{Options, Outage as _};
use db::{Audio, Claimed, Finished, Job};
use futures_util::TryStreamExt as _;

use crate::{Convert, outcome::Outcome, run::Progress};

/// Names the engine in a job's row: the release, and a number to raise where the engine changes between two releases.
pub(crate) const ENGINE: &str = concat!(env!("CARGO_PKG_VERSION"), "/2");

/// The end of a job that an earlier one spares the conversion. `None`: it has to be converted.
pub(crate) async fn reuse(deps: &Convert, claimed: &Claimed, progress: &Progress) -> Option<Outcome> {
    // A copy that failed has used up its audio's id, so that what follows is another attempt: that one converts.
    if claimed.job.attempts > 1 || claimed.job.outages > 0 {
        return None;
    }
    let (earlier, audio) = find(deps, &claimed.job).await?;
    let to = claimed.lease.audio_id;
    let mut stored = vec![(open(deps, Blob::Audio(audio.id), audio.bytes).await?, Blob::Audio(to))];
    if let Some(bytes) = earlier.peaks {
        stored.push((open(deps, Blob::Peaks(audio.id), bytes).await?, Blob::Peaks(to)));
    }
    for (stored, to) in &stored {
        if let Err(error) = copy(deps, stored, *to, progress).await {
            let cause = format!("copying {to} of job {}: {error}", earlier.id);
            return Some(if error.is_outage() { Outcome::Outage(cause) } else { Outcome::Crashed(cause) });
        }
    }
    if let Err(error) = note_chapters(deps, claimed, &earlier).await {
        tracing::warn!(job = %claimed.job.id, %error, "the chapters are not saved");
    }
    tracing::info!(job = %claimed.job.id, earlier = %earlier.id, "answered by an earlier result");
    let audio = Audio { id: to, ..audio };
    Some(Outcome::Done(finished(deps, earlier, audio)))
}

/// The newest earlier job that fits, and its audio. A database that is away is noticed soon enough.
async fn find(deps: &Convert, job: &Job) -> Option<(Job, Audio)> {
    let found = deps.db.jobs().done_with_same_video(job, ENGINE).await;
    let found = found.inspect_err(|error| tracing::warn!(job = %job.id, %error, "cache lookup failed"));
    let wanted = sound(&job.options);
    let earlier = found.ok()?.into_iter().find(|earlier| sound(&earlier.options) == wanted)?;
    let audio = earlier.audio.clone()?;
    Some((earlier, audio))
}

/// All options but those that say who is told and where the job is filed.
fn sound(options: &Options) -> Options {
    Options { folder: None, notify: None, webhook: None, ..options.clone() }
}

/// The blob, if it still is as large as its job says.
async fn open(deps: &Convert, blob: Blob, bytes: u64) -> Option<Reader> {
    let stored = deps.blobs.open_blob(blob).await;
    let stored = stored.inspect_err(|error| tracing::warn!(%error, "an earlier result can't be opened"));
    stored.ok()?.filter(|stored| stored.size() == bytes)
}

async fn note_chapters(deps: &Convert, claimed: &Claimed, earlier: &Job) -> db::Result<()> {
    let chapters = deps.db.jobs().chapters(earlier.id).await?;
    deps.db.jobs().note_chapters(claimed.job.id, &chapters).await
}

async fn copy(deps: &Convert, from: &Reader, to: Blob, progress: &Progress) -> blobs::Result<()> {
    let mut upload = deps.blobs.put(to).await?;
    let mut pieces = pin!(from.stream(0..from.size()));
    while let Some(bytes) = pieces.try_next().await? {
        progress.read(bytes.len() as u64);
        progress.written(bytes.len() as u64);
        upload.write(bytes).await?;
    }
    upload.finish().await.map(drop)
}

fn finished(deps: &Convert, earlier: Job, audio: Audio) -> Finished {
    Finished {
        audio,
        peaks: earlier.peaks,
        source_codec: earlier.source.codec,
        source_duration: earlier.source.duration,
        warning: earlier.warning,
        keep: deps.config.keep(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_and_the_folder_do_not_shape_the_sound_and_all_else_does() {
        let options = |fields: &[(&'static str, &'static str)]| {
            sound(&Options::from_fields(fields.iter().copied()).unwrap())
        };
        let plain = options(&[]);
        assert_eq!(
            options(&[("notify", "none"), ("webhook", "https://example.org"), ("folder", "Talks")]),
            plain
        );
        let others = [
            ("format", "wav"),
            ("bitrate", "128"),
            ("quality", "2"),
            ("sample_rate", "44100"),
            ("channels", "2"),
            ("start", "1"),
            ("end", "1"),
            ("loudness", "-16"),
            ("track", "0"),
            ("silence", "trim"),
            ("fade", "1"),
            ("peaks", "true"),
            ("tags", "none"),
            ("cover", "none"),
            ("chapters", "none"),
            ("title", "Live"),
            ("artist", "Ann"),
            ("album", "Hits"),
        ];
        for other in others {
            assert_ne!(options(&[other]), plain, "{other:?}");
        }
    }
}
