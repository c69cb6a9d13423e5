//! What the variables may say.

use convert::ConvertConfig;
use runtime::Config as _;

fn read(name: &str, value: &str) -> Result<ConvertConfig, String> {
    let set = [(name.to_owned(), value.to_owned())];
    ConvertConfig::from_variables(set.into_iter()).map_err(|error| error.to_string())
}

#[test]
fn numbers_that_can_not_be_meant_are_refused_with_their_name() {
    for (name, value) in [
        ("CONVERT_LEASE_SECONDS", "2"),
        ("CONVERT_LEASE_SECONDS", "86401"),
        ("CONVERT_STALL_SECONDS", "9"),
        ("CONVERT_STALL_SECONDS", "86401"),
        ("CONVERT_KEEP_DAYS", "36501"),
        ("CONVERT_WORKERS", "1001"),
    ] {
        let problem = read(name, value).unwrap_err();
        assert!(problem.starts_with(&format!("{name}: {value} is not between")), "{problem}");
    }
    assert!(read("CONVERT_WORKERS", "many").unwrap_err().starts_with("CONVERT_WORKERS: "));
}

#[test]
fn the_ends_of_the_ranges_can_be_meant() {
    assert_eq!(read("CONVERT_LEASE_SECONDS", "3").unwrap().lease_seconds, 3);
    assert_eq!(read("CONVERT_STALL_SECONDS", "10").unwrap().stall_seconds, 10);
    assert_eq!(read("CONVERT_KEEP_DAYS", "0").unwrap().keep_days, 0);
    assert_eq!(read("CONVERT_WORKERS", "0").unwrap().workers, 0);
}
