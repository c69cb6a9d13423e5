//! Matroska files by the element, so that they can say what no muxer would write (RFC 8794, RFC 9559).

/// An element that is as long as it says.
pub(crate) fn element(id: u32, body: &[u8]) -> Vec<u8> {
    claiming(id, body.len() as u64, body)
}

/// An element that says it has `length` bytes.
pub(crate) fn claiming(id: u32, length: u64, body: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let zeros = id.iter().take_while(|byte| **byte == 0).count();
    // Eight bytes hold any length; the first says that there are eight.
    let length = (length | 1 << 56).to_be_bytes();
    [&id[zeros..], &length, body].concat()
}

pub(crate) fn number(id: u32, value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

pub(crate) fn float(id: u32, value: f64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// The track of this number: PCM of 16 bits, 8000 Hz, one channel.
pub(crate) fn sound(track: u64) -> Vec<u8> {
    let audio = [float(0xb5, 8000.0), number(0x9f, 1), number(0x6264, 16)].concat();
    let entry = [
        number(0xd7, track),
        number(0x73c5, track),
        number(0x83, 2),
        element(0x86, b"A_PCM/INT/LIT"),
        element(0xe1, &audio),
    ];
    element(0xae, &entry.concat())
}

/// A tenth of a second of track 1, `milliseconds` from the start.
pub(crate) fn tenth(milliseconds: u64) -> Vec<u8> {
    let samples = (0..1600).map(|place: u32| (place * 7) as u8);
    let block: Vec<u8> = [0x81, 0, 0, 0x80].into_iter().chain(samples).collect();
    element(0x1f43_b675, &[number(0xe7, milliseconds), element(0xa3, &block)].concat())
}

/// A tag of a track, or of the whole file.
pub(crate) fn tag(track: Option<u64>, name: &[u8], text: &[u8]) -> Vec<u8> {
    let target = track.map(|track| number(0x63c5, track)).unwrap_or_default();
    let simple = element(0x67c8, &[element(0x45a3, name), element(0x4487, text)].concat());
    element(0x1254_c367, &element(0x7373, &[element(0x63c0, &target), simple].concat()))
}

/// A picture that is attached.
pub(crate) fn cover(picture: &[u8]) -> Vec<u8> {
    let file = [
        element(0x466e, b"cover.jpg"),
        element(0x4660, b"image/jpeg"),
        number(0x46ae, 1),
        element(0x465c, picture),
    ];
    element(0x1941_a469, &element(0x61a7, &file.concat()))
}

/// So many chapters of 10 ms, all of one name.
pub(crate) fn chapters(count: u64, title: &[u8]) -> Vec<u8> {
    let atom = |place: u64| {
        let display = element(0x80, &element(0x85, title));
        let times = [number(0x91, place * 10_000_000), number(0x92, (place + 1) * 10_000_000)].concat();
        element(0xb6, &[number(0x73c4, place + 1), times, display].concat())
    };
    let atoms: Vec<u8> = (0..count).flat_map(atom).collect();
    element(0x1043_a770, &element(0x45b9, &atoms))
}

/// A file of these parts, said to be so many milliseconds long.
pub(crate) fn file(milliseconds: f64, parts: &[Vec<u8>]) -> Vec<u8> {
    let kind = element(0x1a45_dfa3, &element(0x4282, b"matroska"));
    let info = element(0x1549_a966, &[number(0x2a_d7b1, 1_000_000), float(0x4489, milliseconds)].concat());
    let segment = element(0x1853_8067, &[info, parts.concat()].concat());
    [kind, segment].concat()
}

/// The list of the tracks from 1 to `count`.
pub(crate) fn tracks(count: u64) -> Vec<u8> {
    element(0x1654_ae6b, &(1..=count).flat_map(sound).collect::<Vec<u8>>())
}

/// A second of sound.
pub(crate) fn second() -> Vec<u8> {
    (0..10).flat_map(|tenths| tenth(tenths * 100)).collect()
}
