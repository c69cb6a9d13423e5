//! How MariaDB finds the rows of every statement, among 100,000 jobs.
//!
//! All methods are called once (`scenario.rs`) while the server writes down what it is asked; each statement is then
//! explained. That none is forgotten is seen from the sources: each SQL text that stands there must have been asked.

use std::{collections::BTreeMap, fs, path::Path};

use contracts::Timestamp;
use db::Db;
use servers::Mariadb;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, Row as _};

use crate::{fill::fill, scenario, world::DAY};

/// Tables that grow.
const GROW: [&str; 17] = [
    "jobs",
    "deliveries",
    "outbox",
    "garbage",
    "users",
    "refresh_tokens",
    "api_keys",
    "sessions",
    "limits",
    "uploads",
    "feeds",
    "destinations",
    "deleted_jobs",
    "job_chapters",
    "request_keys",
    "job_tags",
    "costs",
];

/// Statements that may read a whole table or index, and why.
const EXCEPTIONS: [(&str, &str); 2] = [
    ("SELECT COUNT(*) AS n FROM jobs", "for tests and tools"),
    ("SELECT ? AS one FROM outbox LIMIT ?", "the first row of the index, whichever it is"),
];

/// Sources whose statements are not asked here, and why.
const ELSEWHERE: [(&str, &str); 2] = [
    ("upgrade.rs", "reads the tables once, in pages, after a migration"),
    ("pool", "about the connection, no table"),
];

/// What is asked only where an answer was lost, a row can't be read (`lost_answers.rs`, `unreadable.rs`), or no job waits.
const RARELY_ASKED: [&str; 5] = [
    "UPDATE jobs SET look_at = 1, queue_rank = NULL WHERE id = 'a'",
    "SELECT 1 AS one FROM deliveries WHERE id = 'a' AND created_at = 1",
    "UPDATE deliveries SET due_at = 1 WHERE id = 'a' AND claim = 'b'",
    "SELECT id FROM deliveries WHERE job_id = 'a' AND end_no = 1",
    "SELECT 1 AS one FROM jobs WHERE look_at <= 1 AND state = 'converting' ORDER BY look_at LIMIT 1",
];

#[derive(Debug)]
struct Step {
    table: String,
    kind: String,
    key: Option<String>,
}

/// Numbers, texts and NULL become `?`, so that all calls of one statement look the same.
fn shape(sql: &str) -> String {
    let (mut shape, mut rest) = (String::new(), sql);
    while let Some(first) = rest.chars().next() {
        let begins = !shape.ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let word: usize = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
            .map(char::len_utf8)
            .sum();
        let number =
            first.is_ascii_digit() || (first == '-' && rest[1..].starts_with(|c: char| c.is_ascii_digit()));
        let length = if first == '\'' {
            2 + rest[1..].find('\'').unwrap()
        } else if begins && number {
            rest[1..]
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
                .map_or(rest.len(), |end| end + 1)
        } else if begins && &rest[..word] == "NULL" {
            word
        } else {
            shape.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        shape.push('?');
        rest = &rest[length..];
    }
    shape
}

fn is_statement(sql: &str) -> bool {
    ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|verb| sql.starts_with(verb))
}

/// What the server was asked, by shape, each with an example.
async fn asked(root: &mut MySqlConnection) -> BTreeMap<String, String> {
    let log = "SELECT CONVERT(argument USING utf8mb4) AS statement FROM mysql.general_log WHERE command_type = 'Execute'";
    let rows = root.fetch_all(log).await.unwrap();
    let all = rows.into_iter().map(|row| row.get::<String, _>("statement"));
    all.filter(|sql| is_statement(sql)).map(|sql| (shape(&sql), sql)).collect()
}

async fn explain(root: &mut MySqlConnection, sql: &str) -> Vec<Step> {
    let rows = root.fetch_all(AssertSqlSafe(format!("EXPLAIN {sql}"))).await.unwrap();
    let text = |row: &sqlx::mysql::MySqlRow, column| row.get::<Option<String>, _>(column);
    let step =
        |row| Some(Step { table: text(row, "table")?, kind: text(row, "type")?, key: text(row, "key") });
    rows.iter().filter_map(step).collect()
}

/// The SQL texts of the sources, by shape, up to the first part that is filled in.
fn written() -> Vec<String> {
    let (mut files, mut texts) = (vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")], Vec::new());
    while let Some(path) = files.pop() {
        if ELSEWHERE
            .iter()
            .any(|(name, _)| path.file_stem().is_some_and(|stem| name.starts_with(stem.to_str().unwrap())))
        {
            continue;
        }
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for text in source.split('"').filter(|text| is_statement(text)) {
            let lines: Vec<_> = text.split("\\\n").map(str::trim_start).collect();
            let sql = lines.concat().replace("'{}'", "?");
            texts.push(shape(sql.split('{').next().unwrap()));
        }
    }
    texts
}

fn problems(shape: &str, plan: &[Step]) -> Vec<String> {
    if EXCEPTIONS.iter().any(|(text, _)| shape.starts_with(text)) {
        return Vec::new();
    }
    let grows = |step: &&Step| GROW.contains(&step.table.as_str());
    if shape.starts_with("INSERT ") {
        return Vec::new();
    }
    let reads_all = plan.iter().filter(grows).filter(|step| step.kind == "ALL" || step.kind == "index");
    let mut problems: Vec<_> = reads_all.map(|step| format!("{shape}\n  reads all of {step:?}")).collect();
    // With another index a change of one row locks ranges of that.
    if shape.starts_with("UPDATE ") && shape.contains("WHERE id = ?") {
        let other = plan.iter().filter(|step| step.key.as_deref() != Some("PRIMARY"));
        problems.extend(other.map(|step| format!("{shape}\n  not by its id: {step:?}")));
    }
    problems
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index_among_100_000_jobs() {
    let server = Mariadb::start();
    let db = Db::open(&server.url(), 4).unwrap();
    db.migrate().await.unwrap();
    let mut root = MySqlConnection::connect(&server.url()).await.unwrap();
    let now = Timestamp::now();
    fill(&mut root, 100_000, (now.millis(), now.after(400 * DAY).millis())).await;
    root.execute(AssertSqlSafe(format!("ANALYZE TABLE {}", GROW.join(", ")))).await.unwrap();
    root.execute("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON").await.unwrap();
    Box::pin(scenario::all(&db)).await;
    root.execute("SET GLOBAL general_log = OFF").await.unwrap();
    let mut asked = asked(&mut root).await;
    asked.extend(RARELY_ASKED.map(|sql| (shape(sql), sql.to_owned())));

    let forgotten: Vec<_> = written()
        .into_iter()
        .filter(|text| !asked.keys().any(|shape| shape.starts_with(text.as_str())))
        .collect();
    assert!(forgotten.is_empty(), "not asked by the scenario:\n{}", forgotten.join("\n"));
    let mut wrong = Vec::new();
    for (shape, sql) in &asked {
        wrong.extend(problems(shape, &explain(&mut root, sql).await));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} statements", asked.len());
    for (text, why) in EXCEPTIONS {
        assert!(
            asked.keys().any(|shape| shape.starts_with(text)),
            "an exception for nothing: {text} ({why})"
        );
    }
}

#[test]
fn calls_of_one_statement_have_one_shape() {
    let one = "UPDATE jobs SET look_at = NULL, progress = 0.5 WHERE id = '01k' AND n1 > -12";
    assert_eq!(shape(one), shape("UPDATE jobs SET look_at = ?, progress = ? WHERE id = ? AND n1 > ?"));
}
