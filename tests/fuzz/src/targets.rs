//! All parsers, and with what they begin.

mod events;
mod http;
mod media;

pub(crate) use media::fixtures;

/// A parser, and inputs from which to begin.
pub struct Target {
    /// The name of its file in `libfuzzer/fuzz_targets` and of its folder in `found`.
    pub name: &'static str,
    /// Panics if the parser breaks its word.
    pub run: fn(&[u8]),
    /// Good inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every parser of ours that bytes of strangers reach.
pub static TARGETS: [Target; 14] = [
    Target { name: "form", run: http::form, seeds: http::form_seeds },
    Target { name: "names", run: http::names, seeds: http::names_seeds },
    Target { name: "options", run: http::options, seeds: http::options_seeds },
    Target { name: "range", run: http::range, seeds: http::range_seeds },
    Target { name: "proxy", run: http::proxy, seeds: http::proxy_seeds },
    Target { name: "event", run: events::event, seeds: events::event_seeds },
    Target { name: "message", run: events::message, seeds: events::message_seeds },
    Target { name: "ids", run: events::ids, seeds: events::ids_seeds },
    Target { name: "sniff", run: media::sniff, seeds: media::sniff_seeds },
    Target { name: "mp4", run: media::mp4, seeds: media::mp4_seeds },
    Target { name: "ts", run: media::ts, seeds: media::ts_seeds },
    Target { name: "avi", run: media::avi, seeds: media::avi_seeds },
    Target { name: "worker", run: media::worker, seeds: media::worker_seeds },
    Target { name: "mp3", run: media::mp3, seeds: media::mp3_seeds },
];

/// The one of this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"))
}
