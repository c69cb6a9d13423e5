//! AMQP 0-9-1: frames of a type, a channel, a length and a last byte; a method's frame begins with its class and number.

use super::{
    line::{Piece, Wire},
    trap::Trap,
};

/// `AMQP` and the version, which a client sends first.
const GREETING: &[u8] = b"AMQP";
const BASIC: u16 = 60;
const CONSUME_OK: u16 = 21;
const PUBLISH: u16 = 40;
const DELIVER: u16 = 60;
const ACK: u16 = 80;
const REJECT: u16 = 90;
const NACK: u16 = 120;

#[derive(Debug, Default)]
pub(super) struct Amqp {
    /// What the server has sent of a frame.
    begun: Vec<u8>,
}

impl Wire for Amqp {
    fn piece(&mut self, buffer: &[u8], trap: &Trap) -> Option<Piece> {
        if buffer.starts_with(GREETING) {
            return (buffer.len() >= 8).then(|| Piece::passing(8));
        }
        let frame = Frame::first(buffer)?;
        match frame.basic() {
            Some(PUBLISH) => {
                let length = message(buffer, frame.length)?;
                Some(Piece::step(length, format!("amqp publish {}", routing_key(frame.arguments()))))
            }
            Some(ACK) => {
                trap.in_hand(-1);
                Some(Piece { answered: false, ..Piece::step(frame.length, "amqp ack".into()) })
            }
            Some(REJECT) => {
                trap.in_hand(-1);
                Some(Piece { answered: false, ..Piece::step(frame.length, "amqp reject".into()) })
            }
            _ => Some(Piece::passing(frame.length)),
        }
    }

    fn heard(&mut self, bytes: &[u8], trap: &Trap) -> bool {
        self.begun.extend_from_slice(bytes);
        let (mut done, mut answered) = (0, false);
        while let Some(frame) = Frame::first(&self.begun[done..]) {
            match frame.basic() {
                Some(ACK | NACK) => answered = true,
                Some(DELIVER) => trap.in_hand(1),
                Some(CONSUME_OK) => trap.subscribed(),
                _ => {}
            }
            done += frame.length;
        }
        self.begun.drain(..done);
        answered
    }
}

struct Frame<'a> {
    kind: u8,
    payload: &'a [u8],
    /// Of all of it.
    length: usize,
}

impl<'a> Frame<'a> {
    fn first(buffer: &'a [u8]) -> Option<Self> {
        let size = u32::from_be_bytes(buffer.get(3..7)?.try_into().ok()?) as usize;
        let length = 7 + size + 1;
        Some(Self { kind: buffer[0], payload: buffer.get(..length)?.get(7..7 + size)?, length })
    }

    /// The number of a method of the class `basic`.
    fn basic(&self) -> Option<u16> {
        let [a, b, c, d, ..] = *self.payload else { return None };
        (self.kind == 1 && u16::from_be_bytes([a, b]) == BASIC).then(|| u16::from_be_bytes([c, d]))
    }

    fn arguments(&self) -> &'a [u8] {
        &self.payload[4..]
    }
}

/// The length of a published message: its method, its header, as many bodies as the header says.
fn message(buffer: &[u8], method: usize) -> Option<usize> {
    let header = Frame::first(&buffer[method..])?;
    let mut left = u64::from_be_bytes(header.payload.get(4..12)?.try_into().ok()?);
    let mut length = method + header.length;
    while left > 0 {
        let body = Frame::first(&buffer[length..])?;
        left = left.saturating_sub(body.payload.len() as u64);
        length += body.length;
    }
    Some(length)
}

/// After a number of two bytes: the exchange, then the key.
fn routing_key(arguments: &[u8]) -> String {
    let short = |at: usize| arguments.get(at + 1..at + 1 + usize::from(*arguments.get(at)?));
    let key = short(2).and_then(|exchange| short(3 + exchange.len()));
    String::from_utf8_lossy(key.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind, 0, 1];
        frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend(payload);
        frame.push(0xce);
        frame
    }

    #[test]
    fn a_message_is_one_piece_with_its_key() {
        let (mut wire, trap) = (Amqp::default(), Trap::default());
        let mut message = frame(1, b"\0\x3c\0\x28\0\0\x06events\x04done\0");
        message.extend(frame(2, b"\0\x3c\0\0\0\0\0\0\0\0\0\x02\0\0"));
        assert_eq!(wire.piece(&message, &trap), None, "its body is still to come");
        message.extend(frame(3, b"{}"));
        let piece = wire.piece(&message, &trap).unwrap();
        assert_eq!(piece, Piece::step(message.len(), "amqp publish done".into()));
    }

    #[test]
    fn what_is_in_hand_is_counted_and_a_heartbeat_is_no_answer() {
        let (mut wire, trap) = (Amqp::default(), Trap::default());
        assert!(!wire.heard(&frame(8, b""), &trap));
        let mut frames = frame(1, b"\0\x3c\0\x15\0");
        frames.extend(frame(1, b"\0\x3c\0\x3c\0"));
        assert!(!wire.heard(&frames[..15], &trap) && !wire.heard(&frames[15..], &trap));
        assert!(!trap.is_calm(1, std::time::Duration::ZERO), "a delivery is in hand");
        wire.piece(&frame(1, b"\0\x3c\0\x50\0\0\0\0\0\0\0\x01\0"), &trap).unwrap();
        assert!(trap.is_calm(1, std::time::Duration::ZERO));
        assert!(wire.heard(&frame(1, b"\0\x3c\0\x50\0\0\0\0\0\0\0\x01\0"), &trap), "a confirm");
    }
}
