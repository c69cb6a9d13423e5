//! The rules bite: each seeded mistake is found, by the words that it is found with.
use crate::world::{code, plain, schemas};
use manifests::problems;

/// A mistake: in a file, `from` becomes `to`, and somebody must say `said`.
pub(crate) struct Mistake {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    said: &'static str,
}

pub(crate) const fn mistake(
    file: &'static str,
    from: &'static str,
    to: &'static str,
    said: &'static str,
) -> Mistake {
    Mistake { file, from, to, said }
}

const MISTAKES: [Mistake; 57] = [
    // Events.
    mistake("eventing/delivery-due.yaml", "delivery.due.v1", "delivery.deu.v1", "no event of contracts"),
    mistake(
        "eventing/delivery-due.yaml",
        "    attributes:\n      type",
        "    attribute:\n      type",
        "delivery.due.v1 has 0",
    ),
    mistake(
        "eventing/delivery-due.yaml",
        "  filter:\n",
        "  filters: []\n  filter:\n",
        "`filters` is ignored",
    ),
    mistake(
        "eventing/delivery-due.yaml",
        "name: notify",
        "name: download",
        "no handler for dev.tapedeck.delivery.due.v1",
    ),
    mistake("eventing/delivery-due.yaml", "name: sweep", "name: sweeper", "\"sweeper\", which is not there"),
    mistake("eventing/delivery-due.yaml", "memory-limit", "memroy-limit", "no annotation for memory-limit"),
    mistake(
        "eventing/video-uploaded.yaml",
        "    deadLetterSink",
        "    deadLetter",
        "delivery lacks deadLetterSink",
    ),
    mistake("eventing/video-uploaded.yaml", "    timeout: PT30S\n", "", "delivery lacks timeout"),
    mistake("eventing/video-uploaded.yaml", "broker: tapedeck", "broker: default", "the Broker \"default\""),
    mistake("eventing/video-uploaded.yaml", "name: video-uploaded", "name: upload", "named after its event"),
    mistake(
        "eventing/event-types.yaml",
        "No Trigger: the welcome",
        "The welcome",
        "user.registered.v1 has 0",
    ),
    mistake(
        "eventing/event-types.yaml",
        "No Trigger: users are notified by deliveries.",
        "No Trigger: ",
        "audio.ready.v1 has 0 Triggers and PingSources, not 1, and no reason why",
    ),
    mistake(
        "eventing/event-types.yaml",
        "description: A mail or a webhook is due.",
        "description: \"No Trigger: nobody asked.\" #",
        "gives a reason why there is no Trigger",
    ),
    mistake(
        "eventing/event-types.yaml",
        "video.uploaded.v1",
        "video.upload.v1",
        "uploaded.v1 has no EventType",
    ),
    mistake(
        "eventing/event-types.yaml",
        "source: /tapedeck/functions/upload",
        "source: /tapedeck/upload",
        "its source is not /tapedeck/functions/upload",
    ),
    mistake("eventing/event-types.yaml", "name: tapedeck }", "name: default }", "the Broker \"default\""),
    mistake(
        "eventing/event-types.yaml",
        "schema: urn:tapedeck:event:dev.tapedeck.audio.ready.v1",
        "schema: urn:tapedeck:event:dev.tapedeck.audio.ready.v2",
        "its schema is not that of dev.tapedeck.audio.ready.v1",
    ),
    mistake(
        "eventing/event-types.yaml",
        "  schema: urn:tapedeck:event:dev.tapedeck.delivery.due.v1\n",
        "",
        "its schema is not that of dev.tapedeck.delivery.due.v1",
    ),
    mistake("eventing/sweeps.yaml", "sweep.blobs.v1", "sweep.orphans.v1", "sweep.blobs.v1 has 0"),
    mistake("eventing/sweeps.yaml", "sweep.due.v1", "sweep.blobs.v1", "sweep.due.v1 has 0"),
    mistake("eventing/sweeps.yaml", "/tapedeck/clock", "/tapedeck/watch", "sweep.due.v1 is another"),
    mistake("eventing/sweeps.yaml", "name: sweep }", "name: jobs }", "no event that its sink hears"),
    mistake(
        "eventing/sweeps.yaml",
        "contentType: application/cloudevents+json",
        "contentType: application/json",
        "its data must be a whole event",
    ),
    mistake(
        "eventing/sink-bindings.yaml",
        "kind: Deployment",
        "kind: DaemonSet",
        "no SinkBinding is for this Deployment",
    ),
    // The queue and its scaler.
    mistake(
        "eventing/work-queue.yaml",
        "name: tapedeck.convert\n  type",
        "name: tapedeck.work\n  type",
        "no Queue tapedeck.convert",
    ),
    mistake("eventing/work-queue.yaml", "type: quorum", "type: classic", "no durable quorum queue"),
    mistake(
        "keda/long-videos/policy.yaml",
        "  definition:\n",
        "  definition:\n    delivery-limit: 20\n",
        "a ticket is a hint",
    ),
    mistake("keda/long-videos/policy.yaml", "convert$", "convert", "its pattern is not exactly"),
    mistake(
        "keda/scaled-object.yaml",
        "queueName: tapedeck.convert",
        "queueName: convert",
        "queueName is not tapedeck.convert",
    ),
    mistake("keda/scaled-object.yaml", "protocol: http", "protocol: amqp", "protocol is not http"),
    mistake(
        "keda/scaled-object.yaml",
        "name: convert-worker }\n  min",
        "name: worker }\n  min",
        "the Deployment \"worker\"",
    ),
    mistake("keda/authentication.yaml", "read: ^tapedeck\\.convert$", "read: .*", "read is more than"),
    mistake("keda/worker.yaml", "Seconds: 1620", "Seconds: 30", "to finish a conversion"),
    mistake(
        "keda/worker.yaml",
        "BROKER_TOPOLOGY",
        "BROKER_TOPOLGY",
        "nobody reads the variable BROKER_TOPOLGY",
    ),
    mistake(
        "keda/worker.yaml",
        "      containers:\n",
        "      container:\n",
        ".container is unknown or wrong",
    ),
    // Functions.
    mistake(
        "knative/base/upload.yaml",
        "name: PUBLIC_KEY_FILE",
        "name: PUBLIC_KEY",
        "does not set PUBLIC_KEY_FILE",
    ),
    mistake("knative/base/upload.yaml", "tapedeck:0.1.0", "tapedeck:latest", "has no fixed tag"),
    mistake("knative/base/upload.yaml", "function, upload", "function, jobs", "it runs another function"),
    mistake(
        "keda/worker.yaml",
        "function, convert, worker",
        "convert, worker",
        "`tapedeck convert worker` is nothing",
    ),
    mistake(
        "knative/base/upload.yaml",
        "        httpGet: { path: /health/readiness }\n",
        "        httpGet: { path: /health/readiness }\n            periodSeconds: 1\n",
        "periodSeconds",
    ),
    mistake("knative/base/jobs.yaml", "drop: [ALL]", "drop: [NET_RAW]", "securityContext.capabilities"),
    mistake(
        "knative/base/jobs.yaml",
        "          securityContext:\n            runAsNonRoot: true\n",
        "          securityContext:\n",
        "securityContext.runAsNonRoot",
    ),
    mistake(
        "knative/base/jobs.yaml",
        "imagePullPolicy: IfNotPresent",
        "imagePullPolicy: Always",
        "imagePullPolicy",
    ),
    mistake(
        "knative/base/jobs.yaml",
        "          env:\n",
        "          env:\n            - { name: PORT, value: \"8080\" }\n",
        "PORT is Knative's to set",
    ),
    mistake(
        "knative/base/jobs.yaml",
        "          env:\n",
        "          env:\n            - { name: BLOBS_URL, valueFrom: { secretKeyRef: { name: blobs, key: url } } }\n",
        "nobody reads the variable BLOBS_URL",
    ),
    mistake(
        "knative/base/notify.yaml",
        "containerConcurrency: 64",
        "containerConcurrency: 40",
        "must exceed its 40 slots",
    ),
    mistake(
        "knative/base/notify.yaml",
        "          env:\n",
        "          env:\n            - { name: MAIL_AT_ONCE, value: \"60\" }\n",
        "must exceed its 92 slots",
    ),
    mistake(
        "knative/base/notify.yaml",
        "visibility: cluster-local",
        "visibility: public",
        "its visibility is",
    ),
    mistake(
        "knative/base/notify.yaml",
        "tapedeck.dev/publishes: \"true\"",
        "tapedeck.dev/publishes: \"no\"",
        "tapedeck.dev/publishes is wrong",
    ),
    mistake(
        "knative/base/jobs.yaml",
        "function.knative.dev/name: jobs",
        "function.knative.dev/name: job",
        "its label function.knative.dev/name is not \"jobs\"",
    ),
    mistake(
        "knative/base/sweep.yaml",
        "    app.kubernetes.io/part-of: tapedeck\n",
        "",
        "its label app.kubernetes.io/part-of is not \"tapedeck\"",
    ),
    mistake("knative/base/download.yaml", "key: url", "key: uri", "which is not there"),
    mistake(
        "knative/base/download.yaml",
        "timeoutSeconds: 600",
        "timeoutSeconds: 900",
        "timeoutSeconds must be set",
    ),
    mistake(
        "knative/base/auth.yaml",
        "/keys/signing/signing.pem",
        "/keys/signing/key.pem",
        "no mounted Secret holds",
    ),
    mistake(
        "knative/high-availability/disruption.yaml",
        "serving.knative.dev/service: upload",
        "serving.knative.dev/service: uploads",
        "names the Service \"uploads\", which is not there",
    ),
    mistake(
        "knative/high-availability/priority.yaml",
        "preemptionPolicy",
        "preemption",
        ".preemption is unknown",
    ),
    mistake("knative/base/accounts.yaml", "name: sweep", "name: sweeper", "the ServiceAccount \"sweep\""),
];

