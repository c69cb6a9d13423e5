//! The muxer: packets in, a file's bytes out.
#![expect(unsafe_code, reason = "calls into libav, reads its structs and is called back by it")]

mod grouped;
mod index;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_int, c_void};
use std::ops::Range;
use std::ptr::{null, null_mut};
use std::time::Duration;

use ffmpeg_sys_next as ff;

use super::{Fault, Picture};
use crate::ports::REWRITE_WITHIN;
use crate::report::Chapter;

/// Of libav's own buffer in front of ours.
const BUFFER: usize = 32 * 1024;

/// A file under way.
pub(crate) struct Muxer {
    format: *mut ff::AVFormatContext,
    written: *mut Written,
    /// Of an M4A: what libav is given as one.
    group: Option<Box<grouped::Group>>,
}

/// What libav wrote. It goes back only to headers near the start, which are kept, and within the index at the end, which
/// is taken only when it is complete.
#[derive(Default)]
struct Written {
    head: Vec<u8>,
    /// Of `head`, what was changed after it was taken.
    changed: Option<Range<usize>>,
    /// The last bytes before `end`, not taken yet.
    ready: Vec<u8>,
    position: u64,
    end: u64,
}

impl Written {
    fn write(&mut self, bytes: &[u8]) -> bool {
        let done = if self.position == self.end { self.append(bytes) } else { self.patch(bytes) };
        self.position += bytes.len() as u64;
        done
    }

    fn append(&mut self, bytes: &[u8]) -> bool {
        let room = (REWRITE_WITHIN as usize - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.ready.extend_from_slice(bytes);
        self.end += bytes.len() as u64;
        true
    }

    fn patch(&mut self, bytes: &[u8]) -> bool {
        let (start, taken) = (self.position as usize, self.end as usize - self.ready.len());
        let range = start..start + bytes.len();
        let known = self.head.len().saturating_sub(start).min(bytes.len());
        if known > 0 {
            self.head[start..start + known].copy_from_slice(&bytes[..known]);
        }
        if start >= taken {
            let place = self.ready.get_mut(range.start - taken..range.end - taken);
            return place.map(|place| place.copy_from_slice(bytes)).is_some();
        }
        self.changed = Some(match self.changed.take() {
            Some(old) => old.start.min(range.start)..old.end.max(range.end),
            None => range,
        });
        known == bytes.len()
    }
}

impl Muxer {
    /// Of the format that libav calls `name`.
    pub(crate) fn new(name: &CStr) -> Result<Self, Fault> {
        let written = Box::into_raw(Box::<Written>::default());
        let group = (name == c"ipod").then(Box::default);
        let mut muxer = Self { format: null_mut(), written, group };
        // SAFETY: null pointers are caught; the buffer becomes the context's own; `written` lives until drop.
        unsafe {
            Fault::check(ff::avformat_alloc_output_context2(
                &mut muxer.format,
                null(),
                name.as_ptr(),
                null(),
            ))?;
            let buffer = ff::av_malloc(BUFFER).cast();
            let context = ff::avio_alloc_context(
                buffer,
                BUFFER as c_int,
                1,
                written.cast(),
                None,
                Some(write),
                Some(seek),
            );
            if context.is_null() {
                return Err(Fault::NO_MEMORY);
            }
            (*muxer.format).pb = context;
            // The same input gives the same bytes: no random serial numbers, dates and versions.
            (*muxer.format).flags |= (ff::AVFMT_FLAG_BITEXACT | ff::AVFMT_FLAG_CUSTOM_IO) as c_int;
        }
        Ok(muxer)
    }

    /// Whether the codec's headers belong into the container's and not into its packets.
    pub(super) fn wants_global_headers(&self) -> bool {
        // SAFETY: an output context has its format.
        unsafe { (*(*self.format).oformat).flags & ff::AVFMT_GLOBALHEADER as c_int != 0 }
    }

    /// Adds the sound, described by `parameters`, whose packets count time in `time_base`.
    ///
    /// # Safety
    /// `parameters` are valid for the call, which copies them.
    pub(super) unsafe fn add_sound(
        &mut self,
        parameters: *const ff::AVCodecParameters,
        time_base: ff::AVRational,
    ) -> Result<(), Fault> {
        // SAFETY: by contract, and the new stream is the context's own.
        unsafe {
            let stream = ff::avformat_new_stream(self.format, null());
            if stream.is_null() {
                return Err(Fault::NO_MEMORY);
            }
            (*stream).time_base = time_base;
            Fault::check(ff::avcodec_parameters_copy((*stream).codecpar, parameters))?;
            // A tag of another container means something else in this one, or nothing.
            (*(*stream).codecpar).codec_tag = 0;
        }
        Ok(())
    }

