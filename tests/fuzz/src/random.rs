//! Numbers that look random, and damage done by them: the same for the same seed, on every machine.

/// Xorshift (Marsaglia 2003).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The `number`th row of numbers of this seed.
    #[must_use]
    pub fn new(seed: u64, number: u64) -> Self {
        // Spread by the golden ratio, so that rows beside each other have nothing in common; 0 would stay 0.
        let mut random = Self((seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 11) % end as u64) as usize
    }

    /// One of these; `None` if there is none.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        (!of.is_empty()).then(|| &of[self.below(of.len())])
    }
}

/// Numbers at which readers go wrong.
const EDGES: [u64; 12] = [
    0,
    1,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// `bytes` with some damage: bits, bytes, numbers, pieces that are gone, twice there, elsewhere, or of `other`. `most`
/// bytes at most.
pub fn damage(random: &mut Random, bytes: &[u8], other: &[u8], most: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    // Most of the time little, so that a reader gets far; the beginning, where heads are, more often than the rest.
    for _ in 0..1 << random.below(6) {
        let reach = if random.below(2) == 0 { bytes.len().min(512) } else { bytes.len() };
        let at = random.below(reach + 1);
        change(random, &mut bytes, at, other);
        bytes.truncate(most);
    }
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, at: usize, other: &[u8]) {
    let length = (1 << random.below(12)).min(bytes.len() - at);
    match random.below(16) {
        0..4 => flip(random, bytes, at),
        4..7 => put(bytes, at, &[random.next() as u8]),
        7..11 => put(bytes, at, &edge(random)),
        11 => drop(bytes.drain(at..at + length)),
        12 => {
            let twice = bytes[at..at + length].to_vec();
            bytes.splice(at..at, twice);
        }
        13 => {
            let piece = bytes[at..at + length].to_vec();
            let to = random.below(bytes.len() - length + 1);
            put(bytes, to, &piece);
        }
        14 => {
            let from = random.below(other.len() + 1);
            let piece = &other[from..(from + (1 << random.below(10))).min(other.len())];
            bytes.splice(at..at, piece.iter().copied());
        }
        _ if random.below(4) == 0 => bytes.truncate(at),
        _ => bytes[at..at + length].fill(0),
    }
}

fn flip(random: &mut Random, bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

/// One of [`EDGES`], or near it, in one to eight bytes of either order.
fn edge(random: &mut Random) -> Vec<u8> {
    let number = EDGES[random.below(EDGES.len())].wrapping_add(random.below(3) as u64).wrapping_sub(1);
    let length = 1 << random.below(4);
    match random.below(2) {
        0 => number.to_be_bytes()[8 - length..].to_vec(),
        _ => number.to_le_bytes()[..length].to_vec(),
    }
}

/// Over what is there.
fn put(bytes: &mut [u8], at: usize, piece: &[u8]) {
    let there = piece.len().min(bytes.len() - at);
    bytes[at..at + there].copy_from_slice(&piece[..there]);
}
