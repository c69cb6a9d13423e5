//! The client's side of SMTP (RFC 5321): a line for each command, and after DATA the mail until a line that is a dot.

use super::{
    line::{Piece, Wire},
    trap::Trap,
};

const END: &[u8] = b"\r\n.\r\n";

#[derive(Debug, Default)]
pub(super) struct Smtp {
    /// The mail comes.
    data: bool,
}

impl Wire for Smtp {
    fn piece(&mut self, buffer: &[u8], _: &Trap) -> Option<Piece> {
        let end = if self.data { END } else { b"\r\n" };
        let length = buffer.windows(end.len()).position(|window| window == end)? + end.len();
        if std::mem::take(&mut self.data) {
            return Some(Piece::step(length, "smtp the mail".into()));
        }
        let word = buffer.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
        let word = String::from_utf8_lossy(word).to_ascii_uppercase();
        self.data = word == "DATA";
        Some(Piece::step(length, format!("smtp {word}")))
    }

    fn heard(&mut self, _: &[u8], _: &Trap) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_after_data_is_one_step() {
        let (mut wire, trap) = (Smtp::default(), Trap::default());
        let mut step = |bytes: &[u8]| wire.piece(bytes, &trap).and_then(|piece| piece.step);
        assert_eq!(step(b"MAIL FROM:<a@example.org>\r\n").unwrap(), "smtp MAIL");
        assert_eq!(step(b"DATA\r\n").unwrap(), "smtp DATA");
        assert_eq!(step(b"Subject: x\r\n\r\nQUIT\r\n"), None);
        assert_eq!(step(b"Subject: x\r\n\r\nQUIT\r\n.\r\n").unwrap(), "smtp the mail");
        assert_eq!(step(b"QUIT\r\n").unwrap(), "smtp QUIT");
    }
}
