//! The platform in one process, in a folder.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::process::{Process, program};

/// `tapedeck serve`.
#[derive(Debug)]
pub(crate) struct Embedded {
    process: Process,
    pub(crate) home: String,
}

impl Embedded {
    pub(crate) fn start(folder: &Path, variables: &[(String, String)]) -> Self {
        let log = folder.join("log");
        let mut command = program("tapedeck", variables, &log);
        command.args(["serve", "--port", "0", "--data"]).arg(data(folder)).stdout(Stdio::piped());
        let (process, home) =
            Process::start(command, |line| Some(line.strip_prefix("Tapedeck is ready at ")?.to_owned()));
        match home {
            Some(home) => Self { process, home },
            None => panic!("tapedeck did not start:\n{}", std::fs::read_to_string(log).unwrap_or_default()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) async fn stop(self) -> Option<i32> {
        self.process.stop().await
    }
}

/// Its data folder.
pub(crate) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}
