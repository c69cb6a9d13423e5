//! KEDA and the HPA with the numbers of `keda/`, against arrivals of many hours, in seconds: what workers cost, how long
//! videos wait, who is ended in the middle of a video.
//!
//! - `arrivals.rs`: when videos come, how long they are. `model.rs`: queue, scaler, pods.
//! - `choose.rs`: the manifest's numbers beside others. `size.rs`: what so many videos a day take.
//! - The scaler itself is the one that runs the tests' workers: `scaler/keda.rs`, `scaler/hpa.rs`.

mod arrivals;
mod choose;
mod model;
mod plot;
mod size;

use std::path::{Path, PathBuf};

use crate::scaler::ScaledObject;

/// Before and after what `keda/README.md` has from here.
const MARKS: [&str; 2] = ["<!-- `make simulate` writes from here -->\n", "<!-- to here -->\n"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The one of `keda/scaled-object.yaml`.
fn manifest() -> ScaledObject {
    let text = std::fs::read_to_string(root().join("keda/scaled-object.yaml")).unwrap();
    ScaledObject::read(&manifests::parse("scaled-object.yaml", &text).unwrap()).unwrap()
}

/// What `keda/README.md` has to say between the marks.
#[must_use]
pub fn page() -> String {
    let spec = manifest();
    format!("{}\n{}", choose::section(&spec), size::section(&spec))
}

/// Writes it, and the plots beside it.
///
/// # Panics
/// If the files can't be written, or the marks are not there.
pub fn write() {
    let keda = root().join("keda");
    let readme = std::fs::read_to_string(keda.join("README.md")).unwrap();
    let (before, rest) = readme.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    let text = [before, MARKS[0], &page(), MARKS[1], after].concat();
    std::fs::write(keda.join("README.md"), text).unwrap();
    for (name, svg) in plot::all(&manifest()) {
        std::fs::write(keda.join(name), svg).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_has_the_numbers_that_the_simulation_chooses_and_the_page_has_what_it_prints() {
        let keda = root().join("keda");
        let readme = std::fs::read_to_string(keda.join("README.md")).unwrap();
        let (_, rest) = readme.split_once(MARKS[0]).unwrap();
        let (said, _) = rest.split_once(MARKS[1]).unwrap();
        assert_eq!(said, page(), "`make simulate` writes it anew");
        assert!(said.contains(&format!("Chosen: {}.", choose::MANIFEST)));
        for (name, svg) in plot::all(&manifest()) {
            assert!(readme.contains(&name), "{name}");
            assert_eq!(std::fs::read_to_string(keda.join(&name)).unwrap(), svg, "{name}: `make simulate`");
        }
    }
}
