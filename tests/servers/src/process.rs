//! A child process with its own port, that ends with its value and with the thread that started it.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener, TcpStream},
    ops::Range,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a server may take to start or stop. RabbitMQ takes 5 to 15 s on two busy cores.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
}

/// A program from the system. Its output goes to `FOLDER/log`.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the one place where servers are started")]
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        #[expect(unsafe_code, reason = "a test run that is killed must leave no server behind")]
        // SAFETY: prctl and setpgid are async-signal-safe and touch no memory of ours.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::setpgid(0, 0);
                Ok(())
            });
        }
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{name} can't be started: {error}. `make test` installs it (tests/servers/install.sh).")
        });
        Self { child, name }
    }

    /// Waits until something listens on `port`; panics with the log if the process ends before.
    pub(crate) fn ready(&mut self, port: u16, folder: &Path) {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > until {
                let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                panic!("{} is not up ({ended:?}):\n{log}", self.name);
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(&mut self) {
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits.
    pub(crate) fn stop(mut self) {
        self.signal(libc::SIGTERM);
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            if Instant::now() > until {
                return;
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// To the whole group: a server may have children.
    fn signal(&self, signal: libc::c_int) {
        let group = libc::pid_t::try_from(self.child.id()).unwrap();
        #[expect(unsafe_code, reason = "std can't signal a group")]
        // SAFETY: no memory effects; the group is our child's, which we have not waited for.
        unsafe {
            libc::kill(-group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(libc::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// The ports below those that the kernel gives to outgoing connections (ip(7), `ip_local_port_range`): none of those can take
/// one before the server does that it is for.
const PORTS: Range<u32> = 10_000..32_000;
/// How many a process of tests takes before it comes to those of the next process.
const EACH: u32 = 61;
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// SIGTERM to a process that the caller has started and not yet waited for.
///
/// # Panics
/// If no process can have this id.
pub fn terminate(pid: u32) {
    let pid = libc::pid_t::try_from(pid).unwrap();
    #[expect(unsafe_code, reason = "std can't send SIGTERM")]
    // SAFETY: `kill` has no memory effects; the child is the caller's and not yet waited for.
    unsafe {
        libc::kill(pid, libc::SIGTERM);
    }
}

/// A port that nobody listens on now. It looks on until it finds one.
///
/// # Panics
/// If a port of the range had more than 16 bits.
#[must_use]
pub fn free_port() -> u16 {
    loop {
        let number =
            std::process::id().wrapping_mul(EACH).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + number % (PORTS.end - PORTS.start)).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
