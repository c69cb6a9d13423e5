//! How far a stream of all of a user's jobs is: what an event's id says.
//!
//! Changes are committed in another order than that of their times, so a time alone would miss some or repeat some. The id
//! is a time up to which all is told, and marks of the changes after it that are told too.

use std::fmt;

use contracts::{JobId, Timestamp};
use db::Change;

use crate::watch::WINDOW;

/// Marks that an id has room for. Where more changes are told within [`WINDOW`], the time moves up.
const MARKS: usize = 64;

/// What is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cursor {
    /// All up to here is told, but for what is committed later than [`WINDOW`] after its time.
    sent_until: Timestamp,
    /// These are told too: when they were, and their marks, in the order of time.
    marks: Vec<(Timestamp, u64)>,
}

impl Cursor {
    /// Nothing after `told` is told.
    pub(crate) fn after(sent_until: Timestamp) -> Self {
        Self { sent_until, marks: Vec::new() }
    }

    /// What an id says; `None` if it is none of ours. It is `now`.
    pub(crate) fn read(id: &str, now: Timestamp) -> Option<Self> {
        let (told, marks) = id.split_once('-')?;
        let told = Timestamp::from_millis(i64::from_str_radix(told, 16).ok()?);
        let marks = marks.split('.').filter(|mark| !mark.is_empty());
        let marks: Option<Vec<_>> =
            marks.take(MARKS + 1).map(|mark| Some((now, u64::from_str_radix(mark, 16).ok()?))).collect();
        Some(Self { sent_until: told.min(now), marks: marks.filter(|marks| marks.len() <= MARKS)? })
    }

    /// From when on changes may not be told.
    pub(crate) fn since(&self) -> Timestamp {
        self.sent_until
    }

    pub(crate) fn is_new(&self, change: &Change) -> bool {
        let mark = mark(change.id, change.at);
        change.at > self.sent_until && !self.marks.iter().any(|(_, told)| *told == mark)
    }

    /// Notes that this is told.
    pub(crate) fn mark_sent(&mut self, id: JobId, at: Timestamp) {
        let place = self.marks.partition_point(|(before, _)| *before <= at);
        self.marks.insert(place, (at, mark(id, at)));
        if self.marks.len() > MARKS {
            self.sent_until = self.sent_until.max(self.marks.remove(0).0);
        }
    }

    /// All that was known at `now` is told.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.sent_until = self.sent_until.max(now.before(WINDOW));
        let told = self.sent_until;
        self.marks.retain(|(at, _)| *at > told);
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-", self.sent_until.millis())?;
        for (number, (_, mark)) in self.marks.iter().enumerate() {
            let dot = if number == 0 { "" } else { "." };
            write!(f, "{dot}{mark:x}")?;
        }
        Ok(())
    }
}

/// 40 bits of FNV-1a: the same in every process and version.
fn mark(id: JobId, at: Timestamp) -> u64 {
    let text = format!("{id} {}", at.millis());
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    hash >> 24
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::UserId;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1000)
    }

    fn change(seconds: i64) -> Change {
        Change { id: JobId::generate(), user_id: UserId::generate(), at: at(seconds), deleted: false }
    }

    fn resumed(cursor: &Cursor, now: i64) -> Cursor {
        Cursor::read(&cursor.to_string(), at(now)).unwrap()
    }

    #[test]
    fn what_is_committed_late_is_told_once_before_and_after_a_resume() {
        let (early, late, next) = (change(5), change(4), change(6));
        let mut cursor = Cursor::after(at(0));
        assert!(cursor.is_new(&early));
        cursor.mark_sent(early.id, early.at);
        cursor.advance(at(10));
        for cursor in [cursor.clone(), resumed(&cursor, 12)] {
            assert!(!cursor.is_new(&early));
            assert!(cursor.is_new(&late) && cursor.is_new(&next));
        }
        let mut cursor = resumed(&cursor, 12);
        cursor.mark_sent(late.id, late.at);
        assert!(!resumed(&cursor, 13).is_new(&late));
        // The next change of the same job is another one.
        assert!(cursor.is_new(&Change { at: at(13), ..early }));
        cursor.advance(at(60));
        assert_eq!(cursor.marks, []);
        assert!(!cursor.is_new(&early) && !cursor.is_new(&change(29)) && cursor.is_new(&change(31)));
    }

    #[test]
    fn an_id_is_short_however_much_happens_at_once_and_repeats_nothing() {
        let changes: Vec<Change> = (0..500).map(|number| change(number / 50)).collect();
        let mut cursor = Cursor::after(at(-1));
        for change in &changes {
            cursor.mark_sent(change.id, change.at);
        }
        assert!(cursor.to_string().len() < 800, "{cursor}");
        let resumed = resumed(&cursor, 20);
        assert!(changes.iter().all(|change| !resumed.is_new(change)));
        assert!(resumed.is_new(&change(11)));
    }

    #[test]
    fn what_is_no_id_of_ours_is_told_from_one() {
        let now = at(0);
        let long = format!("1-{}", "a.".repeat(1000));
        for id in ["", "x", "12", "zz-", "1-g", "1700000000000", &long] {
            assert_eq!(Cursor::read(id, now), None, "{id}");
        }
        assert_eq!(Cursor::read("-1-", now), None);
        let future = Cursor::after(now.after(Duration::from_secs(60))).to_string();
        assert_eq!(Cursor::read(&future, now).unwrap().since(), now);
        assert!(Cursor::read("0-", now).is_some());
    }
}
