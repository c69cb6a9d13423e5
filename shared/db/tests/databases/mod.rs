//! The databases that each conformance test runs on: a fresh one of every kind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use contracts::Envelope;
use db::Db;
use tempfile::TempDir;

/// A migrated, empty database of every kind, with the folder that it lives in.
pub(crate) async fn databases() -> Vec<(Db, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
    db.migrate().await.unwrap();
    vec![(db, folder)]
}

/// The events of this type that are due.
pub(crate) async fn due(db: &Db, kind: &str) -> Vec<Envelope> {
    db.due_events(kind, 100, &[]).await.unwrap().into_iter().map(|pending| pending.envelope).collect()
}
