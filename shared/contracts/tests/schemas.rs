//! The schemas that are kept beside the manifests.

use std::{collections::BTreeMap, fs, path::Path};

use contracts::described;
use serde_json::Value;

#[test]
fn the_schemas_in_eventing_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../eventing/schemas");
    let kept: BTreeMap<String, Value> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        })
        .collect();
    let made: BTreeMap<String, Value> =
        described().into_iter().map(|event| (event.file_name(), event.schema)).collect();
    assert_eq!(kept, made, "renew them: cargo run -p contracts --example schemas");
}
