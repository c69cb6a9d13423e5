//! One timeline for all of a file's sound, whether it is decoded or copied: where each piece belongs, by the times that
//! the file gives it.
//!
//! ```text
//! file's times   100.0 [piece][piece]      (hole)      [piece] 0.0 [piece]    the clock starts again
//! result's         0.0 [piece][piece][silence, counted][piece]     [piece]    and the sound goes on
//! ```
//!
//! - Times are rounded and jitter: only where the sound is really behind them is something missing.
//! - A hole is a time in which the file goes on without its sound: it stays as long as it was. A clock that is set, wraps
//!   or jumps is none: there the sound goes on without a gap. Which it is, the kind of container and the bytes in between
//!   say.
//! - Nothing ever takes sound away.

use std::collections::VecDeque;

/// Nanoseconds.
pub(crate) type Nanos = i64;

const MILLISECOND: Nanos = 1_000_000;
pub(crate) const SECOND: Nanos = 1000 * MILLISECOND;

/// How much times are off by rounding alone: three times half a millisecond, and a bit.
const ROUNDING: Nanos = 1_600_000;
/// Less than this is no hole: a lost packet or two, which the next one may make up for.
const LEAST_HOLE: Nanos = 50 * MILLISECOND;
/// A later start than the pictures', from here on, is more than a container's rounding.
const LEAST_DELAY: Nanos = 20 * MILLISECOND;
/// A later start than this is taken for a broken clock.
const MOST_DELAY: Nanos = 600 * SECOND;
/// What begins so much before the end of what came before is not jitter: the clock was set back.
const BACK: Nanos = 100 * MILLISECOND;
/// A longer hole is a broken clock, whatever the container says.
const MOST_HOLE: Nanos = 3600 * SECOND;
/// Up to this, a hole needs no evidence: closing it or not makes little difference, losing time adds up.
const SHORT: Nanos = SECOND;
/// In this much sound at the start there is no telling yet how many bytes a second has.
const START: Nanos = SECOND;
/// How long a piece is remembered.
const WHILE: Nanos = SECOND;
/// Of the bytes that a second usually has, what one without sound has at least.
const SHARE: i128 = 4;

/// How far a container's times are to be believed where they leave a hole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Trust {
    /// It has none of its own: they are counted from the sound.
    Counted,
    /// A clock runs along with the sound, and may be set: a long hole needs bytes in it.
    Running,
    /// They were written down when all was known, or say what they mean.
    Written,
}

/// Some sound that has a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Piece {
    /// When it is to be heard, in the file's time.
    pub(crate) at: Option<Nanos>,
    pub(crate) length: Nanos,
    /// Where it is in the file, in bytes.
    pub(crate) place: Option<i64>,
}

/// What was wrong with the times.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TimestampFaults {
    /// Holes that stay, and how long they are together.
    pub(crate) holes: u32,
    pub(crate) silence: Nanos,
    /// How often the clock was set.
    pub(crate) sets: u32,
}

/// Goes from piece to piece.
#[derive(Debug)]
pub(crate) struct Clock {
    trust: Trust,
    /// When the pictures begin.
    origin: Option<Nanos>,
    /// How long the sound is at most, if the container says so.
    declared: Option<Nanos>,
    /// Where the piece before ended, in the file's time.
    end: Option<Nanos>,
    /// The file's time less the result's.
    offset: Nanos,
    /// By how much the sound is behind, not counting how times are rounded.
    behind: Nanos,
    /// When and where the first piece was, and those of a little while.
    first: Option<(Nanos, i64)>,
    lately: VecDeque<(Nanos, i64)>,
    timestamp_faults: TimestampFaults,
}

impl Clock {
    /// For a file whose pictures begin at `origin`, and whose container says that the sound is `declared` long.
    pub(crate) fn new(trust: Trust, origin: Option<Nanos>, declared: Option<Nanos>) -> Self {
        Self {
            trust,
            origin,
            declared,
            end: None,
            offset: 0,
            behind: 0,
            first: None,
            lately: VecDeque::new(),
            timestamp_faults: TimestampFaults::default(),
        }
    }

    /// The next piece: how much silence belongs before it.
    pub(crate) fn next(&mut self, piece: Piece) -> Nanos {
        let (at, silence) = match self.end {
            None => self.begin(piece),
            Some(end) => {
                let at = piece.at.unwrap_or(end);
                (at, self.judge(at.saturating_sub(end), at, piece.place))
            }
        };
        self.end = Some(at.saturating_add(piece.length.max(0)));
        if let Some(place) = piece.place {
            self.note(at, place);
        }
        silence
    }

