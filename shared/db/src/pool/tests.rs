use contracts::JobId;
use servers::{Shared, shared};
use sqlx::Row as _;

use super::*;

/// A handle on an empty MySQL database, with one connection.
pub(super) async fn mysql() -> Db {
    let url = format!("{}/t{}", shared(Shared::Database).rsplit_once('/').unwrap().0, JobId::generate());
    Db::create_if_absent(&url).await.unwrap();
    Db::open(&url, 1).unwrap()
}

async fn number(db: &Db, sql: &'static str) -> Result<i64> {
    Ok(sqlx::query(sql).fetch_one(&db.pool).await?.try_get(0)?)
}

const CONNECTION: &str = "SELECT CAST(CONNECTION_ID() AS SIGNED)";
const SLEEP: &str = "SELECT CAST(SLEEP(60) AS SIGNED)";

#[tokio::test]
async fn a_connection_is_used_again_after_a_call_that_ended() {
    let db = mysql().await;
    let first = number(&db, CONNECTION).await.unwrap();
    assert!(number(&db, "SELECT nothing").await.is_err());
    assert_eq!(number(&db, CONNECTION).await.unwrap(), first);
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_unavailable_and_leaves_a_free_pool() {
    let db = mysql().await;
    let first = number(&db, CONNECTION).await.unwrap();
    let slow = number(&db, SLEEP).await;
    assert!(matches!(slow, Err(Error::Unavailable(_))), "{slow:?}");
    assert_ne!(number(&db, CONNECTION).await.unwrap(), first, "it still waits for the other answer");
}

#[tokio::test]
async fn who_drops_a_call_does_not_block_the_next_one() {
    let db = mysql().await;
    let first = number(&db, CONNECTION).await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(200), number(&db, SLEEP)).await;
    assert!(dropped.is_err());
    assert_ne!(number(&db, CONNECTION).await.unwrap(), first);
}

#[tokio::test]
async fn calls_together_have_one_limit_and_their_transaction_is_rolled_back() {
    let db = mysql().await;
    number(&db, "SELECT 1").await.unwrap();
    sqlx::query("CREATE TABLE n (n BIGINT)").execute(&db.pool).await.unwrap();
    let calls = db.within(async {
        let mut tx = db.begin().await?;
        sqlx::query("INSERT INTO n VALUES (1)").execute(&mut *tx).await?;
        // Each ends in time.
        for _ in 0..2 {
            sqlx::query("DO SLEEP(3)").execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    });
    assert!(matches!(calls.await, Err(Error::Unavailable(_))));
    assert_eq!(number(&db, "SELECT COUNT(*) FROM n").await.unwrap(), 0);
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_rolled_back_and_its_connection_stays() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 1).unwrap();
    for db in [sqlite, mysql().await] {
        sqlx::query("CREATE TABLE n (n BIGINT)").execute(&db.pool).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        sqlx::query("INSERT INTO n VALUES (1)").execute(&mut *tx).await.unwrap();
        drop(tx);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM n").await.unwrap(), 0);
        let mut tx = db.begin().await.unwrap();
        sqlx::query("INSERT INTO n VALUES (2)").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(number(&db, "SELECT COUNT(*) FROM n").await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_transaction_that_sqlite_has_ended_by_itself_costs_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 1).unwrap();
    sqlx::query("CREATE TEMP TABLE of_this_connection (n BIGINT)").execute(&db.pool).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    // As on a full disk (sqlite.org/lang_transaction.html, section 2.1.2).
    sqlx::raw_sql("ROLLBACK").execute(&mut *tx).await.unwrap();
    drop(tx);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM of_this_connection").await.unwrap(), 0);
}

#[tokio::test]
async fn a_connection_speaks_utf8_and_utc() {
    let db = mysql().await;
    let row =
        sqlx::query("SELECT CONCAT(@@character_set_client, ' ', @@character_set_results, ' ', @@time_zone)")
            .fetch_one(&db.pool)
            .await
            .unwrap();
    assert_eq!(row.try_get::<String, _>(0).unwrap(), "utf8mb4 utf8mb4 +00:00");
}
