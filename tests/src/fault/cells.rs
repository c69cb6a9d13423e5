//! Which function speaks to which server, and in which round its line is bad. In each round at most one line of a function
//! is, so that it can still do some of its work; over all rounds each line is bad once.

use super::line::{Bad, Last};

/// A line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) function: &'static str,
    /// By which variable the function is told where its server is.
    pub(super) variable: &'static str,
    pub(super) round: usize,
    /// Whose answer can be lost; `None` where the function only asks.
    pub(super) last: Option<Last>,
}

impl Cell {
    /// Whether the line is bad in this way in this round. All are forgotten at once, since what is new works; but those by
    /// which work comes later, or nothing would come to the others.
    pub(super) fn is_bad(&self, bad: Bad, round: usize) -> bool {
        let brings_work = self.function == "gateway" || self.variable == BROKER;
        let turn = if bad == Bad::Forgotten { usize::from(brings_work) } else { self.round };
        turn == round && self.can_be(bad)
    }

    fn can_be(&self, bad: Bad) -> bool {
        match bad {
            Bad::Lost => self.last.is_some(),
            // A connection for each message is not old enough.
            Bad::Forgotten => ![MAIL, HOOK].contains(&self.variable),
            _ => true,
        }
    }

    /// How much harm is enough. A receiver that fails three times in a row is left alone for half a minute: that has tests of
    /// its own.
    pub(super) fn most(&self, bad: Bad) -> Option<usize> {
        let breaks = !matches!(bad, Bad::Slow | Bad::Stalled);
        (breaks && [MAIL, HOOK].contains(&self.variable)).then_some(1)
    }
}

/// How many rounds there are.
pub(super) fn rounds(bad: Bad) -> usize {
    if bad == Bad::Forgotten { 2 } else { ROUNDS }
}

const ROUNDS: usize = 4;

pub(super) const DATABASE: &str = "DATABASE_URL";
pub(super) const BLOBS: &str = "BLOBS_URL";
pub(super) const BROKER: &str = "BROKER_URL";
pub(super) const MAIL: &str = "MAIL_URL";
/// The receiver of webhooks; its address stands in the jobs.
pub(super) const HOOK: &str = "HOOK";

const COMMIT: Last = Last::Holds(&[b"COMMIT"]);
const INSERT: Last = Last::Holds(&[b"\x02insert\0"]);
const DELETE: Last = Last::Holds(&[b"\x02delete\0"]);
/// `basic.publish`.
const PUBLISH: Last = Last::Holds(&[b"\0\x3c\0\x28"]);
const END_OF_MAIL: Last = Last::Holds(&[b"\r\n.\r\n"]);
const POST: Last = Last::Holds(&[b"POST "]);

const fn cell(function: &'static str, variable: &'static str, round: usize, last: Last) -> Cell {
    Cell { function, variable, round, last: Some(last) }
}

const fn asks(function: &'static str, variable: &'static str, round: usize) -> Cell {
    Cell { function, variable, round, last: None }
}

pub(super) const CELLS: [Cell; 23] = [
    cell("auth", DATABASE, 0, COMMIT),
    cell("upload", BLOBS, 0, INSERT),
    cell("notify", HOOK, 0, Last::SecondFlight),
    cell("sweep", DATABASE, 0, COMMIT),
    asks("gateway", "GATEWAY_DOWNLOAD_URL", 0),
    cell("auth", BROKER, 1, PUBLISH),
    cell("upload", BROKER, 1, PUBLISH),
    cell("convert", DATABASE, 1, COMMIT),
    cell("notify", MAIL, 1, END_OF_MAIL),
    cell("sweep", BLOBS, 1, DELETE),
    asks("download", DATABASE, 1),
    cell("gateway", "GATEWAY_JOBS_URL", 1, POST),
    cell("upload", DATABASE, 2, COMMIT),
    cell("convert", BLOBS, 2, INSERT),
    asks("notify", BROKER, 2),
    cell("sweep", BROKER, 2, PUBLISH),
    cell("jobs", DATABASE, 2, COMMIT),
    cell("gateway", "GATEWAY_AUTH_URL", 2, POST),
    cell("convert", BROKER, 3, PUBLISH),
    cell("notify", DATABASE, 3, Last::ThirdStatement),
    cell("jobs", BROKER, 3, PUBLISH),
    asks("download", BLOBS, 3),
    cell("gateway", "GATEWAY_UPLOAD_URL", 3, POST),
];

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {}", self.function, self.variable)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_line_is_bad_once_and_no_function_has_two_bad_ones_in_a_round() {
        let lines: HashSet<_> = CELLS.iter().map(|cell| (cell.function, cell.variable)).collect();
        let turns: HashSet<_> = CELLS.iter().map(|cell| (cell.function, cell.round)).collect();
        assert_eq!((lines.len(), turns.len()), (CELLS.len(), CELLS.len()));
        assert!(CELLS.iter().all(|cell| cell.round < ROUNDS));
    }
}
