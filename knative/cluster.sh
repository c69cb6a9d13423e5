#!/usr/bin/env bash
# A kind cluster with everything that Tapedeck needs, in pinned versions. Needs kind, kubectl and the internet.
set -euo pipefail
# What the machine must have: at rest all of it asks for less than 1.5 cores; ten workers ask for one more.
need_cores=2 need_gib=8
serving=1.22.1 kourier=1.22.1 eventing=1.22.2 eventing_rabbitmq=1.22.1 keda=2.20.2
cluster_operator=2.22.3 topology_operator=1.20.1 cert_manager=1.20.0
hub=https://github.com

apply() { kubectl apply --server-side --force-conflicts --filename "$1"; }
# ready NAMESPACE: all of its Deployments.
ready() { kubectl wait deployment --all --for=condition=Available --timeout=300s --namespace "$1"; }
# small NAMESPACE: its Deployments ask for little. They ask for 100m to 300m each, made for clusters of many nodes; together
# that is more than a small machine has, and what does not fit is not started. They may still use what is free.
small() { kubectl set resources deployment --all --requests=cpu=10m --namespace "$1"; }

cores=$(nproc) gib=$(awk '/^MemTotal/ {printf "%.0f", $2 / 1048576}' /proc/meminfo)
echo "A cluster with everything needs $need_cores cores and $need_gib GiB; this machine has $cores cores and $gib GiB."
if [ "$cores" -lt "$need_cores" ] || [ "$gib" -lt "$need_gib" ]; then
  echo "What does not fit will stay Pending: make status" >&2
fi

kind get clusters | grep -qx tapedeck || kind create cluster --name tapedeck --config - <<'CONFIG'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    # The gateway at http://gateway.tapedeck.127.0.0.1.sslip.io, by Kourier's node port.
    extraPortMappings: [{ containerPort: 31080, hostPort: 80, listenAddress: 127.0.0.1 }]
CONFIG
kubectl config use-context kind-tapedeck
# One node: a second name server would be on the same one.
kubectl scale deployment coredns --replicas=1 --namespace kube-system

apply $hub/knative/serving/releases/download/knative-v$serving/serving-crds.yaml
apply $hub/knative/serving/releases/download/knative-v$serving/serving-core.yaml
apply $hub/knative-extensions/net-kourier/releases/download/knative-v$kourier/kourier.yaml
kubectl patch configmap config-network --namespace knative-serving --type merge \
  --patch '{"data":{"ingress-class":"kourier.ingress.networking.knative.dev"}}'
kubectl patch configmap config-domain --namespace knative-serving --type merge \
  --patch '{"data":{"127.0.0.1.sslip.io":""}}'
kubectl patch service kourier --namespace kourier-system --type merge \
  --patch '{"spec":{"type":"NodePort","ports":[{"name":"http2","port":80,"targetPort":8080,"nodePort":31080}]}}'
small knative-serving
small kourier-system
ready knative-serving
ready kourier-system

apply $hub/knative/eventing/releases/download/knative-v$eventing/eventing-crds.yaml
apply $hub/knative/eventing/releases/download/knative-v$eventing/eventing-core.yaml
ready knative-eventing

apply $hub/cert-manager/cert-manager/releases/download/v$cert_manager/cert-manager.yaml
ready cert-manager
apply $hub/rabbitmq/cluster-operator/releases/download/v$cluster_operator/cluster-operator.yml
apply $hub/rabbitmq/messaging-topology-operator/releases/download/v$topology_operator/messaging-topology-operator-with-certmanager.yaml
small rabbitmq-system
ready rabbitmq-system
apply $hub/knative-extensions/eventing-rabbitmq/releases/download/knative-v$eventing_rabbitmq/rabbitmq-broker.yaml
small knative-eventing
ready knative-eventing

apply $hub/kedacore/keda/releases/download/v$keda/keda-$keda.yaml
small keda
ready keda
echo; kubectl describe nodes | sed -n '/^Allocated resources/,/^Events/p' | sed '$d'
echo "The cluster is ready: make images kind-load secrets STORES=yes, then make deploy OVERLAY=stores"
