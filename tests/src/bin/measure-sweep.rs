//! `measure-sweep [BLOBS]`: how long the sweep takes to hold so many old blobs of GridFS against the rows of MariaDB and to
//! remove 5,000 of them that are due, and its memory. (What a tick costs when nothing is due: `shared/db/tests/rows/scale.rs`.)

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program to watch")]
#![expect(clippy::disallowed_methods, reason = "fills the servers by their own clients")]

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use blobs::Bucket;
use tapedeck_tests::{OwnServers, Setup, memory_mib};

const DUE: u64 = 5000;

#[tokio::main]
async fn main() {
    let count: u64 = std::env::args().nth(1).map_or(300_000, |count| count.parse().unwrap());
    let servers = OwnServers::start();
    let setup = Setup::default().set("CLOCK_DUE_SECONDS", 1).set("CLOCK_BLOBS_SECONDS", 1);
    let mut platform = setup.start_on(&servers).await;
    platform.stop_function("sweep").await;
    // The last one is an orphan: once it is gone, the walk has been everywhere.
    fill_gridfs(&format!("{}/tapedeck", servers.mongod.url()), count + 1);
    fill_rows(servers.mariadb.port(), count);
    let (db, blobs) = (platform.db(), platform.blobs());
    let (begun, last) = (Instant::now(), format!("01m{count:023}"));
    platform.start_function("sweep");
    let (mut walked, mut removed) = (None, None);
    while walked.is_none() || removed.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if db.due_garbage(1).await.unwrap().is_empty() {
            removed.get_or_insert(begun.elapsed());
        }
        if blobs.page(Bucket::Videos, Some(&last), 1).await.unwrap().is_empty() {
            walked.get_or_insert(begun.elapsed());
        }
    }
    let seconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
    println!(
        "| sweep: {DUE} due blobs removed, and {count} held against the rows | {:.1} s, {:.1} s, {} MiB | | |",
        seconds(removed),
        seconds(walked),
        memory_mib(platform.pid_of("sweep"), "VmHWM:")
    );
    platform.finish().await;
}

fn fill_gridfs(url: &str, count: u64) {
    let example = std::env::current_exe().unwrap().with_file_name("examples").join("walk-bench");
    assert!(Command::new(example).args(["fill", url, &count.to_string()]).status().unwrap().success());
}

/// The last `DUE` blobs are garbage that is due; the others are named by jobs that wait for nobody.
fn fill_rows(port: u16, count: u64) {
    let kept = count - DUE;
    let sql = format!(
        "INSERT INTO jobs (id, user_id, state, options, progress, attempts, source_name, source_bytes, source_container, video_id, created_at, updated_at, look_at, end_no) \
         SELECT CONCAT('01k', LPAD(seq, 23, '0')), CONCAT('01p', LPAD(seq % 100, 23, '0')), 'failed', '{{}}', 0, 1, 'a', 1, 'mp4', CONCAT('01m', LPAD(seq, 23, '0')), 0, 0, NULL, 1 FROM seq_1_to_{kept}; \
         INSERT INTO garbage (bucket, blob_id, attempts, due_at) SELECT 'videos', CONCAT('01m', LPAD(seq, 23, '0')), 0, 0 FROM seq_{}_to_{count};",
        kept + 1
    );
    let mut mariadb = Command::new("mariadb");
    mariadb.args([
        "--host=127.0.0.1",
        &format!("--port={port}"),
        "--user=tapedeck",
        "--password=secret",
        "tapedeck",
    ]);
    let mut mariadb = mariadb.stdin(Stdio::piped()).spawn().unwrap();
    mariadb.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    assert!(mariadb.wait().unwrap().success());
}
