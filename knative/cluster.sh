#!/usr/bin/env bash
# A kind cluster with everything that Tapedeck needs, in pinned versions. Needs kind, kubectl and the internet.
set -euo pipefail
serving=1.22.1 kourier=1.22.1 eventing=1.22.2 eventing_rabbitmq=1.22.1 keda=2.20.2
cluster_operator=2.22.3 topology_operator=1.20.1 cert_manager=1.20.0
hub=https://github.com

apply() { kubectl apply --server-side --force-conflicts --filename "$1"; }
# ready NAMESPACE: all of its Deployments.
ready() { kubectl wait deployment --all --for=condition=Available --timeout=300s --namespace "$1"; }

kind get clusters | grep -qx tapedeck || kind create cluster --name tapedeck --config - <<'CONFIG'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    # The gateway at http://gateway.tapedeck.127.0.0.1.sslip.io, by Kourier's node port.
    extraPortMappings: [{ containerPort: 31080, hostPort: 80, listenAddress: 127.0.0.1 }]
CONFIG
kubectl config use-context kind-tapedeck

apply $hub/knative/serving/releases/download/knative-v$serving/serving-crds.yaml
apply $hub/knative/serving/releases/download/knative-v$serving/serving-core.yaml
apply $hub/knative-extensions/net-kourier/releases/download/knative-v$kourier/kourier.yaml
kubectl patch configmap config-network --namespace knative-serving --type merge \
  --patch '{"data":{"ingress-class":"kourier.ingress.networking.knative.dev"}}'
kubectl patch configmap config-domain --namespace knative-serving --type merge \
  --patch '{"data":{"127.0.0.1.sslip.io":""}}'
kubectl patch service kourier --namespace kourier-system --type merge \
  --patch '{"spec":{"type":"NodePort","ports":[{"name":"http2","port":80,"targetPort":8080,"nodePort":31080}]}}'
ready knative-serving
ready kourier-system

apply $hub/knative/eventing/releases/download/knative-v$eventing/eventing-crds.yaml
apply $hub/knative/eventing/releases/download/knative-v$eventing/eventing-core.yaml
ready knative-eventing

apply $hub/cert-manager/cert-manager/releases/download/v$cert_manager/cert-manager.yaml
ready cert-manager
apply $hub/rabbitmq/cluster-operator/releases/download/v$cluster_operator/cluster-operator.yml
apply $hub/rabbitmq/messaging-topology-operator/releases/download/v$topology_operator/messaging-topology-operator-with-certmanager.yaml
ready rabbitmq-system
apply $hub/knative-extensions/eventing-rabbitmq/releases/download/knative-v$eventing_rabbitmq/rabbitmq-broker.yaml
ready knative-eventing

apply $hub/kedacore/keda/releases/download/v$keda/keda-$keda.yaml
ready keda
echo "The cluster is ready: make images kind-load secrets STORES=yes, then make deploy OVERLAY=stores"
