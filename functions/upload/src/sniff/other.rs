//! What is certainly neither video nor sound, though sound may be found in it.

/// How many bytes decide whether it is text.
const TEXT: usize = 512;

/// Archives, pictures, documents, programs and text.
pub(super) fn is_known(head: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 22] = [
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x1f\x8b",
        b"BZh",
        b"\xfd7zXZ\0",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!",
        b"\x28\xb5\x2f\xfd",
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"BM",
        b"II*\0",
        b"MM\0*",
        b"8BPS",
        b"%PDF",
        b"\xd0\xcf\x11\xe0",
        b"\x7fELF",
        b"MZ",
        b"\xca\xfe\xba\xbe",
        b"\0asm",
        b"SQLite format 3",
    ];
    BEGINNINGS.iter().any(|beginning| head.starts_with(beginning))
        || head.get(257..262) == Some(b"ustar")
        || (head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP"))
        || is_text(head)
}

/// No byte that text does not have.
fn is_text(head: &[u8]) -> bool {
    let text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x20..=0x7e);
    !head.is_empty() && head[..head.len().min(TEXT)].iter().all(text)
}
