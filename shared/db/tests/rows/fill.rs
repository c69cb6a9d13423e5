//! Many rows, made by the server itself (MariaDB's tables of sequences).

use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection};

/// Columns of a job that are the same for all.
const JOB: &str = "'{}', 1, 1, CONCAT('video', n, '.mp4'), 1000000, 'mp4', 'aac', 60000";
const JOB_TAGS: &str = "INSERT INTO job_tags (user_id, tag_key, job_id) \
    SELECT CONCAT('01p', LPAD(1 + seq % 5000, 23, '0')), HEX(seq % 7), CONCAT('01k', LPAD(seq, 23, '0')) FROM seq_1_to_10000";
const DESTINATIONS: &str = "INSERT INTO destinations (id, user_id, kind, address, events, active, created_at) \
         SELECT CONCAT('01v', LPAD(seq, 23, '0')), CONCAT('01p', LPAD(1 + seq % 5000, 23, '0')), 'webhook', 'https://example.org', 'done failed', 1, 0 FROM seq_1_to_10000";
const JOB_CHAPTERS: &str = "INSERT INTO job_chapters (job_id, chapters) SELECT CONCAT('01k', LPAD(seq, 23, '0')), '[]' FROM seq_1_to_10000";
const COSTS: &str = "INSERT INTO costs (month, user_id, attempts, audio_seconds, waited_seconds, ran_seconds, cpu_seconds, bytes_read, bytes_written) \
     SELECT CONCAT('2025-', LPAD(1 + seq % 12, 2, '0')), CONCAT('01p', LPAD(seq, 23, '0')), 1, 1, 1, 1, 1, 1, 1 FROM seq_1_to_10000";
/// Rows of one statement: a transaction of a million is slow to undo.
const STEP: u64 = 100_000;

/// So many jobs of 5,000 users, nearly all of which have ended and wait for their retention, each with a delivery; 1,000
/// wait for a converter, 10 are converted. Nothing is due before `due`. Both times are in milliseconds.
pub(crate) async fn fill(database: &mut MySqlConnection, jobs: u64, (now, due): (i64, i64)) {
    let mut run = async |sql: String| {
        database.execute(AssertSqlSafe(sql)).await.unwrap();
    };
    run("INSERT INTO users (id, email, password_hash, role, class, created_at, queue_finish) \
         SELECT CONCAT('01p', LPAD(seq, 23, '0')), CONCAT(seq, '@example.org'), 'x', 'user', 'standard', 0, 0 FROM seq_1_to_5000".into())
    .await;
    run(format!(
        "INSERT INTO refresh_tokens (id, user_id, family, secret_hash, created_at, expires_at) \
         SELECT CONCAT('01s', LPAD(seq, 23, '0')), CONCAT('01p', LPAD(1 + seq % 5000, 23, '0')), CONCAT('01f', LPAD(seq, 23, '0')), SHA2(seq, 256), 0, {due} + seq FROM seq_1_to_10000"
    ))
    .await;
    run(format!(
        "INSERT INTO sessions (id, user_id, secret_hash, address, agent, created_at, last_used_at, expires_at) \
         SELECT CONCAT('01h', LPAD(seq, 23, '0')), CONCAT('01p', LPAD(1 + seq % 5000, 23, '0')), SHA2(seq, 256), 'a', 'b', 0, 0, {due} + seq FROM seq_1_to_10000"
    ))
    .await;
    run(format!(
        "INSERT INTO limits (name, full_at) SELECT CONCAT('login ', seq), {due} + seq FROM seq_1_to_10000"
    ))
    .await;
    run(format!(
        "INSERT INTO uploads (id, user_id, received, digest, metadata, expires_at) \
         SELECT CONCAT('01u', LPAD(seq, 23, '0')), CONCAT('01p', LPAD(1 + seq % 5000, 23, '0')), 0, '', '', {due} + seq FROM seq_1_to_10000"
    ))
    .await;
    run("INSERT INTO api_keys (id, user_id, name, secret_hash, scopes, created_at) \
         SELECT CONCAT('01q', LPAD(seq, 23, '0')), CONCAT('01p', LPAD(1 + seq % 5000, 23, '0')), 'k', SHA2(seq, 256), 'read', 0 FROM seq_1_to_5000".into())
    .await;
    run(format!(
        "INSERT INTO garbage (bucket, blob_id, attempts, due_at) SELECT 'videos', CONCAT('01g', LPAD(seq, 23, '0')), 0, {due} + seq FROM seq_1_to_10000"
    ))
    .await;
    run(format!(
        "INSERT INTO outbox (id, kind, source, subject, time, data, attempts, due_at) \
         SELECT CONCAT('01e', LPAD(seq, 23, '0')), 'dev.tapedeck.video.uploaded.v1', 's', CONCAT('01k', LPAD(seq, 23, '0')), {now}, CONCAT('{{\"job_id\":\"01k', LPAD(seq, 23, '0'), '\"}}'), 1, {due} + seq FROM seq_1_to_10000"
    ))
    .await;
    run(format!(
        "INSERT INTO request_keys (id, fingerprint, made, done_at, expires_at) \
         SELECT SHA2(seq, 256), 'f', CONCAT('01k', LPAD(seq, 23, '0')), 1, {due} + seq FROM seq_1_to_10000"
    ))
    .await;
    run("INSERT INTO feeds (id, user_id, folder, created_at) \
         SELECT CONCAT('01j', LPAD(seq, 23, '0')), CONCAT('01p', LPAD(1 + seq % 5000, 23, '0')), NULL, 0 FROM seq_1_to_10000".into())
    .await;
    run(format!(
        "INSERT INTO deleted_jobs (id, user_id, deleted_at) \
         SELECT CONCAT('01w', LPAD(seq, 23, '0')), CONCAT('01p', LPAD(1 + seq % 5000, 23, '0')), {now} - seq FROM seq_1_to_10000"
    ))
    .await;
    for rows in [DESTINATIONS, JOB_TAGS, JOB_CHAPTERS, COSTS] {
        run(rows.into()).await;
    }
    for from in (1..=jobs).step_by(usize::try_from(STEP).unwrap()) {
        let to = (from + STEP - 1).min(jobs);
        run(jobs_of((from, to, jobs), now, due)).await;
        run(deliveries_of(from, to, now, due)).await;
    }
}