    /// Adds a cover picture; the sound must be there. [`begin`](Muxer::begin) writes it.
    pub(crate) fn add_cover(&mut self, picture: &Picture) -> Result<(), Fault> {
        let (width, height) = picture.size().ok_or(Fault::IMPLAUSIBLE)?;
        // SAFETY: the new stream is the context's own.
        unsafe {
            let stream = ff::avformat_new_stream(self.format, null());
            if stream.is_null() {
                return Err(Fault::NO_MEMORY);
            }
            (*stream).disposition = ff::AV_DISPOSITION_ATTACHED_PIC as c_int;
            (*(*stream).codecpar).codec_type = ff::AVMediaType::AVMEDIA_TYPE_VIDEO;
            (*(*stream).codecpar).codec_id = picture.codec();
            (*(*stream).codecpar).width = width.into();
            (*(*stream).codecpar).height = height.into();
        }
        Ok(())
    }

    pub(crate) fn set_tags(&mut self, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
        for (key, value) in tags {
            let (Ok(key), Ok(value)) = (CString::new(key.as_str()), CString::new(value.as_str())) else {
                continue;
            };
            // SAFETY: libav copies both.
            let set =
                unsafe { ff::av_dict_set(&mut (*self.format).metadata, key.as_ptr(), value.as_ptr(), 0) };
            Fault::check(set)?;
        }
        Ok(())
    }

    pub(crate) fn set_chapters(&mut self, chapters: &[Chapter]) -> Result<(), Fault> {
        let millis = |time: Duration| time.as_millis() as i64;
        for (id, chapter) in chapters.iter().enumerate() {
            let Ok(title) = CString::new(chapter.title.as_str()) else { continue };
            // SAFETY: a chapter is allocated as libav frees it, and hung into the array by libav's own function.
            unsafe {
                let new: *mut ff::AVChapter = ff::av_mallocz(size_of::<ff::AVChapter>()).cast();
                if new.is_null() {
                    return Err(Fault::NO_MEMORY);
                }
                (*new).id = id as i64;
                (*new).time_base = ff::AVRational { num: 1, den: 1000 };
                (*new).start = millis(chapter.start);
                (*new).end = millis(chapter.end);
                ff::av_dict_set(&mut (*new).metadata, c"title".as_ptr(), title.as_ptr(), 0);
                let format = &mut *self.format;
                let mut count = format.nb_chapters as c_int;
                ff::av_dynarray_add((&raw mut format.chapters).cast(), &mut count, new.cast());
                format.nb_chapters = count as u32;
            }
        }
        Ok(())
    }

    /// Writes the headers, and the cover if there is one.
    pub(crate) fn begin(&mut self, cover: Option<&Picture>) -> Result<(), Fault> {
        // SAFETY: the context has its streams; the packet refers to the picture only during the call.
        unsafe {
            Fault::check(ff::avformat_write_header(self.format, null_mut()))?;
            let Some(cover) = cover else { return Ok(()) };
            let mut packet = ff::av_packet_alloc();
            if packet.is_null() {
                return Err(Fault::NO_MEMORY);
            }
            let new = Fault::check(ff::av_new_packet(packet, cover.data.len() as c_int));
            let written = new.and_then(|_| {
                (*packet).data.copy_from_nonoverlapping(cover.data.as_ptr(), cover.data.len());
                (*packet).stream_index = 1;
                (*packet).pts = 0;
                (*packet).dts = 0;
                (*packet).flags |= ff::AV_PKT_FLAG_KEY as c_int;
                Fault::check(ff::av_write_frame(self.format, packet))
            });
            ff::av_packet_free(&mut packet);
            written.map(drop)
        }
    }

    /// Writes a packet of the sound that counts time in `from`.
    ///
    /// # Safety
    /// `packet` is valid and may be changed.
    pub(super) unsafe fn write(
        &mut self,
        packet: *mut ff::AVPacket,
        from: ff::AVRational,
    ) -> Result<(), Fault> {
        // SAFETY: by contract; the sound is stream 0.
        unsafe {
            (*packet).stream_index = 0;
            ff::av_packet_rescale_ts(packet, from, (**(*self.format).streams).time_base);
            if let Some(group) = self.group.take() {
                return self.write_grouped(group, packet);
            }
            Fault::check(ff::av_write_frame(self.format, packet)).map(drop)
        }
    }

