//! Files that say absurd things about themselves: each ends in a typed failure, or in a valid file.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, io};

use bytes::Bytes;
use common::{Bytewise, Memory, engine, made, path};
use media::{Error, Limits, Settings, Source, Summary};

/// A WAV with this header and a second's worth of bytes.
fn wav(channels: u16, sample_rate: u32, bits: u16) -> Vec<u8> {
    let data = vec![7; 88_200];
    let align = channels.wrapping_mul(bits / 8);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(36_u32.wrapping_add(data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(sample_rate.to_le_bytes());
    bytes.extend(sample_rate.wrapping_mul(align.into()).to_le_bytes());
    bytes.extend(align.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

async fn convert<S: Source + Send + Sync>(source: &S) -> Result<Summary, Error> {
    let limits = Limits { wall: Duration::from_secs(60), cpu: Duration::from_secs(10), ..Limits::default() };
    engine().limits(limits).convert(source, &Settings::default(), &mut Memory::default(), |_| ()).await
}

#[tokio::test]
async fn a_plain_wav_is_fine() {
    assert_eq!(convert(&Bytewise::new(wav(1, 44_100, 16))).await.unwrap().duration, Duration::from_secs(1));
}

#[tokio::test]
async fn rates_and_channels_that_cannot_be_are_unreadable() {
    for (channels, rate, bits) in [
        (1, 1, 16),
        (2, 1 << 31, 16),
        (2, u32::MAX, 16),
        (2, 0, 16),
        (0, 44_100, 16),
        (2, 44_100, 0),
        (u16::MAX, 44_100, 16),
    ] {
        let ended = convert(&Bytewise::new(wav(channels, rate, bits))).await;
        let typed = matches!(ended, Err(Error::Unreadable(_) | Error::UnsupportedCodec(_) | Error::NoAudio));
        assert!(typed, "{channels} channels, {rate} Hz, {bits} bits: {ended:?}");
    }
}

#[tokio::test]
async fn many_channels_are_mixed_or_refused() {
    for channels in [8, 24, 63, 65] {
        let ended = convert(&Bytewise::new(wav(channels, 44_100, 16))).await;
        assert!(matches!(ended, Ok(_) | Err(Error::Unreadable(_))), "{channels} channels: {ended:?}");
    }
}

#[tokio::test]
async fn hundreds_of_streams_are_one_sound() {
    let maps = " -map 0".repeat(500);
    let many = made(&format!("-f lavfi -i sine=d=0.2{maps} -c:a pcm_s16le"), "many.mkv");
    let summary = convert(&Bytewise::new(many)).await.unwrap();
    assert!(summary.duration.as_secs_f64() > 0.19, "{summary:?}");
}

#[tokio::test]
async fn ten_hours_of_silence_in_a_few_kilobytes_end_in_time() {
    let silence = made(
        "-f lavfi -i anullsrc=r=8000:cl=mono -t 36000 -c:a flac -frame_size 65535 -strict -2",
        "silence.flac",
    );
    assert!(silence.len() < 1 << 20, "{}", silence.len());
    let ended = convert(&Bytewise::new(silence)).await;
    assert!(matches!(ended, Ok(_) | Err(Error::TimedOut)), "{ended:?}");
}

#[tokio::test]
async fn times_that_jump_do_not_matter() {
    let jumping = made(
        "-f lavfi -i sine=d=3 -c:a aac -bsf:a setts=pts=if(mod(N\\,2)\\,PTS+900000\\,PTS):dts=DTS",
        "jumping.ts",
    );
    let ended = convert(&Bytewise::new(jumping)).await.unwrap();
    assert!((2.9..3.2).contains(&ended.duration.as_secs_f64()), "{ended:?}");
}

/// A file that somebody else writes while it is read: each answer is of another file.
struct Changing {
    files: [Bytes; 2],
    reads: AtomicU64,
}

impl Source for Changing {
    fn size(&self) -> u64 {
        self.files[0].len() as u64
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let read = self.reads.fetch_add(1, Ordering::SeqCst);
        let file = &self.files[(read % 2) as usize];
        let end = (offset as usize + len).min(file.len());
        let mut bytes = file.slice((offset as usize).min(end)..end).to_vec();
        bytes.resize(len, 0);
        Ok(bytes.into())
    }
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_ends_in_a_result_or_a_reason() {
    let read = |name| Bytes::from(fs::read(path(name)).unwrap());
    for names in [["video.mkv", "video.webm"], ["moov-end.mp4", "video.avi"], ["video.avi", "video.mkv"]] {
        let source = Changing { files: names.map(read), reads: AtomicU64::new(0) };
        let ended = convert(&source).await;
        if let Err(Error::Source(_) | Error::Sink(_) | Error::Crashed(_) | Error::TimedOut) = ended {
            panic!("{names:?}: {ended:?}");
        }
    }
}
