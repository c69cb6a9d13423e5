//! Blob -> engine -> blob.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use blobs::{Blob, Reader, Upload};
use bytes::Bytes;
use contracts::AudioId;
use contracts::{ChapterPolicy, Cost, Options, SilencePolicy, Stage, Timestamp, Trace};
use db::{Audio, Chapter, Claimed, Finished};
use media::{CpuTime, Kind, Peaks, Sink, Source, Summary};
use runtime::Traced;

use crate::{Convert, outcome::Outcome, produce::produce};

/// How far the conversion is, and what it takes; shared with the heartbeat.
#[derive(Default)]
pub(crate) struct Progress {
    share: AtomicU64,
    position: AtomicU64,
    made: AtomicBool,
    /// When the first sound was made, and when all of it was.
    first_at: OnceLock<Timestamp>,
    made_at: OnceLock<Timestamp>,
    cpu: CpuTime,
    read: AtomicU64,
    written: AtomicU64,
}

impl Progress {
    /// 0 to 1, as far as the length is known.
    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.share.load(Ordering::Relaxed))
    }

    /// Grows with each piece of sound, however long the file says that it is.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    pub(crate) fn stage(&self) -> Stage {
        if self.made.load(Ordering::Relaxed) {
            Stage::Storing
        } else if self.position() > 0 {
            Stage::Encoding
        } else {
            Stage::Reading
        }
    }

    /// The sound is made.
    pub(crate) fn made(&self) {
        self.made_at.get_or_init(Timestamp::now);
        self.made.store(true, Ordering::Relaxed);
    }

    /// So many bytes came from the blob store.
    pub(crate) fn read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many bytes went to the blob store.
    pub(crate) fn written(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What it has taken so far.
    pub(crate) fn cost(&self) -> Cost {
        Cost {
            cpu_seconds: self.cpu.get().as_secs_f64(),
            bytes_read: self.read.load(Ordering::Relaxed),
            bytes_written: self.written.load(Ordering::Relaxed),
            ..Cost::default()
        }
    }

    fn set(&self, progress: media::Progress) {
        let total = progress.total.map_or(f64::INFINITY, |total| total.as_secs_f64().max(0.001));
        let share = (progress.position.as_secs_f64() / total).min(1.0);
        self.share.store(share.to_bits(), Ordering::Relaxed);
        let position = u64::try_from(progress.position.as_micros()).unwrap_or(u64::MAX);
        if position > 0 {
            self.first_at.get_or_init(Timestamp::now);
        }
        self.position.store(position, Ordering::Relaxed);
    }

    /// The stages of an attempt from `begun` until now, as far as it came.
    pub(crate) fn trace(&self, attempt: &Trace, begun: Timestamp) {
        let made = self.made_at.get().copied();
        let first = self.first_at.get().copied().or(made);
        let (now, mut from) = (Timestamp::now(), begun);
        for (stage, until) in [(Stage::Reading, first), (Stage::Encoding, made), (Stage::Storing, None)] {
            Traced::passed("convert", stage.as_str(), attempt, (from, until.unwrap_or(now)));
            let Some(next) = until else { return };
            from = next;
        }
    }
}

pub(crate) async fn run(deps: &Convert, claimed: &Claimed, progress: &Progress) -> Outcome {
    match convert(deps, claimed, progress).await {
        Ok(finished) => Outcome::Done(finished),
        Err(outcome) => outcome,
    }
}

async fn convert(deps: &Convert, claimed: &Claimed, progress: &Progress) -> Result<Finished, Outcome> {
    let video = deps.blobs.open_blob(Blob::Video(claimed.job.video_id)).await?;
    let video = video.ok_or_else(|| Outcome::damaged("there is no such blob"))?;
    let mut upload = deps.blobs.put(Blob::Audio(claimed.lease.audio_id)).await?;
    let (options, mut sink) = (&claimed.job.options, AudioSink(&mut upload, progress));
    let (engine, video) = (deps.engine.metered(&progress.cpu), Video(video, progress));
    let summary = produce(&engine, &video, options, &mut sink, |at| progress.set(at)).await?;
    progress.made();
    note_chapters(deps, claimed, &summary).await;
    let bytes = upload.finish().await?;
    let peaks = match &summary.peaks {
        Some(peaks) => Some(store(deps, peaks, claimed.lease.audio_id, progress).await?),
        None => None,
    };
    Ok(Finished { peaks, ..finished(deps, claimed, &summary, bytes) })
}

/// The waveform lies beside its audio; returns its size.
async fn store(deps: &Convert, peaks: &Peaks, beside: AudioId, progress: &Progress) -> blobs::Result<u64> {
    let mut upload = deps.blobs.put(Blob::Peaks(beside)).await?;
    upload.write(peaks.json().into()).await?;
    upload.finish().await.inspect(|bytes| progress.written(*bytes))
}

