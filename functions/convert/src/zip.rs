//! The parts of a split result as one zip (PKWARE, APPNOTE.TXT), on its way through a sink.
//!
//! Sound does not get any smaller, so it is stored as it is: a zip is then the parts, a header in front of each, and a
//! table of them all at the end. What a header says is known when its part is complete, and the sink can go back to it.
//! So there are no temporary files, and only the start of a part, which the engine may rewrite, is held for its checksum.
//! That is why no library writes it: those don't let a stored content be changed, and the headers that they would stream,
//! whose sizes follow the content, are not read by all.

use std::{io, mem};

use bytes::Bytes;
use crc32fast::Hasher;
use media::{Part, REWRITE_WITHIN, Sink};

/// `PK\3\4`, before each member.
const HEADER: u32 = 0x0403_4b50;
/// `PK\1\2`, before each entry of the table.
const ENTRY: u32 = 0x0201_4b50;
/// `PK\5\6`, after the table.
const END: u32 = 0x0605_4b50;
/// 2.0: what every reader reads.
const VERSION: u16 = 20;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
const STORED: u16 = 0;
/// The first day there is, in 1980: the same video gives the same bytes at all times.
const DATE: u16 = 1 << 5 | 1;
/// Of a member's name, in bytes; file systems take 255.
const LONGEST: usize = 200;

/// A sink of parts over the sink of a file. Less than 4 GiB; beyond it is an error of kind
/// [`FileTooLarge`](io::ErrorKind::FileTooLarge).
pub(crate) struct Zip<'a, K> {
    sink: &'a mut K,
    extension: &'static str,
    written: u32,
    members: Vec<Member>,
    /// Of the member under way.
    content: Content,
}

struct Member {
    name: String,
    checksum: u32,
    size: u32,
    /// Where its header is.
    at: u32,
}

/// What is known of a content under way.
#[derive(Default)]
struct Content {
    /// As much as may be rewritten.
    head: Vec<u8>,
    rest: Hasher,
}

impl<'a, K: Sink + Send> Zip<'a, K> {
    /// The members' names end in `extension`.
    pub(crate) fn new(sink: &'a mut K, extension: &'static str) -> Self {
        Self { sink, extension, written: 0, members: Vec::new(), content: Content::default() }
    }

    /// Ends the last part and writes the table; how long the zip is, in bytes.
    pub(crate) async fn finish(mut self) -> io::Result<u64> {
        self.end().await?;
        let (start, count) = (self.written, self.members.len() as u16);
        let table: Vec<u8> = self.members.iter().flat_map(Member::entry).collect();
        let size = small(table.len() as u64)?;
        self.append(table.into()).await?;
        let disks = [0; 4];
        let counts = [count.to_le_bytes(), count.to_le_bytes()].concat();
        let places = [size.to_le_bytes(), start.to_le_bytes()].concat();
        let comment = [0; 2];
        self.append([&END.to_le_bytes(), &disks, &counts[..], &places, &comment].concat().into()).await?;
        Ok(self.written.into())
    }

    async fn append(&mut self, bytes: Bytes) -> io::Result<()> {
        self.written = small(u64::from(self.written) + bytes.len() as u64)?;
        self.sink.write(bytes).await
    }

    /// Completes the part under way, if there is one: its header.
    async fn end(&mut self) -> io::Result<()> {
        let content = mem::take(&mut self.content);
        let Some(member) = self.members.last_mut() else { return Ok(()) };
        member.checksum = content.checksum();
        member.size = self.written - member.start();
        let (at, header) = (member.at, member.header());
        self.sink.rewrite(at.into(), header.into()).await
    }
}

impl<K: Sink + Send> Sink for Zip<'_, K> {
    async fn begin(&mut self, part: &Part) -> io::Result<()> {
        self.end().await?;
        let member = Member { name: name(part, self.extension), checksum: 0, size: 0, at: self.written };
        self.append(member.header().into()).await?;
        self.members.push(member);
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.content.add(&bytes);
        self.append(bytes).await
    }

    async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> io::Result<()> {
        let start = self.members.last().map_or(0, Member::start);
        self.content.change(offset, &bytes)?;
        self.sink.rewrite(u64::from(start) + offset, bytes).await
    }
}

impl Content {
    fn add(&mut self, bytes: &[u8]) {
        let room = (REWRITE_WITHIN as usize).saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.rest.update(&bytes[room..]);
    }

    fn change(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let place =
            usize::try_from(offset).ok().and_then(|start| self.head.get_mut(start..)?.get_mut(..bytes.len()));
        place.ok_or(io::ErrorKind::InvalidInput)?.copy_from_slice(bytes);
        Ok(())
    }

    fn checksum(self) -> u32 {
        let mut whole = Hasher::new();
        whole.update(&self.head);
        whole.combine(&self.rest);
        whole.finalize()
    }
}

impl Member {
    /// Where its content begins.
    fn start(&self) -> u32 {
        self.at + self.header().len() as u32
    }

    fn header(&self) -> Vec<u8> {
        [&HEADER.to_le_bytes(), &self.fields()[..], self.name.as_bytes()].concat()
    }

    fn entry(&self) -> Vec<u8> {
        let writer = VERSION.to_le_bytes();
        // Comment, disk and attributes.
        let nothing = [0; 10];
        let at = self.at.to_le_bytes();
        [&ENTRY.to_le_bytes()[..], &writer, &self.fields(), &nothing, &at, self.name.as_bytes()].concat()
    }

