//! The worker's end of the socket, blocking.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use bytes::Bytes;

use crate::libav::ReadAt;
use crate::protocol::{BLOCK, Failure, FromWorker, Job, PREFIX, ToWorker, length};

/// The connection to the service.
pub(super) struct Link {
    socket: UnixStream,
}

impl Link {
    /// The socket that the service gave as standard input.
    pub(super) fn from_stdin() -> io::Result<Self> {
        Ok(Self { socket: io::stdin().as_fd().try_clone_to_owned()?.into() })
    }

    /// The first message.
    pub(super) fn job(&self) -> io::Result<Job> {
        match self.receive()? {
            ToWorker::Job(job) => Ok(job),
            ToWorker::Bytes(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    pub(super) fn send(&self, message: &FromWorker) -> Result<(), Failure> {
        (&self.socket).write_all(&message.encode()).map_err(|error| Failure::Internal(error.to_string()))
    }

    fn receive(&self) -> io::Result<ToWorker> {
        let mut prefix = [0; PREFIX];
        (&self.socket).read_exact(&mut prefix)?;
        let mut message = vec![0; length(prefix)?];
        (&self.socket).read_exact(&mut message)?;
        Ok(ToWorker::decode(message.into())?)
    }

    fn ask(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let read = FromWorker::Read { offset, len: len.min(BLOCK) as u32 };
        (&self.socket).write_all(&read.encode())?;
        match self.receive()? {
            ToWorker::Bytes(bytes) if bytes.len() <= len => Ok(bytes),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The source, on the other end of the link.
pub(super) struct Remote {
    pub(super) link: Rc<Link>,
    /// In bytes.
    pub(super) size: u64,
}

impl ReadAt for Remote {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let bytes = self.link.ask(offset, buffer.len())?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}
