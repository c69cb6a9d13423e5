//! What an operator does by hand: exit codes, words, and what it leaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the program under test is a child process")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use db::{Db, NewUser, Role, UserChanges};
use identity::{SigningKey, VerifyingKeys};
use tempfile::TempDir;

/// Runs the program in `folder`.
fn tapedeck(folder: &TempDir, database_url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapedeck"));
    command.args(arguments).current_dir(folder).env("DATABASE_URL", database_url).output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

fn url(folder: &TempDir, path: &str) -> String {
    format!("sqlite:{}", folder.path().join(path).display())
}

/// A database with two accounts; the second, which is no administrator and locked.
async fn accounts(url: &str) -> Db {
    let db = Db::open(url, 2).unwrap();
    db.migrate().await.unwrap();
    for name in ["ada", "bob"] {
        let (email, password_hash) = (format!("{name}@example.org"), "-".into());
        let new = NewUser { email, password_hash, admin_if_first: true, verified: true };
        db.create_user(new).await.unwrap();
    }
    let bob = db.user_by_email("bob@example.org").await.unwrap().unwrap();
    let lock = UserChanges { disabled: Some(true), ..UserChanges::default() };
    db.change_user(bob.id, &lock).await.unwrap().unwrap();
    db
}

#[tokio::test]
async fn an_account_becomes_an_administrator_wherever_the_database_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("data")).unwrap();
    fs::create_dir_all(folder.path().join("other")).unwrap();
    for (place, variable, arguments) in [
        ("data/tapedeck.db", "", vec!["admin", "bob@example.org"]),
        ("other/tapedeck.db", "", vec!["admin", " Bob@Example.org", "--data", "other"]),
        ("elsewhere.db", "elsewhere.db", vec!["admin", "bob@example.org"]),
    ] {
        // Open all the time, as by a service that runs.
        let db = accounts(&url(&folder, place)).await;
        let variable = if variable.is_empty() { String::new() } else { url(&folder, variable) };
        let output = tapedeck(&folder, &variable, &arguments);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(said(&output), "bob@example.org is an administrator now.\n");
        let bob = db.user_by_email("bob@example.org").await.unwrap().unwrap();
        assert_eq!((bob.role, bob.disabled_at), (Role::Admin, None), "{place}");
    }
}

#[tokio::test]
async fn an_account_or_a_database_that_is_not_there_is_named_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let output = tapedeck(&folder, "", &["admin", "bob@example.org"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("no database data/tapedeck.db"), "{}", said(&output));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let db = accounts(&url(&folder, "db")).await;
    let output = tapedeck(&folder, &url(&folder, "db"), &["admin", "eve@example.org"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("no account eve@example.org"), "{}", said(&output));
    assert!(db.user_by_email("eve@example.org").await.unwrap().is_none());
}

#[test]
fn a_new_signing_key_is_published_beside_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join("keys").join(name);
    let make = || {
        let output = tapedeck(&folder, "", &["keys", "keys"]);
        assert!(output.status.success(), "{}", said(&output));
        fs::read_to_string(path("public.pem")).unwrap()
    };
    let public = |file: &Path| SigningKey::load_or_create(file).unwrap().verifying_keys().to_pem().unwrap();
    let first = make();
    assert_eq!(first, public(&path("signing.pem")));
    assert_eq!(make(), first, "a second time changes nothing");
    fs::rename(path("signing.pem"), path("old.pem")).unwrap();
    let both = make();
    assert_eq!(both, format!("{}{first}", public(&path("signing.pem"))));
    assert_eq!(VerifyingKeys::load(&path("public.pem")).unwrap().to_pem().unwrap(), both);
    fs::remove_file(path("public.pem")).unwrap();
    assert_eq!(make(), public(&path("signing.pem")));
}
