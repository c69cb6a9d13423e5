//! libav's structs as plain values, bounded: what a file says about itself must not fill our messages.
#![expect(unsafe_code, reason = "reads libav's structs")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::ptr::null;
use std::time::Duration;

use ffmpeg_sys_next as ff;

use crate::report::{Chapter, Kind, Stream};

/// Of streams per file that a probe tells.
pub(super) const MOST_STREAMS: usize = 64;
/// Of chapters per file.
pub(super) const MOST_CHAPTERS: usize = 256;
/// Of a chapter's name, in bytes.
const LONGEST_TITLE: usize = 100;
/// Of tags per file.
pub(super) const MOST_TAGS: usize = 32;
/// Of a text, in bytes as the file has them; what is no UTF-8 becomes up to three times as many.
const LONGEST: usize = 1000;
/// Of a tag's key, in bytes.
const LONGEST_KEY: usize = 100;
/// Of a language, in bytes.
const LONGEST_LANGUAGE: usize = 16;
/// libav's own unit for whole files.
pub(super) const MICROSECONDS: ff::AVRational = ff::AVRational { num: 1, den: 1_000_000 };

/// The clock's.
pub(super) const NANOSECONDS: ff::AVRational = ff::AVRational { num: 1, den: 1_000_000_000 };

pub(super) fn stream(stream: &ff::AVStream) -> Stream {
    let sound =
        |number: i32| u32::try_from(number).ok().filter(|number| kind(stream) == Kind::Audio && *number > 0);
    // SAFETY: a stream has parameters as long as it lives; names of codecs are static.
    let (codec, rate, channels) = unsafe {
        let parameters = &*stream.codecpar;
        let name = match parameters.codec_id {
            ff::AVCodecID::AV_CODEC_ID_NONE => letters(parameters.codec_tag),
            id => text(ff::avcodec_get_name(id)),
        };
        (name, parameters.sample_rate, parameters.ch_layout.nb_channels)
    };
    Stream {
        index: stream.index as u32,
        kind: kind(stream),
        codec,
        sample_rate: sound(rate),
        channels: sound(channels),
        language: tags(stream.metadata).remove("language").filter(is_language),
    }
}

/// What a container calls a codec that libav doesn't know.
fn letters(tag: u32) -> String {
    let letters = tag.to_le_bytes();
    match tag {
        0 => "something unknown".into(),
        _ if letters.iter().all(|letter| letter.is_ascii_graphic()) => {
            letters.map(char::from).iter().collect()
        }
        _ => format!("{tag:#06x}"),
    }
}

fn is_language(text: &String) -> bool {
    text != "und" && text.len() <= LONGEST_LANGUAGE
}

pub(super) fn kind(stream: &ff::AVStream) -> Kind {
    // SAFETY: a stream has parameters as long as it lives.
    match unsafe { (*stream.codecpar).codec_type } {
        ff::AVMediaType::AVMEDIA_TYPE_AUDIO => Kind::Audio,
        ff::AVMediaType::AVMEDIA_TYPE_VIDEO => Kind::Video,
        _ => Kind::Other,
    }
}

pub(super) fn chapter(chapter: &ff::AVChapter) -> Chapter {
    let time =
        |time| Duration::from_micros(u64::try_from(micros(time, chapter.time_base)).unwrap_or_default());
    let (start, end) = (time(chapter.start), time(known(chapter.end).unwrap_or(chapter.start)));
    let mut title = tags(chapter.metadata).remove("title").unwrap_or_default();
    title.truncate(title.floor_char_boundary(LONGEST_TITLE));
    Chapter { start, end: end.max(start), title }
}

/// A dictionary's entries, at most [`MOST_TAGS`], with keys in lower case: first those that results have a place for.
pub(super) fn tags(dictionary: *const ff::AVDictionary) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for name in NAMES {
        // SAFETY: a null dictionary is an empty one; entries live as long as their dictionary.
        let entry = unsafe { ff::av_dict_get(dictionary, name.as_ptr(), null(), 0).as_ref() };
        // SAFETY: as above; keys and values are strings.
        unsafe { entry.iter().for_each(|entry| put(entry, &mut tags)) };
    }
    let mut entry = null();
    while tags.len() < MOST_TAGS {
        // SAFETY: as above.
        unsafe {
            entry = ff::av_dict_get(dictionary, c"".as_ptr(), entry, ff::AV_DICT_IGNORE_SUFFIX);
            let Some(entry) = entry.as_ref() else { break };
            put(entry, &mut tags);
        }
    }
    tags
}

/// What is kept of a source, and its language.
const NAMES: [&CStr; 12] = [
    c"album",
    c"album_artist",
    c"artist",
    c"comment",
    c"composer",
    c"copyright",
    c"date",
    c"disc",
    c"genre",
    c"language",
    c"title",
    c"track",
];

/// Takes an entry over, if it is text: what is in another code page than UTF-8 is not, and none is better than garbled.
///
/// # Safety
/// The entry is of a dictionary that lives.
unsafe fn put(entry: &ff::AVDictionaryEntry, tags: &mut BTreeMap<String, String>) {
    // SAFETY: by contract.
    let (mut key, value) = unsafe { (text(entry.key).to_lowercase(), text(entry.value)) };
    key.truncate(key.floor_char_boundary(LONGEST_KEY));
    if !value.contains(char::REPLACEMENT_CHARACTER) {
        tags.entry(key).or_insert(value);
    }
}

/// Whether a dictionary has something under this name.
pub(super) fn has_tag(dictionary: *const ff::AVDictionary, name: &CStr) -> bool {
    // SAFETY: a null dictionary is an empty one; the pointer is not followed.
    unsafe { !ff::av_dict_get(dictionary, name.as_ptr(), null(), 0).is_null() }
}

/// A C string, without control characters, cut at [`LONGEST`].
///
/// # Safety
/// `text` is null or a terminated string.
pub(super) unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by contract.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST)]).replace(char::is_control, " ");
    text.trim_end_matches(char::REPLACEMENT_CHARACTER).trim().to_owned()
}

/// `None` for libav's "no value".
pub(super) fn known(time: i64) -> Option<i64> {
    Some(time).filter(|time| *time != ff::AV_NOPTS_VALUE)
}

/// `time` in units of `base`, in microseconds.
pub(super) fn micros(time: i64, base: ff::AVRational) -> i64 {
    // SAFETY: arithmetic; a base of 0 gives the smallest number, not a trap.
    unsafe { ff::av_rescale_q(time, base, MICROSECONDS) }
}

/// `time` in units of `base`, in nanoseconds.
pub(super) fn nanos(time: i64, base: ff::AVRational) -> i64 {
    // SAFETY: as in `micros`.
    unsafe { ff::av_rescale_q(time, base, NANOSECONDS) }
}

/// As [`micros`]; `None` if it isn't positive.
pub(super) fn duration(time: i64, base: ff::AVRational) -> Option<Duration> {
    u64::try_from(micros(time, base)).ok().filter(|micros| *micros > 0).map(Duration::from_micros)
}
