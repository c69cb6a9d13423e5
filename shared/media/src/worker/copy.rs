//! Copies sound that already is in the wanted format, without decoding it.

use std::time::Duration;

use super::account::Account;
use super::encode;
use super::extract::{self, MOST_FAULTS};
use super::library::{begin, container, refused};
use super::link::Link;
use super::metadata::Metadata;
use super::output::Output;
use super::select::choose;
use super::tag;
use crate::clock::{SECOND, lateness};
use crate::libav::{Input, Muxer, Sound, Times};
use crate::protocol::{Failure, Report};
use crate::report::Warning;
use crate::settings::{Chapters, Format, Settings, Silence, Track};

/// The sound to copy, if copying it is what `settings` ask for.
pub(super) fn possible(input: &Input, settings: &Settings) -> Option<Sound> {
    let Settings { copy, sample_rate, channels, start, end, loudness, format, chapters, .. } = settings;
    let changed = loudness.is_some() || settings.silence != Silence::Keep || settings.fade.is_some();
    let decoded = settings.peaks || settings.track == Track::Mix;
    let whole = start.is_none() && end.is_none() && *chapters != Chapters::Split;
    let as_it_is = sample_rate.is_none() && channels.is_none() && whole;
    if !copy || !as_it_is || changed || decoded || *format == Format::Wav {
        return None;
    }
    let sound = choose(input, &settings.track).ok()?;
    let stream = input.describe(sound)?;
    let same = stream.codec == encode::codec(*format) && matches!(stream.channels, Some(1 | 2));
    let begins = input.starts(sound);
    (same && stream.sample_rate.is_some() && lateness(input.pictures_start(), begins) == 0).then_some(sound)
}

/// All of the sound.
pub(super) fn run(
    link: &Link,
    mut input: Input,
    sound: Sound,
    settings: &Settings,
    (metadata, warnings): (Metadata, Vec<Warning>),
) -> Result<Report, Failure> {
    let (mut source, stream) = (input.probe(), input.describe(sound).ok_or_else(nothing)?);
    let rate = stream.sample_rate.unwrap_or(48000);
    let declared = input.stream_duration(sound.index).or(input.duration());
    let mut output = Output::new(link, rate, declared);
    if settings.format == Format::Mp3 {
        output.write(&tag::id3(&metadata)?)?;
    }
    let start = output.written();
    let mut muxer = Muxer::new(container(settings.format)).map_err(refused)?;
    muxer.without_tag();
    input.announce(sound.index, &mut muxer).map_err(refused)?;
    begin(&mut muxer, settings.format, &metadata).map_err(refused)?;
    input.select(sound.index);
    let mut times = Times::new(extract::clock(&input, declared));
    let found = packets(&mut input, (sound, &mut times), rate, &mut muxer, &mut output)?;
    let unchosen = input.unsure(sound).filter(|_| settings.track == Track::Best);
    let (times, missing) = (times.clock().timestamp_faults(), times.missing());
    let account = Account {
        declared,
        guessed: input.is_guess(),
        missing,
        found: Some(found),
        times,
        unchosen,
        ..Account::default()
    };
    source.duration = source.duration.or(Some(found));
    let (place, bytes) = muxer.header();
    output.finish((start + place, bytes.to_vec()))?;
    Ok(Report::Converted {
        source,
        codec: stream.codec,
        sample_rate: rate,
        channels: stream.channels.unwrap_or(2) as u8,
        samples: output.samples(),
        peaks: None,
        warnings: account.warnings().into_iter().chain(warnings).collect(),
    })
}

/// Every packet; how long they are together.
fn packets(
    input: &mut Input,
    (sound, times): (Sound, &mut Times),
    rate: u32,
    muxer: &mut Muxer,
    output: &mut Output<'_>,
) -> Result<Duration, Failure> {
    let (mut bytes, mut copied, mut faults) = (Vec::new(), 0, 0);
    while faults < MOST_FAULTS {
        match input.copy_packet(sound, times, muxer) {
            Ok(Some(end)) => {
                muxer.take(&mut bytes);
                output.write(&bytes)?;
                bytes.clear();
                let samples = (end.max(0) as f64 / SECOND as f64 * f64::from(rate)).round() as u64;
                output.progress(samples.saturating_sub(output.samples()))?;
                copied += 1;
            }
            Ok(None) => break,
            Err(fault) if fault.is_encrypted() => return Err(Failure::Encrypted),
            Err(fault) if fault.is_memory() => return Err(super::fault::unreadable(fault)),
            Err(_) => faults += 1,
        }
    }
    if copied == 0 {
        return Err(nothing());
    }
    muxer.finish().map_err(refused)?;
    muxer.take(&mut bytes);
    output.write(&bytes)?;
    Ok(Duration::from_secs_f64(output.samples() as f64 / f64::from(rate)))
}

fn nothing() -> Failure {
    Failure::Unreadable("none of its sound can be read".into())
}
