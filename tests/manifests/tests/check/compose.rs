//! `tests/compose.yaml`: who sees which key.
use std::{collections::BTreeSet, fs};

use crate::world::root;
use serde_norway::Value;

/// (service, the volumes that it mounts) of what runs for long; the stores keep their data.
fn mounts() -> Vec<(String, BTreeSet<String>, Value)> {
    let text = fs::read_to_string(root().join("tests/compose.yaml")).unwrap();
    let mut file: Value = serde_norway::from_str(&text).unwrap();
    file.apply_merge().unwrap();
    let services = file["services"].as_mapping().unwrap();
    let list = |one: &Value| one.as_sequence().cloned().unwrap_or_default();
    let volume = |one: Value| one.as_str().unwrap().split(':').next().unwrap().to_owned();
    services
        .iter()
        .map(|(name, service)| {
            let volumes = list(&service["volumes"]).into_iter().map(volume).collect();
            (name.as_str().unwrap().to_owned(), volumes, service["environment"].clone())
        })
        .collect()
}

#[test]
fn each_service_sees_the_keys_that_it_needs_and_auth_alone_the_private_one() {
    let expected = [
        ("auth", vec!["proofs-key", "public-key", "signing-key"]),
        ("upload", vec!["public-key"]),
        ("jobs", vec!["public-key"]),
        ("download", vec!["links-key", "public-key"]),
        ("notify", vec!["links-key", "proofs-key"]),
        ("sweep", vec![]),
        ("convert-worker", vec![]),
        ("gateway", vec![]),
        ("migrate", vec![]),
    ];
    let mounts = mounts();
    for (service, keys) in &expected {
        let (_, volumes, _) = mounts.iter().find(|(name, ..)| name == service).unwrap();
        assert_eq!(volumes.iter().collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>(), "{service}");
    }
    let others = mounts.iter().filter(|(name, ..)| !expected.iter().any(|(known, _)| known == name));
    let with_private =
        others.filter(|(_, volumes, _)| volumes.iter().any(|one| one.ends_with("signing-key")));
    assert_eq!(with_private.map(|(name, ..)| name).collect::<Vec<_>>(), ["key-folders"], "makes the folders");
}

#[test]
fn each_service_that_names_a_key_mounts_it() {
    for (service, volumes, environment) in mounts() {
        for (variable, file) in environment.as_mapping().into_iter().flatten() {
            let variable = variable.as_str().unwrap();
            if variable.ends_with("_KEY_FILE") {
                let folder = file.as_str().unwrap().split('/').nth(2).unwrap();
                assert!(volumes.contains(&format!("{folder}-key")), "{service} does not mount {variable}");
            }
        }
    }
}

#[test]
fn its_image_is_the_one_that_make_images_builds() {
    let text = fs::read_to_string(root().join("tests/compose.yaml")).unwrap();
    let images: Vec<_> =
        text.split("image: ").skip(1).filter_map(|rest| rest.split([',', '\n', ' ']).next()).collect();
    let ours: Vec<_> = images.iter().filter(|image| image.contains("tapedeck/")).collect();
    let commands = ["[function,", "[migrate]", "[keys,"].map(|command| text.matches(command).count());
    assert_eq!(ours.len(), commands.iter().sum::<usize>(), "{ours:?}");
    let built = concat!("dev.local/tapedeck/tapedeck:", env!("CARGO_PKG_VERSION"));
    assert!(ours.iter().all(|image| **image == built), "{ours:?}");
}
