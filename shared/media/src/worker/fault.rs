//! What a fault of libav means for the job.

use crate::libav::Fault;
use crate::protocol::Failure;

/// A fault of libav while it reads the file. Memory runs short when the file announces absurd sizes: the file's fault
/// too, and the same at the next try.
pub(super) fn unreadable(fault: Fault) -> Failure {
    Failure::Unreadable(match fault.is_memory() {
        true => "reading it needs more memory than is allowed".into(),
        false => "it is no video or audio file that we know, or it is damaged".into(),
    })
}
