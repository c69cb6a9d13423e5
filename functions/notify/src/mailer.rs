//! How a mail leaves the house: a public struct over a private choice, made by the URL.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use lettre::{
    Address, Message,
    message::{Mailbox, MultiPart},
};

use crate::MailConfig;

/// Why there is no mailer, or a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is of no way to send that we know.
    #[error("MAIL_URL: expected file:DIRECTORY")]
    Url,
    /// The sender is no address.
    #[error("MAIL_FROM: expected an address, as Tapedeck <tapedeck@example.org>")]
    From,
    /// No mail can be written to this address, now or later.
    #[error("the address can't be used: {0}")]
    Address(String),
    /// Could not be sent this time; trying again later may help.
    #[error("mail can't be sent: {0}")]
    Unavailable(#[from] io::Error),
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

#[derive(Clone, Debug)]
enum Way {
    /// Each mail is a file in this directory, for a laptop and for tests.
    Files(Arc<PathBuf>),
}

impl Mailer {
    /// `file:DIRECTORY` (made if absent).
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::From`]; [`Error::Unavailable`] if the directory can't be made.
    pub fn open(config: &MailConfig) -> Result<Self, Error> {
        let from = config.from.parse().map_err(|_| Error::From)?;
        let path = config.url.strip_prefix("file:").filter(|path| !path.is_empty()).ok_or(Error::Url)?;
        fs::create_dir_all(path)?;
        Ok(Self { from, way: Way::Files(Arc::new(path.into())) })
    }

    /// Sends `mail`. Sending it again under the same id is harmless.
    ///
    /// # Errors
    /// [`Error::Address`], [`Error::Unavailable`].
    pub async fn send(&self, mail: &Mail) -> Result<(), Error> {
        let message = self.message(mail)?;
        match &self.way {
            Way::Files(directory) => {
                let path = directory.join(format!("{}.eml", mail.id.replace('.', "-")));
                store(path, message.formatted()).await?;
                print_line(mail);
                Ok(())
            }
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
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|error| refused(&error))
    }
}

/// Written beside its place and renamed, so that a mail is there whole, once, or not at all.
async fn store(path: PathBuf, content: Vec<u8>) -> io::Result<()> {
    let write = move || {
        let partial = path.with_extension("partial");
        // It holds a link that opens the audio: nobody else on this machine needs to read it.
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(&content)?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        path.parent().map_or(Ok(()), sync_directory)
    };
    tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The one exception to "no token in what we print": this mailer is for the person at this terminal, and the
/// link is what they wait for. It goes to stdout, never to the log.
fn print_line(mail: &Mail) {
    // A closed stdout loses the line, not the mail.
    let _ = writeln!(io::stdout(), "mail: {} {}", mail.subject, mail.link.as_deref().unwrap_or_default());
}
