//! SMTP: one connection per mail.
//!
//! No pool: a job takes minutes and its mail milliseconds, and a connection that is given back in mid-answer (a
//! timeout, a task that was dropped) would take the next mail's answer for this one's. How many at once is up to
//! `receivers.rs`.

use std::{path::Path, time::Duration};

use lettre::{
    Message,
    transport::smtp::{
        self,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, Tls, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::Error;

/// Connect, TLS, log in.
const OPEN: Duration = Duration::from_secs(20);
/// From sender to the server's yes, which may wait for its filters.
const SEND: Duration = Duration::from_secs(45);
const QUIT: Duration = Duration::from_secs(2);
/// All of it.
pub(crate) const LONGEST: Duration = Duration::from_secs(OPEN.as_secs() + SEND.as_secs() + QUIT.as_secs());

/// A mail server, and how to talk to it.
pub(crate) struct Smtp {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    hello: ClientId,
}

impl Smtp {
    /// `smtp://user:password@host:port?tls=required|opportunistic|none` or `smtps://...`; user and password are
    /// percent-encoded. `None` if it is neither. `hello` is the name by which we introduce ourselves.
    pub(crate) fn open(url: &str, ca_file: &str, hello: &str) -> Result<Option<Self>, Error> {
        if !url.starts_with("smtp:") && !url.starts_with("smtps:") {
            return Ok(None);
        }
        let url = Url::parse(url).map_err(|_| Error::Url)?;
        let host = match url.host().ok_or(Error::Url)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let standard_port = if url.scheme() == "smtps" { 465 } else { 587 };
        Ok(Some(Self {
            port: url.port().unwrap_or(standard_port),
            tls: tls(&url, &host, ca_file)?,
            credentials: credentials(&url)?,
            hello: ClientId::Domain(hello.to_owned()),
            host,
        }))
    }

    /// Returns when the server has taken the mail.
    pub(crate) async fn send(&self, mail: &Message) -> Result<(), Error> {
        let mut connection = within(OPEN, self.connect()).await?;
        within(SEND, hand_over(&mut connection, mail)).await?;
        // It is taken. How the server says goodbye changes nothing.
        let _ = tokio::time::timeout(QUIT, connection.quit()).await;
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let wrapper = match &self.tls {
            Tls::Wrapper(parameters) => Some(parameters.clone()),
            _ => None,
        };
        let server = (self.host.as_str(), self.port);
        let connection = AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, wrapper, None).await;
        let mut connection = connection.map_err(unavailable("connecting"))?;
        let upgrade = match &self.tls {
            Tls::Required(parameters) => Some(parameters),
            Tls::Opportunistic(parameters) => Some(parameters).filter(|_| connection.can_starttls()),
            Tls::None | Tls::Wrapper(_) => None,
        };
        if let Some(parameters) = upgrade {
            connection.starttls(parameters.clone(), &self.hello).await.map_err(unavailable("STARTTLS"))?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(unavailable("AUTH"))?;
        }
        Ok(connection)
    }
}

/// A server that does not like us or our sender may like us tomorrow, when somebody has seen to it. What it says about
/// this recipient and this mail is about no other, and mostly said for good.
async fn hand_over(connection: &mut AsyncSmtpConnection, mail: &Message) -> Result<(), Error> {
    let sender = Mail::new(mail.envelope().from().cloned(), Vec::new());
    connection.command(sender).await.map_err(unavailable("MAIL"))?;
    for recipient in mail.envelope().to() {
        let recipient = Rcpt::new(recipient.clone(), Vec::new());
        connection.command(recipient).await.map_err(refused("RCPT"))?;
    }
    connection.command(Data).await.map_err(refused("DATA"))?;
    connection.message(&mail.formatted()).await.map_err(refused("the mail"))?;
    Ok(())
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::Unavailable(format!("the mail server took more than {} s", limit.as_secs()));
    tokio::time::timeout(limit, work).await.map_err(late)?
}

fn unavailable(step: &'static str) -> impl Fn(smtp::Error) -> Error {
    move |error| Error::Unavailable(said(step, &error))
}

fn refused(step: &'static str) -> impl Fn(smtp::Error) -> Error {
    move |error| match error.status().map(u16::from) {
        // Log in first, or a command that the server does not know: nothing that this mail could help.
        Some(500..=504 | 530) => Error::Unavailable(said(step, &error)),
        Some(500..) => Error::Refused(said(step, &error)),
        // It is about to close.
        Some(421) | None => Error::Unavailable(said(step, &error)),
        Some(_) => Error::Deferred(said(step, &error)),
    }
}

/// For the operator. The server's own words may hold the address, so they are not in it.
fn said(step: &str, error: &smtp::Error) -> String {
    if let Some(code) = error.status() {
        return format!("the mail server answered {code} to {step}");
    }
    if error.is_response() {
        return format!("the mail server's answer to {step} is no SMTP");
    }
    format!("{step}: {error}")
}

fn tls(url: &Url, host: &str, ca_file: &str) -> Result<Tls, Error> {
    let credentials = !url.username().is_empty();
    let mut wanted = None;
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "tls" => wanted = Some(value.into_owned()),
            _ => return Err(Error::Url),
        }
    }
    match (url.scheme(), wanted.as_deref()) {
        ("smtps", None) => Ok(Tls::Wrapper(parameters(host, ca_file)?)),
        ("smtp", Some("none")) => Ok(Tls::None),
        ("smtp", Some("required")) => Ok(Tls::Required(parameters(host, ca_file)?)),
        ("smtp", Some("opportunistic")) => Ok(Tls::Opportunistic(parameters(host, ca_file)?)),
        // A password goes in clear only if somebody has said so.
        ("smtp", None) if credentials => Ok(Tls::Required(parameters(host, ca_file)?)),
        ("smtp", None) => Ok(Tls::Opportunistic(parameters(host, ca_file)?)),
        _ => Err(Error::Url),
    }
}

