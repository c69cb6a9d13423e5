//! Files that take ffmpeg several steps, in a folder that goes away with them.
#![expect(clippy::disallowed_methods, reason = "ffmpeg makes the files")]

use std::path::PathBuf;
use std::process::Command;

use media::{Error, FileSource, Settings, Summary};

use super::{Bytewise, Memory, engine};

/// A folder with what ffmpeg made in it.
pub(crate) struct Recipe(tempfile::TempDir);

impl Recipe {
    /// With `a.mp4`: ten seconds of a small picture and a tone, H.264 and AAC.
    pub(crate) fn new() -> Self {
        let recipe = Self::empty();
        recipe.run(
            "-f lavfi -i testsrc=s=160x120:r=10:d=10 -f lavfi -i sine=440:d=10:r=48000 -pix_fmt yuv420p -c:v libx264 -preset ultrafast -c:a aac",
            "a.mp4",
        );
        recipe
    }

    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// What ffmpeg makes of these arguments under this name.
    pub(crate) fn run(&self, arguments: &str, name: &str) -> &Self {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-y"]).args(arguments).arg(name).current_dir(&self.0);
        assert!(ffmpeg.status().unwrap().success(), "{name}");
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> &Self {
        std::fs::write(self.path(name), bytes).unwrap();
        self
    }

    /// Converts it in memory.
    pub(crate) async fn convert(&self, name: &str, settings: Settings) -> Result<(Summary, Vec<u8>), Error> {
        let mut sink = Memory::default();
        let source = FileSource::open(self.path(name)).unwrap();
        let summary = engine().convert(&source, &settings, &mut sink, |_| ()).await?;
        Ok((summary, sink.0))
    }

    /// As WAV: the summary, and the samples of all channels from -1 to 1.
    pub(crate) async fn samples(&self, name: &str, settings: Settings) -> (Summary, Vec<f32>) {
        let settings = Settings { format: media::Format::Wav, ..settings };
        let (summary, wav) = self.convert(name, settings).await.unwrap();
        (summary, samples(&wav))
    }
}

/// Of a WAV with 16 bits.
pub(crate) fn samples(wav: &[u8]) -> Vec<f32> {
    let data = wav.windows(4).position(|bytes| bytes == b"data").unwrap() + 8;
    let (samples, _) = wav[data..].as_chunks::<2>();
    samples.iter().map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32768.0).collect()
}

/// What `bytes` sound like to us.
pub(crate) async fn decoded(bytes: &[u8]) -> (Summary, Vec<f32>) {
    let mut sink = Memory::default();
    let settings = Settings { format: media::Format::Wav, ..Settings::default() };
    let source = Bytewise::new(bytes.to_vec());
    let summary = engine().convert(&source, &settings, &mut sink, |_| ()).await.unwrap();
    (summary, samples(&sink.0))
}

/// The loudest of these samples.
pub(crate) fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

/// The warnings' names.
pub(crate) fn codes(summary: &Summary) -> Vec<&'static str> {
    summary.warnings.iter().map(media::Warning::code).collect()
}
