//! A proxy between one process and one server that knows where a request begins and what it is called.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{
    amqp::Amqp,
    mongo::Mongo,
    mysql::Mysql,
    smtp::Smtp,
    trap::{Trap, Verdict},
};

/// What is spoken on a line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Protocol {
    Mysql,
    Mongo,
    Amqp,
    Smtp,
}

/// What goes to the server in one piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Bytes of it.
    pub(super) length: usize,
    /// The name of the step, if it is one.
    pub(super) step: Option<String>,
    /// Whether the server answers.
    pub(super) answered: bool,
}

impl Piece {
    /// One that is no step.
    pub(super) fn passing(length: usize) -> Self {
        Self { length, step: None, answered: true }
    }

    pub(super) fn step(length: usize, step: String) -> Self {
        Self { length, step: Some(step), answered: true }
    }
}

/// One connection, as its protocol sees it.
pub(super) trait Wire: Send {
    /// The piece with which `buffer` begins; `None` if there is no whole one yet.
    fn piece(&mut self, buffer: &[u8], trap: &Trap) -> Option<Piece>;

    /// The server has sent this. Whether an answer to the last step is among it.
    fn heard(&mut self, bytes: &[u8], trap: &Trap) -> bool;
}

/// A line to a server.
#[derive(Debug)]
pub(super) struct Line {
    port: u16,
}

impl Line {
    /// To `port` on this machine.
    pub(super) fn to(port: u16, protocol: Protocol, trap: &Arc<Trap>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let line = Self { port: listener.local_addr().unwrap().port() };
        let trap = Arc::clone(trap);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Some(generation) = trap.connected() else { continue };
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                let (near, far) = (Arc::new(near), Arc::new(far));
                let (_, _) = (near.set_nodelay(true), far.set_nodelay(true));
                let connection = Connection {
                    near,
                    far,
                    generation,
                    wire: Arc::new(Mutex::new(wire(protocol))),
                    last: Arc::default(),
                    trap: Arc::clone(&trap),
                };
                let answers = connection.clone();
                thread::spawn(move || answers.answers());
                thread::spawn(move || connection.requests());
            }
        });
        line
    }

    /// The same URL, over this line.
    pub(super) fn url(&self, url: &str) -> String {
        servers::at_port(url, self.port)
    }
}

fn wire(protocol: Protocol) -> Box<dyn Wire> {
    match protocol {
        Protocol::Mysql => Box::new(Mysql::default()),
        Protocol::Mongo => Box::new(Mongo),
        Protocol::Amqp => Box::new(Amqp::default()),
        Protocol::Smtp => Box::new(Smtp::default()),
    }
}

#[derive(Clone)]
struct Connection {
    near: Arc<TcpStream>,
    far: Arc<TcpStream>,
    generation: u64,
    wire: Arc<Mutex<Box<dyn Wire>>>,
    /// Whether the answer that comes next is the process's end.
    last: Arc<AtomicBool>,
    trap: Arc<Trap>,
}

impl Connection {
    fn requests(&self) {
        let (mut buffer, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
        while let Ok(length @ 1..) = (&*self.near).read(&mut chunk) {
            buffer.extend_from_slice(&chunk[..length]);
            let mut done = 0;
            loop {
                let piece = self.wire.lock().unwrap().piece(&buffer[done..], &self.trap);
                let Some(piece) = piece else { break };
                if !self.pass(&piece, &buffer[done..done + piece.length]) {
                    return self.close();
                }
                done += piece.length;
            }
            buffer.drain(..done);
        }
        let _ = self.far.shutdown(Shutdown::Write);
    }

    /// Whether the process lives on.
    fn pass(&self, piece: &Piece, bytes: &[u8]) -> bool {
        let verdict = match &piece.step {
            Some(step) => self.trap.step(self.generation, step),
            None if self.trap.is_alive(self.generation) => Verdict::Forward,
            None => Verdict::Dead,
        };
        if verdict == Verdict::Dead {
            return false;
        }
        if verdict == Verdict::Last {
            self.last.store(true, Ordering::SeqCst);
        }
        let passed = (&*self.far).write_all(bytes).is_ok();
        if verdict == Verdict::Last && !piece.answered {
            self.trap.fire();
            return false;
        }
        passed
    }

    fn answers(&self) {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = (&*self.far).read(&mut chunk) {
            let answered = self.wire.lock().unwrap().heard(&chunk[..length], &self.trap);
            if answered && self.last.swap(false, Ordering::SeqCst) {
                self.trap.fire();
                return self.close();
            }
            if (&*self.near).write_all(&chunk[..length]).is_err() {
                break;
            }
        }
        self.close();
    }

    fn close(&self) {
        let _ = self.near.shutdown(Shutdown::Both);
        let _ = self.far.shutdown(Shutdown::Both);
    }
}
