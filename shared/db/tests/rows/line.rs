//! A line to MySQL on which one answer is lost: the server has done what it was asked, and the connection ends before it
//! can say so.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What becomes of the next statement that begins with a text.
#[derive(Debug)]
enum Plan {
    Nothing,
    /// The statement has not come yet.
    Armed(&'static str),
    /// It was prepared; the answer to its execution is lost.
    Prepared,
    /// The next answer is lost.
    Lose,
    Lost,
}

/// A proxy on a free loopback port.
pub(crate) struct Line {
    port: u16,
    plan: Arc<Mutex<Plan>>,
}

const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;

impl Line {
    pub(crate) fn to(url: &str) -> (Self, String) {
        let server: u16 = url.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let line =
            Self { port: listener.local_addr().unwrap().port(), plan: Arc::new(Mutex::new(Plan::Nothing)) };
        let plan = Arc::clone(&line.plan);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
                there(near.try_clone().unwrap(), far.try_clone().unwrap(), Arc::clone(&plan));
                back(far, near, Arc::clone(&plan));
            }
        });
        let url = url.replace(&format!(":{server}/"), &format!(":{}/", line.port));
        (line, url)
    }

    /// The answer to the next statement that begins so does not arrive.
    pub(crate) fn lose_answer_to(&self, statement: &'static str) {
        *self.plan.lock().unwrap() = Plan::Armed(statement);
    }

    /// Whether it was lost.
    pub(crate) fn has_lost(&self) -> bool {
        matches!(*self.plan.lock().unwrap(), Plan::Lost)
    }
}

/// From the client: a packet has a head of four bytes, then the command.
fn there(mut from: TcpStream, mut to: TcpStream, plan: Arc<Mutex<Plan>>) {
    thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let packet = &buffer[..length];
            let mut plan = plan.lock().unwrap();
            *plan =
                match std::mem::replace(&mut *plan, Plan::Nothing) {
                    Plan::Armed(text)
                        if packet.get(5..).is_some_and(|sql| sql.starts_with(text.as_bytes())) =>
                    {
                        if packet[4] == PREPARE { Plan::Prepared } else { Plan::Lose }
                    }
                    Plan::Prepared if packet.get(4) == Some(&EXECUTE) => Plan::Lose,
                    other => other,
                };
            drop(plan);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

fn back(mut from: TcpStream, mut to: TcpStream, plan: Arc<Mutex<Plan>>) {
    thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let mut plan = plan.lock().unwrap();
            if matches!(*plan, Plan::Lose) {
                *plan = Plan::Lost;
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                break;
            }
            drop(plan);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
