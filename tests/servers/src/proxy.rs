//! A line that can be bad: a TCP proxy between a program and a server.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use crate::at_port;

/// A proxy on a free loopback port. What was sent while it stalls arrives when it goes on.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    line: Arc<Line>,
}

#[derive(Debug, Default)]
struct Line {
    state: Mutex<State>,
    goes_on: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stalls: bool,
    accepted: usize,
    streams: Vec<TcpStream>,
}

impl Proxy {
    /// Passes everything on to `port`.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), line: Arc::default() };
        let line = Arc::clone(&proxy.line);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                line.state.lock().unwrap().accepted += 1;
                // Nobody listens: whoever asked is told so.
                if let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                    join(&near, &far, &line);
                    join(&far, &near, &line);
                }
            }
        });
        proxy
    }

    /// The same URL, through the proxy.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        at_port(url, self.port)
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.line.state.lock().unwrap().accepted
    }

    /// From now on nothing arrives, and nobody is told.
    pub fn stall(&self) {
        self.line.state.lock().unwrap().stalls = true;
    }

    /// Everything arrives again.
    pub fn go_on(&self) {
        self.line.state.lock().unwrap().stalls = false;
        self.line.goes_on.notify_all();
    }

    /// Closes all connections.
    pub fn cut(&self) {
        for stream in self.line.state.lock().unwrap().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Copies one direction, on a thread of its own.
fn join(from: &TcpStream, to: &TcpStream, line: &Arc<Line>) {
    let (mut from, mut to, line) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(line));
    line.state.lock().unwrap().streams.push(from.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            drop(line.goes_on.wait_while(line.state.lock().unwrap(), |state| state.stalls).unwrap());
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