fn parameters(host: &str, ca_file: &str) -> Result<TlsParameters, Error> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if !ca_file.is_empty() {
        builder = builder.add_root_certificate(certificates(ca_file.as_ref())?);
    }
    builder.build().map_err(|_| Error::Url)
}

fn certificates(path: &Path) -> Result<Certificate, Error> {
    let wrong = |problem: String| Error::CaFile { path: path.to_owned(), problem };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))
}

fn credentials(url: &Url) -> Result<Option<Credentials>, Error> {
    let decoded = |text| percent_decode_str(text).decode_utf8().map_err(|_| Error::Url);
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) if !user.is_empty() => {
            Ok(Some(Credentials::new(decoded(user)?.into(), decoded(password)?.into())))
        }
        _ => Err(Error::Url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(url: &str) -> Result<Option<Smtp>, Error> {
        Smtp::open(url, "", "example.org")
    }

    #[test]
    fn the_url_says_host_port_credentials_and_tls() {
        let smtp = open("smtp://ann%40example.org:a%3Ab%2F@mail.example.org").unwrap().unwrap();
        assert_eq!((smtp.host.as_str(), smtp.port), ("mail.example.org", 587));
        assert_eq!(smtp.credentials, Some(Credentials::new("ann@example.org".into(), "a:b/".into())));
        assert!(matches!(smtp.tls, Tls::Required(_)), "a password does not go in clear");
        let smtp = open("smtps://mail.example.org").unwrap().unwrap();
        assert_eq!((smtp.port, smtp.credentials), (465, None));
        assert!(matches!(smtp.tls, Tls::Wrapper(_)));
        assert!(matches!(open("smtp://localhost:25").unwrap().unwrap().tls, Tls::Opportunistic(_)));
        assert!(matches!(open("smtp://a:b@localhost:25?tls=none").unwrap().unwrap().tls, Tls::None));
        assert_eq!(open("smtp://[::1]:2525?tls=none").unwrap().unwrap().host, "::1");
    }

    #[test]
    fn what_is_half_a_url_is_refused() {
        for url in [
            "smtp:",
            "smtp://",
            "smtp://host:x",
            "smtp://user@host",
            "smtp://:password@host",
            "smtp://host?tls=maybe",
            "smtp://host?ssl=required",
            "smtps://host?tls=none",
            "smtp://a:%ff@host",
        ] {
            assert!(matches!(open(url), Err(Error::Url)), "{url}");
        }
        assert!(open("file:/tmp").unwrap().is_none());
    }
}
