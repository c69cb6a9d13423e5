//! The client's side of MongoDB's protocol (mongodb.com/docs/manual/reference/mongodb-wire-protocol): `OP_MSG`, whose
//! document begins with the command's name and, where it has one, its collection.

use super::{
    line::{Piece, Wire},
    trap::Trap,
};

const OP_MSG: u32 = 2013;
/// The header, the flags, the kind of the first section and the length of its document.
const BEFORE: usize = 16 + 4 + 1 + 4;
const STRING: u8 = 2;
/// What a driver says for itself.
const PASSING: [&str; 5] = ["hello", "isMaster", "ismaster", "ping", "endSessions"];

#[derive(Debug)]
pub(super) struct Mongo;

impl Wire for Mongo {
    fn piece(&mut self, buffer: &[u8], _: &Trap) -> Option<Piece> {
        let length = number(buffer, 0)? as usize;
        let message = buffer.get(..length)?;
        let step = (number(message, 12) == Some(OP_MSG)).then(|| name(&message[BEFORE..])).flatten();
        Some(step.map_or_else(|| Piece::passing(length), |step| Piece::step(length, step)))
    }

    fn heard(&mut self, _: &[u8], _: &Trap) -> bool {
        true
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// From the elements of a document (bsonspec.org).
fn name(elements: &[u8]) -> Option<String> {
    let (kind, rest) = elements.split_first()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let command = String::from_utf8_lossy(&rest[..end]).into_owned();
    if PASSING.contains(&command.as_str()) {
        return None;
    }
    let value = &rest[end + 1..];
    if *kind != STRING {
        return Some(format!("mongo {command}"));
    }
    let length = number(value, 0)? as usize;
    let collection = String::from_utf8_lossy(value.get(4..4 + length.saturating_sub(1))?);
    Some(format!("mongo {command} {collection}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(elements: &[u8]) -> Vec<u8> {
        let length = u32::try_from(BEFORE + elements.len()).unwrap();
        let mut message = length.to_le_bytes().to_vec();
        message.extend([0; 8]);
        message.extend(OP_MSG.to_le_bytes());
        message.extend([0; 9]);
        message.extend(elements);
        message
    }

    #[test]
    fn a_command_is_named_with_its_collection() {
        let trap = Trap::default();
        let insert = message(b"\x02insert\0\x0e\0\0\0videos.chunks\0\0");
        let step = Mongo.piece(&insert, &trap).unwrap();
        assert_eq!(step, Piece::step(insert.len(), "mongo insert videos.chunks".into()));
        assert_eq!(Mongo.piece(&insert[..20], &trap), None, "half of it");
        let hello = message(b"\x10hello\0\x01\0\0\0\0");
        assert_eq!(Mongo.piece(&hello, &trap), Some(Piece::passing(hello.len())));
    }
}
