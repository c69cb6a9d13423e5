//! Listening to what came out: decodes audio with the engine.

use std::{io, time::Duration};

use bytes::Bytes;
use media::{Engine, FileSink, Probe, Settings, Source, Summary};

use crate::tapedeck;

struct Memory(Bytes);

impl Source for Memory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }
    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let start = usize::try_from(offset).unwrap();
        Ok(self.0.slice(start..start + len))
    }
}

/// Decodes all of it; its true length, rate and channels.
pub async fn listen(audio: &Bytes) -> Summary {
    let nowhere = tempfile::NamedTempFile::new().unwrap();
    let mut sink = FileSink::create(nowhere.path()).unwrap();
    let engine = Engine::at(tapedeck());
    engine.convert(&Memory(audio.clone()), &Settings::default(), &mut sink, |_| {}).await.unwrap()
}

/// What it says about itself.
pub async fn probe(audio: &Bytes) -> Probe {
    Engine::at(tapedeck()).probe(&Memory(audio.clone())).await.unwrap()
}

/// Whether two lengths are within 50 ms.
#[must_use]
pub fn close(found: Duration, expected: f64) -> bool {
    (found.as_secs_f64() - expected).abs() <= 0.05
}
