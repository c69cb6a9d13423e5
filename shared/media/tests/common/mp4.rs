//! MP4 files by the box, so that they can say what no muxer would write (ISO/IEC 14496-12).

/// A box that is as long as it says.
pub(crate) fn item(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    claiming(kind, body.len() as u32 + 8, body)
}

/// A box that says it has `length` bytes, its head included.
pub(crate) fn claiming(kind: &[u8; 4], length: u32, body: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes(), kind, body].concat()
}

/// A box of version 0 that holds numbers of 32 bits.
pub(crate) fn table(kind: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
    item(kind, &[0; 4].into_iter().chain(numbers).collect::<Vec<u8>>())
}

/// Where the samples begin in a [`file`], and how many bytes they are: a second at 8000 Hz, 16 bits, one channel.
const SAMPLES: (u32, u32) = (24, 16_000);

/// How the times of ten samples of a tenth of a second go wrong.
#[derive(Default)]
pub(crate) struct Times {
    /// From one to the next, in 8000ths of a second, in place of 800.
    pub(crate) steps: Vec<u32>,
    /// From decoding to hearing.
    pub(crate) offsets: Vec<i32>,
    /// In 8000ths of a second; 0 is the second that is there.
    pub(crate) declared: u32,
}

/// A track of PCM whose samples are the file's.
pub(crate) fn track(number: u32, times: &Times) -> Vec<u8> {
    let declared = if times.declared == 0 { 8000 } else { times.declared };
    let entry: Vec<u8> =
        [&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 8], &[0, 1, 0, 16, 0, 0, 0, 0], &(8000_u32 << 16).to_be_bytes()]
            .concat();
    let entries = item(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &item(b"sowt", &entry)[..]].concat());
    let mut samples = [entries, steps(&times.steps), offsets(&times.offsets)].concat();
    samples.extend(table(b"stsc", &[1, 1, 1, 1]));
    samples.extend([table(b"stsz", &[1600, 10]), places()].concat());
    let head = table(b"mdhd", &[0, 0, 8000, declared, 0x55c4_0000]);
    let handler = item(b"hdlr", &[&[0; 8], &b"soun"[..], &[0; 13]].concat());
    let sound = item(b"minf", &[table(b"smhd", &[0]), item(b"stbl", &samples)].concat());
    let media = item(b"mdia", &[head, handler, sound].concat());
    let head = [&[0, 0, number, 0, declared][..], &[0; 15]].concat();
    item(b"trak", &[table(b"tkhd", &head), media].concat())
}

fn steps(steps: &[u32]) -> Vec<u8> {
    match steps {
        [] => table(b"stts", &[1, 10, 800]),
        _ => table(
            b"stts",
            &[&[steps.len() as u32], &steps.iter().flat_map(|step| [1, *step]).collect::<Vec<u32>>()[..]]
                .concat(),
        ),
    }
}

fn offsets(offsets: &[i32]) -> Vec<u8> {
    let pairs = offsets.iter().flat_map(|offset| [1, *offset as u32]);
    match offsets {
        [] => Vec::new(),
        _ => table(b"ctts", &[offsets.len() as u32].into_iter().chain(pairs).collect::<Vec<u32>>()),
    }
}

/// Ten chunks of one sample.
fn places() -> Vec<u8> {
    let places = (0..10).map(|place| SAMPLES.0 + place * SAMPLES.1 / 10);
    table(b"stco", &[10].into_iter().chain(places).collect::<Vec<u32>>())
}

/// A file of a second's samples and an index of these boxes.
pub(crate) fn file(index: &[Vec<u8>]) -> Vec<u8> {
    let kind = item(b"ftyp", b"qt  \0\0\0\0");
    let samples: Vec<u8> = (0..SAMPLES.1).map(|place| (place * 7) as u8).collect();
    let head = [&[0, 0, 8000, 8000, 0x1_0000][..], &[0; 20]].concat();
    let index = [table(b"mvhd", &head), index.concat()].concat();
    [kind, item(b"mdat", &samples), item(b"moov", &index)].concat()
}
