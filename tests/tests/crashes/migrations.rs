//! Migrations of both databases.

use tapedeck_tests::crash::{Calls, List, Migration, OneMigration, Shim, schema};

use crate::{bounded, one::calls};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_of_mariadb_that_dies_at_any_step_is_finished_by_the_next_one() {
    let straight = Migration::new().await;
    let recorded = straight.run(None);
    let list = List::read("migrate");
    list.hold(&recorded);
    let expected = schema(straight.database_url());
    let points = list.points(&recorded, bounded(), if bounded() { 1 } else { 99 });
    // What comes once in all can be died at one after the other, in one database.
    let (alone, chained): (Vec<_>, Vec<_>) = points.iter().partition(|point| {
        !bounded()
            || point.step.contains("INTO _sqlx_migrations")
            || point.step.contains("UPDATE _sqlx_migrations")
    });
    let chain = Migration::new().await;
    for point in &chained {
        chain.run(Some(point));
        assert!(chain.was_killed(), "never {point}");
    }
    chain.run(None);
    assert_eq!(schema(chain.database_url()), expected, "after {} deaths", chained.len());
    for point in &alone {
        let migration = Migration::new().await;
        migration.run(Some(point));
        assert!(migration.was_killed(), "never {point}");
        migration.run(None);
        assert_eq!(schema(migration.database_url()), expected, "{point}");
    }
    println!("migrate: {} steps, {} crash points", recorded.len(), points.len());
}

#[test]
fn a_migration_of_sqlite_that_dies_at_any_change_of_a_file_is_finished_by_the_next_one() {
    let shim = Shim::make();
    let straight = OneMigration::new();
    let recorded = straight.run(&shim, Calls::record);
    let (list, expected) = (List::read("one-migrate"), straight.schema());
    list.hold(&recorded);
    let mut calls = calls(&recorded);
    calls.retain(|(call, _)| !list.is_by_the_clock(call));
    let mut missed = Vec::new();
    for (name, occurrence) in &calls {
        let migration = OneMigration::new();
        migration.run(&shim, |calls| calls.arm(name, *occurrence));
        if !migration.was_killed() {
            missed.push(format!("{name} ({occurrence})"));
        }
        migration.run(&shim, Calls::record);
        assert_eq!(migration.schema(), expected, "{name} ({occurrence})");
    }
    println!("one-migrate: {} calls, {} crash points, not reached: {missed:?}", recorded.len(), calls.len());
    // Whether the last connection closes in time is chance, and with it the calls of its checkpoint.
    assert!(missed.len() * 4 < calls.len(), "{missed:?}");
}
