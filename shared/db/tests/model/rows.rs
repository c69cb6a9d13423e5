//! The rows of a database, taken out of it and put back; and time as the model sees it.
//!
//! The database's clock stands at [`NOW`] for ever: when time passes, the times in the rows move back instead. They are
//! coarse, in steps of [`TICK`]: a time to come is one, two or three steps away, and one that has come is as far back as
//! anybody asks. So the same situation later is the same state, and there are finitely many.

use std::sync::{Arc, OnceLock};

use contracts::{Event as _, VideoUploaded};
use serde_json::Value;

/// What the database's clock says, in milliseconds.
pub(crate) const NOW: i64 = 1_700_000_000_000;
/// A step of time, in milliseconds.
pub(crate) const TICK: i64 = 200_000;
/// Longer pauses are cut to this.
const FAR: i64 = 3 * TICK;
/// After which an upload without a heartbeat counts as dead, in `db`.
const UPLOAD_DIES_AFTER: i64 = 3_600_000;

/// More attempts to deliver than this are all the same: there is no further pause in the table.
const LAST_ATTEMPT: i64 = 13;

/// The tables of a job's life, and how many columns their keys have (the first ones).
pub(crate) const TABLES: [(&str, usize); 6] =
    [("users", 1), ("jobs", 1), ("outbox", 1), ("deliveries", 1), ("garbage", 2), ("queue", 1)];
/// The columns of each table, as the database says.
pub(crate) static COLUMNS: OnceLock<Vec<Vec<String>>> = OnceLock::new();

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) table: usize,
    pub(crate) cells: Vec<Value>,
    /// All of it.
    pub(crate) line: String,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.line == other.line
    }
}

impl Row {
    /// `cells` as a JSON list.
    pub(crate) fn read(table: usize, cells: &str) -> Self {
        Self { table, cells: serde_json::from_str(cells).unwrap(), line: format!("{table} {cells}") }
    }

    /// The row after `change`; shared if it is the same.
    pub(crate) fn changed(self: &Arc<Self>, change: impl Fn(&mut Self)) -> Arc<Self> {
        let mut row = Self::clone(self);
        change(&mut row);
        if row.cells == self.cells {
            return self.clone();
        }
        row.line = format!("{} {}", row.table, Value::from(row.cells.clone()));
        Arc::new(row)
    }

    fn place(&self, column: &str) -> usize {
        let columns = &COLUMNS.get().unwrap()[self.table];
        columns.iter().position(|name| name == column).unwrap_or_else(|| panic!("no column {column}"))
    }

    pub(crate) fn is_of(&self, table: &str) -> bool {
        TABLES[self.table].0 == table
    }

    /// A text; empty for null.
    pub(crate) fn text(&self, column: &str) -> &str {
        self.cells[self.place(column)].as_str().unwrap_or_default()
    }

    /// A number; `None` for null.
    pub(crate) fn int(&self, column: &str) -> Option<i64> {
        self.cells[self.place(column)].as_i64()
    }

    /// How far a time lies ahead (above 0) or back.
    pub(crate) fn ahead(&self, column: &str) -> Option<i64> {
        self.int(column).map(|time| time - NOW)
    }

    pub(crate) fn key(&self) -> &[Value] {
        &self.cells[..TABLES[self.table].1]
    }

    fn change(&mut self, column: &str, change: impl Fn(i64) -> i64) {
        let place = self.place(column);
        if let Some(value) = self.cells[place].as_i64() {
            self.cells[place] = change(value).into();
        }
    }

    fn change_all(&mut self, columns: &[&str], change: impl Fn(i64) -> i64) {
        columns.iter().for_each(|column| self.change(column, &change));
    }

