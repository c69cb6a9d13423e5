//! The checksum of a part.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use runtime::Problem;

/// Those that we can check. The protocol asks for SHA-1.
pub(super) const ALGORITHMS: &str = "sha1,sha256";

/// A checksum that a client has announced, and that of what comes.
pub(super) struct Checksum {
    announced: Vec<u8>,
    context: Context,
}

impl Checksum {
    /// From `ALGORITHM BASE64`.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let (name, value) = text.and_then(|text| text.split_once(' ')).unwrap_or_default();
        let algorithm = match name {
            "sha1" => &SHA1_FOR_LEGACY_USE_ONLY,
            "sha256" => &SHA256,
            _ => {
                let detail =
                    format!("Upload-Checksum is an algorithm ({ALGORITHMS}) and a digest in Base64.");
                return Err(Problem::bad_request(detail));
            }
        };
        let announced = STANDARD.decode(value.trim());
        let announced = announced.ok().filter(|digest| digest.len() == algorithm.output_len());
        let announced = announced.ok_or_else(|| {
            Problem::bad_request(format!("Upload-Checksum holds no digest of {name} in Base64."))
        })?;
        Ok(Self { announced, context: Context::new(algorithm) })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// Whether what has come is what was announced.
    pub(super) fn agrees(self) -> bool {
        self.context.finish().as_ref() == self.announced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_an_algorithm_and_a_digest() {
        let agrees = |text: &str, bytes: &[u8]| {
            let mut checksum = Checksum::parse(Some(text)).unwrap();
            checksum.update(bytes);
            checksum.agrees()
        };
        assert!(agrees("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello world"));
        assert!(!agrees("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello worlds"));
        assert!(agrees("sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", b""));
        for bad in ["", "sha1", "sha1 ", "sha1 x", "sha1 aGVsbG8=", "md5 XrY7u+Ae7tCTyyK7j1rNww==", " sha1 "]
        {
            assert!(Checksum::parse(Some(bad)).is_err(), "{bad}");
        }
    }
}
