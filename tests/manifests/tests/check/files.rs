//! The manifests as they are: nothing is wrong with the plain files, and nothing with what kustomize makes of them.
use std::{collections::BTreeSet, fs, path::Path};

use crate::world::{code, in_ci, plain, root, schemas, secrets};
use manifests::{Resource, kustomizations, kustomize, problems, run};
use serde_json::Value;

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// Builds a folder, or says loudly that it could not.
pub(crate) fn build(folder: &Path) -> Option<Vec<Resource>> {
    let built = kustomize(folder).unwrap_or_else(|error| panic!("{error}"));
    if built.is_none() {
        assert!(!in_ci(), "kubectl is missing, and in CI the manifests must be built");
        eprintln!("NOT CHECKED: {}, since kubectl is not here", folder.display());
    }
    built
}

/// The folder of the kustomization that `make deploy` would apply.
pub(crate) fn deployment(name: &str, variables: &[(&str, &str)]) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let script = root().join("knative/overlay.sh").display().to_string();
    run("bash", &[&script, folder.to_str().unwrap()], variables).unwrap().expect("bash is not there");
    folder
}

#[test]
fn the_plain_files_agree_with_each_other_with_the_code_and_with_the_schemas() {
    assert_none(&problems(&plain(|_, text| text), &code(), schemas().as_ref()));
}

#[test]
fn every_overlay_that_can_be_deployed_builds_and_agrees() {
    for overlay in ["external", "stores"] {
        let Some(mut built) = build(&root().join("knative").join(overlay)) else { return };
        assert!(built.iter().all(|one| one.kind() != "Secret"), "{overlay} holds a secret");
        built.extend(secrets());
        assert_none(&problems(&built, &code(), schemas().as_ref()));
    }
}

#[test]
fn the_overlay_for_outside_stores_makes_no_store_and_no_volume() {
    let Some(built) = build(&root().join("knative/external")) else { return };
    for one in &built {
        let forbidden = ["RabbitmqCluster", "StatefulSet", "PersistentVolumeClaim"];
        assert!(!forbidden.contains(&one.kind()), "{} {}", one.kind(), one.name());
    }
}

#[test]
fn every_component_builds_on_top_and_agrees() {
    let folders = kustomizations(&root()).unwrap();
    let components: Vec<_> = folders.iter().filter(|(_, one)| one["kind"] == "Component").collect();
    assert!(components.len() >= 6, "{}", components.len());
    for (component, _) in components {
        let name = component.replace('/', "-");
        let folder = deployment(&name, &[("WITH", component), ("HOST", "audio.example.org")]);
        let Some(mut built) = build(&folder) else { return };
        built.extend(secrets());
        assert_none(&problems(&built, &code(), schemas().as_ref()));
    }
}

#[test]
fn every_other_folder_builds_alone() {
    for folder in ["knative/base", "eventing", "keda"] {
        let Some(built) = build(&root().join(folder)) else { return };
        assert!(!built.is_empty());
        assert!(
            built
                .iter()
                .all(|one| one.kind() == "Namespace" || one.text("/metadata/namespace") == "tapedeck")
        );
    }
}

#[test]
fn every_file_stands_in_the_kustomization_beside_it() {
    let mut named = BTreeSet::new();
    for (folder, kustomization) in kustomizations(&root()).unwrap() {
        for resource in kustomization["resources"].as_array().into_iter().flatten().filter_map(Value::as_str)
        {
            named.insert(format!("{folder}/{resource}"));
        }
    }
    for (file, _) in manifests::plain_files(&root()).unwrap() {
        assert!(named.contains(&file), "{file} is in no kustomization");
    }
}

#[test]
fn one_command_sets_the_image_of_every_container() {
    let variables =
        [("REGISTRY", "registry.example.org/tapes"), ("TAG", "abc123"), ("WITH", "keda/long-videos")];
    let Some(built) = build(&deployment("images", &variables)) else { return };
    let text = built.iter().map(|one| one.value.to_string()).collect::<String>();
    let images: BTreeSet<_> =
        text.split("\"image\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(images, BTreeSet::from(["registry.example.org/tapes/tapedeck:abc123"]));
}

#[test]
fn the_address_for_links_is_set_by_the_same_command() {
    let Some(built) = build(&deployment("address", &[("PUBLIC_URL", "https://tapes.example.org")])) else {
        return;
    };
    let settings = built.iter().find(|one| one.name() == "settings").unwrap();
    assert_eq!(settings.text("/data/PUBLIC_URL"), "https://tapes.example.org");
}

#[test]
fn the_images_named_in_the_files_are_of_this_version() {
    let version = format!(":{}", env!("CARGO_PKG_VERSION"));
    for (file, text) in manifests::plain_files(&root()).unwrap() {
        for line in text.lines().filter(|line| line.contains("image: dev.local/tapedeck/")) {
            assert!(line.ends_with(&version), "{file}: {line}");
        }
    }
}

#[test]
fn secrets_of_outside_stores_are_taken_from_the_environment_and_missing_ones_are_named() {
    let script = root().join("knative/secrets.sh").display().to_string();
    let mut variables = vec![
        ("DATABASE_URL", "mysql://ann:secret@db/tapes"),
        ("BLOBS_URL", "mongodb://blobs/tapes"),
        ("MAIL_URL", "smtps://mail"),
        ("RABBITMQ_MANAGEMENT_URL", "http://rabbit:15672"),
        ("RABBITMQ_USERNAME", "admin"),
        ("RABBITMQ_PASSWORD", "pass"),
    ];
    let yaml = run("bash", &[&script, "external"], &variables).unwrap().unwrap();
    let printed = manifests::parse("secrets", &yaml).unwrap();
    let broker = printed.iter().find(|one| one.name() == "broker").unwrap();
    // amqp://admin:pass@rabbit:5672/%2f
    assert_eq!(broker.text("/data/url"), "YW1xcDovL2FkbWluOnBhc3NAcmFiYml0OjU2NzIvJTJm");
    variables.retain(|(name, _)| *name != "MAIL_URL");
    variables.push(("MAIL_URL", ""));
    let refused = run("bash", &[&script, "external"], &variables).unwrap_err();
    assert!(refused.contains("MAIL_URL is not set"), "{refused}");
}

#[test]
fn no_key_and_no_password_is_in_the_files() {
    for (file, text) in manifests::plain_files(&root()).unwrap() {
        assert!(!text.contains("kind: Secret\n"), "{file} holds a Secret");
        assert!(!text.contains("PRIVATE KEY"), "{file} holds a key");
    }
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    assert!(ignored.contains("/target"), "the deployment is written there");
}

#[test]
fn the_dockerfile_has_a_number_for_a_user_and_starts_the_program_of_the_manifests() {
    let dockerfile = fs::read_to_string(root().join("functions/Dockerfile")).unwrap();
    assert_eq!(dockerfile.matches("\nUSER 65532:65532\n").count(), 2, "one for each final stage");
    assert!(!dockerfile.contains(":latest") && dockerfile.contains("ARG BASE=scratch"));
    assert_eq!(dockerfile.matches("\nENTRYPOINT [\"/tapedeck\"]\n").count(), 2, "arguments are added to it");
    for (file, text) in manifests::plain_files(&root()).unwrap() {
        let mut images = text.split("image: dev.local/tapedeck/").skip(1);
        assert!(images.all(|rest| rest.starts_with("tapedeck:")), "{file}");
    }
}
