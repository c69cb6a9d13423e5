//! What HTTP requests of strangers hold.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use contracts::Options;

use crate::input::{Input, text};

/// Lines of names and values; what is no header is left out.
pub(super) fn headers(input: &mut Input<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.head() {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()))
        {
            headers.append(name, value);
        }
    }
    headers
}

/// A form says the same however it is cut into pieces.
pub(super) fn form(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let chunk = input.byte().into();
    let body = input.rest();
    let pieces = upload::fuzz::form("x", body, chunk);
    let whole = upload::fuzz::form("x", body, body.len());
    assert_eq!(pieces.ok(), whole.ok());
}

pub(super) fn form_seeds() -> Vec<Vec<u8>> {
    let file = b"\x07--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.mp4\"\r\nContent-Type: video/mp4\r\n\r\n\0\0\0\x18ftypisom\r\n--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na\r\n--y\r\n--x--\r\n";
    let odd = b"\xffpreamble\r\n--x \r\ncontent-disposition:form-data;name=a;filename*=UTF-8''%c3%bc.mp4\r\n\r\n\r\n--x--";
    vec![file.to_vec(), odd.to_vec()]
}

/// The name of a file comes out as a browser has put it in, and the name that we give a file is one without a path.
pub(super) fn names(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let disposition = input.line();
    let _ = upload::fuzz::part(disposition, input.rest());
    let name = text(bytes);
    if !name.contains(['\\', '%']) {
        let escaped = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let sent = format!("form-data; name=\"file\"; filename=\"{escaped}\"");
        assert_eq!(upload::fuzz::part(sent.as_bytes(), b""), ("file".into(), Some(name.clone())));
    }
    let given = download::fuzz::disposition(&name, "mp3");
    assert!(HeaderValue::from_str(&given).is_ok(), "{given:?}");
    let (_, found) = upload::fuzz::part(given.as_bytes(), b"");
    let found = found.unwrap();
    let stem = found.strip_suffix(".mp3").unwrap();
    assert!(!stem.is_empty() && !stem.starts_with(['.', ' ']), "{given:?}");
    assert!(!stem.contains(['/', '\\', '"', ':']) && !stem.contains(char::is_control), "{given:?}");
}

