//! What reads bytes from strangers, as plain functions: for fuzzing and for the tests of this crate.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use contracts::Options;
use futures_util::{StreamExt as _, stream};
use multer::Multipart;

use crate::{
    form::{frame::Framed, part::Part},
    pace::Broken,
    sniff,
};

/// How many bytes of the beginning `container` wants.
pub const ENOUGH: usize = sniff::ENOUGH;

/// The container that a file with this beginning is, if it is one that we read.
#[must_use]
pub fn container(head: &[u8]) -> Option<&'static str> {
    sniff::container(head)
}

/// Names of the field and the file, from the values of `Content-Disposition` and `Content-Type`.
#[must_use]
pub fn part(disposition: &[u8], media_type: &[u8]) -> (String, Option<String>) {
    let part = Part::parse(disposition, media_type);
    (part.name, part.file)
}

/// The options of a raw body, or what is wrong with them.
///
/// # Errors
/// The first option that is wrong.
pub fn options(fields: &[(String, String)]) -> Result<Options, String> {
    Options::from_fields(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(|error| error.to_string())
}

/// The parts of a form that comes in chunks of `chunk` bytes: names of field and file, and the size.
///
/// # Errors
/// What is wrong with it.
pub fn form(
    boundary: &str,
    body: &[u8],
    chunk: usize,
) -> Result<Vec<(String, Option<String>, usize)>, String> {
    let chunks: Vec<_> =
        body.chunks(chunk.max(1)).map(|chunk| Ok::<_, Broken>(Bytes::copy_from_slice(chunk))).collect();
    let mut read = pin!(parts(boundary, Framed::new(stream::iter(chunks))));
    // Everything is there already: what is pending has woken itself.
    loop {
        if let Poll::Ready(parts) = read.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return parts.map_err(|error| error.to_string());
        }
    }
}

async fn parts<S>(boundary: &str, body: Framed<S>) -> multer::Result<Vec<(String, Option<String>, usize)>>
where
    S: futures_util::Stream<Item = Result<Bytes, Broken>> + Send + Unpin,
{
    let (frame, mut found) = (body.frame(), Vec::new());
    let mut multipart = Multipart::new(body, boundary);
    while let Some(mut field) = multipart.next_field().await? {
        frame.part_begins();
        let part = Part::of(field.headers());
        if part.file.is_some() {
            frame.file_begins();
        }
        let mut size = 0;
        while let Some(bytes) = field.next().await {
            size += bytes?.len();
        }
        frame.file_ends();
        found.push((part.name, part.file, size));
    }
    Ok(found)
}
