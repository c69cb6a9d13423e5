//! `make chaos`: clients upload while functions, servers and the mail server are killed and stopped at random moments;
//! then it says what became of each upload. Exit code 1: something was lost, doubled or left behind.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program to watch")]

use std::{
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use tapedeck_tests::Chaos;

const USUAL: u64 = 1000;
const MOST: u64 = 10_000;

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Result<Vec<u64>, _> = words.iter().map(|word| word.parse()).collect();
    let (jobs, seed) = match numbers.as_deref() {
        Ok([]) => (USUAL, from_clock()),
        Ok([jobs @ 1..=MOST]) => (*jobs, from_clock()),
        Ok([jobs @ 1..=MOST, seed]) => (*jobs, *seed),
        _ => {
            eprintln!("usage: chaos [JOBS [SEED]], with 1 to {MOST} jobs");
            return ExitCode::from(2);
        }
    };
    println!("{jobs} jobs, seed {seed}");
    let report = Chaos::long(usize::try_from(jobs).unwrap_or(usize::MAX), seed).run().await;
    print!("{report}");
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn from_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
