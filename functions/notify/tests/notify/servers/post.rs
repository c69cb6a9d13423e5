//! A mail server whose mood the test sets, and which counts what it is handed.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It takes every mail.
    Takes,
    /// It hangs up at once.
    Away,
    /// It takes the mail and hangs up before it says so.
    Dies,
    /// It says yes to a mail when the test lets it.
    Waits,
    /// It takes no mail for `busy@` now, and all others.
    Greylists,
}

/// The mail server; cheap to clone. Ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
    yes: Arc<Semaphore>,
}

struct State {
    mood: Mood,
    mails: Vec<String>,
    connections: usize,
    at_once: usize,
    most_at_once: usize,
}

impl Post {
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State { mood, mails: Vec::new(), connections: 0, at_once: 0, most_at_once: 0 };
        let port = listener.local_addr().unwrap().port();
        let post = Self { port, state: Arc::new(Mutex::new(state)), yes: Arc::new(Semaphore::new(0)) };
        let serving = post.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let post = serving.clone();
                tokio::spawn(async move {
                    post.state.lock().unwrap().connections += 1;
                    post.converse(BufReader::new(stream)).await;
                });
            }
        });
        post
    }

    pub(crate) fn becomes(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// Says yes to one mail that waits, or to the next that will.
    pub(crate) fn says_yes(&self) {
        self.yes.add_permits(1);
    }

    /// The Message-IDs of all mails that it was handed, whatever it said.
    pub(crate) fn mails(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let id = |mail: &String| {
            mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("an id").to_owned()
        };
        state.mails.iter().map(id).collect()
    }

    /// The same, each once.
    pub(crate) fn different_mails(&self) -> usize {
        self.mails().into_iter().collect::<HashSet<_>>().len()
    }

    /// Waits until it has been handed so many.
    pub(crate) async fn has(&self, mails: usize) {
        while self.mails().len() < mails {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.state.lock().unwrap().most_at_once
    }

    fn mood(&self) -> Mood {
        self.state.lock().unwrap().mood
    }

    fn begin(&self) {
        let mut state = self.state.lock().unwrap();
        state.at_once += 1;
        state.most_at_once = state.most_at_once.max(state.at_once);
    }

    async fn converse(&self, mut stream: BufReader<TcpStream>) {
        let mut answer = if self.mood() == Mood::Away { None } else { Some("220 hello") };
        while let Some(text) = answer {
            if stream.write_all(format!("{text}\r\n").as_bytes()).await.is_err() {
                return;
            }
            let Some(command) = line(&mut stream).await else { return };
            answer = match command.get(..4).unwrap_or_default() {
                "RCPT" if self.mood() == Mood::Greylists && command.contains("<busy@") => {
                    Some("451 4.7.1 greylisted")
                }
                "DATA" => {
                    self.begin();
                    let answer = self.take(&mut stream).await;
                    self.state.lock().unwrap().at_once -= 1;
                    answer
                }
                "QUIT" => None,
                _ => Some("250 ok"),
            };
        }
    }

    /// A mail up to its last line, and the answer to it.
    async fn take(&self, stream: &mut BufReader<TcpStream>) -> Option<&'static str> {
        stream.write_all(b"354 go on\r\n").await.ok()?;
        let mut mail = String::new();
        loop {
            let line = line(stream).await?;
            if line == "." {
                break;
            }
            mail += &line;
            mail.push('\n');
        }
        self.state.lock().unwrap().mails.push(mail);
        match self.mood() {
            Mood::Dies => return None,
            Mood::Waits => self.yes.acquire().await.unwrap().forget(),
            _ => {}
        }
        Some("250 taken")
    }
}

/// Without its end. `None` at the end of the conversation.
async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(1..) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        _ => None,
    }
}
