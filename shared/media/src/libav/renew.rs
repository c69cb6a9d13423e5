//! libav's demuxer keeps 32 bytes of each sample of a fragmented MP4, of those behind it too: 89 MB in ten hours. So from
//! time to time another one takes over, that is shown the file without the fragments that are done.
#![expect(unsafe_code, reason = "reads libav's packets and contexts")]

use std::rc::Rc;

use ffmpeg_sys_next as ff;

use super::input::Way;
use super::{Input, ReadAt};
use crate::mp4;

/// Packets that one demuxer reads at least: it keeps some 2 MB of them.
const LEAST: u32 = 60_000;
/// Of those of a new one that are looked at until there is the first one that is wanted.
const MOST: u32 = 5000;

/// What it takes to change over.
pub(super) struct Renewal {
    bytes: Rc<dyn ReadAt>,
    fragments: mp4::Fragments,
    walk: mp4::Walk,
    /// Of the sound that is wanted; nothing else must be the same behind the change.
    stream: Option<u32>,
    /// Where the fragment of its last packet begins.
    fragment: Option<u64>,
    /// Since the last change, and how many there are at least.
    packets: u32,
    least: u32,
}

impl Renewal {
    pub(super) fn new(bytes: &Rc<dyn ReadAt>, fragments: mp4::Fragments) -> Self {
        let walk = mp4::Walk::new(bytes, fragments);
        let (bytes, least) = (Rc::clone(bytes), LEAST);
        Self { bytes, fragments, walk, stream: None, fragment: None, packets: 0, least }
    }

    /// The fragment to begin with, if it is time for another demuxer: the one that begins with this packet.
    fn due(&mut self, packet: &ff::AVPacket) -> Option<u64> {
        self.packets = self.packets.saturating_add(1);
        let place = u64::try_from(packet.pos).ok()?;
        let fragment = self.walk.fragment_of(place);
        if self.stream != Some(packet.stream_index.cast_unsigned()) {
            return None;
        }
        let before = std::mem::replace(&mut self.fragment, fragment);
        fragment.filter(|_| self.packets >= self.least && before.is_some() && before != fragment)
    }
}

impl Input {
    /// This stream is the one that is read.
    pub(crate) fn follow(&mut self, index: u32) {
        self.renewal.iter_mut().for_each(|renewal| renewal.stream = Some(index));
    }

    /// After a packet was read: changes over to another demuxer, if that is due and it goes on with the same packet.
    pub(super) fn renew(&mut self) {
        let Some(mut renewal) = self.renewal.take() else { return };
        // SAFETY: ours, and just filled.
        if let Some(fragment) = renewal.due(unsafe { &*self.packet }) {
            renewal.packets = 0;
            #[cfg(test)]
            tests::CHANGES.set(tests::CHANGES.get() + 1);
            if let Some(mut new) = self.from(&renewal, fragment) {
                // The old one goes with what is dropped here, but for the packet at hand.
                std::mem::swap(&mut self.format, &mut new.format);
                std::mem::swap(&mut self.source, &mut new.source);
            }
        }
        self.renewal = Some(renewal);
    }

    /// A demuxer that begins with this fragment, and has given the packet at hand.
    fn from(&self, renewal: &Renewal, fragment: u64) -> Option<Self> {
        let view = mp4::from(&renewal.bytes, renewal.fragments, fragment)?;
        let mut new = Self::demux(view, Way::Fragments(renewal.fragments)).ok()?;
        for (old, new) in self.pointers().iter().zip(new.pointers()) {
            // SAFETY: both are valid, and nobody else looks at the new one.
            unsafe { (**new).discard = (**old).discard };
        }
        let same = self.pointers().len() == new.pointers().len();
        // SAFETY: both are ours; the old one is filled, the new one filled or empty.
        let (old, got) = unsafe { (&*self.packet, new.packet) };
        for _ in 0..MOST {
            if !new.demux_packet().ok()? {
                return None;
            }
            // SAFETY: just filled.
            let got = unsafe { &*got };
            if got.stream_index == old.stream_index {
                let is_it = (got.pos, got.dts, got.size) == (old.pos, old.dts, old.size);
                return (is_it && same).then_some(new);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
