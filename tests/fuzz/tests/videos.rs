//! Some hundred damaged videos; `make fuzz` takes twenty thousand.

use std::path::Path;

use fuzz::videos::{LIMITS, convert, videos};
use media::Engine;

#[test]
fn damaged_videos_end_in_a_result_or_a_reason_and_within_their_limits() {
    let engine = Engine::at(env!("CARGO_BIN_EXE_fuzz").into()).limits(LIMITS).threads(1);
    let ends = convert(&engine, &videos(Path::new("")), 1, 400, None);
    assert!(ends.found.is_empty(), "{}", ends.found.join("\n"));
    assert_eq!(ends.counts.values().sum::<u64>(), 400);
    assert!(ends.counts["converted"] > 40 && ends.counts["unreadable"] > 40, "{ends:?}");
}
