//! `keda/push`: KEDA is told by a function of ours.

use serde_json::{Value, json};

use crate::files::{build, deployment};
use crate::world::{code, schemas, secrets};
use manifests::{Resource, problems};

fn built() -> Option<Vec<Resource>> {
    let mut built = build(&deployment("push", &[("WITH", "keda/push")]))?;
    built.extend(secrets());
    Some(built)
}

#[test]
fn the_scaler_is_reached_by_keda_alone_and_is_always_there_for_little() {
    let Some(built) = built() else { return };
    assert_eq!(problems(&built, &code(), schemas().as_ref()), Vec::<String>::new());
    let one = |kind: &str| built.iter().find(|one| one.kind() == kind && one.name() == "scaler").unwrap();
    assert_eq!(one("Deployment").value["spec"]["replicas"], 1);
    let asked = manifests::requests(&built, |resource| {
        resource.name() == "scaler" && resource.kind() == "Deployment"
    });
    assert_eq!((asked.cpu, asked.memory), (5, 32), "keda/README.md says so");
    let scaled = built.iter().find(|one| one.kind() == "ScaledObject").unwrap();
    let triggers = scaled.value["spec"]["triggers"].as_array().unwrap();
    assert_eq!(triggers.len(), 1);
    assert_eq!(triggers[0]["type"], "external-push");
}

/// A mistake in a built resource: its kind, its name, where, what instead, and what is said about it.
type Mistake = (&'static str, &'static str, &'static str, Value, &'static str);

#[test]
fn each_mistake_in_its_wiring_is_found() {
    let Some(built) = built() else { return };
    let mistakes: [Mistake; 6] = [
        (
            "ScaledObject",
            "convert-worker",
            "/spec/triggers/0/metadata/scalerAddress",
            json!("scaler.tapedeck.svc.cluster.local:6001"),
            "does not lead from port 6001",
        ),
        (
            "ScaledObject",
            "convert-worker",
            "/spec/triggers/0/metadata/scalerAddress",
            json!("scalar.tapedeck.svc.cluster.local:6000"),
            "is no Service with a Deployment",
        ),
        ("ScaledObject", "convert-worker", "/spec/triggers/0/metadata/value", json!("5"), "value is not 1"),
        ("Service", "scaler", "/spec/selector/app", json!("sweep"), "does not lead from port 6000"),
        ("Service", "scaler", "/spec/ports/0/targetPort", json!("gprc"), "does not lead from port 6000"),
        ("NetworkPolicy", "scaler", "/spec/ingress/0/from", json!([]), "lets others than KEDA ask"),
    ];
    for (kind, name, place, instead, said) in mistakes {
        let mut changed = built.clone();
        let one = changed.iter_mut().find(|one| one.kind() == kind && one.name() == name).unwrap();
        *one.value.pointer_mut(place).unwrap() = instead;
        let found = problems(&changed, &code(), None);
        assert!(found.iter().any(|one| one.contains(said)), "{place}: nobody says {said:?} in {found:#?}");
    }
}
