//! `Upload-Metadata`: the name of the file and the options.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use contracts::Options;
use runtime::Problem;

use crate::refusal::Refusal;

/// Longest text of it; what a row holds.
const MAX: usize = 4000;
/// Not every client pads.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// What clients say of a file beside its name, by themselves; nothing of it is believed.
const IGNORED: [&str; 6] = ["name", "filetype", "type", "contentType", "relativePath", "size"];

/// The name of the file and the options.
pub(super) fn read(text: &str) -> Result<(String, Options), Problem> {
    if text.len() > MAX {
        return Err(unreadable(&format!("it is longer than {MAX} bytes")));
    }
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let pairs: Vec<(&str, String)> = pairs.map(pair).collect::<Result<_, _>>()?;
    let value = |wanted: &str| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.clone());
    let name = value("filename").or_else(|| value("name")).unwrap_or_default();
    let options = pairs.iter().filter(|(key, _)| *key != "filename" && !IGNORED.contains(key));
    let options = Options::from_fields(options.map(|(key, value)| (*key, value.as_str())));
    Ok((name, options.map_err(Refusal::from)?))
}

fn pair(text: &str) -> Result<(&str, String), Problem> {
    let (key, value) = text.split_once(' ').unwrap_or((text, ""));
    let value = BASE64.decode(value.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let value = value.ok_or_else(|| unreadable(&format!("the value of `{key}` is no UTF-8 in Base64")))?;
    Ok((key, value))
}

fn unreadable(why: &str) -> Problem {
    Problem::bad_request(format!("Upload-Metadata can't be read: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_options_come_in_base64() {
        let (name, options) =
            read("filename dMOkcGUubXA0,filetype dmlkZW8vbXA0, bitrate MTI4,title").unwrap();
        assert_eq!((name.as_str(), options.bitrate, options.title), ("täpe.mp4", Some(128), None));
        assert_eq!(read("").unwrap(), (String::new(), Options::default()));
        assert_eq!(read("name YQ,relativePath bnVsbA==").unwrap().0, "a", "as other clients call it");
    }

    #[test]
    fn what_is_no_base64_or_no_option_is_refused() {
        use axum::{http::StatusCode, response::IntoResponse as _};
        let status = |text: &str| read(text).unwrap_err().into_response().status();
        for broken in ["filename !", "filename gA==", &format!("filename {}", "A".repeat(4000))] {
            assert_eq!(status(broken), StatusCode::BAD_REQUEST, "{broken}");
        }
        for wrong in ["bitrate eA==", "colour YmlnMQ==", "bitrate MTI4,bitrate MTI4"] {
            assert_eq!(status(wrong), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        }
    }
}
