//! Who administers: the first account ever, whom the others choose, and always somebody. The same on every database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod databases;

use std::{borrow::Cow, future::Future, path::Path};

use contracts::{JobId, UserId};
use databases::databases;
use db::{Db, LastAdmin, NewUser, Role, User, UserChanges};
use servers::{Shared, shared};
use sqlx::migrate::Migrator;

/// Runs `test` on each database, empty.
async fn on_each_database<F: Future<Output = ()>>(test: impl Fn(Db) -> F) {
    for (db, _folder) in databases().await {
        test(db.clone()).await;
        db.close().await;
    }
}

fn wish(name: &str) -> NewUser {
    let (email, password_hash) = (format!("{name}@example.org"), "$argon2id$".into());
    NewUser { email, password_hash, admin_if_first: true, verified: true }
}

async fn user(db: &Db, name: &str) -> User {
    db.create_user(wish(name)).await.unwrap().0
}

/// Two administrators.
async fn two(db: &Db) -> [UserId; 2] {
    let (ada, bob) = (user(db, "ada").await, user(db, "bob").await);
    db.make_admin(&bob.email).await.unwrap().unwrap();
    [ada.id, bob.id]
}

fn demoted() -> UserChanges {
    UserChanges { role: Some(Role::User), ..UserChanges::default() }
}

fn locked() -> UserChanges {
    UserChanges { disabled: Some(true), ..UserChanges::default() }
}

async fn administrators(db: &Db) -> Vec<UserId> {
    let all = db.users(100, None).await.unwrap().into_iter();
    all.filter(|user| user.role == Role::Admin && user.disabled_at.is_none()).map(|user| user.id).collect()
}

#[tokio::test]
async fn the_first_account_ever_is_the_administrators_and_no_later_one() {
    on_each_database(|db| async move {
        let (first, second) = (user(&db, "ada").await, user(&db, "bob").await);
        assert_eq!((first.role, second.role), (Role::Admin, Role::User));
        assert!(first.verified_at.is_some());
        assert_eq!(db.user(first.id).await.unwrap().unwrap().role, Role::Admin);
    })
    .await;
}

#[tokio::test]
async fn when_all_accounts_are_gone_the_next_stranger_is_no_administrator() {
    on_each_database(|db| async move {
        let first = db.create_user(NewUser { admin_if_first: false, ..wish("ada") }).await.unwrap().0;
        assert_eq!(first.role, Role::User);
        db.delete_user(first.id).await.unwrap().unwrap();
        assert_eq!(user(&db, "bob").await.role, Role::User);
    })
    .await;
}

#[tokio::test]
async fn a_registration_that_fails_leaves_the_chance_to_the_next() {
    on_each_database(|db| async move {
        let too_long = NewUser { email: "x".repeat(300), ..wish("ada") };
        let refused = db.create_user(too_long).await;
        // SQLite takes any length: then it was the first.
        let expected = if refused.is_ok() { Role::User } else { Role::Admin };
        assert_eq!(user(&db, "ada").await.role, expected);
    })
    .await;
}

#[tokio::test]
async fn of_many_who_register_first_at_once_exactly_one_is_administrator() {
    on_each_database(|db| async move {
        let register = |number: u32| {
            let db = db.clone();
            tokio::spawn(async move { user(&db, &format!("user{number}")).await.role })
        };
        let tasks: Vec<_> = (0..8).map(register).collect();
        let mut roles = Vec::new();
        for task in tasks {
            roles.push(task.await.unwrap());
        }
        assert_eq!(roles.iter().filter(|role| **role == Role::Admin).count(), 1, "{roles:?}");
    })
    .await;
}

#[tokio::test]
async fn where_there_were_accounts_before_the_rule_the_chance_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let server = shared(Shared::Database);
    for url in [
        format!("sqlite:{}", folder.path().join("db").display()),
        format!("{}/t{}", server.rsplit_once('/').unwrap().0, JobId::generate()),
    ] {
        before_the_rule(&url).await;
        let db = Db::open(&url, 4).unwrap();
        db.migrate().await.unwrap();
        assert_eq!(user(&db, "bob").await.role, Role::User);
        db.close().await;
    }
}

