#!/usr/bin/env bash
# Functions, Triggers, workers and the queue at a glance.
set -euo pipefail
get() { kubectl --namespace tapedeck get "$@"; }

echo "# Functions"
get ksvc --output custom-columns='NAME:.metadata.name,READY:.status.conditions[?(@.type=="Ready")].status,URL:.status.url'
echo; echo "# Triggers and ticks"
# Whatever keeps one from being Ready stands at its end.
get trigger --output custom-columns='NAME:.metadata.name,READY:.status.conditions[?(@.type=="Ready")].status,EVENT:.spec.filter.attributes.type,FUNCTION:.spec.subscriber.ref.name,WHY:.status.conditions[?(@.type=="Ready")].message'
get pingsource --output custom-columns='NAME:.metadata.name,READY:.status.conditions[?(@.type=="Ready")].status,SCHEDULE:.spec.schedule'
echo; echo "# Workers"
get scaledobject,scaledjob --output custom-columns='NAME:.metadata.name,READY:.status.conditions[?(@.type=="Ready")].status,ACTIVE:.status.conditions[?(@.type=="Active")].status' 2>/dev/null || true
get deployment convert-worker --output custom-columns='DEPLOYMENT:.metadata.name,REPLICAS:.spec.replicas,READY:.status.readyReplicas' 2>/dev/null || true
# What KEDA last read from RabbitMQ, as the autoscaler sees it: ready and unacknowledged messages per worker.
get hpa --output custom-columns='QUEUE:.spec.metrics[0].external.metric.name,MESSAGES PER WORKER:.status.currentMetrics[0].external.current.averageValue' 2>/dev/null || true
echo; echo "# Pods"
get pods --output custom-columns='NAME:.metadata.name,PHASE:.status.phase,RESTARTS:.status.containerStatuses[*].restartCount'
