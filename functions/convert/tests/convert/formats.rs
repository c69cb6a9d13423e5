//! Each format that can be asked for becomes a file of its media type.

use std::fs;

use contracts::{AudioReady, Event as _, Format, Options};
use media::FileSource;

use crate::world::{World, engine, kinds};

/// Name, media type, codec, and what such a file begins with, from which byte on.
const FORMATS: [(&str, &str, &str, usize, &[u8]); 7] = [
    ("mp3", "audio/mpeg", "mp3", 0, b"ID3"),
    ("m4a", "audio/mp4", "aac", 4, b"ftypM4A "),
    ("m4b", "audio/mp4", "aac", 4, b"ftypM4B "),
    ("opus", "audio/ogg", "opus", 0, b"OggS"),
    ("ogg", "audio/ogg", "vorbis", 0, b"OggS"),
    ("flac", "audio/flac", "flac", 0, b"fLaC"),
    ("wav", "audio/wav", "pcm", 0, b"RIFF"),
];

#[tokio::test]
async fn every_format_is_a_file_of_its_media_type_and_none_is_forgotten_here() {
    let refused = serde_json::from_value::<Format>("no such word".into()).unwrap_err().to_string();
    let names: Vec<_> = refused.split('`').skip(3).step_by(2).collect();
    assert_eq!(names, FORMATS.map(|(name, ..)| name));
    let world = World::new().await;
    for (name, media_type, codec, at, begins) in FORMATS {
        let format: Format = serde_json::from_value(name.into()).unwrap();
        assert_eq!((format.media_type(), format.extension()), (media_type, name));
        let id = world.uploaded_with(Options { format, ..Options::default() }).await;
        assert_eq!(kinds(&world.deliver(id, engine()).await.unwrap())[0], AudioReady::TYPE, "{name}");
        let job = world.job(id).await;
        let file = world.audio(&job);
        assert!(fs::read(&file).unwrap()[at..].starts_with(begins), "{name}");
        let heard = engine().probe(&FileSource::open(file).unwrap()).await.unwrap();
        // Of PCM there are many kinds.
        assert!(matches!(&heard.streams[..], [one] if one.codec.starts_with(codec)), "{name}: {heard:?}");
        assert_eq!(job.audio.unwrap().codec, codec, "{name}");
    }
}