/// Mistakes that only the schemas of `CRDS_DIR` show.
const MISSPELT: [Mistake; 5] = [
    mistake("keda/scaled-object.yaml", "maxReplicaCount", "maxReplicas", ".spec.maxReplicas is unknown"),
    mistake(
        "keda/scaled-object.yaml",
        "cooldownPeriod: 30",
        "cooldownPeriod: 2m",
        ".spec.cooldownPeriod is no integer",
    ),
    mistake("eventing/delivery-due.yaml", "    retry:", "    retries:", ".spec.delivery.retries is unknown"),
    mistake(
        "eventing/work-queue.yaml",
        "deletionPolicy: retain",
        "deletionPolicy: keep",
        ".spec.deletionPolicy is none of",
    ),
    mistake("knative/base/gateway.yaml", "containerConcurrency:", "concurrency:", ".concurrency is unknown"),
];

pub(crate) fn assert_found(mistakes: &[Mistake]) {
    let (code, schemas) = (code(), schemas());
    for Mistake { file, from, to, said } in mistakes {
        let resources = plain(|name, text| {
            if name != *file {
                return text;
            }
            assert!(text.contains(from), "{file} no longer says {from:?}");
            text.replace(from, to)
        });
        let found = problems(&resources, &code, schemas.as_ref());
        assert!(
            found.iter().any(|one| one.contains(said)),
            "{file}, {from:?} -> {to:?}: nobody says {said:?} in {found:#?}"
        );
    }
    println!("{} seeded mistakes, each found", mistakes.len());
}

#[test]
fn every_seeded_mistake_is_found() {
    assert_found(&MISTAKES);
}

#[test]
fn every_misspelt_field_is_found_by_its_schema() {
    match schemas() {
        Some(_) => assert_found(&MISSPELT),
        None => eprintln!("NOT CHECKED: {} misspelt fields, since CRDS_DIR is not set", MISSPELT.len()),
    }
}

#[test]
fn a_new_function_without_a_manifest_shows() {
    // The count of functions with a main that no manifest runs is 0.
    let built = plain(|_, text| text);
    for entry in std::fs::read_dir(crate::world::root().join("functions")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().expect("names are ASCII").to_owned();
        let words =
            if name == "standalone" { "[\"migrate\"]".into() } else { format!("[\"function\",\"{name}\"") };
        let named = built.iter().any(|one| one.value.to_string().contains(&format!("\"args\":{words}")));
        assert!(named || !folder.join("src").is_dir(), "nothing runs {name}");
    }
}
