//! More mistakes in Triggers, in their delivery, in SinkBindings and in PingSources: none of them is refused by Knative, and
//! with each of them events would go astray.
use crate::mutations::{Mistake, assert_found, mistake};

const KNATIVE: &str = "apiVersion: serving.knative.dev/v1, kind: Service, name: ";
const DELIVERY: &str = "eventing/delivery-due.yaml";
const UPLOADED: &str = "eventing/video-uploaded.yaml";
const BINDINGS: &str = "eventing/sink-bindings.yaml";
const SWEEPS: &str = "eventing/sweeps.yaml";

const MISTAKES: [Mistake; 22] = [
    // Triggers.
    mistake(
        DELIVERY,
        "serving.knative.dev/v1, kind: Service, name: notify",
        "v1, kind: Service, name: notify",
        "/spec/subscriber names nothing",
    ),
    mistake(
        UPLOADED,
        KNATIVE,
        "apiVersion: apps/v1, kind: Deployment, name: ",
        "/spec/subscriber names nothing",
    ),
    mistake(
        UPLOADED,
        "      type: dev",
        "      source: /tapedeck/functions/uploads\n      type: dev",
        "filters by more than the type",
    ),
    mistake(UPLOADED, "name: convert }", "name: convert-worker }", "has no handler for"),
    mistake(UPLOADED, "kind: Trigger", "kind: Triggers", "video.uploaded.v1 has 0"),
    // Their delivery.
    mistake(
        UPLOADED,
        "serving.knative.dev/v1, kind: Service, name: sweep",
        "serving.knative.dev/v1beta1, kind: Service, name: sweep",
        "/spec/delivery/deadLetterSink names nothing",
    ),
    mistake(UPLOADED, "retry: 5", "retry: 0", "retry is not between"),
    mistake(DELIVERY, "retry: 5", "retry: 50", "retry is not between"),
    mistake(
        DELIVERY,
        "backoffPolicy: exponential",
        "backoffPolicy: linear",
        "backoffPolicy is not exponential",
    ),
    mistake(DELIVERY, "backoffDelay: PT1S", "backoffDelay: 1s", "backoffDelay: \"1s\" is no time"),
    mistake(DELIVERY, "timeout: PT90S", "timeout: 90", "timeout is no text"),
    mistake(DELIVERY, "timeout: PT90S", "timeout: PT9S", "gives up before its function does"),
    mistake("eventing/broker.yaml", "timeout: PT30S", "timeout: P30S", "timeout: \"P30S\" is no time"),
    mistake(
        "eventing/broker.yaml",
        "    deadLetterSink",
        "    deadletterSink",
        "delivery lacks deadLetterSink",
    ),
    // SinkBindings.
    mistake(
        BINDINGS,
        "apiVersion: apps/v1\n",
        "apiVersion: apps/v1beta1\n",
        "no SinkBinding is for this Deployment",
    ),
    mistake(
        BINDINGS,
        "matchLabels: { tapedeck.dev/publishes",
        "matchLabels: { tapedeck.dev/publish",
        "selects nobody by the label",
    ),
    mistake(BINDINGS, "publishes: \"true\"", "publishes: \"yes\"", "no SinkBinding is for this Service"),
    mistake(
        BINDINGS,
        "eventing.knative.dev/v1, kind: Broker, name: tapedeck",
        "serving.knative.dev/v1, kind: Service, name: sweep",
        "which is no broker",
    ),
    mistake(
        BINDINGS,
        "kind: Broker, name: tapedeck",
        "kind: Broker, name: default",
        "/spec/sink names nothing",
    ),
    // PingSources.
    mistake(SWEEPS, "\"* * * * *\"", "\"* * * *\"", "has not five fields"),
    mistake(SWEEPS, "\"* * * * *\"", "\"*/30 * * * *\"", "does not tick every minute"),
    mistake(SWEEPS, KNATIVE, "apiVersion: v1, kind: Service, name: ", "/spec/sink names nothing"),
];

#[test]
fn every_mistake_that_would_lead_events_astray_is_found() {
    assert_found(&MISTAKES);
}