    /// Calls an MP4 an audiobook: by its brand, and by the kind of media that iTunes tells.
    pub(crate) fn is_audiobook(&mut self) -> Result<(), Fault> {
        // SAFETY: the context has private options, and copies the text.
        let brand =
            unsafe { ff::av_opt_set((*self.format).priv_data, c"brand".as_ptr(), c"M4B ".as_ptr(), 0) };
        Fault::check(brand)?;
        self.set_tags(&BTreeMap::from([("media_type".to_owned(), "2".to_owned())]))
    }

    /// Leaves the tag of an MP3 to us.
    pub(crate) fn without_tag(&mut self) {
        // SAFETY: the context has private options, which are searched by name; other formats have none of this name.
        unsafe { ff::av_opt_set_int((*self.format).priv_data, c"id3v2_version".as_ptr(), 0, 0) };
    }

    /// After the last packet.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        if let Some(group) = self.group.take() {
            return self.finish_grouped(group);
        }
        // SAFETY: the header was written.
        Fault::check(unsafe { ff::av_write_trailer(self.format) }).map(drop)
    }

    /// Moves what became ready to `out`.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) {
        // SAFETY: libav uses it only during calls.
        let ready = unsafe { &mut (*self.written).ready };
        if out.is_empty() {
            std::mem::swap(out, ready);
        } else {
            out.append(ready);
        }
    }

    /// What is to stand where instead of what was written; right only after [`finish`](Muxer::finish).
    pub(crate) fn header(&self) -> (u64, &[u8]) {
        // SAFETY: as in `take`.
        let written = unsafe { &*self.written };
        let changed = written.changed.clone().unwrap_or_default();
        (changed.start as u64, &written.head[changed])
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: all are ours. libav may have swapped the buffer, so the one to free is the context's.
        unsafe {
            if !self.format.is_null() {
                let context = (*self.format).pb;
                if !context.is_null() {
                    ff::av_freep((&raw mut (*context).buffer).cast());
                    ff::avio_context_free(&mut (*self.format).pb);
                }
                ff::avformat_free_context(self.format);
            }
            drop(Box::from_raw(self.written));
        }
    }
}

unsafe extern "C" fn write(opaque: *mut c_void, buffer: *mut u8, len: c_int) -> c_int {
    // SAFETY: `opaque` is what `Muxer::new` gave, used by one thread; libav gives `len` bytes.
    let (written, bytes) =
        unsafe { (&mut *opaque.cast::<Written>(), std::slice::from_raw_parts(buffer, len.max(0) as usize)) };
    if written.write(bytes) { len } else { ff::AVERROR(libc::EIO) }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in `write`.
    let written = unsafe { &mut *opaque.cast::<Written>() };
    match whence & !(ff::AVSEEK_FORCE as c_int) {
        whence if whence == ff::AVSEEK_SIZE as c_int => written.end as i64,
        libc::SEEK_SET if (0..=written.end as i64).contains(&offset) => {
            written.position = offset as u64;
            offset
        }
        _ => i64::from(ff::AVERROR(libc::EINVAL)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of so many bytes of 1, then an index of as many of 2, whose first four are changed to 3 at its end.
    fn with_index(length: usize) -> Vec<u8> {
        let mut written = Written::default();
        let mut out = Vec::new();
        assert!(written.write(&vec![1; length]));
        out.append(&mut written.ready);
        assert!(written.write(&vec![2; length]));
        written.position = length as u64;
        assert!(written.write(&[3; 4]));
        assert_eq!(written.position, length as u64 + 4);
        out.append(&mut written.ready);
        assert_eq!(written.changed, None);
        out
    }

    #[test]
    fn an_index_can_be_changed_until_it_is_taken_wherever_it_stands() {
        let head = REWRITE_WITHIN as usize;
        for length in [10, head - 2, head, 3 * head] {
            let expected = [vec![1; length], vec![3; 4], vec![2; length - 4]].concat();
            assert!(with_index(length) == expected, "{length}");
        }
    }

    #[test]
    fn what_was_taken_can_be_changed_only_near_the_start() {
        let mut written = Written::default();
        assert!(written.write(&vec![1; 2 * REWRITE_WITHIN as usize]));
        written.ready.clear();
        written.position = 5;
        assert!(written.write(&[2; 3]));
        assert_eq!((written.changed.clone(), &written.head[4..9]), (Some(5..8), &[1, 2, 2, 2, 1][..]));
        written.position = REWRITE_WITHIN - 2;
        assert!(!written.write(&[2; 3]));
    }
}
