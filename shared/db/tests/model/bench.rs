//! A real database that is put into any state.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use contracts::{Clock, Timestamp};
use db::{Db, NewUser};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};
use tempfile::TempDir;

use crate::{
    bugs::Bug,
    rows::{COLUMNS, NOW, Row, Rows, TABLES, TICK},
    world::user_id,
};

/// One step of time.
pub(crate) const STEP: Duration = Duration::from_millis(TICK.unsigned_abs());

/// Rows that are remembered, so as not to be read again.
const KNOWN: usize = 5000;

pub(crate) struct Bench {
    db: Db,
    raw: SqliteConnection,
    /// What is in the database.
    held: Rows,
    /// Rows that were read lately.
    known: HashMap<String, Arc<Row>>,
    query: String,
    used: bool,
    pub(crate) bug: Option<Bug>,
    _folder: TempDir,
}

impl Bench {
    /// A database with two users, in memory where the system has a place for files there.
    pub(crate) async fn open(bug: Option<Bug>) -> Self {
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let path = folder.path().join("db").display().to_string();
        let clock = Clock::manual(Timestamp::from_millis(NOW));
        let db = Db::open(&format!("sqlite:{path}"), 1).unwrap().with_clock(clock);
        db.migrate().await.unwrap();
        let raw = SqliteConnection::connect(&format!("sqlite:{path}")).await.unwrap();
        let (held, known, query) = (Rows::default(), HashMap::new(), String::new());
        let mut bench = Self { db, raw, held, known, query, used: false, bug, _folder: folder };
        bench.begin().await;
        bench
    }

    async fn begin(&mut self) {
        let mut columns = Vec::new();
        for (table, _) in TABLES {
            let names = sqlx::query("SELECT name FROM pragma_table_info(?)").bind(table);
            let names = names.fetch_all(&mut self.raw).await.unwrap();
            columns.push(names.iter().map(|row| row.get(0)).collect());
        }
        COLUMNS.get_or_init(|| columns);
        self.query = query();
        for number in 0..2 {
            let (email, password_hash) = (format!("{number}@example.org"), String::new());
            let new = NewUser { email, password_hash, admin_if_first: false, verified: true };
            let (user, _) = self.db.create_user(new).await.unwrap();
            let id = user_id(number);
            self.sql(&format!("UPDATE users SET id = '{id}' WHERE id = '{}'", user.id)).await;
        }
        self.sql("DELETE FROM outbox; DELETE FROM deliveries").await;
    }

    /// The database, in this state.
    pub(crate) async fn at(&mut self, rows: &Rows) -> Db {
        if !self.used {
            self.used = true;
            let script = difference(&self.held, rows);
            if !script.is_empty() {
                self.sql(&format!("BEGIN; {script} COMMIT")).await;
            }
        }
        self.db.clone()
    }

    /// Whether a step has used the database; then its rows are to be read.
    pub(crate) fn was_used(&mut self) -> bool {
        std::mem::take(&mut self.used)
    }

    pub(crate) async fn sql(&mut self, script: &str) {
        // Waits for what the last call has still to roll back.
        self.db.ping().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut self.raw).await.unwrap();
    }

    /// All rows, tidied up.
    pub(crate) async fn read(&mut self) -> Rows {
        self.db.ping().await.unwrap();
        let rows = sqlx::query(AssertSqlSafe(&*self.query)).fetch_all(&mut self.raw).await.unwrap();
        if self.known.len() > KNOWN {
            self.known.clear();
        }
        let known = &mut self.known;
        self.held = Rows(
            rows.iter()
                .map(|row| {
                    let (table, cells): (i64, &str) = (row.get(0), row.get(1));
                    let line = format!("{table} {cells}");
                    let read = || Arc::new(Row::read(usize::try_from(table).unwrap(), cells));
                    known.entry(line).or_insert_with(read).clone()
                })
                .collect(),
        );
        let queue = self.held.of("queue").next().and_then(|row| row.int("virtual_time"));
        let virtual_time = queue.unwrap_or(0);
        Rows(self.held.0.iter().map(|row| row.changed(|row| row.tidy(virtual_time))).collect())
    }
}

/// The question for all rows.
fn query() -> String {
    let columns = COLUMNS.get().unwrap();
    let parts = TABLES.iter().zip(columns).enumerate().map(|(number, ((table, _), columns))| {
        format!("SELECT {number}, json_array({}) FROM {table}", columns.join(", "))
    });
    parts.collect::<Vec<_>>().join(" UNION ALL ")
}

/// The statements that make `to` of `from`.
fn difference(from: &Rows, to: &Rows) -> String {
    let missing =
        |row: &Arc<Row>, rows: &Rows| !rows.0.iter().any(|other| Arc::ptr_eq(other, row) || other == row);
    let keyless = |row: &Row| !to.0.iter().any(|other| other.table == row.table && other.key() == row.key());
    let mut script = String::new();
    for row in from.0.iter().filter(|row| keyless(row)) {
        let (table, _) = TABLES[row.table];
        let names = &COLUMNS.get().unwrap()[row.table];
        let key = row.key().iter().zip(names).map(|(value, name)| format!("{name} = {}", literal(value)));
        script += &format!("DELETE FROM {table} WHERE {};", key.collect::<Vec<_>>().join(" AND "));
    }
    for row in to.0.iter().filter(|row| missing(row, from)) {
        let values = row.cells.iter().map(literal).collect::<Vec<_>>().join(", ");
        script += &format!("INSERT OR REPLACE INTO {} VALUES ({values});", TABLES[row.table].0);
    }
    script
}

fn literal(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "NULL".into(),
        serde_json::Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        number => number.to_string(),
    }
}
