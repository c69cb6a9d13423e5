//! The client's side of MySQL's protocol (dev.mysql.com/doc/dev/mysql-server, "Client/Server Protocol"): packets of a
//! three-byte length, a number, and a command in the first byte.

use std::collections::HashMap;

use super::{
    line::{Piece, Wire},
    trap::Trap,
};

const QUERY: u8 = 0x03;
const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;
/// Letters of a statement that its name shows.
const SHOWN: usize = 76;
/// What a connection begins with, and the look at the clock: no steps of anybody's work.
const PASSING: [&str; 5] =
    ["SET ", "SELECT 1", "SELECT CAST(UNIX_TIMESTAMP", "SHOW SESSION STATUS", "SELECT VERSION()"];

#[derive(Debug, Default)]
pub(super) struct Mysql {
    /// The statement that is being prepared.
    preparing: Option<String>,
    prepared: HashMap<u32, String>,
    /// The first statement of the transaction that changes something.
    transaction: Option<String>,
}

impl Wire for Mysql {
    fn piece(&mut self, buffer: &[u8], _: &Trap) -> Option<Piece> {
        let [a, b, c, number, ..] = *buffer else { return None };
        let length = u32::from_le_bytes([a, b, c, 0]) as usize;
        let packet = buffer.get(4..4 + length)?;
        let whole = 4 + length;
        // Commands begin anew with number 0; what has another one belongs to the login.
        let (0, Some(command)) = (number, packet.first()) else { return Some(Piece::passing(whole)) };
        let name = match *command {
            QUERY => self.named(&String::from_utf8_lossy(&packet[1..])),
            EXECUTE => {
                let id = u32::from_le_bytes(packet[1..5].try_into().unwrap());
                let sql = self.prepared.get(&id).cloned().unwrap_or_default();
                self.named(&sql)
            }
            PREPARE => {
                self.preparing = Some(String::from_utf8_lossy(&packet[1..]).into_owned());
                None
            }
            _ => None,
        };
        Some(name.map_or_else(|| Piece::passing(whole), |name| Piece::step(whole, name)))
    }

    fn heard(&mut self, bytes: &[u8], _: &Trap) -> bool {
        // A header of 4 bytes, 0 for OK, the statement's number.
        if let (Some(sql), [_, _, _, _, 0, a, b, c, d, ..]) = (self.preparing.take(), bytes) {
            self.prepared.insert(u32::from_le_bytes([*a, *b, *c, *d]), sql);
        }
        true
    }
}

impl Mysql {
    /// The step that a statement is. A commit is named by what it makes true.
    fn named(&mut self, sql: &str) -> Option<String> {
        let code = sql.lines().filter(|line| !line.trim_start().starts_with("--"));
        let sql = code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        if PASSING.iter().any(|passing| sql.starts_with(passing)) {
            return None;
        }
        // A database of a test's own.
        let sql = if sql.starts_with("CREATE DATABASE") { "CREATE DATABASE" } else { &sql };
        // As many as there are.
        let sql = sql.split(" IN (?").next().unwrap_or_default();
        let shown: String = sql.chars().take(SHOWN).collect();
        let shown = shown.trim_end().to_owned();
        match shown.as_str() {
            "BEGIN" => {
                self.transaction = Some(String::new());
                Some("sql BEGIN".into())
            }
            "COMMIT" => {
                let what = self.transaction.take().unwrap_or_default();
                Some(format!("sql COMMIT of {what}"))
            }
            "ROLLBACK" => {
                self.transaction = None;
                Some("sql ROLLBACK".into())
            }
            _ => {
                let changes = super::is_change(&shown);
                if let Some(first) = self.transaction.as_mut().filter(|first| changes && first.is_empty()) {
                    first.clone_from(&shown);
                }
                Some(format!("sql {}{shown}", if self.transaction.is_some() { "  " } else { "" }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: u8, body: &[u8]) -> Vec<u8> {
        let mut packet = u32::try_from(body.len()).unwrap().to_le_bytes()[..3].to_vec();
        packet.push(number);
        packet.extend_from_slice(body);
        packet
    }

    #[test]
    fn statements_have_their_names_and_commits_that_of_what_they_make_true() {
        let (mut wire, trap) = (Mysql::default(), Trap::default());
        let mut step = |body: &[u8]| {
            let packet = packet(0, body);
            let piece = wire.piece(&packet, &trap).unwrap();
            assert_eq!(piece.length, packet.len());
            let prepared = packet.get(4) == Some(&PREPARE);
            wire.heard(&[if prepared { 12 } else { 7 }, 0, 0, 1, 0, 9, 0, 0, 0], &trap);
            piece.step
        };
        assert_eq!(step(b"\x03BEGIN").unwrap(), "sql BEGIN");
        assert_eq!(step(b"\x16DELETE FROM jobs\n WHERE id = ?"), None);
        assert_eq!(step(b"\x17\x09\0\0\0and more").unwrap(), "sql   DELETE FROM jobs WHERE id = ?");
        assert_eq!(step(b"\x03COMMIT").unwrap(), "sql COMMIT of DELETE FROM jobs WHERE id = ?");
        assert_eq!(step(b"\x0e"), None, "a ping");
    }

    #[test]
    fn half_a_packet_is_waited_for_and_the_login_is_no_step() {
        let (mut wire, trap) = (Mysql::default(), Trap::default());
        let whole = packet(1, b"\x03name and password");
        assert_eq!(wire.piece(&whole[..9], &trap), None);
        assert_eq!(wire.piece(&whole, &trap), Some(Piece::passing(whole.len())));
    }
}