pub(super) fn names_seeds() -> Vec<Vec<u8>> {
    [
        &b"form-data; name=\"file\"; filename=\"a b;c=d.mp4\"\nvideo/mp4"[..],
        b"form-data; name=file; filename*=\"utf-8'de'%c3%bc.mp4\"\ntext/plain; charset=utf-8",
        b"Form-Data; Filename=\"say \\\"hi\\\" 100%25.mp4\"; NAME=x\n",
        "..\\../Füße 🎸\u{202e}\u{0}.mp4".as_bytes(),
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

/// Options that are taken are stored and read back as they are.
pub(super) fn options(bytes: &[u8]) {
    let stored = text(bytes);
    let (options, _) = Options::from_stored(&stored);
    is_stored_as_it_is(&options);
    let fields: Vec<(String, String)> = bytes
        .split(|byte| *byte == b'&')
        .map(|field| {
            let field = text(field);
            let (name, value) = field.split_once('=').unwrap_or((&field, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    if let Ok(options) = upload::fuzz::options(&fields) {
        assert_eq!(options.check(), Ok(()));
        assert!(serde_json::to_string(&options).unwrap().chars().count() <= 4000);
        is_stored_as_it_is(&options);
    }
}

fn is_stored_as_it_is(options: &Options) {
    let json = serde_json::to_string(options).unwrap();
    assert_eq!(Options::from_stored(&json), (options.clone(), true), "{json}");
}

pub(super) fn options_seeds() -> Vec<Vec<u8>> {
    [
        &b"format=mp3&bitrate=192&bitrate_mode=average&sample_rate=44100&channels=2&start=1:30&end=0:02:30.5"
            [..],
        b"format=ogg&quality=3&loudness=-16&track=eng&tags=none&cover=none&chapters=split&notify=none",
        b"title=T\"\\&artist=A&album=B&webhook=https://a.example/x?y=1&loudness=off",
        b"{\"format\":\"opus\",\"start\":1.5,\"newer\":[{}],\"track\":\"0\"}",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

/// What is asked for is in the file.
pub(super) fn range(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (size, first, last) = (input.number(), input.number(), input.number());
    if let Some(range) = download::fuzz::range(&text(input.rest()), size) {
        assert!(range.end <= size && (range.start < range.end || range == (0..0)), "{range:?} of {size}");
    }
    let end = last.saturating_add(1).min(size);
    let expected = match (first <= last, first < end) {
        (false, _) => None,
        (true, false) => Some(0..0),
        (true, true) => Some(first..end),
    };
    assert_eq!(download::fuzz::range(&format!("bytes={first}-{last}"), size), expected);
    let suffix = Some(size - last.min(size)..size).filter(|range| !range.is_empty()).unwrap_or(0..0);
    assert_eq!(download::fuzz::range(&format!("bytes=-{last}"), size), Some(suffix));
}

pub(super) fn range_seeds() -> Vec<Vec<u8>> {
    let of = |size: u64, first: u64, last: u64, header: &[u8]| {
        [&size.to_be_bytes()[..], &first.to_be_bytes(), &last.to_be_bytes(), header].concat()
    };
    vec![
        of(1000, 0, 499, b"bytes=500-"),
        of(1000, 999, u64::MAX, b"Bytes = -99999999999999999999999 "),
        of(0, 0, 0, b"bytes=1-2,4-5"),
    ]
}

/// No function is told about our client's connection, nor somebody else's address by a client.
pub(super) fn proxy(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (number, trusted) = (input.byte(), input.byte() % 2 == 1);
    let peer = (number > 0).then(|| match number % 2 {
        0 => IpAddr::from([10, 0, 0, number]),
        _ => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()]),
    });
    let mut head = headers(&mut input);
    let named: Vec<String> = head
        .get_all("connection")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .filter(|name| !name.starts_with("x-forwarded-") && name != "forwarded")
        .collect();
    gateway::fuzz::forward(&mut head, peer, trusted);
    let hops =
        ["connection", "transfer-encoding", "te", "upgrade", "trailer", "expect", "keep-alive", "host"];
    for name in hops.into_iter().chain(named.iter().map(String::as_str)) {
        assert!(!head.contains_key(name), "{name}");
    }
    let one = |name: &str| {
        let values: Vec<_> = head.get_all(name).iter().collect();
        assert!(values.len() <= 1, "{name}: {values:?}");
        values.first().map(|value| value.to_str().unwrap().to_owned())
    };
    let (peers, forwarded) = (one("x-forwarded-for"), one("forwarded").unwrap());
    assert!(forwarded.ends_with(";proto=http") && forwarded.contains("for="), "{forwarded}");
    if !trusted {
        assert_eq!(peers, peer.map(|peer| peer.to_string()));
        assert_eq!(forwarded.matches(";proto=").count(), 1, "{forwarded}");
    }
    let _ = gateway::fuzz::is_owned(&text(input.rest()));
}

pub(super) fn proxy_seeds() -> Vec<Vec<u8>> {
    [
        &b"\x01\0Host: a.example\nX-Forwarded-For: 1.2.3.4\nForwarded: for=1.2.3.4\n\n/jobs/1/audio"[..],
        b"\x02\x01Host: inner\nX-Forwarded-For: 1.2.3.4\nForwarded: for=1.2.3.4;proto=https\nX-Forwarded-Proto: https\n\n/admin/jobs",
        b"\x03\0Connection: close, X-Hop\nX-Hop: 1\nKeep-Alive: 5\nTE: trailers\nUpgrade: h2c\nExpect: 100-continue\n\n//upload",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}
