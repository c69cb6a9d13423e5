//! The databases that each conformance test runs on: a fresh one of every kind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use contracts::JobId;
use db::Db;
use servers::{Shared, shared};
use tempfile::TempDir;

/// A migrated, empty database of every kind, with the folder that SQLite's lives in.
pub(crate) async fn databases() -> Vec<(Db, TempDir)> {
    let mut all = Vec::new();
    for url in [sqlite_url, mysql_url] {
        let folder = tempfile::tempdir().unwrap();
        let url = url(&folder);
        if !url.starts_with("sqlite:") {
            Db::create_if_absent(&url).await.unwrap();
        }
        let db = Db::open(&url, 4).unwrap();
        db.migrate().await.unwrap();
        all.push((db, folder));
    }
    all
}

fn sqlite_url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("db").display())
}

/// A database of a fresh name on the server that the whole run shares.
fn mysql_url(_: &TempDir) -> String {
    let server = shared(Shared::Database);
    format!("{}/t{}", server.rsplit_once('/').unwrap().0, JobId::generate())
}
