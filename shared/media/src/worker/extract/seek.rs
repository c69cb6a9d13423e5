//! Goes to where the result begins instead of decoding all that is before it, to the same samples.
//!
//! What comes out must not depend on how we came there. So the decoder starts a while earlier, for what it remembers from
//! packet to packet; frames are counted by their times, which containers round, on the grid that equal frames make; and
//! the resampler starts where it would have an output sample too. Where that can't be told, all is decoded.

use std::time::Duration;

use super::{Extract, Stage};
use crate::clock::{Nanos, SECOND};
use crate::libav::Resampler;
use crate::protocol::Failure;

/// Of the sound before the start, it is not worth while to skip less.
const LEAST: Nanos = 20 * SECOND;
/// How long before the start to go on; more where an index knows no place as near.
const LEADS: [Nanos; 3] = [SECOND, 5 * SECOND, 20 * SECOND];
/// Decoders have at least so much before the start.
const WARM_UP: Nanos = SECOND / 4;
/// Frames of one length that make a grid.
const EQUALS: u32 = 4;
/// Frames shorter than this can't be told apart by times of whole milliseconds.
const SHORTEST: Nanos = 4 * SECOND / 1000;
/// What such times are off, at both ends.
const ROUNDING: Nanos = 1_600_000;
/// Frames to look at before giving up.
const MOST: u32 = 4000;

/// Where the sound's first frame was, and how long.
#[derive(Clone, Copy)]
struct Origin {
    at: Nanos,
    samples: u64,
    rate: u32,
}

impl Extract {
    /// Goes to where the result begins, if that is worth while. `false` if the attempt failed: then this sound is spoilt.
    pub(in crate::worker) fn skip(&mut self) -> Result<bool, Failure> {
        let frame = self.decoder.frame();
        let (Some(start), Some(at), true) =
            (self.bounds.0, frame.piece().at, self.input.can_seek(self.stream()))
        else {
            return Ok(true);
        };
        let origin = Origin { at, samples: frame.samples(), rate: frame.sample_rate() };
        let start = i64::try_from(start.saturating_sub(self.delay).as_nanos()).unwrap_or(i64::MAX);
        if start < LEAST {
            return Ok(true);
        }
        let start = at.saturating_add(start);
        for lead in LEADS {
            if self.land(origin, start, lead)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes to `lead` before the start and on from there, until it is known where that is.
    fn land(&mut self, origin: Origin, start: Nanos, lead: Nanos) -> Result<bool, Failure> {
        if self.input.seek(self.decoder.stream(), start.saturating_sub(lead)).is_err() {
            return Ok(false);
        }
        self.decoder.flush();
        self.stage = Stage::Hungry;
        self.successor = self.successor.take().map(|_| super::Successor::default());
        // What a decoder says of its first packets is not the file's fault.
        let damaged = self.account.damaged;
        let (mut length, mut equals, mut since) = (0, 0, None);
        for _ in 0..MOST {
            self.decode()?;
            if self.stage != Stage::Frame {
                return Ok(false);
            }
            let frame = self.decoder.frame();
            let (piece, samples) = (frame.piece(), frame.samples());
            equals = if samples == length { equals + 1 } else { 1 };
            length = samples;
            let Some(at) = piece.at.filter(|_| frame.sample_rate() == origin.rate) else { return Ok(false) };
            let since = *since.get_or_insert(at);
            if at.saturating_add(WARM_UP) > start {
                return Ok(false);
            }
            let warm = at.saturating_sub(since) >= WARM_UP;
            if warm
                && let Some(position) = self.position(origin, at, (length, equals))
                && self.go_on(position, at)?
            {
                self.account.damaged = damaged;
                return Ok(true);
            }
            self.stage = Stage::Hungry;
        }
        Ok(false)
    }

    /// How many samples of the sound are before the frame at hand.
    fn position(&self, origin: Origin, at: Nanos, (length, equals): (u64, u32)) -> Option<u64> {
        let passed = u128::try_from(at.checked_sub(origin.at)?).ok()?;
        let rate = u128::from(origin.rate);
        let near = u64::try_from((passed * rate + SECOND as u128 / 2) / SECOND as u128).ok()?;
        if self.decoder.counts_samples() {
            return Some(near);
        }
        let nanos = |samples: u64| (u128::from(samples) * SECOND as u128 / rate) as i64;
        if equals < EQUALS || nanos(length) < SHORTEST {
            return None;
        }
        let steps = (near.checked_sub(origin.samples)? + length / 2) / length;
        let position = origin.samples + steps * length;
        (nanos(position.abs_diff(near)) <= ROUNDING).then_some(position)
    }

    /// Goes on with the frame at hand, before which there are so many samples. `false` if the resampler has no output
    /// sample in it.
    fn go_on(&mut self, position: u64, at: Nanos) -> Result<bool, Failure> {
        let frame = self.decoder.frame();
        let (from, to) = (u64::from(frame.sample_rate()), u64::from(self.shape.rate));
        let common = gcd(from, to);
        let before = position + self.late;
        let part = before.next_multiple_of(from / common) - before;
        if part >= frame.samples() {
            return Ok(false);
        }
        self.resampler = Some(Resampler::new(frame, self.shape).map_err(super::unmixable)?);
        self.timeline.go_to((before + part) / (from / common) * (to / common));
        self.clock.go_to(at.saturating_add(frame.piece().length));
        self.passed = self.passed.max(Duration::from_nanos(at.max(0).cast_unsigned()));
        (self.placed, self.silence, self.part) = (true, 0, part as u32);
        Ok(true)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}
