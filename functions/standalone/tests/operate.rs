//! What an operator does by hand: exit codes, words, and what it leaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the program under test is a child process")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use contracts::{Cost, JobId, Options, VideoId};
use db::{Audio, Claimed, Db, Finished, NewJob, NewUser, Role, Source, UserChanges};
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

/// A job of this user's has ended with an hour of audio, for 36 CPU seconds.
async fn an_hour_of_audio(db: &Db, email: &str) {
    let user_id = db.user_by_email(email).await.unwrap().unwrap().id;
    let (jobs, id) = (db.jobs(), JobId::generate());
    jobs.create(&NewJob { id, user_id, video_id: VideoId::generate() }).await.unwrap();
    jobs.queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap();
    let hour = Duration::from_secs(3600);
    let claimed = jobs.claim_next(hour).await.unwrap().unwrap();
    let cost =
        Cost { cpu_seconds: 36.0, bytes_read: 900_000_000, bytes_written: 100_000_000, ..claimed.cost };
    let claimed = Claimed { cost, ..claimed };
    let audio =
        Audio { id: claimed.lease.audio_id, bytes: 1, duration: hour, codec: "mp3".into(), bitrate: 128_000 };
    let finished =
        Finished { audio, peaks: None, source_codec: None, source_duration: None, warning: None, keep: hour };
    jobs.finish(&claimed, &finished, "1").await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_month_has_cost_is_told_for_each_user_at_the_prices_given() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder, "db");
    let db = accounts(&url).await;
    for email in ["ada@example.org", "ada@example.org", "bob@example.org"] {
        an_hour_of_audio(&db, email).await;
    }
    let month = db.now().await.unwrap().month();
    let output = tapedeck(&folder, &url, &["cost"]);
    let said = said(&output);
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(output.status.success(), "{said}");
    assert_eq!(lines[1], [&month, "2.000", "0.0200", "2.000", "2", "0.000400", "ada@example.org"]);
    assert_eq!(lines[2], [&month, "1.000", "0.0100", "1.000", "1", "0.000200", "bob@example.org"]);
    assert_eq!(lines[3], ["all", "3.000", "0.0300", "3.000", "3", "0.000600"]);
    assert!(said.ends_with("1,000 hours of audio: 0.2000 dollars\n"), "{said}");

    let priced = ["cost", "--json", "--month", &month, "--cpu-hour", "1", "--gb", "0.5"];
    let output = tapedeck(&folder, &url, &priced);
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = |line: &serde_json::Value| {
        (line["email"].clone(), line["attempts"].clone(), line["dollars"].as_f64().unwrap())
    };
    assert_eq!(
        lines.iter().map(told).collect::<Vec<_>>(),
        [("ada@example.org".into(), 2.into(), 1.02), ("bob@example.org".into(), 1.into(), 0.51),]
    );
    assert_eq!((&lines[0]["month"], &lines[0]["audio_seconds"]), (&month.into(), &7200.0.into()));
    let output = tapedeck(&folder, &url, &["cost", "--month", "1999-12", "--json"]);
    assert_eq!((output.status.success(), output.stdout.len()), (true, 0));
    assert!(!tapedeck(&folder, &url, &["cost", "--month", "December"]).status.success());
}

#[test]
fn a_server_for_others_says_what_its_links_need_and_prints_none_that_opens_anything() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapedeck"));
    command.args(["serve", "--host", "0.0.0.0", "--port", "0"]).current_dir(&folder);
    command.env("UPLOAD_MAX_BYTE", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let warning = lines.find(|line| line.contains("http")).unwrap();
    let home = lines.find_map(|line| Some(line.strip_prefix("Tapedeck is ready at ")?.to_owned())).unwrap();
    let account = r#"{"email": "ann@example.org", "password": "correct horse battery"}"#;
    let register = ["-sS", "-H", "Content-Type: application/json", "-d", account];
    let url = format!("{}/register", home.replace("0.0.0.0", "127.0.0.1"));
    assert!(Command::new("curl").args(register).arg(url).status().unwrap().success());
    let mails = || {
        fs::read_dir(folder.path().join("data/mails")).map_or(0, |mails| {
            mails
                .filter(|mail| mail.as_ref().unwrap().path().extension().is_some_and(|end| end == "eml"))
                .count()
        })
    };
    let end = Instant::now() + Duration::from_secs(60);
    while mails() == 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    let rest: Vec<_> = lines.collect();
    let log = String::from_utf8(server.wait_with_output().unwrap().stderr).unwrap();
    assert_eq!((mails(), rest), (1, vec![]), "{log}");
    assert!(warning.contains("Set PUBLIC_URL to the address"), "{warning}");
    assert!(log.contains("Set PUBLIC_URL to the address") && log.contains("UPLOAD_MAX_BYTE\""), "{log}");
}
