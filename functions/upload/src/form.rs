//! `multipart/form-data`: exactly one file part of any name, options as further fields before or after it.
//!
//! - `form/frame.rs`: how much of a form may be something else than its video.
//! - `form/part.rs`: the head of a part.
//! - `form/schema.rs`: how the description of the API tells it.

pub(crate) mod frame;
pub(crate) mod part;
pub(crate) mod schema;

use axum::{
    extract::Request,
    http::{HeaderMap, header},
};
use contracts::{InvalidOption, Options};
use futures_util::StreamExt as _;
use multer::{Field, Multipart};
use runtime::{Problem, drain};

use self::{
    frame::{Frame, Framed},
    part::{Part, text},
};
use crate::{
    pace::{Broken, PacedBody},
    receive::{ReceivedVideo, Receiver, Stored},
    refusal::Refusal,
};

pub(crate) use self::frame::MAX_FRAME;
/// Most option fields.
const MAX_FIELDS: usize = 40;
/// Most bytes of an option's value.
const MAX_VALUE: usize = 4 * 1024;
/// Longest boundary; the standard allows 70 bytes (RFC 2046, 5.1.1).
const MAX_BOUNDARY: usize = 200;

pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

pub(crate) async fn receive(receiver: Receiver, request: Request) -> Result<ReceivedVideo, Problem> {
    let boundary = boundary(request.headers());
    let mut body =
        Framed::new(PacedBody::new(request.into_body().into_data_stream(), receiver.deps.config.pace()));
    let mut form = Form::new(body.frame());
    let read = match boundary {
        Ok(boundary) => form.read(&receiver, Multipart::new(&mut body, boundary)).await,
        Err(refusal) => Err(refusal),
    };
    match read {
        Ok(()) => form.finish(&receiver).await,
        Err(refusal) => {
            form.abandon(&receiver).await;
            drain(body.into_body()).await;
            Err(refusal.into())
        }
    }
}

fn boundary(headers: &HeaderMap) -> Result<String, Refusal> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(value).unwrap_or_default();
    if (1..=MAX_BOUNDARY).contains(&boundary.len()) {
        return Ok(boundary);
    }
    Err(Refusal::BrokenForm("its Content-Type has no sensible boundary".into()))
}

struct Form {
    frame: Frame,
    fields: Vec<(String, String)>,
    file: Option<Stored>,
}

impl Form {
    fn new(frame: Frame) -> Self {
        Self { frame, fields: Vec::new(), file: None }
    }

    async fn read(&mut self, receiver: &Receiver, mut multipart: Multipart<'_>) -> Result<(), Refusal> {
        while let Some(field) = multipart.next_field().await? {
            self.frame.part_begins();
            let part = Part::of(field.headers());
            match part.file {
                Some(name) => self.take_file(receiver, name, field).await?,
                None => self.take_option(part.name, field).await?,
            }
        }
        Ok(())
    }

    async fn take_file(
        &mut self,
        receiver: &Receiver,
        name: String,
        mut field: Field<'_>,
    ) -> Result<(), Refusal> {
        if self.file.is_some() {
            // What a browser sends for a file input that nobody filled in.
            let unused =
                name.is_empty() && field.next().await.transpose()?.is_none_or(|bytes| bytes.is_empty());
            return if unused { Ok(()) } else { Err(Refusal::SeveralFiles) };
        }
        // Options that came before the video are judged before it is stored.
        self.options()?;
        let unnamed = name.is_empty();
        self.frame.file_begins();
        let stored = receiver.store(name, field).await;
        self.frame.file_ends();
        match stored {
            Ok(stored) => self.file = Some(stored),
            Err(Refusal::Empty) if unnamed => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    async fn take_option(&mut self, name: String, mut field: Field<'_>) -> Result<(), Refusal> {
        if self.fields.len() == MAX_FIELDS {
            return Err(Refusal::BrokenForm(format!("it has more than {MAX_FIELDS} fields")));
        }
        let mut value = Vec::new();
        while let Some(bytes) = field.chunk().await? {
            value.extend_from_slice(&bytes);
            if value.len() > MAX_VALUE {
                let problem = format!("longer than {MAX_VALUE} bytes; a file part needs a file name");
                return Err(InvalidOption { option: name, problem }.into());
            }
        }
        self.fields.push((name, text(&value)));
        Ok(())
    }

    fn options(&self) -> Result<Options, InvalidOption> {
        Options::from_fields(self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    async fn finish(mut self, receiver: &Receiver) -> Result<ReceivedVideo, Problem> {
        match (self.options(), self.file.take()) {
            (Ok(options), Some(stored)) => Ok(ReceivedVideo { stored, options }),
            (_, None) => Err(Refusal::NoFile.into()),
            (Err(error), Some(stored)) => {
                stored.abandon(&receiver.deps).await;
                Err(Refusal::from(error).into())
            }
        }
    }

    async fn abandon(&mut self, receiver: &Receiver) {
        if let Some(stored) = self.file.take() {
            stored.abandon(&receiver.deps).await;
        }
    }
}

impl From<multer::Error> for Refusal {
    fn from(error: multer::Error) -> Self {
        match error {
            multer::Error::StreamReadFailed(cause) => match cause.downcast::<Broken>() {
                Ok(broken) => (*broken).into(),
                Err(cause) => Self::BrokenForm(cause.to_string()),
            },
            error => Self::BrokenForm(error.to_string()),
        }
    }
}
