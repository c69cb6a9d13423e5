//! What a worker can't do, tried from inside, and that real workers are confined so.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test stops at the first surprise")]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

/// What came of trying to get out in this way.
fn escape(how: &str) -> Output {
    let helper = env!("CARGO_BIN_EXE_media-test-helper");
    Command::new(helper).args(["escape", how]).stdin(Stdio::null()).output().unwrap()
}

fn said(how: &str) -> String {
    String::from_utf8(escape(how).stdout).unwrap()
}

#[test]
fn what_is_not_needed_is_refused() {
    assert_eq!(said("compute"), "it worked");
    let ways = [
        "open",
        "create",
        "list",
        "socket",
        "pair",
        "fork",
        "exec",
        "thread",
        "raw-fork",
        "raw-exec",
        "ptrace",
        "kill",
        "signal-another",
        "code",
        "limits",
    ];
    for how in ways {
        assert_eq!(said(how), "PermissionDenied 1", "{how}");
    }
}

#[test]
fn twice_the_memory_is_refused() {
    assert_eq!(said("memory"), "OutOfMemory 0");
}

#[test]
fn aborting_ends_the_process() {
    assert_eq!(escape("abort").status.signal(), Some(6));
}

#[tokio::test]
async fn all_threads_of_a_worker_are_confined() {
    let program = common::Program::new();
    let engine = media::Engine::at(program.path.clone()).threads(3);
    let job = tokio::spawn(async move { engine.probe(&common::hanging()).await });
    let worker = program.settle(1).await[0];
    let status =
        |thread: &str| std::fs::read_to_string(format!("/proc/{worker}/task/{thread}/status")).unwrap();
    let threads = || -> Vec<_> {
        let tasks = std::fs::read_dir(format!("/proc/{worker}/task")).unwrap();
        tasks.map(|task| task.unwrap().file_name().into_string().unwrap()).collect()
    };
    common::until("the sandbox closes", || status(&worker.to_string()).contains("Seccomp:\t2")).await;
    assert_eq!(threads().len(), 1 + 1 + 3);
    for thread in threads() {
        let status = status(&thread);
        assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
    }
    let open = std::fs::read_dir(format!("/proc/{worker}/fd")).unwrap().count();
    assert!(open <= 4, "{open} descriptors");
    job.abort();
}
