use sqlx::{AnyConnection, Row as _};

use super::*;
use crate::pool::tests::mysql;

async fn execute(connection: &mut AnyConnection, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

/// Leaves `version` as a process does that dies after `done` of its statements.
async fn begin_and_die(connection: &mut AnyConnection, version: i64, done: usize) {
    let migrator = migrator();
    if version > 1 {
        migrator.run_to(version - 1, &mut *connection).await.unwrap();
    } else {
        migrator.run_to(0, &mut *connection).await.unwrap();
    }
    let migration = migrator.iter().find(|migration| migration.version == version).unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (?, '', FALSE, ?, -1)")
        .bind(version)
        .bind(migration.checksum.to_vec())
        .execute(&mut *connection)
        .await
        .unwrap();
    for statement in statements(migration.sql.as_str()).into_iter().take(done) {
        execute(connection, &statement).await;
    }
}

#[tokio::test]
async fn a_migration_that_a_dead_process_began_is_finished() {
    for (version, done) in [(1, 5), (2, 1), (2, 2), (2, 3)] {
        let db = mysql().await;
        begin_and_die(&mut db.pool.connection().await.unwrap(), version, done).await;
        db.migrate().await.unwrap();
        db.migrate().await.unwrap();
        let columns =
            "SELECT source_digest, audio_engine FROM jobs USE INDEX (jobs_digest) WHERE user_id = ''";
        assert_eq!(sqlx::query(columns).fetch_all(&db.pool).await.unwrap().len(), 0);
        let dirty = sqlx::query("SELECT COUNT(*) FROM _sqlx_migrations WHERE success = FALSE");
        assert_eq!(dirty.fetch_one(&db.pool).await.unwrap().try_get::<i64, _>(0).unwrap(), 0);
    }
}

#[tokio::test]
async fn what_can_not_be_finished_is_an_error_that_says_why() {
    let db = mysql().await;
    begin_and_die(&mut db.pool.connection().await.unwrap(), 2, 0).await;
    sqlx::query("RENAME TABLE jobs TO work").execute(&db.pool).await.unwrap();
    let error = db.migrate().await.unwrap_err().to_string();
    assert!(error.contains("migration 2") && error.contains("jobs"), "{error}");
}

const LOCK: &str = "DO GET_LOCK(CONCAT('tapedeck-', MD5(DATABASE())), 0)";

#[tokio::test]
async fn who_waits_for_another_migration_in_vain_says_so() {
    let db = mysql().await;
    let other = Db::open(&db.pool.url(), 1).unwrap();
    let mut holder = other.pool.connection().await.unwrap();
    execute(&mut holder, LOCK).await;
    let error = db.migrate_after(Duration::from_secs(1)).await.unwrap_err();
    assert!(error.to_string().contains("another process is migrating it"), "{error}");
    holder.close().await.unwrap();
    db.migrate().await.unwrap();
}

#[tokio::test]
async fn those_who_migrate_at_once_wait_for_each_other() {
    let db = mysql().await;
    let other = Db::open(&db.pool.url(), 1).unwrap();
    let holder = Db::open(&db.pool.url(), 1).unwrap();
    let mut held = holder.pool.connection().await.unwrap();
    execute(&mut held, LOCK).await;
    let all_wait = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let waiting = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()";
        let tables = sqlx::query(waiting).fetch_one(&mut *held).await.unwrap();
        assert_eq!(tables.try_get::<i64, _>(0).unwrap(), 0, "somebody did not wait");
        held.close().await.unwrap();
    };
    let (one, two, ()) = tokio::join!(db.migrate(), other.migrate(), all_wait);
    one.unwrap();
    two.unwrap();
    sqlx::query("SELECT id FROM jobs").fetch_all(&db.pool).await.unwrap();
}

/// sqlx refuses a database whose migrations have other checksums than the program's.
#[tokio::test]
async fn the_migrations_in_the_program_are_what_sqlx_makes_of_the_files() {
    let files = Migrator::new(std::path::Path::new("migrations")).await.unwrap();
    let listed = |migrator: &Migrator| -> Vec<_> {
        let all = migrator.iter();
        all.map(|one| (one.version, one.description.to_string(), one.checksum.to_vec(), one.no_tx)).collect()
    };
    assert_eq!(listed(&migrator()), listed(&files));
}

/// MySQL commits each by itself: with one statement, a migration is done or not.
#[test]
fn every_migration_from_the_third_on_is_one_statement() {
    for migration in migrator().iter().filter(|migration| migration.version > 2) {
        let statements = statements(migration.sql.as_str());
        assert_eq!(statements.len(), 1, "migration {}: {statements:?}", migration.version);
    }
}
