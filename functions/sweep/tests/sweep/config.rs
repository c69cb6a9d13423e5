//! What the variables may say.

use runtime::Config as _;
use sweep::SweepConfig;

fn read(name: &str, value: &str) -> Result<SweepConfig, String> {
    let set = [(name.to_owned(), value.to_owned())];
    SweepConfig::from_variables(set.into_iter()).map_err(|error| error.to_string())
}

#[test]
fn numbers_that_can_not_be_meant_are_refused_with_their_name() {
    for (name, value) in [
        ("SWEEP_TICKET_SECONDS", "0"),
        ("SWEEP_TICKET_SECONDS", "86401"),
        ("SWEEP_ORPHAN_SECONDS", "3153600001"),
        ("SWEEP_KEEP_VIDEOS_SECONDS", "3153600001"),
        ("SWEEP_KEEP_JOBS_DAYS", "36501"),
        ("SWEEP_KEEP_DELIVERIES_DAYS", "0"),
    ] {
        let problem = read(name, value).unwrap_err();
        assert!(problem.starts_with(&format!("{name}: {value} is not between")), "{problem}");
    }
    assert!(read("SWEEP_KEEP_JOBS_DAYS", "-1").unwrap_err().starts_with("SWEEP_KEEP_JOBS_DAYS: "));
}

#[test]
fn the_ends_of_the_ranges_can_be_meant() {
    assert_eq!(read("SWEEP_TICKET_SECONDS", "1").unwrap().ticket_seconds, 1);
    assert_eq!(read("SWEEP_ORPHAN_SECONDS", "0").unwrap().orphan_seconds, 0);
    assert_eq!(read("SWEEP_KEEP_VIDEOS_SECONDS", "0").unwrap().keep_videos_seconds, 0);
    assert_eq!(read("SWEEP_KEEP_JOBS_DAYS", "36500").unwrap().keep_jobs_days, 36_500);
    assert_eq!(read("SWEEP_KEEP_DELIVERIES_DAYS", "1").unwrap().keep_deliveries_days, 1);
}
