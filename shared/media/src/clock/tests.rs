use super::*;

/// The length of all pieces here.
const LENGTH: Nanos = 20 * MILLISECOND;
const NONE: [Nanos; 0] = [];
/// Bytes of a piece and what is beside it.
const BYTES: i64 = 1000;

fn clock(trust: Trust) -> Clock {
    Clock::new(trust, None, None)
}

/// So many pieces in a row, `at` milliseconds on; what silence was put before them.
fn run(clock: &mut Clock, at: i64, count: i64, place: i64) -> Vec<Nanos> {
    let piece = |number: i64| Piece {
        at: Some(at * MILLISECOND + number * LENGTH),
        length: LENGTH,
        place: Some(place + number * BYTES),
    };
    (0..count).map(|number| clock.next(piece(number)) / MILLISECOND).filter(|silence| *silence != 0).collect()
}

#[test]
fn sound_without_holes_has_no_silence_whenever_it_begins() {
    let mut clock = clock(Trust::Written);
    assert_eq!(run(&mut clock, 100_000, 100, 0), NONE);
    assert_eq!((clock.position(), clock.timestamp_faults()), (2 * SECOND, TimestampFaults::default()));
}

#[test]
fn a_hole_stays_as_long_as_it_was() {
    for trust in [Trust::Written, Trust::Running] {
        let mut clock = clock(trust);
        run(&mut clock, 0, 100, 0);
        // Pictures went on: as many bytes as before.
        assert_eq!(run(&mut clock, 5000, 100, 250_000), [3000], "{trust:?}");
        assert_eq!(clock.position(), 7 * SECOND);
        assert_eq!(clock.timestamp_faults(), TimestampFaults { holes: 1, silence: 3 * SECOND, sets: 0 });
    }
}

#[test]
fn a_clock_that_jumps_where_the_file_does_not_go_on_leaves_no_hole() {
    let mut clock = clock(Trust::Running);
    run(&mut clock, 0, 100, 0);
    assert_eq!(run(&mut clock, 5000, 100, 100_000), NONE);
    assert_eq!(clock.position(), 4 * SECOND);
    assert_eq!(clock.timestamp_faults(), TimestampFaults { sets: 1, ..TimestampFaults::default() });
}

#[test]
fn a_clock_that_starts_again_or_wraps_loses_nothing() {
    for back in [0, -95_443_717, 1500] {
        let mut clock = clock(Trust::Written);
        run(&mut clock, 10_000, 100, 0);
        assert_eq!(run(&mut clock, back, 100, 100_000), NONE);
        assert_eq!(clock.position(), 4 * SECOND, "{back}");
        assert_eq!(clock.timestamp_faults().sets, 1);
    }
}

#[test]
fn times_of_the_result_go_on_over_a_clock_that_is_set() {
    let mut clock = clock(Trust::Written);
    run(&mut clock, 10_000, 100, 0);
    run(&mut clock, 500, 1, 0);
    assert_eq!(clock.within(500 * MILLISECOND), 2 * SECOND);
}

#[test]
fn lost_packets_add_up() {
    let mut clock = clock(Trust::Written);
    let silence: Vec<_> = (0..50).flat_map(|second| run(&mut clock, second * 1000, 49, 0)).collect();
    assert_eq!(silence.iter().sum::<Nanos>(), 960, "{silence:?}");
}

#[test]
fn rounding_and_jitter_are_no_holes() {
    let mut clock = clock(Trust::Written);
    // 21.333 ms, written down as whole milliseconds.
    for number in 0..10_000 {
        let at = Some((number * 64 + 1) / 3 * MILLISECOND);
        assert_eq!(clock.next(Piece { at, length: 64 * MILLISECOND / 3, place: None }), 0);
    }
    // Each as late as it came, and never much.
    for number in 10_000..20_000_i64 {
        let jitter = [0, 40, 15, 30, 5][number as usize % 5] * MILLISECOND;
        let at = Some(number * 64 / 3 * MILLISECOND + jitter);
        assert_eq!(clock.next(Piece { at, length: 64 * MILLISECOND / 3, place: None }), 0);
    }
    assert_eq!(clock.timestamp_faults(), TimestampFaults::default());
}

#[test]
fn a_clock_that_runs_faster_than_the_sound_leaves_no_holes() {
    let mut clock = clock(Trust::Written);
    for number in 0..100_000 {
        let at = Some(number * (LENGTH + 20_000));
        assert_eq!(clock.next(Piece { at, length: LENGTH, place: None }), 0);
    }
}

#[test]
fn a_later_start_than_the_pictures_is_silence_and_no_hole() {
    for (origin, silence) in [(0, 2000), (1990, 0), (3000, 0)] {
        let mut clock = Clock::new(Trust::Written, Some(origin * MILLISECOND), None);
        let found = run(&mut clock, 2000, 10, 0);
        assert_eq!(found.iter().sum::<Nanos>(), silence);
        assert_eq!(clock.position() / MILLISECOND, silence + 200);
        assert_eq!(clock.timestamp_faults(), TimestampFaults::default());
    }
    assert_eq!(run(&mut Clock::new(Trust::Written, Some(0), None), 700_000, 10, 0), NONE);
}

#[test]
fn holes_are_bounded() {
    let mut clock = Clock::new(Trust::Written, None, Some(10 * SECOND));
    run(&mut clock, 0, 100, 0);
    assert_eq!(run(&mut clock, 8000, 50, 0), [6000]);
    assert_eq!(run(&mut clock, 1_000_000, 50, 0), NONE, "longer than the container says");
    let mut clock = self::clock(Trust::Written);
    run(&mut clock, 0, 100, 0);
    assert_eq!(run(&mut clock, 4_000_000, 50, 0), NONE);
}

#[test]
fn what_has_no_times_of_its_own_has_no_holes() {
    let mut clock = clock(Trust::Counted);
    run(&mut clock, 0, 100, 0);
    assert_eq!(run(&mut clock, 5000, 100, 500_000), NONE);
}

#[test]
fn pieces_without_a_time_follow_those_before() {
    let mut clock = clock(Trust::Written);
    run(&mut clock, 1000, 10, 0);
    assert_eq!(clock.next(Piece { at: None, length: LENGTH, place: None }), 0);
    assert_eq!(clock.position(), 11 * LENGTH);
}

#[test]
fn absurd_times_do_no_harm() {
    for times in [[i64::MIN, i64::MAX], [i64::MAX, i64::MIN], [i64::MAX, 0], [0, i64::MAX]] {
        let mut clock = Clock::new(Trust::Running, Some(times[1]), Some(i64::MAX));
        for at in times {
            clock.next(Piece { at: Some(at), length: i64::MAX, place: Some(at) });
        }
        assert_eq!(clock.timestamp_faults().holes, 0, "{times:?}");
    }
}
