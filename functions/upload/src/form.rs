//! `multipart/form-data`: exactly one file part of any name, options as further fields before or after it.

use axum::{
    extract::{
        FromRequest as _, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::header,
};
use contracts::{InvalidOption, Options};
use runtime::{DRAIN_TIME, Problem};

use crate::{
    receive::{Arrival, Receiver, Stored},
    refusal::Refusal,
};

/// Most bytes of a form besides its video.
pub(crate) const MAX_FRAME: u64 = 256 * 1024;
/// Most option fields.
const MAX_FIELDS: usize = 40;
/// Most bytes of an option's value.
const MAX_VALUE: usize = 4 * 1024;

pub(crate) fn is_form(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

pub(crate) async fn receive(receiver: Receiver, request: Request) -> Result<Arrival, Problem> {
    let mut multipart = Multipart::from_request(request, &())
        .await
        .map_err(|_| Refusal::BrokenForm("its Content-Type has no boundary".into()))?;
    let mut form = Form::default();
    match form.read(&receiver, &mut multipart).await {
        Ok(()) => form.finish(&receiver).await,
        Err(refusal) => {
            let refusal = form.give_up(&receiver, refusal).await;
            drain(multipart).await;
            Err(refusal.into())
        }
    }
}

#[derive(Default)]
struct Form {
    fields: Vec<(String, String)>,
    file: Option<Stored>,
}

impl Form {
    async fn read(&mut self, receiver: &Receiver, multipart: &mut Multipart) -> Result<(), Refusal> {
        while let Some(field) = multipart.next_field().await? {
            match field.file_name().map(str::to_owned) {
                // What a browser sends for a file input that nobody filled in.
                Some(name) if name.is_empty() && self.file.is_none() => {
                    self.file = maybe_file(receiver, field).await?
                }
                Some(name) => self.take_file(receiver, name, field).await?,
                None => self.take_option(field).await?,
            }
        }
        Ok(())
    }

    async fn take_file(
        &mut self,
        receiver: &Receiver,
        name: String,
        field: Field<'_>,
    ) -> Result<(), Refusal> {
        if self.file.is_some() {
            return Err(Refusal::SeveralFiles);
        }
        // Options that came before the video are judged before it is stored.
        self.options()?;
        self.file = Some(receiver.store(name, field).await?);
        Ok(())
    }

    async fn take_option(&mut self, mut field: Field<'_>) -> Result<(), Refusal> {
        let name = field.name().unwrap_or_default().to_owned();
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
        let Ok(value) = String::from_utf8(value) else {
            return Err(InvalidOption { option: name, problem: "not UTF-8 text".into() }.into());
        };
        self.fields.push((name, value));
        Ok(())
    }

    fn options(&self) -> Result<Options, InvalidOption> {
        Options::from_fields(self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    async fn finish(self, receiver: &Receiver) -> Result<Arrival, Problem> {
        let options = self.options();
        match (self.file, options) {
            (Some(stored), Ok(options)) => Ok(Arrival { stored, options }),
            (None, _) => Err(Refusal::NoFile.into()),
            (Some(stored), Err(error)) => Err(stored.give_up(&receiver.deps, error.into()).await.into()),
        }
    }

    async fn give_up(&mut self, receiver: &Receiver, refusal: Refusal) -> Refusal {
        match self.file.take() {
            Some(stored) => stored.give_up(&receiver.deps, refusal).await,
            None => refusal,
        }
    }
}

/// A file part without a name: a file if it has content.
async fn maybe_file(receiver: &Receiver, field: Field<'_>) -> Result<Option<Stored>, Refusal> {
    match receiver.store(String::new(), field).await {
        Ok(stored) => Ok(Some(stored)),
        Err(Refusal::Empty) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// Reads what the client still sends, for a while, so that it sees the answer.
async fn drain(mut multipart: Multipart) {
    let rest = async { while let Ok(Some(_)) = multipart.next_field().await {} };
    let _ = tokio::time::timeout(DRAIN_TIME, rest).await;
}

impl From<MultipartError> for Refusal {
    fn from(error: MultipartError) -> Self {
        // A body that breaks off and a form that is malformed look alike from here.
        Self::BrokenForm(error.body_text())
    }
}
