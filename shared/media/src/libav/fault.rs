//! libav's error codes.
#![expect(unsafe_code, reason = "calls into libav")]

use std::ffi::{CStr, c_int};
use std::fmt;

use ffmpeg_sys_next as ff;

/// A negative return value of libav.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault(c_int);

impl Fault {
    pub(super) const NO_MEMORY: Self = Self(ff::AVERROR(libc::ENOMEM));
    pub(super) const IMPLAUSIBLE: Self = Self(ff::AVERROR_INVALIDDATA);
    pub(super) const IO: Self = Self(ff::AVERROR(libc::EIO));
    pub(super) const NO_STREAM: Self = Self(ff::AVERROR_STREAM_NOT_FOUND);

    /// A packet that needs a key.
    pub(super) const ENCRYPTED: Self = Self(ff::AVERROR(libc::EACCES));

    /// `code` as libav returns it: negative is a fault.
    pub(super) fn check(code: c_int) -> Result<c_int, Self> {
        if code < 0 { Err(Self(code)) } else { Ok(code) }
    }

    pub(crate) fn is_end(self) -> bool {
        self.0 == ff::AVERROR_EOF
    }

    /// A decoder wants another packet.
    pub(super) fn is_again(self) -> bool {
        self.0 == ff::AVERROR(libc::EAGAIN)
    }

    pub(crate) fn is_encrypted(self) -> bool {
        self == Self::ENCRYPTED
    }

    /// Ours and not the file's.
    pub(crate) fn is_memory(self) -> bool {
        self == Self::NO_MEMORY
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; ff::AV_ERROR_MAX_STRING_SIZE];
        // SAFETY: libav writes a terminated string of at most this size.
        let text = unsafe {
            ff::av_strerror(self.0, text.as_mut_ptr(), text.len());
            CStr::from_ptr(text.as_ptr())
        };
        f.write_str(&text.to_string_lossy())
    }
}

/// No messages on stderr: what matters comes as codes.
pub(crate) fn quiet() {
    // SAFETY: sets one number.
    unsafe { ff::av_log_set_level(ff::AV_LOG_QUIET) };
}