/// A database of an earlier version with one account in it.
async fn before_the_rule(url: &str) {
    if !url.starts_with("sqlite:") {
        Db::create_if_absent(url).await.unwrap();
    }
    sqlx::any::install_default_drivers();
    let file = if url.starts_with("sqlite:") { "?mode=rwc" } else { "" };
    let pool = sqlx::AnyPool::connect(&format!("{url}{file}")).await.unwrap();
    let all = Migrator::new(Path::new("migrations")).await.unwrap();
    let old = all.iter().filter(|migration| migration.version < 10).cloned().collect();
    let mut before = Migrator { migrations: Cow::Owned(old), ..Migrator::DEFAULT };
    // sqlx's own lock is none on MariaDB, see `Db::migrate`.
    before.set_locking(false).run(&pool).await.unwrap();
    let id = UserId::generate();
    let insert = "INSERT INTO users (id, email, password_hash, role, class, created_at) VALUES (?, 'a', 'x', 'user', 'x', 0)";
    sqlx::query(insert).bind(id.to_string()).execute(&pool).await.unwrap();
    pool.close().await;
}

#[tokio::test]
async fn the_last_administrator_is_neither_demoted_nor_locked_nor_deleted() {
    on_each_database(|db| async move {
        let [ada, bob] = two(&db).await;
        assert!(db.change_user(bob, &locked()).await.unwrap().is_ok());
        for changes in [demoted(), locked(), UserChanges { disabled: Some(true), ..demoted() }] {
            assert_eq!(db.change_user(ada, &changes).await.unwrap().unwrap_err(), LastAdmin);
        }
        assert_eq!(db.delete_user(ada).await.unwrap(), Err(LastAdmin));
        assert_eq!(administrators(&db).await, [ada], "somebody who is locked out does not count");
        let class = UserChanges { class: Some("large".into()), ..UserChanges::default() };
        assert!(db.change_user(ada, &class).await.unwrap().is_ok());
        assert!(db.delete_user(bob).await.unwrap().is_ok(), "was locked out");
        assert!(db.delete_user(bob).await.unwrap().is_ok(), "twice is no error");
        let carl = user(&db, "carl").await;
        db.make_admin(&carl.email).await.unwrap();
        assert!(db.delete_user(ada).await.unwrap().is_ok());
        assert_eq!(administrators(&db).await, [carl.id]);
    })
    .await;
}

/// What two administrators may do to each other at the same moment.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Demote,
    Lock,
    Delete,
}

impl Blow {
    async fn strike(self, db: &Db, whom: UserId) -> bool {
        match self {
            Self::Demote => db.change_user(whom, &demoted()).await.unwrap().is_ok(),
            Self::Lock => db.change_user(whom, &locked()).await.unwrap().is_ok(),
            Self::Delete => db.delete_user(whom).await.unwrap().is_ok(),
        }
    }
}

#[tokio::test]
async fn of_two_administrators_who_take_each_other_away_at_once_one_is_left() {
    for one in [Blow::Demote, Blow::Lock, Blow::Delete] {
        for other in [Blow::Demote, Blow::Lock, Blow::Delete] {
            on_each_database(|db| async move {
                let [ada, bob] = two(&db).await;
                let (first, second) = (db.clone(), db.clone());
                let first = tokio::spawn(async move { one.strike(&first, bob).await });
                let second = tokio::spawn(async move { other.strike(&second, ada).await });
                let done = [first.await.unwrap(), second.await.unwrap()];
                assert_eq!(done.iter().filter(|done| **done).count(), 1, "{one:?} {other:?}");
                assert_eq!(administrators(&db).await.len(), 1, "{one:?} {other:?}");
            })
            .await;
        }
    }
}

#[tokio::test]
async fn the_operator_makes_any_account_an_administrator() {
    on_each_database(|db| async move {
        let (_, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        db.change_user(bob.id, &locked()).await.unwrap().unwrap();
        let admin = db.make_admin(&bob.email).await.unwrap().unwrap();
        assert_eq!((admin.id, admin.role, admin.disabled_at), (bob.id, Role::Admin, None));
        assert_eq!(db.make_admin(&bob.email).await.unwrap().unwrap().id, bob.id, "twice is no error");
        assert!(db.make_admin("nobody@example.org").await.unwrap().is_none());
    })
    .await;
}
