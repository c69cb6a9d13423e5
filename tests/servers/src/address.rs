//! The port in the address of a server on this machine.

const HOST: &str = "127.0.0.1:";

/// The port in a URL of this machine, as 3306 in `mysql://user@127.0.0.1:3306/name`.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn port_of(url: &str) -> u16 {
    let (_, after) = url.split_once(HOST).unwrap();
    let end = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
    after[..end].parse().unwrap()
}

/// The same URL with another port.
///
/// # Panics
/// If it has none.
#[must_use]
pub fn at_port(url: &str, port: u16) -> String {
    let (before, after) = url.split_once(HOST).unwrap();
    format!("{before}{HOST}{port}{}", after.trim_start_matches(|letter: char| letter.is_ascii_digit()))
}
