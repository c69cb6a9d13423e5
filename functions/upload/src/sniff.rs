//! Which container a file is, by its beginning. Names and content types from outside are not trusted; whether the rest
//! holds what the beginning promises is for the converter to say.
//!
//! What the converter reads is listed in `shared/media/native/parts.txt`; `sniff/` has a line for each container there,
//! and a test holds one against the other. Recordings of streams begin where somebody pressed a button, so what is made
//! for streams (`sniff/stream.rs`) is found behind a piece of a packet, a tag or zeros too.

mod bits;
mod file;
mod frames;
mod other;
mod stream;

/// So many bytes of the beginning settle it: some frames of the largest, behind one that was cut through.
pub(crate) const ENOUGH: usize = 64 * 1024;

/// Tells a container's name if it is one of this kind.
type Test = fn(&[u8]) -> Option<&'static str>;

/// Told by how the file begins: the name of the demuxer, and how.
const FILES: [(&str, Test); 13] = [
    ("mov", file::iso_media),
    ("matroska", file::matroska),
    ("avi", file::avi),
    ("flv", file::flv),
    ("asf", file::asf),
    ("rm", file::real_media),
    ("ogg", file::ogg),
    ("wav", file::wave),
    ("w64", file::wave64),
    ("caf", file::caf),
    ("aiff", file::aiff),
    ("au", file::au),
    ("amr", file::amr),
];

/// Told wherever they begin: what may hold the others comes before them.
const STREAMS: [(&str, Test); 14] = [
    ("mxf", stream::mxf),
    ("dv", stream::dv),
    ("mpegts", stream::transport),
    ("mpegps", stream::program),
    ("flac", stream::flac),
    ("dtshd", stream::dts_hd),
    ("truehd", stream::true_hd),
    ("mlp", stream::mlp),
    ("dts", stream::dts),
    ("loas", frames::loas),
    ("aac", frames::adts),
    ("eac3", frames::e_ac3),
    ("ac3", frames::ac3),
    ("mp3", frames::mpeg_audio),
];

/// The container, or `None` if it is none that we read.
pub(crate) fn container(head: &[u8]) -> Option<&'static str> {
    let head = &head[..head.len().min(ENOUGH)];
    let told = |kinds: &[(&str, Test)]| kinds.iter().find_map(|(_, test)| test(head));
    // An archive of sound files holds whole frames of them, and is none.
    told(&FILES).or_else(|| if other::is_known(head) { None } else { told(&STREAMS) })
}

#[cfg(test)]
mod tests;
