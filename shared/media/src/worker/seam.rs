//! Joins the work of two encoders into one stream.
//!
//! A frame's data may begin in the frames before it, up to 511 bytes back: the bit reservoir. So that it doesn't run dry
//! at a seam, the second encoder starts early and the first one ends late. Where both have the same frame, the first
//! one has left so many bytes for what follows, the second one needs so many; where there are enough, the stream changes
//! over, and what the second one had put into frames that are dropped moves into those of the first.

use super::frame;

/// What an encoder made: whole frames, of which some at both ends are another's too.
pub(super) struct Piece {
    bytes: Vec<u8>,
    /// Where each frame begins.
    starts: Vec<usize>,
    /// Frames at the start that are not its own.
    early: usize,
    /// Frames at the end that are not its own.
    late: usize,
}

impl Piece {
    /// `None` if the bytes are not whole frames, or too few.
    pub(super) fn new(bytes: Vec<u8>, early: usize, late: usize) -> Option<Self> {
        let starts = frame::starts(&bytes)?;
        (starts.len() > early + late).then_some(Self { bytes, starts, early, late })
    }

    /// Its own frames; in place of its neighbour's as well, once they are joined.
    pub(super) fn own(&self) -> Option<&[u8]> {
        self.bytes.get(*self.starts.get(self.early)?..self.end())
    }

    /// Where its own frames end.
    fn end(&self) -> usize {
        let end = self.starts.len() - self.late;
        self.starts.get(end).copied().unwrap_or(self.bytes.len())
    }

    /// Changes over to `next`. `false` where this leaves fewer bytes than `next` needs, in every frame that both have:
    /// then nothing is changed, and a `next` that needs none has to come.
    pub(super) fn join(&mut self, next: &mut Self) -> Option<bool> {
        for step in 0..=self.late {
            let needed = frame::reaches_back(next.frame(next.early + step)?)?;
            let left = match self.frame(self.starts.len() - self.late + step) {
                Some(frame) => frame::reaches_back(frame)?,
                None => 0,
            };
            if needed <= left {
                self.late -= step;
                next.early += step;
                self.take_over(next, left, needed)?;
                return Some(true);
            }
        }
        Some(false)
    }

    fn frame(&self, index: usize) -> Option<&[u8]> {
        self.bytes.get(*self.starts.get(index)?..)
    }

    /// Fills the last `left` bytes of main data: the `needed` ones from before the own frames of `next`, zeros before.
    fn take_over(&mut self, next: &Self, left: usize, needed: usize) -> Option<()> {
        let from = next.main_data_before(next.early, needed)?;
        let to = self.main_data_before(self.starts.len() - self.late, left)?;
        let (stuffed, taken) = to.split_at(left - needed);
        stuffed.iter().for_each(|&place| self.bytes[place] = 0);
        taken.iter().zip(from).for_each(|(&to, from)| self.bytes[to] = next.bytes[from]);
        Some(())
    }

    /// Where the last `count` bytes of main data before the frame `index` are.
    fn main_data_before(&self, index: usize, count: usize) -> Option<Vec<usize>> {
        let mut places = Vec::with_capacity(count);
        let mut end = self.starts.get(index).copied().unwrap_or(self.bytes.len());
        for &start in self.starts[..index].iter().rev() {
            let data = start + frame::prefix(&self.bytes[start..])?..end;
            places.extend(data.rev().take(count - places.len()));
            end = start;
        }
        places.reverse();
        (places.len() == count).then_some(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of 417 bytes whose data is `fill`, and that reach so far back.
    fn frames(reaches: &[u16], fill: u8) -> Vec<u8> {
        let frame = |reach: &u16| {
            let mut frame = vec![fill; 417];
            frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0]);
            frame[4..6].copy_from_slice(&(reach << 7).to_be_bytes());
            frame
        };
        reaches.iter().flat_map(frame).collect()
    }

    #[test]
    fn the_stream_changes_over_where_enough_is_left() {
        let mut one = Piece::new(frames(&[0, 10, 20, 50, 60], 1), 0, 3).unwrap();
        let mut two = Piece::new(frames(&[0, 0, 30, 40, 50, 60], 2), 2, 0).unwrap();
        assert_eq!(one.join(&mut two), Some(true));
        // One frame later than planned, at 50 left for 40.
        let (one, two) = (one.own().unwrap(), two.own().unwrap());
        assert_eq!((one.len(), two.len()), (3 * 417, 3 * 417));
        let (before, rest) = one[2 * 417 + 36..].split_at(381 - 50);
        assert!(before.iter().all(|byte| *byte == 1));
        assert_eq!(rest, [[0; 10].as_slice(), &[2; 40]].concat());
    }

    #[test]
    fn what_reaches_back_over_several_frames_is_taken_along() {
        let mut one = Piece::new(frames(&[0, 0, 0, 511], 1), 0, 1).unwrap();
        let mut two = Piece::new(frames(&[0, 0, 0, 511], 2), 3, 0).unwrap();
        assert_eq!(one.join(&mut two), Some(true));
        let bytes = one.own().unwrap();
        assert!(bytes[2 * 417 + 36..].iter().all(|byte| *byte == 2));
        assert_eq!(bytes[2 * 417 - 130..2 * 417], [2; 130]);
        assert_eq!(bytes[2 * 417 - 131], 1);
    }

    #[test]
    fn too_little_is_no_seam() {
        let mut one = Piece::new(frames(&[0, 10, 20], 1), 0, 2).unwrap();
        let mut two = Piece::new(frames(&[0, 30, 30, 30], 2), 1, 0).unwrap();
        assert_eq!(one.join(&mut two), Some(false));
        let mut three = Piece::new(frames(&[0, 0, 30], 3), 1, 0).unwrap();
        assert_eq!(one.join(&mut three), Some(true));
        assert_eq!(one.own().unwrap().len() + three.own().unwrap().len(), 3 * 417);
    }

    #[test]
    fn what_is_no_frames_is_refused() {
        assert!(Piece::new(vec![1; 417], 0, 0).is_none());
        assert!(Piece::new(frames(&[0, 0], 1), 1, 1).is_none());
    }
}
