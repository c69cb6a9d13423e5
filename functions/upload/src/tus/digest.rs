//! SHA-256 of a video that comes in parts: its state is kept with how far the video is, and taken up by the next part.

use sha2::{
    Digest as _, Sha256,
    digest::common::hazmat::{SerializableState as _, SerializedState},
};

use crate::receive::hex;

pub(super) struct Digest(Sha256);

impl Digest {
    /// From the state as text; an empty one is the beginning. `None` if it is none.
    pub(super) fn restored(state: &str) -> Option<Self> {
        if state.is_empty() {
            return Some(Self(Sha256::new()));
        }
        let pairs = state.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
        let state = SerializedState::<Sha256>::try_from(bytes.as_slice()).ok()?;
        Sha256::deserialize(&state).ok().map(Self)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The state, for a column of 255 characters.
    pub(super) fn state(&self) -> String {
        hex(&self.0.serialize())
    }

    /// The digest, in hex.
    pub(super) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_goes_on_in_another_process() {
        let data: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let whole = hex(&Sha256::digest(&data));
        for cut in [0, 1, 63, 64, 65, 500, 1000] {
            let mut first = Digest::restored("").unwrap();
            first.update(&data[..cut]);
            let state = first.state();
            assert!(state.len() <= 255, "{}", state.len());
            let mut second = Digest::restored(&state).unwrap();
            second.update(&data[cut..]);
            assert_eq!(second.finish(), whole, "{cut}");
        }
        for broken in ["0", "zz", "00", "é", &"f".repeat(210)] {
            assert!(Digest::restored(broken).is_none(), "{broken}");
        }
    }
}
