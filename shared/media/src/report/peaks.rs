//! What a player needs to draw a waveform.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// A waveform: the lowest and the highest sample of each pixel, all channels together. At most 4096 pixels, and at least
/// half as many where the sound is longer than that many samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peaks {
    /// Of the sound, in Hz.
    pub sample_rate: u32,
    /// How many samples a pixel stands for; the last one may have fewer.
    pub samples_per_pixel: u32,
    /// The lowest of the first pixel, its highest, the lowest of the second and so on, from -128 to 127.
    pub data: Vec<i8>,
}

impl Peaks {
    /// As the program `audiowaveform` writes it (JSON data format, version 2), which players for the web read.
    #[must_use]
    pub fn json(&self) -> String {
        let Self { sample_rate, samples_per_pixel, data } = self;
        let mut json = format!(
            r#"{{"version":2,"channels":1,"sample_rate":{sample_rate},"samples_per_pixel":{samples_per_pixel},"bits":8,"length":{},"data":["#,
            data.len() / 2
        );
        for (place, number) in data.iter().enumerate() {
            // Writing to a text never fails.
            let _ = write!(json, "{}{number}", if place == 0 { "" } else { "," });
        }
        json.push_str("]}\n");
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_what_players_read() {
        let peaks = Peaks { sample_rate: 48000, samples_per_pixel: 256, data: vec![-128, 127, 0, 5] };
        let json: serde_json::Value = serde_json::from_str(&peaks.json()).unwrap();
        assert_eq!((&json["version"], &json["length"], &json["bits"]), (&2.into(), &2.into(), &8.into()));
        assert_eq!(json["data"], serde_json::json!([-128, 127, 0, 5]));
    }
}
