//! A cover picture, carried over as it is: nothing here looks into it.
#![expect(unsafe_code, reason = "reads libav's structs")]

use ffmpeg_sys_next as ff;

use super::describe;

/// Larger ones in bytes are no cover.
const LARGEST: usize = 8 << 20;

/// The bytes of a picture file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    kind: Kind,
    pub(crate) data: Vec<u8>,
}

/// Those that players know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Jpeg,
    Png,
}

impl Picture {
    /// The picture that is attached to `stream`, if one is.
    pub(super) fn attached(stream: &ff::AVStream) -> Option<Self> {
        // SAFETY: a stream has parameters as long as it lives; an attached picture has so many bytes.
        let (codec, data) = unsafe {
            let packet = &stream.attached_pic;
            let length = usize::try_from(packet.size).ok().filter(|length| (1..=LARGEST).contains(length))?;
            let data = packet.data.as_ref().map(|data| std::slice::from_raw_parts(data, length))?;
            ((*stream.codecpar).codec_id, data)
        };
        let kind = match codec {
            ff::AVCodecID::AV_CODEC_ID_MJPEG => Kind::Jpeg,
            ff::AVCodecID::AV_CODEC_ID_PNG => Kind::Png,
            _ => return None,
        };
        Some(Self { kind, data: data.to_vec() })
    }

    /// Whether `stream` is a picture that is attached, also of a kind that we can't carry over.
    pub(super) fn is_one(stream: &ff::AVStream) -> bool {
        let attached = stream.disposition & ff::AV_DISPOSITION_ATTACHED_PIC as std::ffi::c_int != 0;
        // SAFETY: a stream has parameters as long as it lives.
        let file = unsafe { (*stream.codecpar).codec_type } == ff::AVMediaType::AVMEDIA_TYPE_ATTACHMENT;
        let kind = || describe::tags(stream.metadata).remove("mimetype");
        attached || file && kind().is_some_and(|kind| kind.starts_with("image/"))
    }

    /// Whatever these bytes are, taken for one of each kind: for fuzzing.
    pub(crate) fn of_each_kind(data: &[u8]) -> [Self; 2] {
        [Kind::Png, Kind::Jpeg].map(|kind| Self { kind, data: data.to_vec() })
    }

    /// Its media type.
    pub(crate) fn media_type(&self) -> &'static str {
        match self.kind {
            Kind::Jpeg => "image/jpeg",
            Kind::Png => "image/png",
        }
    }

    /// Width and height, which some containers want to know.
    pub(crate) fn size(&self) -> Option<(u16, u16)> {
        match self.kind {
            Kind::Png => Some((number(&self.data, 18)?, number(&self.data, 22)?)),
            Kind::Jpeg => jpeg_size(&self.data),
        }
    }

    pub(super) fn codec(&self) -> ff::AVCodecID {
        match self.kind {
            Kind::Jpeg => ff::AVCodecID::AV_CODEC_ID_MJPEG,
            Kind::Png => ff::AVCodecID::AV_CODEC_ID_PNG,
        }
    }
}

/// Walks the segments to the frame header (ITU-T T.81, annex B).
fn jpeg_size(data: &[u8]) -> Option<(u16, u16)> {
    let mut at = 2;
    loop {
        match (data.get(at)?, data.get(at + 1)?) {
            (0xff, 0xc0..=0xc3) => return Some((number(data, at + 7)?, number(data, at + 5)?)),
            (0xff, _) => at += 2 + usize::from(number(data, at + 2)?),
            _ => return None,
        }
    }
}

fn number(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*data.get(at)?, *data.get(at + 1)?]))
}
