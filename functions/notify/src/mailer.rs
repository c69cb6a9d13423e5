//! How a mail leaves the house: a public struct over a private choice, made by the URL.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};

use crate::{
    MailConfig, folder,
    smtp::{self, Smtp},
};

/// How long it may take to write a file on a disk that is busy. Written twice, it is the same file.
const FILE: Duration = Duration::from_secs(10);

/// Why there is no mailer, or a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is of no way to send that we know.
    #[error(
        "MAIL_URL: expected file:DIRECTORY, smtps://user:password@host:port or \
         smtp://user:password@host:port?tls=required|opportunistic|none, user and password percent-encoded"
    )]
    Url,
    /// The sender is no address.
    #[error("MAIL_FROM: expected an address, as Tapedeck <tapedeck@example.org>")]
    From,
    /// A file of certificates is not there or is none.
    #[error("{}: {problem}; expected certificates in PEM", path.display())]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// No mail can be written to this address, now or later.
    #[error("the address can't be used: {0}")]
    Address(String),
    /// The mail server will not take this mail, now or later.
    #[error("mail refused: {0}")]
    Refused(String),
    /// The mail server is there, but will not take this mail yet.
    #[error("mail deferred: {0}")]
    Deferred(String),
    /// Could not be sent this time; trying again later may help.
    #[error("mail can't be sent: {0}")]
    Unavailable(String),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A mail to one person.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// `SUBJECT.KIND`, the part of the Message-ID that is the same for every attempt. Ids and words of ours only.
    pub id: String,
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// What the reader is meant to open.
    pub link: Option<String>,
}

/// Sends mail; cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Clone)]
enum Way {
    /// Each mail is a file in this directory.
    Folder(Arc<Path>),
    Smtp(Arc<Smtp>),
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The server's password is nobody's business.
        f.write_str(match self {
            Self::Folder(_) => "Folder",
            Self::Smtp(_) => "Smtp",
        })
    }
}

impl Mailer {
    /// `file:DIRECTORY` (made if absent), `smtp://...` or `smtps://...`. A mail server is not asked yet.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::From`], [`Error::CaFile`]; [`Error::Unavailable`] if the directory can't be made.
    pub fn open(config: &MailConfig) -> Result<Self, Error> {
        let from: Mailbox = config.from.parse().map_err(|_| Error::From)?;
        let way = match Smtp::open(&config.url, &config.ca_file, from.email.domain())? {
            Some(smtp) => Way::Smtp(Arc::new(smtp)),
            None => Way::Folder(folder_at(&config.url)?),
        };
        Ok(Self { from, way })
    }

    /// Sends `mail`. Sending it again under the same id is harmless.
    ///
    /// # Errors
    /// [`Error::Address`] and [`Error::Refused`] for good, [`Error::Deferred`] and [`Error::Unavailable`] for now.
    pub async fn send(&self, mail: &Mail) -> Result<(), Error> {
        let message = self.message(mail)?;
        match &self.way {
            Way::Folder(directory) => Ok(folder::store(directory, mail, message.formatted()).await?),
            Way::Smtp(smtp) => smtp.send(&message).await,
        }
    }

    /// How long [`Mailer::send`] may take.
    pub(crate) fn longest(&self) -> Duration {
        match &self.way {
            Way::Folder(_) => FILE,
            Way::Smtp(_) => smtp::LONGEST,
        }
    }

    fn message(&self, mail: &Mail) -> Result<Message, Error> {
        let refused = |error: &dyn std::error::Error| Error::Address(error.to_string());
        let to: Address = mail.to.parse().map_err(|error| refused(&error))?;
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&mail.subject)
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            // So that holiday notes and other answering machines stay silent (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|error| refused(&error))
    }
}

fn folder_at(url: &str) -> Result<Arc<Path>, Error> {
    let path = url.strip_prefix("file:").filter(|path| !path.is_empty()).ok_or(Error::Url)?;
    fs::create_dir_all(path)?;
    Ok(Path::new(path).into())
}
