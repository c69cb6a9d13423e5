//! The program, started without what it needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, process::Command};

/// Starts it with a signing key at `key`; what it says when it does not start.
fn refused(folder: &Path, key: &Path, more: &[(&str, &str)]) -> String {
    #[expect(clippy::disallowed_methods, reason = "the program is what is asked")]
    let mut program = Command::new(env!("CARGO_BIN_EXE_auth"));
    let database = format!("sqlite:{}", folder.join("db").display());
    program.env_clear().env("PORT", "0").env("BROKER_URL", "amqp://127.0.0.1:1");
    program.env("DATABASE_URL", database).env("SIGNING_KEY_FILE", key).env("PROOFS_KEY_FILE", key);
    let output = program.envs(more.iter().copied()).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn keys_that_are_not_there_are_named_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("signing.pem");
    let text = refused(folder.path(), &key, &[]);
    assert!(text.contains("signing.pem: no such file") && text.contains("tapedeck keys DIR"), "{text}");
    assert!(!key.exists());
}

#[test]
fn a_filter_of_logs_that_says_nothing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = refused(folder.path(), &folder.path().join("key"), &[("LOG_FILTER", "inof")]);
    assert!(text.contains("LOG_FILTER: `inof` is no level"), "{text}");
}