    /// A piece was gone to that ends at this time: what is before it is as it is.
    pub(crate) fn go_to(&mut self, end: Nanos) {
        (self.end, self.behind, self.first) = (Some(end), 0, None);
        self.lately.clear();
    }

    /// A time of the file in the time of the result.
    pub(crate) fn within(&self, at: Nanos) -> Nanos {
        at.saturating_sub(self.offset)
    }

    /// Where the piece before ended, in the time of the result.
    pub(crate) fn position(&self) -> Nanos {
        self.end.map_or(0, |end| self.within(end))
    }

    pub(crate) fn timestamp_faults(&self) -> TimestampFaults {
        self.timestamp_faults
    }

    fn begin(&mut self, piece: Piece) -> (Nanos, Nanos) {
        let at = piece.at.or(self.origin).unwrap_or(0);
        let late = lateness(self.origin, piece.at);
        // What is a little before 0 is there to be cut off again.
        let cut_off = self.trust == Trust::Written && (-SECOND..0).contains(&at);
        self.offset = if cut_off { 0 } else { at.saturating_sub(late) };
        self.declared = self.declared.map(|declared| declared.saturating_add(late));
        (at, late)
    }

    /// What a gap means that is before a piece at this time; negative is an overlap.
    fn judge(&mut self, gap: Nanos, at: Nanos, place: Option<i64>) -> Nanos {
        if gap.saturating_abs() > ROUNDING {
            self.behind = self.behind.saturating_add(gap);
        }
        if self.behind <= -BACK {
            self.set(gap);
            return 0;
        }
        if self.behind < LEAST_HOLE || self.trust == Trust::Counted {
            return 0;
        }
        if !self.is_hole(at, place) {
            self.set(gap);
            return 0;
        }
        self.timestamp_faults.holes += 1;
        self.timestamp_faults.silence = self.timestamp_faults.silence.saturating_add(self.behind);
        std::mem::take(&mut self.behind)
    }

    /// The clock was set: the sound goes on where it was.
    fn set(&mut self, gap: Nanos) {
        self.timestamp_faults.sets += u32::from(self.trust != Trust::Counted);
        self.offset = self.offset.saturating_add(gap);
        self.first = None;
        self.lately.clear();
        self.behind = 0;
    }

    /// Whether the file goes on where its sound is missing.
    fn is_hole(&self, at: Nanos, place: Option<i64>) -> bool {
        let declared =
            self.declared.is_none_or(|declared| self.within(at) <= declared.saturating_add(SECOND));
        match self.trust {
            Trust::Counted => false,
            _ if self.behind > MOST_HOLE => false,
            Trust::Written => declared,
            // Right after a clock was set, it may well be set again.
            Trust::Running if self.timestamp_faults.sets > 0 && !self.has_started() => false,
            Trust::Running => self.behind <= SHORT || self.has_bytes(place),
        }
    }

    /// Whether the clock has run for a while since it began, or was set.
    fn has_started(&self) -> bool {
        self.first.zip(self.end).is_some_and(|((since, _), end)| end.saturating_sub(since) >= START)
    }

    fn note(&mut self, at: Nanos, place: i64) {
        self.first.get_or_insert((at, place));
        self.lately.push_back((at, place));
        while self.lately.get(1).is_some_and(|(since, _)| at.saturating_sub(*since) >= WHILE) {
            self.lately.pop_front();
        }
    }

    /// Whether other streams go on in the hole. Multiplexers collect sound for a while, so that their bytes may come a bit
    /// before the hole.
    fn has_bytes(&self, place: Option<i64>) -> bool {
        let (Some((since, from)), Some((lately, near)), Some((_, last)), Some(place), Some(end)) =
            (self.first, self.lately.front(), self.lately.back(), place, self.end)
        else {
            return false;
        };
        let span = |from: Nanos| i128::from(end.saturating_sub(from));
        let bytes = |from: i64, to: i64| i128::from(to) - i128::from(from);
        // As many in a nanosecond as `bytes(from, last) / span(since)`.
        let usual = bytes(from, *last).saturating_mul(span(*lately));
        let more = bytes(*near, place).saturating_mul(span(since)).saturating_sub(usual);
        let missing = bytes(from, *last).saturating_mul(self.behind.into());
        self.has_started() && more.saturating_mul(SHARE) >= missing
    }
}

/// By how much sound that begins at `first` is later than the pictures, which begin at `origin`.
pub(crate) fn lateness(origin: Option<Nanos>, first: Option<Nanos>) -> Nanos {
    let late = first.zip(origin).map_or(0, |(first, origin)| first.saturating_sub(origin));
    if (LEAST_DELAY..MOST_DELAY).contains(&late) { late } else { 0 }
}

#[cfg(test)]
mod tests;