fn jobs_of((from, to, all): (u64, u64, u64), now: i64, due: i64) -> String {
    let (waiting, running) = (all - 1000, all - 1010);
    format!(
        "INSERT INTO jobs (id, user_id, state, options, progress, attempts, source_name, source_bytes, source_container, source_codec, source_duration_ms, \
         video_id, audio_id, audio_bytes, audio_engine, source_digest, created_at, updated_at, changed_at, folder_key, finished_at, expires_at, video_removed_at, lease_owner, lease_until, look_at, queue_rank, end_no) \
         SELECT CONCAT('01k', LPAD(n, 23, '0')), CONCAT('01p', LPAD(1 + n % 5000, 23, '0')), state, {JOB}, CONCAT('01m', LPAD(n, 23, '0')), \
         IF(state = 'queued', NULL, CONCAT('01n', LPAD(n, 23, '0'))), IF(state IN ('done', 'expired'), 100000, NULL), '1', SHA2(n, 256), {now} - 1000, {now} - 1000, {now} - n * 1000, HEX(n % 7), \
         IF(ended, {now} - 1000, NULL), IF(state = 'done', {due} + n, NULL), IF(state = 'expired', {now}, NULL), IF(state = 'converting', CONCAT('01t', LPAD(n, 23, '0')), NULL), \
         IF(state = 'converting', {due}, NULL), IF(state = 'queued', NULL, {due} + n), IF(state = 'queued', n * 524288, NULL), IF(ended, 1, 0) \
         FROM (SELECT seq AS n, CASE WHEN seq > {waiting} THEN 'queued' WHEN seq > {running} THEN 'converting' WHEN seq % 10 = 0 THEN 'failed' WHEN seq % 10 < 5 THEN 'done' ELSE 'expired' END AS state, seq <= {running} AS ended \
         FROM seq_{from}_to_{to}) AS jobs_to_be"
    )
}

/// Most were sent; some are tried again in an hour; a few are dead letters.
fn deliveries_of(from: u64, to: u64, now: i64, due: i64) -> String {
    format!(
        "INSERT INTO deliveries (id, user_id, job_id, end_no, message, channel, destination_id, attempts, due_at, outcome, created_at, ended_at) \
         SELECT CONCAT('01d', LPAD(n, 23, '0')), CONCAT('01p', LPAD(1 + n % 5000, 23, '0')), CONCAT('01k', LPAD(n, 23, '0')), 1, 'ready', IF(n % 3 = 0, 'webhook', IF(n % 3 = 1, 'destination', 'mail')), IF(n % 3 = 1, CONCAT('01v', LPAD(1 + n % 10000, 23, '0')), NULL), 1, \
         IF(outcome IS NULL, {due} + n, NULL), outcome, {now} - 1000, IF(outcome IS NULL, NULL, {now}) \
         FROM (SELECT seq AS n, CASE WHEN seq % 100 = 0 THEN NULL WHEN seq % 1000 = 1 THEN 'dead' ELSE 'sent' END AS outcome FROM seq_{from}_to_{to}) AS deliveries_to_be"
    )
}
