//! Whole numbers as JSON has them.

use serde::{Deserialize, Deserializer, de::Error};

/// The largest number up to which JSON's are exact everywhere.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// For `#[serde(default, deserialize_with = "whole")]`: JSON knows one kind of number, so that `3.0` is the whole number 3
/// (JSON Schema 2020-12, 6.1.1), as some clients write it.
///
/// # Errors
/// No number, a negative one, or one with a fraction.
pub fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<Number>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Number::Whole(number)) => Ok(Some(number)),
        Some(Number::Written(number)) if number.fract() == 0.0 && (0.0..=EXACT).contains(&number) => {
            // Exact: it has no fraction, and is none of the large ones.
            Ok(Some(number as u64))
        }
        Some(Number::Written(_)) => Err(D::Error::custom("this is a whole number from 0")),
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "this is a whole number from 0")]
enum Number {
    Whole(u64),
    Written(f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Given {
        #[serde(default, deserialize_with = "whole")]
        days: Option<u64>,
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_nothing() {
        let days = |json: &str| serde_json::from_str::<Given>(json).map(|given| given.days);
        for (json, number) in
            [("{}", None), ("null", None), ("3", Some(3)), ("3.0", Some(3)), ("3e2", Some(300))]
        {
            let json = if json == "{}" { json.to_owned() } else { format!("{{\"days\": {json}}}") };
            assert_eq!(days(&json).unwrap(), number, "{json}");
        }
        for json in ["-1", "3.5", "1e300", "\"3\"", "true", "[]"] {
            assert!(days(&format!("{{\"days\": {json}}}")).is_err(), "{json}");
        }
    }
}
