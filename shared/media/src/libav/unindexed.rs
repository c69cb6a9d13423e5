//! Some demuxers note down where each packet is, for jumps that we don't ask of them: memory that grows with length.
#![expect(unsafe_code, reason = "calls into libav")]

use ffmpeg_sys_next as ff;

use super::Input;

/// Behind all that a file has, as a place and as a time.
const NOWHERE: i64 = 1 << 60;

impl Input {
    /// Keeps the demuxers of FLV, and of AVI that is read `forward`, from it, now that the file is open.
    pub(super) fn note_no_more(&mut self, forward: bool) {
        match self.container().as_str() {
            // It notes down what it could go back to.
            "flv" => self.source.only_forward(),
            // It notes down what is behind all that it knows.
            "avi" if forward => self.pointers().iter().for_each(|stream| {
                // SAFETY: the pointer is valid, and `&mut self` says that nobody else looks at the stream.
                unsafe { ff::av_add_index_entry(*stream, NOWHERE, NOWHERE, 0, 0, 0) };
            }),
            _ => {}
        }
    }
}
