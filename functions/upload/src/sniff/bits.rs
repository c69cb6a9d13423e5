//! Small things that several formats need.

/// Where `word` is in `bytes`, each time.
pub(super) fn places<'a>(bytes: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(word.len()).enumerate().filter(move |(_, window)| *window == word).map(|(at, _)| at)
}

pub(super) fn contains(bytes: &[u8], word: &[u8]) -> bool {
    places(bytes, word).next().is_some()
}

/// A number of two bytes, the high one first.
pub(super) fn two(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
}

/// What comes after a tag in front (ID3v2, 3.1): the tag's length is four times seven bits. `None` if there is no tag, and
/// nothing if it is longer than `head`.
pub(super) fn after_id3(head: &[u8]) -> Option<&[u8]> {
    let [b'I', b'D', b'3', 2..=4, _, flags, a, b, c, d, ..] = head else { return None };
    let length = [a, b, c, d].iter().fold(0, |sum, byte| sum << 7 | usize::from(*byte & 0x7f));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(head.get(10 + length + footer..).unwrap_or_default())
}
