//! The frames of sound that libav doesn't know of.

use std::io;
use std::rc::Rc;

use super::Sound;
use super::samples::{Sample, Samples};
use super::window::Window;
use crate::libav::ReadAt;

/// A frame of sound, as libav would tell it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    /// In the file.
    pub(crate) offset: u64,
    /// In bytes.
    pub(crate) size: u32,
    /// In the stream's units.
    pub(crate) time: i64,
    pub(crate) length: i64,
}

/// The frames from the last one that libav knows.
pub(crate) struct Frames {
    samples: Samples,
    data: Window,
    /// From the track's time to the stream's.
    shift: i64,
    /// When the track ends, in its time.
    end: i64,
    /// When the stream ends, in its time, if the last frame ends with it. One that starts behind that, or has another end,
    /// is as long as the one before.
    stream_end: Option<i64>,
    /// Of the frame before.
    length: i64,
    over: bool,
}

impl Frames {
    /// For the stream that libav makes of `sound`, where it calls the time of the last sample `time`. The last frame ends
    /// with the stream if that has an `end`.
    pub(crate) fn new(
        bytes: &Rc<dyn ReadAt>,
        sound: &Sound,
        time: i64,
        end: Option<i64>,
    ) -> io::Result<Self> {
        let mut samples = Samples::new(bytes, &sound.track.tables);
        for _ in 0..sound.last.index {
            samples.next()?;
        }
        Ok(Self {
            samples,
            data: Window::new(Rc::clone(bytes)),
            shift: time.saturating_sub(sound.last.time),
            end: sound.track.edit.map_or(i64::MAX, |edit| edit.end),
            stream_end: end,
            length: 0,
            over: false,
        })
    }

    /// The next frame; `None` behind the last one that reaches into what is to be heard.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame>> {
        if self.over {
            return Ok(None);
        }
        let Some(Sample { offset, size, time, end, .. }) = self.samples.next()? else { return Ok(None) };
        self.over = end >= self.end;
        let start = time.saturating_add(self.shift);
        let rest = self.stream_end.map_or(0, |end| end.saturating_sub(start));
        if !(self.over || self.samples.is_over()) {
            self.length = end.saturating_sub(time);
        } else if rest > 0 {
            self.length = rest;
        }
        Ok(Some(Frame { offset, size, time: start, length: self.length }))
    }

    /// How many bytes of a frame the file has.
    pub(crate) fn there(&self, frame: Frame) -> u32 {
        let rest = self.data.size().saturating_sub(frame.offset);
        frame.size.min(u32::try_from(rest).unwrap_or(u32::MAX))
    }

    /// Reads the frame's first bytes; how many.
    pub(crate) fn read(&mut self, frame: Frame, buffer: &mut [u8]) -> io::Result<usize> {
        self.data.read(frame.offset, buffer)
    }
}
