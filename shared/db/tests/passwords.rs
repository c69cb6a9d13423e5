//! Another password and what it ends, the same on every database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod databases;

use std::{future::Future, time::Duration};

use contracts::{Timestamp, UserId};
use databases::databases;
use db::{Db, Device, NewRefreshToken, NewUser, User};

/// Runs `test` on each database.
async fn on_each_database<F: Future<Output = ()>>(test: impl Fn(Db) -> F) {
    for (db, _folder) in databases().await {
        test(db.clone()).await;
        db.close().await;
    }
}

fn unique(word: &str) -> String {
    format!("{word}-{}", UserId::generate())
}

async fn user(db: &Db) -> User {
    let (email, password_hash) = (format!("{}@example.org", unique("ada")), "$argon2id$".into());
    let new = NewUser { email, password_hash, admin_if_first: false, verified: false };
    db.create_user(new).await.unwrap().0
}

fn token() -> NewRefreshToken {
    let expires_at = Timestamp::now().after(Duration::from_secs(60));
    NewRefreshToken { secret_hash: unique("hash"), expires_at, device: Device::default() }
}

#[tokio::test]
async fn a_new_password_ends_all_log_ins_and_keys() {
    on_each_database(|db| async move {
        for reset in [false, true] {
            let (user, other, refresh) = (user(&db).await, user(&db).await, token());
            let (hash, others) = (unique("hash"), unique("hash"));
            db.verify_user(user.id).await.unwrap();
            db.start_token_family(user.id, &refresh).await.unwrap();
            db.create_key(user.id, "a", "read", &hash).await.unwrap();
            db.create_key(other.id, "b", "read", &others).await.unwrap();
            let set = async |id, old: &str, new: &str| match reset {
                true => db.reset_password(id, old, new).await.unwrap(),
                false => db.change_password(id, old, new).await.unwrap(),
            };
            assert!(!set(user.id, "$other$", "$new$").await, "the old password is another one");
            assert!(db.use_key(&hash).await.unwrap().is_some(), "nothing has happened");
            assert!(set(user.id, "$argon2id$", "$new$").await);
            assert!(!set(user.id, "$argon2id$", "$newer$").await, "once");
            let after = db.user(user.id).await.unwrap().unwrap();
            assert_eq!((after.password_hash.as_str(), after.login_generation), ("$new$", 1));
            assert!(!db.revoke_token_family(&refresh.secret_hash).await.unwrap());
            assert!(db.use_key(&hash).await.unwrap().is_none());
            assert!(db.use_key(&others).await.unwrap().is_some(), "somebody else's");
            assert!(!set(UserId::generate(), "$argon2id$", "$new$").await);
        }
    })
    .await;
}

#[tokio::test]
async fn another_hash_of_the_same_password_ends_nothing() {
    on_each_database(|db| async move {
        let (user, refresh) = (user(&db).await, token());
        db.start_token_family(user.id, &refresh).await.unwrap();
        assert!(!db.rehash_password(user.id, "$other$", "$new$").await.unwrap());
        assert!(db.rehash_password(user.id, "$argon2id$", "$new$").await.unwrap());
        let after = db.user(user.id).await.unwrap().unwrap();
        assert_eq!((after.password_hash.as_str(), after.login_generation), ("$new$", 0));
        assert!(db.revoke_token_family(&refresh.secret_hash).await.unwrap(), "still logged in");
    })
    .await;
}

#[tokio::test]
async fn who_resets_a_password_has_proven_the_address() {
    on_each_database(|db| async move {
        let ada = user(&db).await;
        assert!(db.reset_password(ada.id, "$argon2id$", "new").await.unwrap());
        assert!(db.user(ada.id).await.unwrap().unwrap().verified_at.is_some(), "the mail was read");
    })
    .await;
}
