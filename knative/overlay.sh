#!/usr/bin/env bash
# Writes the kustomization that `make deploy` applies: an overlay of this folder with the image of REGISTRY and TAG.
#
#   overlay.sh FOLDER    from OVERLAY (external), WITH (components, as "keda/long-videos"), REGISTRY, TAG, PUBLIC_URL, HOST
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$1
mkdir -p "$folder"
public_url=${PUBLIC_URL:-${HOST:+https://$HOST}}
public_url=${public_url:-http://gateway.tapedeck.127.0.0.1.sslip.io}
up=$(realpath --relative-to="$folder" "$root")

{
  printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - %s/knative/%s\n' \
    "$up" "${OVERLAY:-external}"
  if [ -n "${WITH:-}" ]; then
    echo components:
    for component in $WITH; do echo "  - $up/$component"; done
  fi
  echo images:
  printf '  - { name: dev.local/tapedeck/tapedeck, newName: %s/tapedeck, newTag: "%s" }\n' \
    "${REGISTRY:-dev.local/tapedeck}" "${TAG:-0.1.0}"
  echo patches:
  printf '  - target: { kind: ConfigMap, name: settings }\n    patch: |-\n'
  printf '      - { op: replace, path: /data/PUBLIC_URL, value: "%s" }\n' "$public_url"
  if [[ " ${WITH:-} " == *" knative/domain "* && -n "${HOST:-}" ]]; then
    printf '  - target: { kind: DomainMapping }\n    options: { allowNameChange: true }\n    patch: |-\n'
    printf '      - { op: replace, path: /metadata/name, value: "%s" }\n' "$HOST"
  fi
  if [[ " ${WITH:-} " == *" knative/gateway-api "* && -n "${HOST:-}" ]]; then
    printf '  - target: { kind: Gateway }\n    patch: |-\n'
    printf '      - { op: replace, path: /spec/listeners/0/hostname, value: "%s" }\n' "$HOST"
    printf '  - target: { kind: HTTPRoute }\n    patch: |-\n'
    printf '      - { op: replace, path: /spec/hostnames/0, value: "%s" }\n' "$HOST"
  fi
} > "$folder/kustomization.yaml"