/// Players that can't read them out of the audio miss them if the database is away now: no reason to convert again.
async fn note_chapters(deps: &Convert, claimed: &Claimed, summary: &Summary) {
    let chapters = chapters(&claimed.job.options, summary);
    if let Err(error) = deps.db.jobs().note_chapters(claimed.job.id, &chapters).await {
        tracing::warn!(job = %claimed.job.id, %error, "the chapters are not saved");
    }
}

/// The chapters of the result, as far as they are the source's moved by a constant: where pauses were cut out they are
/// in the audio only.
fn chapters(options: &Options, summary: &Summary) -> Vec<Chapter> {
    if options.chapters != ChapterPolicy::Keep || options.silence != SilencePolicy::Keep {
        return Vec::new();
    }
    let start = Duration::from_secs_f64(options.start.unwrap_or(0.0));
    let end = start + summary.duration;
    let inside = summary.source.chapters.iter().filter(|chapter| chapter.end > start && chapter.start < end);
    inside.map(|chapter| Chapter::new(chapter.start.saturating_sub(start), &chapter.title)).collect()
}

fn finished(deps: &Convert, claimed: &Claimed, summary: &Summary, bytes: u64) -> Finished {
    let codec = summary.source.streams.iter().find(|stream| stream.kind == Kind::Audio);
    let warnings: Vec<String> = summary.warnings.iter().map(ToString::to_string).collect();
    Finished {
        audio: Audio {
            id: claimed.lease.audio_id,
            bytes,
            duration: summary.duration,
            codec: summary.codec.clone(),
            bitrate: summary.bitrate,
        },
        peaks: None,
        source_codec: codec.map(|stream| stream.codec.clone()),
        source_duration: summary.source.duration,
        warning: (!warnings.is_empty()).then(|| warnings.join(" ")),
        keep: deps.config.keep(),
    }
}

/// A stored video as the engine reads it.
struct Video<'a>(Reader, &'a Progress);

impl Source for Video<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let bytes = self.0.read_at(offset, len).await.map_err(io::Error::other)?;
        self.1.read(bytes.len() as u64);
        Ok(bytes)
    }
}

/// An audio blob as the engine writes it.
struct AudioSink<'a>(&'a mut Upload, &'a Progress);

impl Sink for AudioSink<'_> {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.1.written(bytes.len() as u64);
        self.0.write(bytes).await.map_err(io::Error::other)
    }

    async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> io::Result<()> {
        self.0.rewrite(offset, bytes).await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_beyond_the_length_that_a_file_claims_or_of_none_is_progress_too() {
        for total in [None, Some(Duration::from_secs(1))] {
            let progress = Progress::default();
            let mut seen = vec![progress.position()];
            for seconds in 2..5 {
                let position = Duration::from_secs(seconds);
                progress.set(media::Progress { position, total: total.map(|total| total.max(position)) });
                seen.push(progress.position());
            }
            assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
            assert!((0.0..=1.0).contains(&progress.get()));
        }
    }

    #[test]
    fn a_conversion_reads_then_encodes_then_stores() {
        let progress = Progress::default();
        let mut stages = vec![progress.stage()];
        progress.set(media::Progress { position: Duration::from_secs(1), total: None });
        stages.push(progress.stage());
        progress.made();
        stages.push(progress.stage());
        assert_eq!(stages, [Stage::Reading, Stage::Encoding, Stage::Storing]);
    }

    #[test]
    fn chapters_are_those_of_the_result_and_none_where_pauses_were_cut() {
        let chapter = |start, end| media::Chapter {
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
            title: start.to_string(),
        };
        let source = media::Probe {
            chapters: vec![chapter(0, 10), chapter(10, 20), chapter(20, 30)],
            ..media::Probe::default()
        };
        let summary = Summary {
            source,
            codec: "mp3".into(),
            bitrate: 0,
            sample_rate: 48_000,
            channels: 1,
            duration: Duration::from_secs(10),
            bytes: 0,
            source_bytes_read: 0,
            peaks: None,
            warnings: Vec::new(),
        };
        let with = |fields: &[(&'static str, &'static str)]| {
            let options = Options::from_fields(fields.iter().copied()).unwrap();
            let chapters = chapters(&options, &summary).into_iter();
            chapters.map(|chapter| (chapter.start_ms, chapter.title)).collect::<Vec<_>>()
        };
        assert_eq!(with(&[]), [(0, "0".into())], "it ends after ten seconds");
        assert_eq!(with(&[("start", "15")]), [(0, "10".into()), (5000, "20".into())]);
        for none in [("silence", "trim"), ("silence", "shorten"), ("chapters", "none"), ("chapters", "split")]
        {
            assert_eq!(with(&[none]), [], "{none:?}");
        }
    }
}
