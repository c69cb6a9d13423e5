//! `tapedeck login` and `tapedeck logout`.

use std::io::{self, IsTerminal as _, Read as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use console::Term;
use hyper::header::HeaderValue;

use super::{Error, HELP, ServerOptions, place::Environment, server::Server, session::Store};

/// Log in at a server. The log-in is kept in the user's folder for configuration, readable by the user alone, and renews
/// itself.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct LoginOptions {
    /// The server's address, as `https://tapedeck.example.org`.
    server: String,
    /// The mail address of the account; asked for if it is not given.
    #[arg(long)]
    email: Option<String>,
    /// Read the password from standard input instead of asking for it.
    #[arg(long)]
    password_stdin: bool,
}

/// End a log-in, on the server too.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct LogoutOptions {
    #[command(flatten)]
    server: ServerOptions,
}

pub(super) async fn login(options: LoginOptions) -> Result<(), Error> {
    let environment = Environment::read()?;
    let server = Server::at(&options.server, &environment, environment.folder()?)?;
    let host = server.home.host_str().unwrap_or_default();
    if server.home.scheme() == "http" && !["localhost", "127.0.0.1", "[::1]"].contains(&host) {
        eprintln!(
            "tapedeck: warning: http:// sends your password in the clear. Use https:// if the server has it."
        );
    }
    let email = match options.email {
        Some(email) => email,
        None => asked("Mail address: ", false)?,
    };
    let password = if options.password_stdin { from_input()? } else { asked("Password: ", true)? };
    let basic = format!("Basic {}", STANDARD.encode(format!("{email}:{password}")));
    let mut basic = HeaderValue::from_str(&basic).map_err(|error| Error::Usage(error.to_string()))?;
    basic.set_sensitive(true);
    let tokens = server.log_in(basic).await.map_err(|error| match error {
        // The advice would be to do just that.
        Error::NotLoggedIn(detail) => Error::Refused(detail),
        error => error,
    })?;
    let store = Store::open(&server.folder)?;
    let mut sessions = store.read().unwrap_or_default();
    sessions.server = Some(server.name());
    sessions.tokens.insert(server.name(), tokens);
    store.write(&sessions)?;
    eprintln!("Logged in at {} as {email}.", server.name());
    Ok(())
}

pub(super) async fn logout(options: LogoutOptions) -> Result<(), Error> {
    let server = Server::chosen(&options.server)?;
    let store = Store::open(&server.folder)?;
    let mut sessions = store.read()?;
    let Some(tokens) = sessions.tokens.remove(&server.name()) else {
        return Err(Error::NotLoggedIn(format!("You are not logged in at {}.", server.name())));
    };
    // Whatever the server says, this machine forgets.
    let told = server.log_out(&tokens).await;
    if sessions.server.as_deref() == Some(&server.name()) {
        sessions.server = sessions.tokens.keys().next().cloned();
    }
    store.write(&sessions)?;
    told
}

/// Asks on the terminal, for a secret without showing what is typed.
fn asked(question: &str, secret: bool) -> Result<String, Error> {
    let term = Term::stderr();
    if !io::stdin().is_terminal() || !term.is_term() {
        let advice = "there is no terminal to ask on: give --email and --password-stdin, or set TAPEDECK_KEY";
        return Err(Error::Usage(advice.into()));
    }
    let answer = term.write_str(question).and_then(|()| match secret {
        true => term.read_secure_line(),
        false => term.read_line(),
    });
    answer.map_err(|error| Error::File("the terminal".into(), error))
}

/// A password may end with spaces, but not with the end of its line.
fn from_input() -> Result<String, Error> {
    let mut text = String::new();
    let read = io::stdin().take(10_000).read_to_string(&mut text);
    read.map_err(|error| Error::File("standard input".into(), error))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}
