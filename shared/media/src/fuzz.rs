//! What reads bytes of strangers and of workers that they took over, as plain functions: for fuzzing.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::libav::{Picture, ReadAt};
use crate::mp4::{self, Cut, Fragments, Frames, Walk};
use crate::protocol::{FromWorker, PREFIX, ToWorker};
pub use crate::worker::fuzz::{joined, tag};

/// A file in memory.
struct File(Vec<u8>);

impl ReadAt for File {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
}

/// What our own reader makes of an MP4.
#[derive(Debug, PartialEq)]
pub struct Mp4 {
    /// Of fragments, if it is in those: how long all of them are.
    pub fragments: Option<Option<Duration>>,
    /// The same: where those begin, up to the end of the file.
    pub begin: Vec<u64>,
    /// How libav is shown it, if not as it is.
    pub shown: Option<Vec<u8>>,
    /// Of each sound of a long file the frames that libav doesn't know: where each is, and how long it is in bytes and in
    /// time. At most so many as were asked for.
    pub frames: Vec<Vec<(u64, u32, i64, i64)>>,
}

/// Reads an MP4 in which tracks of more than `above` samples count as long; of those `keep` are kept. At most `most`
/// frames of each.
#[must_use]
pub fn mp4(file: Vec<u8>, above: u32, keep: u32, most: usize) -> Mp4 {
    let bytes: Rc<dyn ReadAt> = Rc::new(File(file));
    let fragments = Fragments::of(&bytes);
    let mut read = Mp4 {
        fragments: fragments.map(|fragments| fragments.length),
        begin: fragments.map(|fragments| begin(&bytes, fragments)).unwrap_or_default(),
        shown: None,
        frames: Vec::new(),
    };
    let Some(plan) = mp4::plan(&bytes, Cut { above, keep }) else {
        read.shown = Some(shown(&mp4::whole(bytes)));
        return read;
    };
    read.shown = Some(shown(&plan.view));
    for sound in &plan.sounds {
        let Ok(mut frames) = Frames::new(&bytes, sound, sound.last.time, None) else { continue };
        let mut found = Vec::new();
        while let Ok(Some(frame)) = frames.next()
            && found.len() < most
        {
            found.push((frame.offset, frames.there(frame), frame.time, frame.length));
        }
        read.frames.push(found);
    }
    read
}

fn begin(bytes: &Rc<dyn ReadAt>, fragments: Fragments) -> Vec<u64> {
    let mut walk = Walk::new(bytes, fragments);
    let mut found: Vec<u64> =
        (fragments.first..bytes.size()).filter_map(|place| walk.fragment_of(place)).collect();
    found.dedup();
    if let Some(view) = found.last().and_then(|last| mp4::from(bytes, fragments, *last)) {
        shown(&view);
    }
    found
}

fn shown(view: &mp4::View) -> Vec<u8> {
    let mut bytes = vec![0; view.size() as usize];
    let read = view.read_at(0, &mut bytes).unwrap_or(0);
    bytes.truncate(read);
    bytes
}

/// The scrambled streams of a transport stream.
#[must_use]
pub fn scrambled(file: Vec<u8>) -> Vec<u16> {
    crate::ts::scrambled(&File(file))
}

/// Whether it is an AVI that is read without its index.
#[must_use]
pub fn is_long_avi(file: Vec<u8>) -> bool {
    crate::avi::is_long(&File(file))
}

/// The bytes of a message as the service writes them again, if a worker that sends these says anything by them.
#[must_use]
pub fn from_worker(message: Vec<u8>) -> Option<Vec<u8>> {
    let message = FromWorker::decode(Bytes::from(message)).ok()?;
    Some(message.encode()[PREFIX..].to_vec())
}

/// As [`from_worker`], the other way.
#[must_use]
pub fn to_worker(message: Vec<u8>) -> Option<Vec<u8>> {
    let message = ToWorker::decode(Bytes::from(message)).ok()?;
    Some(message.encode()[PREFIX..].to_vec())
}

/// Width and height of a picture, read as PNG and as JPEG.
#[must_use]
pub fn picture(data: &[u8]) -> [Option<(u16, u16)>; 2] {
    Picture::of_each_kind(data).map(|picture| picture.size())
}
