#!/usr/bin/env bash
# Says which parts of the platform a cluster lacks, in words, before anything is applied to it.
set -euo pipefail
missing=0

# need CRD PART: the definition, and what brings it.
need() {
  local answer
  answer=$(kubectl get customresourcedefinition "$1" 2>&1 >/dev/null) && return
  # Who may not look at definitions may still use them.
  case "$answer" in *Forbidden*) return 0 ;; esac
  echo "The cluster does not know $1. Install $2." >&2
  missing=1
}

kubectl version >/dev/null 2>&1 || { echo "kubectl reaches no cluster." >&2; exit 1; }
need services.serving.knative.dev "Knative Serving and an ingress for it"
need brokers.eventing.knative.dev "Knative Eventing"
need triggers.eventing.knative.dev "Knative Eventing"
need eventtypes.eventing.knative.dev "Knative Eventing"
need sinkbindings.sources.knative.dev "Knative Eventing"
need pingsources.sources.knative.dev "Knative Eventing"
need rabbitmqbrokerconfigs.eventing.knative.dev "eventing-rabbitmq's broker"
need queues.rabbitmq.com "RabbitMQ's messaging topology operator"
need policies.rabbitmq.com "RabbitMQ's messaging topology operator"
need users.rabbitmq.com "RabbitMQ's messaging topology operator"
need permissions.rabbitmq.com "RabbitMQ's messaging topology operator"
# Nothing of the overlay `external` is one; but without it Broker and Triggers stay at ExchangeFailure.
need rabbitmqclusters.rabbitmq.com "RabbitMQ's cluster operator, or its definition alone: the broker asks for it even if RabbitMQ runs elsewhere"
need scaledobjects.keda.sh "KEDA"
need scaledjobs.keda.sh "KEDA"
need triggerauthentications.keda.sh "KEDA"
[ "$missing" = 0 ] || echo "knative/cluster.sh shows how, with versions that go together." >&2
exit "$missing"
