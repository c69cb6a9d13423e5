//! Users, refresh tokens and API keys, the same on every database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod databases;

use std::{future::Future, time::Duration};

use contracts::{Event as _, KeyId, Timestamp, UserId, UserRegistered};
use databases::databases;
use db::{Db, Device, Error, NewRefreshToken, NewUser, Role, Rotation, User, UserChanges};

/// Runs `test` on each database.
async fn on_each_database<F: Future<Output = ()>>(test: impl Fn(Db) -> F) {
    for (db, _folder) in databases().await {
        test(db.clone()).await;
        db.close().await;
    }
}

/// For tests that count what there is.
async fn empty_database() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
    db.migrate().await.unwrap();
    (folder, db)
}

fn unique(word: &str) -> String {
    format!("{word}-{}", UserId::generate())
}

fn new_user(email: String) -> NewUser {
    NewUser { email, password_hash: "$argon2id$".into(), admin_if_first: false, verified: false }
}

async fn user(db: &Db) -> User {
    db.create_user(new_user(format!("{}@example.org", unique("ada")))).await.unwrap().0
}

async fn administrator(db: &Db) -> User {
    let email = user(db).await.email;
    db.make_admin(&email).await.unwrap().unwrap()
}

fn token(expires_at: Timestamp) -> NewRefreshToken {
    NewRefreshToken { secret_hash: unique("hash"), expires_at, device: Device::default() }
}

fn later() -> Timestamp {
    Timestamp::now().after(Duration::from_secs(60))
}

#[tokio::test]
async fn all_who_start_at_once_migrate_once() {
    on_each_database(|db| async move {
        let results = tokio::join!(db.migrate(), db.migrate(), db.migrate());
        assert!(matches!(results, (Ok(()), Ok(()), Ok(()))), "{results:?}");
    })
    .await;
}

