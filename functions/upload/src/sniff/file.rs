//! Containers that are files: each begins with a word of its own.

use super::bits::contains;

/// What stands before the first box that tells what the file is: these say nothing, and how long they are.
const SILENT_BOXES: [&[u8; 4]; 10] =
    [b"free", b"skip", b"wide", b"junk", b"pict", b"uuid", b"prft", b"sidx", b"emsg", b"ediw"];

/// ISO base media (MP4, MOV, 3GP ...): boxes of a length and a type (ISO/IEC 14496-12, 4.2). Old QuickTime files have
/// no `ftyp`, pieces of streams begin with `styp`, and some programs put their own in front.
pub(super) fn iso_media(head: &[u8]) -> Option<&'static str> {
    let mut at = 0;
    loop {
        let rest = head.get(at..)?;
        let kind: &[u8; 4] = rest.get(4..8)?.try_into().ok()?;
        match kind {
            b"ftyp" => return Some(brand(rest)),
            b"styp" => return Some("mp4"),
            b"moov" | b"mdat" | b"moof" | b"pnot" | b"udta" => return Some("mov"),
            _ if !SILENT_BOXES.contains(&kind) => return None,
            _ => {}
        }
        let length = match u32::from_be_bytes(rest[..4].try_into().ok()?) {
            0 => return None,
            1 => u64::from_be_bytes(rest.get(8..16)?.try_into().ok()?),
            length => length.into(),
        };
        if length < 8 {
            return None;
        }
        at = at.saturating_add(usize::try_from(length).ok()?);
        if at >= head.len() {
            // The one that tells comes later.
            return Some("mov");
        }
    }
}

fn brand(file_type: &[u8]) -> &'static str {
    match file_type.get(8..12) {
        Some(b"qt  ") => "mov",
        Some([b'3', b'g', ..]) => "3gp",
        _ => "mp4",
    }
}

pub(super) fn matroska(head: &[u8]) -> Option<&'static str> {
    let is = head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]);
    is.then(|| if contains(&head[..head.len().min(64)], b"webm") { "webm" } else { "matroska" })
}

/// A RIFF file of one of these kinds.
fn riff(head: &[u8], outer: &[&[u8]], kinds: &[&[u8]]) -> bool {
    outer.iter().any(|outer| head.starts_with(outer))
        && kinds.iter().any(|kind| head.get(8..8 + kind.len()) == Some(kind))
}

pub(super) fn avi(head: &[u8]) -> Option<&'static str> {
    let is = riff(head, &[b"RIFF"], &[b"AVI ", b"AVIX", b"AVI\x19", b"AMV "])
        || riff(head, &[b"ON2 "], &[b"ON2f"]);
    is.then_some("avi")
}

pub(super) fn wave(head: &[u8]) -> Option<&'static str> {
    riff(head, &[b"RIFF", b"RIFX", b"RF64", b"BW64"], &[b"WAVE"]).then_some("wav")
}

pub(super) fn wave64(head: &[u8]) -> Option<&'static str> {
    head.starts_with(b"riff\x2e\x91\xcf\x11").then_some("w64")
}

pub(super) fn aiff(head: &[u8]) -> Option<&'static str> {
    riff(head, &[b"FORM"], &[b"AIFF", b"AIFC"]).then_some("aiff")
}

pub(super) fn flv(head: &[u8]) -> Option<&'static str> {
    matches!(head, [b'F', b'L', b'V', 0..=4, _, 0, ..]).then_some("flv")
}

pub(super) fn asf(head: &[u8]) -> Option<&'static str> {
    head.starts_with(&[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11]).then_some("asf")
}

pub(super) fn real_media(head: &[u8]) -> Option<&'static str> {
    (head.starts_with(b".RMF") || head.starts_with(b".ra\xfd")).then_some("rm")
}

pub(super) fn ogg(head: &[u8]) -> Option<&'static str> {
    head.starts_with(b"OggS").then_some("ogg")
}

pub(super) fn caf(head: &[u8]) -> Option<&'static str> {
    head.starts_with(b"caff").then_some("caf")
}

pub(super) fn au(head: &[u8]) -> Option<&'static str> {
    head.starts_with(b".snd").then_some("au")
}

pub(super) fn amr(head: &[u8]) -> Option<&'static str> {
    head.starts_with(b"#!AMR").then_some("amr")
}