    /// Times that nobody compares are all the same; others as the head of this file says.
    pub(crate) fn tidy(&mut self, virtual_time: i64) {
        let (past, age) = (|time| settled(time, 0), |time| settled(time, TICK));
        match TABLES[self.table].0 {
            "users" => {
                self.change_all(&["created_at", "verified_at", "disabled_at"], |_| NOW);
                self.change("queue_finish", |place| (place - virtual_time).max(0));
            }
            "jobs" => {
                self.change_all(&["created_at", "changed_at", "video_removed_at"], |_| NOW);
                self.change_all(&["expires_at", "lease_until", "look_at"], past);
                self.change("finished_at", |time| settled(time, FAR));
                self.change("queue_rank", |rank| rank - virtual_time);
                let progress = self.place("progress");
                self.cells[progress] = 0.0.into();
                // What attempts have cost grows without end, and nothing depends on it.
                for column in ["stage", "cost"] {
                    let place = self.place(column);
                    self.cells[place] = Value::Null;
                }
                let look_at = self.int("look_at");
                match (self.text("state"), look_at) {
                    ("uploading", Some(dies)) => self.change("updated_at", |_| dies - UPLOAD_DIES_AFTER),
                    ("queued", _) => self.change("updated_at", age),
                    _ => self.change("updated_at", |_| NOW),
                }
            }
            "outbox" => {
                self.change_all(&["time", "due_at"], |_| NOW);
                if self.text("kind") == VideoUploaded::TYPE {
                    // Whoever takes a ticket takes the fairest job, whatever the ticket says.
                    for column in ["subject", "data"] {
                        let place = self.place(column);
                        self.cells[place] = "a ticket".into();
                    }
                }
            }
            "deliveries" => {
                self.change_all(&["created_at", "ended_at"], |_| NOW);
                self.change("due_at", age);
                self.change("attempts", |attempts| attempts.min(LAST_ATTEMPT));
            }
            "garbage" => self.change("due_at", past),
            "queue" => {
                self.change_all(&["claimed_at", "ticketed_at"], age);
                self.change("virtual_time", |_| 0);
            }
            other => panic!("no table {other}"),
        }
    }

    fn pass(&mut self, span: i64) {
        let times: &[&str] = match TABLES[self.table].0 {
            "jobs" => &["updated_at", "finished_at", "expires_at", "lease_until", "look_at"],
            "deliveries" | "garbage" => &["due_at"],
            "queue" => &["claimed_at", "ticketed_at"],
            _ => &[],
        };
        self.change_all(times, |time| time - span);
    }
}

/// A time to come is a whole number of steps ahead, at most three; one that has come at most `age` back.
fn settled(time: i64, age: i64) -> i64 {
    let ahead = time - NOW;
    if ahead > 0 {
        NOW + (ahead.div_euclid(TICK) + i64::from(ahead % TICK > 0)).min(FAR / TICK) * TICK
    } else {
        NOW + ahead.max(-age)
    }
}

/// All rows. Rows that did not change are shared between states.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows(pub(crate) Vec<Arc<Row>>);

impl Rows {
    pub(crate) fn of(&self, table: &'static str) -> impl Iterator<Item = &Row> {
        self.0.iter().map(AsRef::as_ref).filter(move |row| row.is_of(table))
    }

    pub(crate) fn find(&self, table: &'static str, id: &str) -> Option<&Row> {
        self.of(table).find(|row| row.cells[0] == id)
    }

    /// Events of this type on their way.
    pub(crate) fn events(&self, kind: &'static str) -> impl Iterator<Item = &Row> {
        self.of("outbox").filter(move |row| row.text("kind") == kind)
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, span: i64) {
        for row in &mut self.0 {
            *row = row.changed(|row| {
                row.pass(span);
                row.tidy(0);
            });
        }
    }

    /// How long until something is due that is not due yet; `None` if nothing will be.
    pub(crate) fn next_due(&self) -> Option<i64> {
        let columns = [("jobs", "look_at"), ("deliveries", "due_at"), ("garbage", "due_at")];
        let due = columns
            .into_iter()
            .flat_map(|(table, column)| self.of(table).filter_map(move |row| row.ahead(column)));
        // What has waited for one step is heard of, and gets a ticket, even if all messages were lost.
        let unheard = self.of("deliveries").filter_map(|row| row.ahead("due_at")).map(|due| due + TICK);
        due.chain(unheard).chain(self.ticket_due()).filter(|ahead| *ahead > 0).min()
    }

    /// When tickets are issued again, if a job waits.
    pub(crate) fn ticket_due(&self) -> Option<i64> {
        let waiting = self.of("jobs").filter(|row| row.int("queue_rank").is_some());
        let oldest = waiting.filter_map(|row| row.ahead("updated_at")).min()?;
        let queue = self.of("queue").next()?;
        let last = queue.ahead("claimed_at").max(queue.ahead("ticketed_at"))?;
        Some(oldest.max(last) + TICK)
    }
}