#[tokio::test]
async fn a_new_user_is_found_by_address_and_id_and_announced() {
    on_each_database(|db| async move {
        let email = format!("{}@example.org", unique("ada"));
        let (user, ended) = db.create_user(new_user(email.clone())).await.unwrap();
        assert_eq!((user.role, user.class.as_str(), user.verified_at), (Role::User, "standard", None));
        for found in [db.user(user.id).await.unwrap(), db.user_by_email(&email).await.unwrap()] {
            let found = found.unwrap();
            assert_eq!((found.id, &found.email, found.created_at), (user.id, &email, user.created_at));
            assert_eq!(found.password_hash, "$argon2id$");
        }
        let due = db.outbox().due(UserRegistered::TYPE, 1000).await.unwrap();
        let envelope =
            due.into_iter().map(|pending| pending.envelope).find(|it| it.id == ended.fact.envelope.id);
        assert_eq!(envelope.unwrap(), ended.fact.envelope);
        assert!(db.user(UserId::generate()).await.unwrap().is_none());
        assert!(db.user_by_email(&unique("nobody")).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_address_is_taken_once() {
    on_each_database(|db| async move {
        let email = format!("{}@example.org", unique("ada"));
        let (one, two) =
            tokio::join!(db.create_user(new_user(email.clone())), db.create_user(new_user(email.clone())));
        let (won, lost): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 1));
        assert!(matches!(lost[0], Err(Error::Exists)), "{lost:?}");
    })
    .await;
}

#[tokio::test]
async fn a_refused_user_leaves_no_event() {
    let (_folder, db) = empty_database().await;
    db.create_user(new_user("ada@example.org".into())).await.unwrap();
    assert!(matches!(db.create_user(new_user("ada@example.org".into())).await, Err(Error::Exists)));
    let outbox = db.outbox();
    assert_eq!(outbox.unpublished(Duration::ZERO, 10).await.unwrap().len(), 2, "one user, one welcome");
}

#[tokio::test]
async fn a_change_touches_what_it_names_and_locking_out_ends_log_ins() {
    on_each_database(|db| async move {
        let user = user(&db).await;
        let refresh = token(later());
        db.start_token_family(user.id, &refresh).await.unwrap();
        let promoted = UserChanges { role: Some(Role::Admin), ..UserChanges::default() };
        administrator(&db).await;
        let changed = db.change_user(user.id, &promoted).await.unwrap().unwrap().unwrap();
        assert_eq!(
            (changed.role, changed.class.as_str(), changed.disabled_at),
            (Role::Admin, "standard", None)
        );
        let lock = |disabled| UserChanges { disabled: Some(disabled), ..UserChanges::default() };
        let locked = db.change_user(user.id, &lock(true)).await.unwrap().unwrap().unwrap().disabled_at;
        let stored = db.user(user.id).await.unwrap().unwrap();
        assert_eq!((stored.role, stored.disabled_at), (Role::Admin, locked));
        assert!(matches!(
            db.rotate_refresh_token(&refresh.secret_hash, &token(later())).await.unwrap(),
            Rotation::Unknown
        ));
        let again = db.change_user(user.id, &lock(true)).await.unwrap().unwrap().unwrap();
        assert_eq!(again.disabled_at, locked, "the first time counts");
        assert_eq!(db.change_user(user.id, &lock(false)).await.unwrap().unwrap().unwrap().disabled_at, None);
        let same = db.change_user(user.id, &UserChanges::default()).await.unwrap().unwrap();
        assert!(same.is_some(), "a change that changes nothing finds its user (MySQL counts no row then)");
        assert!(db.change_user(UserId::generate(), &promoted).await.unwrap().unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn the_secret_of_webhooks_has_generations() {
    on_each_database(|db| async move {
        let (ada, bob) = (user(&db).await, user(&db).await);
        assert_eq!((ada.webhook_generation, ada.webhook_replaced_at), (0, None));
        for generation in 1..=2 {
            let replaced = db.replace_webhook_secret(ada.id).await.unwrap().unwrap();
            assert_eq!(replaced.webhook_generation, generation);
            assert!(replaced.webhook_replaced_at.is_some());
        }
        assert_eq!(db.user(bob.id).await.unwrap().unwrap().webhook_generation, 0);
        assert!(db.replace_webhook_secret(UserId::generate()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn users_are_listed_newest_first_in_pages() {
    on_each_database(|db| async move {
        let mut made = Vec::new();
        for _ in 0..3 {
            made.insert(0, user(&db).await.id);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let ids = |users: Vec<User>| users.into_iter().map(|user| user.id).collect::<Vec<_>>();
        let all = ids(db.users(1000, None).await.unwrap());
        // Other tests may write to a shared database: only the order of ours is known.
        let ours: Vec<_> = all.into_iter().filter(|id| made.contains(id)).collect();
        assert_eq!(ours, made);
        let page = ids(db.users(1, Some(made[0])).await.unwrap());
        assert_eq!(page.len(), 1);
        assert!(page[0].to_string() < made[0].to_string());
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_once_and_its_second_use_ends_the_family() {
    on_each_database(|db| async move {
        let user = user(&db).await;
        let (first, second, third) = (token(later()), token(later()), token(later()));
        let start = db.start_token_family(user.id, &first).await.unwrap();
        let Rotation::Rotated(next) = db.rotate_refresh_token(&first.secret_hash, &second).await.unwrap()
        else {
            panic!("a fresh token");
        };
        assert_eq!((next.user_id, next.family, next.used_at), (user.id, start.family, None));
        assert_ne!(next.id, start.id);
        let reused = db.rotate_refresh_token(&first.secret_hash, &third).await.unwrap();
        assert!(matches!(reused, Rotation::Reused));
        for hash in [&first.secret_hash, &second.secret_hash, &third.secret_hash] {
            let gone = db.rotate_refresh_token(hash, &token(later())).await.unwrap();
            assert!(matches!(gone, Rotation::Unknown));
        }
    })
    .await;
}

#[tokio::test]
async fn of_many_who_exchange_one_token_at_once_at_most_one_wins() {
    on_each_database(|db| async move {
        let user = user(&db).await;
        let first = token(later());
        db.start_token_family(user.id, &first).await.unwrap();
        let exchange = || async {
            let rotation = db.rotate_refresh_token(&first.secret_hash, &token(later())).await;
            rotation.map(|rotation| matches!(rotation, Rotation::Rotated(_)))
        };
        let results = tokio::join!(exchange(), exchange(), exchange(), exchange());
        let results = [results.0, results.1, results.2, results.3];
        assert_eq!(results.iter().filter(|won| matches!(won, Ok(true))).count(), 1, "{results:?}");
        assert!(results.iter().all(Result::is_ok), "nobody is told that the database is away: {results:?}");
    })
    .await;
}

#[tokio::test]
async fn old_and_unknown_refresh_tokens_are_worth_nothing() {
    on_each_database(|db| async move {
        let user = user(&db).await;
        let old = token(Timestamp::now().before(Duration::from_secs(1)));
        db.start_token_family(user.id, &old).await.unwrap();
        for hash in [old.secret_hash.as_str(), "unknown", ""] {
            let rotation = db.rotate_refresh_token(hash, &token(later())).await.unwrap();
            assert!(matches!(rotation, Rotation::Unknown), "{hash}");
        }
    })
    .await;
}

#[tokio::test]
async fn logging_out_ends_one_family_or_all() {
    on_each_database(|db| async move {
        let user = user(&db).await;
        let (phone, laptop, tablet) = (token(later()), token(later()), token(later()));
        for first in [&phone, &laptop, &tablet] {
            db.start_token_family(user.id, first).await.unwrap();
        }
        assert!(db.revoke_token_family(&phone.secret_hash).await.unwrap());
        assert!(!db.revoke_token_family(&phone.secret_hash).await.unwrap());
        let next = token(later());
        let rotation = db.rotate_refresh_token(&laptop.secret_hash, &next).await.unwrap();
        assert!(matches!(rotation, Rotation::Rotated(_)), "another device stays logged in");
        db.revoke_all_tokens(user.id).await.unwrap();
        for hash in [&next.secret_hash, &tablet.secret_hash] {
            assert!(!db.revoke_token_family(hash).await.unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_and_its_use_is_noted() {
    on_each_database(|db| async move {
        let (user, hash) = (user(&db).await, unique("hash"));
        let key = db.create_key(user.id, "Ümläute \u{1f3b5}", "upload read", &hash).await.unwrap();
        assert!(key.last_used_at.is_none());
        let used = db.use_key(&hash).await.unwrap().unwrap();
        assert_eq!((used.id, used.user_id, used.scopes.as_str()), (key.id, user.id, "upload read"));
        let listed = db.keys(user.id).await.unwrap();
        assert_eq!((listed.len(), listed[0].name.as_str()), (1, "Ümläute \u{1f3b5}"));
        assert!(listed[0].last_used_at.is_some());
        assert!(db.use_key("unknown").await.unwrap().is_none());
        let double = db.create_key(user.id, "again", "read", &hash).await;
        assert!(matches!(double, Err(Error::Exists)));
    })
    .await;
}

#[tokio::test]
async fn only_its_owner_deletes_a_key() {
    on_each_database(|db| async move {
        let (ada, bob, hash) = (user(&db).await, user(&db).await, unique("hash"));
        let key = db.create_key(ada.id, "a", "read", &hash).await.unwrap();
        assert!(!db.delete_key(bob.id, key.id).await.unwrap());
        assert!(!db.delete_key(ada.id, KeyId::generate()).await.unwrap());
        assert!(db.use_key(&hash).await.unwrap().is_some());
        assert!(db.delete_key(ada.id, key.id).await.unwrap());
        assert!(db.use_key(&hash).await.unwrap().is_none());
        assert!(db.keys(ada.id).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn with_a_user_go_their_keys_and_tokens_and_nobody_elses() {
    on_each_database(|db| async move {
        let (ada, bob) = (user(&db).await, user(&db).await);
        let (refresh, hash, others) = (token(later()), unique("hash"), unique("hash"));
        db.start_token_family(ada.id, &refresh).await.unwrap();
        db.create_key(ada.id, "a", "read", &hash).await.unwrap();
        db.create_key(bob.id, "b", "read", &others).await.unwrap();
        db.delete_user(ada.id).await.unwrap().unwrap();
        db.delete_user(ada.id).await.unwrap().unwrap();
        assert!(db.user(ada.id).await.unwrap().is_none());
        assert!(db.use_key(&hash).await.unwrap().is_none());
        assert!(!db.revoke_token_family(&refresh.secret_hash).await.unwrap());
        assert!(db.use_key(&others).await.unwrap().is_some() && db.user(bob.id).await.unwrap().is_some());
        let (again, _) = db.create_user(new_user(ada.email)).await.unwrap();
        assert_ne!(again.id, ada.id);
    })
    .await;
}

#[tokio::test]
async fn an_address_is_proven_once_and_for_all() {
    on_each_database(|db| async move {
        let ada = user(&db).await;
        assert!(db.verify_user(ada.id).await.unwrap());
        let first = db.user(ada.id).await.unwrap().unwrap().verified_at;
        assert!(first.is_some());
        assert!(db.verify_user(ada.id).await.unwrap());
        assert_eq!(db.user(ada.id).await.unwrap().unwrap().verified_at, first);
        assert!(!db.verify_user(UserId::generate()).await.unwrap());
    })
    .await;
}
