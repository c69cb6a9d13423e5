//! A virtual host of the shared RabbitMQ, for one test: exchanges and queues of any name, that no other test sees.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{Shared, shared};

/// Removed at the end, with all that is in it.
#[derive(Debug)]
pub struct Vhost {
    name: String,
}

impl Vhost {
    /// Makes one that the user `guest` may use.
    #[must_use]
    pub fn make() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("test-{}-{now}", std::process::id());
        ask("PUT", &format!("/api/vhosts/{name}"), "");
        let everything = r#"{"configure":".*","write":".*","read":".*"}"#;
        ask("PUT", &format!("/api/permissions/{name}/guest"), everything);
        Self { name }
    }

    /// Its address for AMQP.
    #[must_use]
    pub fn url(&self) -> String {
        shared(Shared::Amqp).replace("%2f", &self.name)
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        ask("DELETE", &format!("/api/vhosts/{}", self.name), "");
    }
}

/// One request to the management API; panics if it fails.
fn ask(method: &str, path: &str, body: &str) {
    let api = shared(Shared::RabbitmqApi);
    let (_, host) = api.rsplit_once('@').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    // guest:guest
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
}