    /// What header and entry have in common.
    fn fields(&self) -> Vec<u8> {
        let time = 0;
        let kind = [VERSION, FLAGS, STORED, time, DATE].map(u16::to_le_bytes);
        let sizes = [self.checksum, self.size, self.size].map(u32::to_le_bytes);
        let extra = 0;
        let lengths = [self.name.len() as u16, extra].map(u16::to_le_bytes);
        [kind.concat(), sizes.concat(), lengths.concat()].concat()
    }
}

fn small(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

/// `01 Title.mp3`: in order when sorted, and taken by every file system.
fn name(Part { number, total, title }: &Part, extension: &str) -> String {
    // The same characters as in the name of a download.
    let plain = |c: char| if "/\\:*?\"<>|%".contains(c) || c.is_control() { '_' } else { c };
    let title: String = title.chars().map(plain).collect();
    let digits = if *total < 100 { 2 } else { 3 };
    let mut name = format!("{number:0digits$} {}", title.trim());
    name.truncate(name.floor_char_boundary(LONGEST));
    format!("{}.{extension}", name.trim_end())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use ::zip::ZipArchive;

    use super::*;

    /// A sink that keeps everything.
    #[derive(Default)]
    struct Memory(Vec<u8>);

    impl Sink for Memory {
        async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
            self.0.extend_from_slice(&bytes);
            Ok(())
        }

        async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> io::Result<()> {
            let start = usize::try_from(offset).unwrap();
            self.0[start..start + bytes.len()].copy_from_slice(&bytes);
            Ok(())
        }
    }

    fn part(number: u32, total: u32, title: &str) -> Part {
        Part { number, total, title: title.into() }
    }

    #[tokio::test]
    async fn another_reader_finds_every_part_as_it_was_rewritten() {
        let mut memory = Memory::default();
        let mut zip = Zip::new(&mut memory, "mp3");
        zip.begin(&part(1, 2, "Töne")).await.unwrap();
        // More than what may be rewritten, in pieces that don't fit it.
        for _ in 0..7 {
            zip.write(Bytes::from(vec![7; 100_000])).await.unwrap();
        }
        zip.rewrite(250_000, Bytes::from_static(b"header")).await.unwrap();
        zip.begin(&part(2, 2, "Zwei")).await.unwrap();
        zip.write(Bytes::from_static(b"????sound")).await.unwrap();
        zip.rewrite(0, Bytes::from_static(b"head")).await.unwrap();
        let length = zip.finish().await.unwrap();
        assert_eq!(length, memory.0.len() as u64);

        let mut first = vec![7; 700_000];
        first[250_000..250_006].copy_from_slice(b"header");
        let mut archive = ZipArchive::new(Cursor::new(memory.0)).unwrap();
        assert_eq!(archive.len(), 2);
        for (name, content) in [("01 Töne.mp3", first.as_slice()), ("02 Zwei.mp3", b"headsound")] {
            let mut found = Vec::new();
            // Reading to the end checks the checksum.
            archive.by_name(name).unwrap().read_to_end(&mut found).unwrap();
            assert!(found == content, "{name}");
        }
    }

    #[tokio::test]
    async fn headers_alone_tell_a_reader_that_can_not_go_back() {
        let mut memory = Memory::default();
        let mut zip = Zip::new(&mut memory, "mp3");
        zip.begin(&part(1, 1, "One")).await.unwrap();
        zip.write(Bytes::from_static(b"sound")).await.unwrap();
        zip.finish().await.unwrap();
        let mut stream = memory.0.as_slice();
        let mut member = ::zip::read::read_zipfile_from_stream(&mut stream).unwrap().unwrap();
        let mut found = String::new();
        member.read_to_string(&mut found).unwrap();
        assert_eq!((member.name().unwrap().as_ref(), found.as_str()), ("01 One.mp3", "sound"));
    }

    #[tokio::test]
    async fn only_the_start_of_a_part_can_be_rewritten() {
        let mut memory = Memory::default();
        let mut zip = Zip::new(&mut memory, "mp3");
        zip.begin(&part(1, 1, "One")).await.unwrap();
        zip.write(Bytes::from_static(b"sound")).await.unwrap();
        for (offset, bytes) in [(3, "xxx"), (6, ""), (u64::MAX, "x")] {
            assert!(zip.rewrite(offset, bytes.into()).await.is_err(), "{offset}");
        }
    }

    #[tokio::test]
    async fn beyond_4_gib_is_too_large() {
        let mut memory = Memory::default();
        let mut zip = Zip::new(&mut memory, "wav");
        zip.begin(&part(1, 1, "One")).await.unwrap();
        zip.written = u32::MAX - 4;
        zip.write(Bytes::from_static(b"four")).await.unwrap();
        let error = zip.write(Bytes::from_static(b"x")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn names_are_sorted_short_and_safe() {
        let long = "ö".repeat(120);
        for (of, expected) in [
            (part(1, 9, "One"), "01 One.mp3"),
            (part(7, 100, "One"), "007 One.mp3"),
            (part(2, 2, "../../etc/passwd"), "02 .._.._etc_passwd.mp3"),
            (part(2, 2, "a\r\nb\0c\\d:e"), "02 a__b_c_d_e.mp3"),
            (part(3, 3, " ... "), "03 ....mp3"),
            (part(3, 3, ""), "03.mp3"),
            (part(4, 4, &long), &format!("04 {}.mp3", "ö".repeat(98))),
        ] {
            assert_eq!(name(&of, "mp3"), expected);
        }
    }
}
