//! Which sounds of a file have something to hear, where there is nothing in the one that was taken.

use super::account::AudioStats;
use super::extract::MOST_FAULTS;
use crate::libav::{Decoder, Fault, Input, Packet, Received, Resampler, Shape};

/// Of sounds that are listened to.
const MOST: usize = 16;
/// Of packets, all sounds together: five minutes of four of them.
const PACKETS: usize = 60_000;

/// A sound that may be stats.
struct Other {
    number: u32,
    decoder: Decoder,
    resampler: Option<Resampler>,
    stats: AudioStats,
}

/// The numbers of the sounds that have something in their first minutes, without the one of index `taken`.
pub(super) fn audible(mut input: Input, taken: u32) -> Vec<u32> {
    let sounds = input.decodable();
    let others = sounds.into_iter().filter(|(_, sound)| sound.index != taken).take(MOST);
    let mut others: Vec<Other> = others
        .filter_map(|(number, sound)| {
            let decoder = Decoder::open(&input, sound).ok()?;
            Some(Other { number, decoder, resampler: None, stats: AudioStats::default() })
        })
        .collect();
    let (mut packets, mut faults) = (0, 0);
    while packets < PACKETS && faults < MOST_FAULTS && others.iter().any(|other| other.stats.is_silent()) {
        match input.next_packet() {
            Ok(Some(packet)) => {
                packets += usize::from(packet.is_sound);
                let other = others.iter_mut().find(|other| other.decoder.stream() == packet.stream());
                if let Some(other) = other.filter(|other| other.stats.is_silent()) {
                    // What can't be decoded is not stats.
                    let _ = other.listen(&packet);
                }
            }
            Ok(None) => break,
            Err(_) => faults += 1,
        }
    }
    others.iter().filter(|other| !other.stats.is_silent()).map(|other| other.number).collect()
}

impl Other {
    fn listen(&mut self, packet: &Packet<'_>) -> Result<(), Fault> {
        self.decoder.send(packet)?;
        let mut pcm = Vec::new();
        while self.decoder.receive()? == Received::Frame {
            let frame = self.decoder.frame();
            let resampler = match self.resampler.take().filter(|resampler| resampler.fits(frame)) {
                Some(resampler) => resampler,
                None => Resampler::new(frame, Shape { rate: frame.sample_rate(), channels: 2 })?,
            };
            self.resampler.insert(resampler).convert(frame, 0, &mut pcm)?;
            self.stats.add(&pcm);
            pcm.clear();
        }
        Ok(())
    }
}
