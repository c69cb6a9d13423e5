#!/usr/bin/env bash
# Functions, Triggers, workers and the queue at a glance, and what is wrong, in words.
set -euo pipefail
get() { kubectl --namespace tapedeck get "$@"; }
ready='.status.conditions[?(@.type=="Ready")]'

echo "# Functions"
get ksvc --output custom-columns="NAME:.metadata.name,READY:$ready.status,URL:.status.url"
echo; echo "# Triggers and ticks"
get trigger --output custom-columns="NAME:.metadata.name,READY:$ready.status,EVENT:.spec.filter.attributes.type,FUNCTION:.spec.subscriber.ref.name"
get pingsource --output custom-columns="NAME:.metadata.name,READY:$ready.status,SCHEDULE:.spec.schedule"
echo; echo "# Workers"
get scaledobject,scaledjob --output custom-columns="NAME:.metadata.name,READY:$ready.status,ACTIVE:.status.conditions[?(@.type==\"Active\")].status" 2>/dev/null || true
get deployment convert-worker --output custom-columns='DEPLOYMENT:.metadata.name,REPLICAS:.spec.replicas,READY:.status.readyReplicas' 2>/dev/null || true
# What KEDA last read from RabbitMQ, as the autoscaler sees it: ready and unacknowledged messages per worker.
get hpa --output custom-columns='QUEUE:.spec.metrics[0].external.metric.name,MESSAGES PER WORKER:.status.currentMetrics[0].external.current.averageValue' 2>/dev/null || true
echo; echo "# Pods"
get pods --output custom-columns='NAME:.metadata.name,PHASE:.status.phase,RESTARTS:.status.containerStatuses[*].restartCount'

# KIND NAME STATUS REASON MESSAGE of everything that must be Ready, one a line.
conditions() {
  get ksvc,broker,trigger,sinkbinding,pingsource,scaledobject,queues.rabbitmq.com,users.rabbitmq.com \
    --output jsonpath="{range .items[*]}{.kind} {.metadata.name} {$ready.status} {$ready.reason} {$ready.message}{\"\n\"}{end}" \
    2>/dev/null || true
}

# What to do about it, where a message does not say it by itself.
advice() {
  case "$1 $2" in
    *ExchangeFailure*) echo "RabbitMQ can't be reached as the Secret rabbitmq says, or the cluster lacks the definition RabbitmqCluster: knative/check.sh" ;;
    Trigger*[Dd]ead*etter*) echo "its dead letters go to the function sweep, which must be Ready first" ;;
    Trigger*[Ss]ubscriber*) echo "its function must be Ready first; until then its queue is not bound, and the sweep says again what is lost meanwhile" ;;
    Trigger*[Bb]roker*) echo "the Broker must be Ready first" ;;
    SinkBinding*) echo "the Broker must be Ready first: until then functions that publish have no address for it, and do not start" ;;
    ScaledObject*) echo "KEDA reads the queue tapedeck.convert as the user of keda-user-credentials: both must be there" ;;
    Service*Image* | Service*image*) echo "the node has no such image: make images kind-load, or make push with a REGISTRY that it reaches" ;;
    Service*[Uu]nschedulable* | Service*nsufficient*) echo "no node has room for what its pod asks for: knative/README.md, How big a machine must be" ;;
    *) echo "kubectl --namespace tapedeck describe says more" ;;
  esac
}

wrong=$(conditions | awk '$3 != "True"')
if [ -n "$wrong" ]; then
  echo; echo "# Not Ready"
  while read -r kind name _ why; do
    echo "$kind $name: ${why:-nothing is said yet}"
    echo "  $(advice "$kind" "$why")"
  done <<<"$wrong"
fi
pending=$(get pods --field-selector status.phase=Pending --output name 2>/dev/null || true)
if [ -n "$pending" ]; then
  echo; echo "# Pending: kubectl --namespace tapedeck describe, below Events, says what they lack"
  echo "$pending"
fi
