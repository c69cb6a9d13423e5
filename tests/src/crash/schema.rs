//! What a database looks like: its tables and indexes, and which migrations are written down.

use std::path::Path;

/// Of SQLite at a path, or MariaDB at a URL. Equal texts mean equal schemas.
///
/// # Panics
/// If it can't be read.
#[must_use]
pub fn schema(database: &str) -> String {
    match database.strip_prefix("mysql://") {
        Some(_) => ask_mariadb(database, MARIADB),
        None => of_sqlite(Path::new(database)),
    }
}

const SQLITE: &str = "import sqlite3, sys\n\
    db = sqlite3.connect(sys.argv[1])\n\
    for row in db.execute('SELECT type, name, sql FROM sqlite_master ORDER BY type, name'): print(*row)\n\
    for row in db.execute('SELECT version, success FROM _sqlx_migrations ORDER BY version'): print(*row)\n\
    for table in ('leases', 'queue', 'settings'):\n    \
        for row in db.execute('SELECT name FROM ' + table + ' ORDER BY name'): print(table, *row)\n";

fn of_sqlite(path: &Path) -> String {
    output(command("/usr/bin/python3").args(["-c", SQLITE]).arg(path))
}

const MARIADB: &str = "SELECT table_name, column_name, ordinal_position, column_default, is_nullable, column_type, collation_name \
    FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position; \
    SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics \
    WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index; \
    SELECT version, success FROM _sqlx_migrations ORDER BY version; \
    SELECT 'leases', name FROM leases UNION SELECT 'queue', name FROM queue UNION SELECT 'settings', name FROM settings ORDER BY 1, 2";

/// What MariaDB says to one statement; the URL is `mysql://user:password@host:port/database`.
///
/// # Panics
/// If it refuses.
pub(crate) fn ask_mariadb(url: &str, statement: &str) -> String {
    let (login, place) = url.strip_prefix("mysql://").unwrap().split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let (server, database) = place.split_once('/').unwrap();
    let (host, port) = server.split_once(':').unwrap();
    let mut client = command("mariadb");
    client.args(["--no-defaults", "--batch", "--skip-ssl", "--host", host, "--port", port, "--user", user]);
    client.arg(format!("--password={password}"));
    // A statement may hold others.
    output(client.args(["--delimiter=//", "--execute", statement, database]))
}

fn command(program: &str) -> std::process::Command {
    #[expect(clippy::disallowed_methods, reason = "sqlx stands in db alone")]
    std::process::Command::new(program)
}

fn output(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
