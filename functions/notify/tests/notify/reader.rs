//! Just enough of a mail reader.

/// The header lines, unfolded.
fn headers(mail: &str) -> Vec<String> {
    let head = mail.split("\r\n\r\n").next().unwrap();
    head.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
}

pub(crate) fn header_names(mail: &str) -> Vec<&str> {
    let head = mail.split("\r\n\r\n").next().unwrap();
    let lines = head.split("\r\n").filter(|line| !line.starts_with(' '));
    lines.map(|line| line.split(':').next().unwrap()).collect()
}

pub(crate) fn header(mail: &str, name: &str) -> String {
    let start = format!("{name}: ");
    headers(mail).iter().find_map(|line| line.strip_prefix(&start).map(str::to_owned)).unwrap()
}

/// The text and the HTML.
pub(crate) fn parts(mail: &str) -> (String, String) {
    let boundary = mail.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    let parts: Vec<&str> = mail.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 4, "two parts");
    (body(parts[1], "text/plain"), body(parts[2], "text/html"))
}

fn body(part: &str, kind: &str) -> String {
    let (head, body) = part.trim_start().split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Type: {kind}; charset=utf-8")), "{head}");
    if head.contains("quoted-printable") {
        quoted_printable(&body.replace("=\r\n", "")).replace("\r\n", "\n")
    } else if head.contains("base64") {
        String::from_utf8(base64(body)).unwrap().replace("\r\n", "\n")
    } else {
        body.replace("\r\n", "\n")
    }
}

/// A header with encoded words (RFC 2047, `b` only: the one that lettre writes).
pub(crate) fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    for (place, word) in value.split(' ').enumerate() {
        match word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?=")) {
            Some(word) => {
                let before = place > 0 && !value.split(' ').nth(place - 1).unwrap().starts_with("=?");
                bytes.extend(before.then_some(b' '));
                bytes.extend(base64(word));
            }
            None => {
                bytes.extend((place > 0).then_some(b' '));
                bytes.extend(word.as_bytes());
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn quoted_printable(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let place = |byte: u8| alphabet.iter().position(|known| *known == byte);
    let (mut bits, mut count, mut out) = (0usize, 0, Vec::new());
    for value in text.bytes().filter_map(place) {
        (bits, count) = ((bits << 6 | value) & 0xffff, count + 6);
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    out
}

/// Until when a token works, in seconds since 1970.
pub(crate) fn expires(token: &str) -> i64 {
    let claims = token.split('.').nth(1).unwrap().replace('-', "+").replace('_', "/");
    let claims: serde_json::Value = serde_json::from_slice(&base64(&claims)).unwrap();
    claims["exp"].as_i64().unwrap()
}
