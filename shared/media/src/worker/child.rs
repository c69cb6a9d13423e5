//! The service's end: starts a worker, talks to it, and finds out how it died.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child as Process, Command};
use tokio::time::timeout;

use crate::cpu::{self, CpuTime};
use crate::error::Error;
use crate::protocol::{FromWorker, PREFIX, ToWorker, length};

/// How long a worker that closed its socket may take to end.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// A running worker; killed when dropped.
pub(crate) struct Child {
    process: Process,
    socket: UnixStream,
    received: BytesMut,
    cpu: CpuTime,
    /// What is in there of its CPU time.
    noted: Duration,
}

impl Child {
    /// Starts `program` as a worker, with nothing of ours: no environment, no descriptor but the socket.
    /// Its CPU time is added to `cpu` at its end.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where child processes are started")]
    pub(crate) fn start(program: &Path, cpu: &CpuTime) -> io::Result<Self> {
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        let process = Command::new(program)
            .arg0("media-worker")
            .arg(super::ARGUMENT)
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            process,
            socket: UnixStream::from_std(ours)?,
            received: BytesMut::new(),
            cpu: cpu.clone(),
            noted: Duration::ZERO,
        })
    }

    pub(crate) async fn send(&mut self, message: &ToWorker) -> io::Result<()> {
        self.socket.write_all(&message.encode()).await
    }

    /// The next message. A worker that is gone is an error of kind `UnexpectedEof`.
    pub(crate) async fn receive(&mut self) -> io::Result<FromWorker> {
        self.fill(PREFIX).await?;
        let length = length(self.received.get_u32_le().to_le_bytes())?;
        self.fill(length).await?;
        Ok(FromWorker::decode(self.received.split_to(length).freeze())?)
    }

    /// Waits until `received` holds `wanted` bytes, which are never more than the longest message.
    async fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while self.received.len() < wanted {
            self.received.reserve(wanted - self.received.len());
            if self.socket.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Lets it use so much CPU time in all, in whole seconds; the job said how much is the most.
    pub(crate) fn allow(&self, cpu: Duration) -> Result<(), Error> {
        let Some(pid) = self.process.id() else { return Ok(()) };
        super::confine::allow(pid, cpu)
            .map_err(|error| Error::Crashed(format!("its CPU time can't be limited: {error}")))
    }

    /// Why talking to it failed.
    pub(crate) async fn cause(&mut self, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::InvalidData {
            return Error::Crashed(error.to_string());
        }
        match timeout(EXIT_TIMEOUT, self.wait()).await {
            Ok(Ok(status)) => describe(status),
            Ok(Err(error)) => Error::Crashed(error.to_string()),
            Err(_) => Error::Crashed("it closed its socket and went on".into()),
        }
    }

    /// After its last message: lets it end, so that it is not left as a zombie.
    pub(crate) async fn end(mut self) {
        // A worker that doesn't end is killed by the drop of `process`.
        let _ = timeout(EXIT_TIMEOUT, self.hear_out()).await;
    }

    /// The kernel closes its socket after it has given its memory back: what that took is its time too.
    async fn hear_out(&mut self) -> io::Result<ExitStatus> {
        self.socket.shutdown().await?;
        while self.socket.read_buf(&mut self.received).await? > 0 {
            self.received.clear();
        }
        self.wait().await
    }

    /// Once it was waited for, nobody knows any more what it has used.
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.note_cpu();
        self.process.wait().await
    }

    fn note_cpu(&mut self) {
        if let Some(used) = self.process.id().and_then(cpu::used) {
            self.cpu.add(used.saturating_sub(self.noted));
            self.noted = used;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.note_cpu();
    }
}

fn describe(status: ExitStatus) -> Error {
    match status.signal() {
        Some(libc::SIGXCPU) => Error::TimedOut,
        _ => Error::Crashed(format!("the worker ended early, {status}")),
    }
}
