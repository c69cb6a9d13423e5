//! What results say about themselves, whatever their sources look like.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::recipe::{Recipe, codes};
use common::{Bytewise, Mp3, engine, matroska};
use media::{Chapters, Format, Settings, Warning};

/// A folder with a sound and a cover of at least so many bytes.
fn with_cover(size: u32, kind: &str) -> Recipe {
    let recipe = Recipe::empty();
    recipe.run("-f lavfi -i sine=d=2 -c:a aac", "sound.m4a");
    let source = format!(
        "-f lavfi -i nullsrc=s={size}x{size},geq=random(1)*255:random(2)*255:random(3)*255 -frames:v 1"
    );
    recipe.run(&format!("{source} -q:v 1 -update 1"), &format!("cover.{kind}"));
    recipe
}

#[tokio::test]
async fn a_cover_that_has_no_room_is_told() {
    let recipe = with_cover(900, "jpg");
    assert!(recipe.read("cover.jpg").len() > 300_000);
    recipe.run("-i sound.m4a -i cover.jpg -map 0 -map 1 -c copy -disposition:v attached_pic", "large.m4a");
    let (summary, _) = recipe.convert("large.m4a", Settings::default()).await.unwrap();
    assert_eq!(codes(&summary), ["cover_left_out"]);
    for format in [Format::M4a, Format::Flac] {
        let (summary, bytes) =
            recipe.convert("large.m4a", Settings { format, ..Settings::default() }).await.unwrap();
        assert_eq!(summary.warnings, [], "{format:?}");
        assert!(engine().probe(&Bytewise::new(bytes)).await.unwrap().cover);
    }
    let settings = Settings { cover: media::Cover::None, ..Settings::default() };
    assert_eq!(recipe.convert("large.m4a", settings).await.unwrap().0.warnings, []);
}

#[tokio::test]
async fn a_cover_of_another_kind_is_told() {
    let recipe = with_cover(64, "bmp");
    recipe.run("-i sound.m4a -i cover.bmp -map 0 -map 1 -c copy -disposition:v attached_pic", "bmp.m4a");
    let file = [
        matroska::element(0x466e, b"cover.webp"),
        matroska::element(0x4660, b"image/webp"),
        matroska::number(0x46ae, 1),
        matroska::element(0x465c, b"RIFF....WEBP"),
    ];
    let cover = matroska::element(0x1941_a469, &matroska::element(0x61a7, &file.concat()));
    recipe.write("webp.mkv", &matroska::file(1000.0, &[matroska::tracks(1), cover, matroska::second()]));
    for name in ["bmp.m4a", "webp.mkv"] {
        let (summary, _) = recipe.convert(name, Settings::default()).await.unwrap();
        assert_eq!(codes(&summary), ["cover_left_out"], "{name}");
    }
}

#[tokio::test]
async fn title_and_track_are_found_among_many_tags() {
    let recipe = Recipe::empty();
    let many: String = (0..60).map(|number| format!(" -metadata aa_{number}=x")).collect();
    recipe.run(
        &format!("-f lavfi -i sine=d=1{many} -metadata title=Last -metadata track=7 -c:a flac"),
        "many.flac",
    );
    let (_, mp3) = recipe.convert("many.flac", Settings::default()).await.unwrap();
    let tag = Mp3::read(&mp3).tag;
    assert_eq!((tag["TIT2"].as_str(), tag["TRCK"].as_str()), ("Last", "7"));
}

#[tokio::test]
async fn texts_of_other_code_pages_are_left_out() {
    let recipe = Recipe::empty();
    recipe.run("-f lavfi -i sine=d=1 -write_xing 0 -id3v2_version 0 -c:a libmp3lame", "plain.mp3");
    let mut tag = b"TAG".to_vec();
    for text in [&b"T\xf6ne"[..], b"Somebody"] {
        tag.extend(text);
        tag.resize(tag.len() + 30 - text.len(), 0);
    }
    tag.resize(128, 0);
    recipe.write("old.mp3", &[recipe.read("plain.mp3"), tag].concat());
    let (_, mp3) = recipe.convert("old.mp3", Settings::default()).await.unwrap();
    let tag = Mp3::read(&mp3).tag;
    assert_eq!((tag.get("TIT2"), tag["TPE1"].as_str()), (None, "Somebody"));
}

#[tokio::test]
async fn an_mp3_out_of_matroska_says_what_others_can_believe() {
    let recipe = Recipe::empty();
    recipe.run("-f lavfi -i sine=d=5:r=44100 -c:a libmp3lame", "sound.mkv");
    let settings = Settings { copy: true, ..Settings::default() };
    let (_, bytes) = recipe.convert("sound.mkv", settings).await.unwrap();
    let header = bytes.windows(4).position(|name| name == b"Xing" || name == b"Info").unwrap();
    let gap = u16::from_be_bytes([bytes[header + 141], bytes[header + 142]]);
    assert!(gap >> 4 < 1200, "{}", gap >> 4);
}

#[tokio::test]
async fn chapters_beyond_what_there_is_are_left_out() {
    let recipe = Recipe::empty();
    let chapter =
        |from: u32, to: u32| format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={from}\nEND={to}\ntitle={from}\n");
    let write = |name: &str, chapters: String| {
        recipe.write("chapters.txt", format!(";FFMETADATA1\n{chapters}").as_bytes());
        recipe.run("-f lavfi -i sine=d=4 -i chapters.txt -map_metadata 1 -map_chapters 1 -c:a aac", name);
    };
    write("beyond.mkv", [chapter(0, 2000), chapter(2000, 9000), chapter(9000, 12000)].concat());
    let (summary, bytes) = recipe.convert("beyond.mkv", Settings::default()).await.unwrap();
    assert_eq!(summary.warnings, []);
    let probe = engine().probe(&Bytewise::new(bytes)).await.unwrap();
    assert_eq!(probe.chapters.len(), 2);
    assert!(probe.chapters[1].end.as_secs_f64() < 4.2, "{:?}", probe.chapters);
    write("many.mkv", (0..300).map(|place| chapter(place * 10, place * 10 + 10)).collect());
    let (summary, _) = recipe.convert("many.mkv", Settings::default()).await.unwrap();
    assert_eq!(summary.warnings, [Warning::ChaptersLeftOut { kept: 256, of: 300 }]);
    let (summary, _) = recipe
        .convert("many.mkv", Settings { chapters: Chapters::None, ..Settings::default() })
        .await
        .unwrap();
    assert_eq!(summary.warnings, []);
}
