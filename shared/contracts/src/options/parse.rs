//! Values of options as texts of a form: numbers, words, times.

use serde::Deserialize;

/// An option that is unknown, has a value out of range, or contradicts another.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("option {option}: {problem}")]
pub struct InvalidOption {
    /// The option's name as the client wrote it.
    pub option: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl InvalidOption {
    pub(super) fn new(option: &str, problem: impl Into<String>) -> Self {
        Self { option: option.chars().take(60).collect(), problem: problem.into() }
    }
}

pub(super) fn one_of(name: &str, value: Option<u32>, allowed: &[u32]) -> Result<(), InvalidOption> {
    if value.is_none_or(|value| allowed.contains(&value)) {
        return Ok(());
    }
    let list = allowed.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    Err(InvalidOption::new(name, format!("must be one of {list}")))
}

pub(super) fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, InvalidOption> {
    value.parse().map_err(|_| InvalidOption::new(name, "must be a whole number, without a unit"))
}

pub(super) fn flag(name: &str, value: &str) -> Result<bool, InvalidOption> {
    value.parse().map_err(|_| InvalidOption::new(name, "must be true or false"))
}

/// A value of an enumeration by its name in JSON.
pub(super) fn word<T: for<'de> Deserialize<'de>>(
    name: &str,
    value: &str,
    allowed: &str,
) -> Result<T, InvalidOption> {
    serde_json::from_value(value.into()).map_err(|_| InvalidOption::new(name, format!("must be {allowed}")))
}

pub(super) fn loudness(name: &str, value: &str) -> Result<f64, InvalidOption> {
    value.parse().map_err(|_| InvalidOption::new(name, "must be off or a number of LUFS, as -16"))
}

/// `90`, `90.5`, `1:30`, `0:01:30.5` -> seconds. At most 1000 hours.
pub(super) fn seconds(name: &str, value: &str) -> Result<f64, InvalidOption> {
    let wrong = || InvalidOption::new(name, "must be seconds or h:mm:ss");
    let parts: Vec<&str> = value.split(':').collect();
    let plain =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if parts.len() > 3 || !parts.iter().all(|part| plain(part)) {
        return Err(wrong());
    }
    let mut total = 0.0;
    for (place, part) in parts.iter().enumerate() {
        let value: f64 = part.parse().map_err(|_| wrong())?;
        if place > 0 && value >= 60.0 {
            return Err(wrong());
        }
        total = total * 60.0 + value;
    }
    if total > 3_600_000.0 { Err(wrong()) } else { Ok(total) }
}
