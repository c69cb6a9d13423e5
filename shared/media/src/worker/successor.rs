//! Another sound that goes on where the one that was taken ends: broadcasts do that.

use crate::clock::{Nanos, SECOND};
use crate::libav::{Owned, Packet};
use crate::protocol::Failure;

use super::fault::unreadable;

/// Without the one that was taken for so long, the other one is the sound.
const PATIENCE: Nanos = 2 * SECOND;
/// One that begins so much before the other's end still follows it.
const OVERLAP: Nanos = SECOND / 2;
/// Of the other one, no more is kept, in packets.
const MOST: usize = 2000;

/// Watches the other sounds.
#[derive(Default)]
pub(super) struct Successor {
    /// Where the sound that was taken ends, as far as is known.
    end: Option<Nanos>,
    /// Those that run beside it.
    beside: Vec<u32>,
    /// The one that may follow it, and its packets so far.
    next: Option<(u32, Vec<Owned>)>,
}

impl Successor {
    /// The sound that was taken goes on until then: what runs meanwhile runs beside it.
    pub(super) fn goes_on(&mut self, end: Option<Nanos>) {
        self.end = end.or(self.end);
        if let Some((stream, _)) = self.next.take() {
            self.beside.push(stream);
        }
    }

    /// A packet of another sound. Whether that is now the one to take.
    pub(super) fn sees(&mut self, packet: &Packet<'_>) -> Result<bool, Failure> {
        let (stream, at, end) = (packet.stream(), packet.piece.at, self.end);
        if self.beside.contains(&stream) {
            return Ok(false);
        }
        let kept = match (&mut self.next, at.zip(end)) {
            (Some((next, kept)), _) if *next == stream => kept,
            (None, Some((at, end))) if at >= end.saturating_sub(OVERLAP) => {
                &mut self.next.insert((stream, Vec::new())).1
            }
            (None, Some(_)) => {
                self.beside.push(stream);
                return Ok(false);
            }
            _ => return Ok(false),
        };
        kept.push(packet.keep().map_err(unreadable)?);
        let waited = at.zip(end).is_some_and(|(at, end)| at.saturating_sub(end) > PATIENCE);
        Ok(waited || kept.len() > MOST)
    }

    /// The one that follows, if there is one, and its packets so far.
    pub(super) fn take(&mut self) -> Option<(u32, Vec<Owned>)> {
        self.beside.clear();
        self.next.take()
    }
}
