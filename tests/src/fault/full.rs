//! A disk that is full when the test says so, by a library (`full.c`) that stands before the calls that write.

use std::{fs, path::PathBuf};

use servers::{Mariadb, Mongod, Rabbitmq};
use tempfile::TempDir;

use crate::{OwnServers, Setup, crash::ask_mariadb, preload};

/// Adds rows to the jobs, in the order of new ones and smaller each time, until the table can't grow (1114). Returns how many.
const FILL: &str = "BEGIN NOT ATOMIC \
    DECLARE n, size, full INT DEFAULT 0; \
    DECLARE begin_of_ids VARCHAR(26) DEFAULT (SELECT LEFT(MAX(id), 10) FROM jobs); \
    DECLARE CONTINUE HANDLER FOR 1114 SET full = 1; \
    SET size = 3000; \
    REPEAT \
        SET full = 0; \
        WHILE full = 0 DO \
            INSERT INTO jobs (id, user_id, state, options, progress, attempts, video_id, source_name, source_bytes, source_container, created_at, updated_at, look_at) \
                VALUES (CONCAT(begin_of_ids, LPAD(n, 16, '0')), 'filler', 'canceled', REPEAT('x', size), 0, 0, '', '', 0, '', 0, 0, NULL); \
            SET n = n + 1; \
        END WHILE; \
        SET size = size DIV 10; \
    UNTIL size = 0 END REPEAT; \
    SELECT n; \
    END";

/// The disk of a platform in one process, or of a database.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Makes the library.
    ///
    /// # Panics
    /// If there is no C compiler: what built the product needs one too.
    #[must_use]
    pub fn make() -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        preload::compile("fault/full.c", &disk.path("full.so"));
        disk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A platform on this disk.
    #[must_use]
    pub fn under(&self, setup: Setup) -> Setup {
        let setup = setup.set("LD_PRELOAD", self.path("full.so").display());
        setup.set("FULL_WHEN", self.path("full").display())
    }

    /// Servers whose MariaDB is on this disk.
    #[must_use]
    pub fn servers(&self) -> OwnServers {
        let path = |name| self.path(name).display().to_string();
        let on_it = [("LD_PRELOAD", path("full.so")), ("FULL_WHEN", path("full"))];
        let mariadb = Mariadb::start_with(on_it.map(|(name, value)| (name.to_owned(), value)).into());
        OwnServers { mariadb, mongod: Mongod::start(), rabbitmq: Rabbitmq::start() }
    }

    /// Uses the room up that the table of jobs has left in its file on a full disk; how many rows that took.
    #[must_use]
    pub fn fill_jobs(&self, mariadb: &Mariadb) -> usize {
        let said = ask_mariadb(&mariadb.url(), FILL);
        said.lines().last().unwrap().parse().unwrap()
    }

    /// Removes those rows.
    pub fn empty_jobs(&self, mariadb: &Mariadb) {
        ask_mariadb(&mariadb.url(), "DELETE FROM jobs WHERE user_id = 'filler'");
    }

    /// From now on no file grows.
    pub fn is_full(&self) {
        fs::write(self.path("full"), "").unwrap();
    }

    /// There is room again.
    pub fn has_room(&self) {
        fs::remove_file(self.path("full")).unwrap();
    }
}
