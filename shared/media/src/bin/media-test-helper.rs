//! What tests need another process for: a service to kill, and a worker that tries to break out.
//!
//!     media-test-helper serve WORKER     asks WORKER about a source that never answers, until killed
//!     media-test-helper escape HOW       confined as a worker is, tries HOW; says on stdout what came of it

use std::fs::File;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::thread;

use bytes::Bytes;
use media::{Engine, Limits, Source};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["serve", worker] => serve(worker),
        ["escape", how] => escape(how),
        _ => Err(io::Error::other("usage: serve WORKER | escape HOW")),
    };
    // Not `println!`: nothing is to be allocated or locked where memory is short.
    let said = match outcome {
        Ok(()) => "it worked".into(),
        Err(error) => format!("{:?} {}", error.kind(), error.raw_os_error().unwrap_or_default()),
    };
    let _ = io::stdout().write_all(said.as_bytes());
    ExitCode::SUCCESS
}

/// A source that never answers.
struct Hanging;

impl Source for Hanging {
    fn size(&self) -> u64 {
        1000
    }

    async fn read_at(&self, _: u64, _: usize) -> io::Result<Bytes> {
        std::future::pending().await
    }
}

fn serve(worker: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Engine::at(worker.into()).probe(&Hanging)).map(drop).map_err(io::Error::other)
}

#[expect(clippy::disallowed_methods, reason = "to see that it fails")]
fn escape(how: &str) -> io::Result<()> {
    let limits = Limits { memory_bytes: 128 << 20, ..Limits::default() };
    media::worker::confine(&limits)?;
    match how {
        "compute" => Ok(()),
        "open" => File::open("/etc/passwd").map(drop),
        "create" => File::create("/tmp/media-escaped").map(drop),
        "list" => std::fs::read_dir("/").map(drop),
        "socket" => UdpSocket::bind("127.0.0.1:0").map(drop),
        "pair" => UnixStream::pair().map(drop),
        "fork" | "exec" => std::process::Command::new("/bin/true").spawn().map(drop),
        "thread" => thread::Builder::new().spawn(|| ()).map(drop),
        "memory" => {
            Vec::<u8>::new().try_reserve_exact(256 << 20).map_err(|_| io::ErrorKind::OutOfMemory.into())
        }
        "abort" => std::process::abort(),
        raw => call(raw),
    }
}

/// System calls that std has no name for.
#[expect(unsafe_code, reason = "to see that they fail")]
fn call(name: &str) -> io::Result<()> {
    // SAFETY: numbers and null pointers, which the kernel checks; each of them is to be refused before that.
    let returned = unsafe {
        match name {
            "raw-fork" => libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0),
            "raw-exec" => {
                libc::syscall(libc::SYS_execve, c"/bin/true".as_ptr(), [0_usize].as_ptr(), [0_usize].as_ptr())
            }
            "ptrace" => libc::syscall(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0),
            "kill" => libc::syscall(libc::SYS_kill, libc::getppid(), 0),
            "signal-another" => libc::syscall(libc::SYS_tgkill, 1, 1, 0),
            "code" => libc::syscall(
                libc::SYS_mmap,
                0,
                4096,
                libc::PROT_READ | libc::PROT_EXEC,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            ),
            "limits" => libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_AS, 0, 0),
            _ => 0,
        }
    };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
