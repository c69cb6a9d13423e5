#!/usr/bin/env bash
# Prints the Secrets that the manifests name, as YAML for `kubectl apply -f -`. Nothing of it is kept anywhere else.
#
#   secrets.sh keys       signing keys, made new: run it once per installation (`make secrets` sees to that)
#   secrets.sh stores     passwords, made new, for the stores of knative/stores
#   secrets.sh external   the stores that these variables name:
#     DATABASE_URL             mysql://user:password@host/database; with ?ssl-mode=REQUIRED nothing goes in clear
#     BLOBS_URL                mongodb://user:password@host/database
#     MAIL_URL                 smtps://user:password@host, or as functions/VARIABLES.md says
#     RABBITMQ_MANAGEMENT_URL  http://host:15672, without a user; RABBITMQ_USERNAME and RABBITMQ_PASSWORD of an administrator
#     RABBITMQ_PORT            AMQP's port, 5672 if unset
#     DATABASE_CA              the file of the authority (PEM) that MySQL's certificate is of, for knative/database-ca
#     BROKER_URL               for the work queue; amqp://user:password@host:port/%2f of the above if unset
set -euo pipefail

# secret NAME KEY=VALUE...
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: tapedeck\n' "$1"
  # Without this label the topology operator does not read it, and the Broker stays in ExchangeFailure.
  if [ "$1" = rabbitmq ]; then printf '  labels:\n    rabbitmq.com/topology-operator: "true"\n'; fi
  printf 'type: Opaque\ndata:\n'
  shift
  local pair
  for pair in "$@"; do printf '  %s: %s\n' "${pair%%=*}" "$(printf %s "${pair#*=}" | base64 -w0)"; done
}

# 24 random bytes as letters that need no escaping in a URL.
password() { head -c 24 /dev/urandom | base64 -w0 | tr '+/' '-_'; }

keys() {
  local folder
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # The folder of now.
  trap "rm -rf '$folder'" EXIT
  "${TAPEDECK:-target/release/tapedeck}" keys "$folder"
  secret signing-key "signing.pem=$(cat "$folder/signing.pem")"
  secret public-key "public.pem=$(cat "$folder/public.pem")"
  secret links-key "links.key=$(cat "$folder/links.key")"
  secret proofs-key "proofs.key=$(cat "$folder/proofs.key")"
}

# addresses: what `stores` and `external` have in common.
addresses() {
  local host=${RABBITMQ_MANAGEMENT_URL#*://} port=${RABBITMQ_PORT:-5672}
  local user=$RABBITMQ_USERNAME password=$RABBITMQ_PASSWORD
  secret database "url=$DATABASE_URL"
  if [ -n "${DATABASE_CA:-}" ]; then secret database-ca "ca.pem=$(cat "$DATABASE_CA")"; fi
  secret blobs "url=$BLOBS_URL"
  secret mail "url=$MAIL_URL"
  secret broker "url=${BROKER_URL:-amqp://$user:$password@${host%%:*}:$port/%2f}"
  # For the broker, the topology operator, KEDA, and (default_user.conf) the RabbitMQ of knative/stores.
  secret rabbitmq "uri=$RABBITMQ_MANAGEMENT_URL" "username=$user" "password=$password" "port=$port" \
    "keda-host=$RABBITMQ_MANAGEMENT_URL/%2f" "host=${host%%:*}" "provider=rabbitmq" "type=rabbitmq" \
    "default_user.conf=$(printf 'default_user = %s\ndefault_pass = %s\n' "$user" "$password")"
}

stores() {
  local mysql mongodb
  mysql=$(password) mongodb=$(password)
  secret mysql "password=$mysql"
  secret mongodb "password=$mongodb"
  DATABASE_URL="mysql://tapedeck:$mysql@mysql.tapedeck.svc/tapedeck?ssl-mode=REQUIRED" \
  BLOBS_URL="mongodb://tapedeck:$mongodb@mongodb.tapedeck.svc/tapedeck?authSource=admin" \
  MAIL_URL="smtp://mail.tapedeck.svc:1025?tls=none" BROKER_URL="" RABBITMQ_PORT="" \
  RABBITMQ_MANAGEMENT_URL="http://rabbitmq.tapedeck.svc:15672" \
  RABBITMQ_USERNAME=tapedeck RABBITMQ_PASSWORD="$(password)" addresses
}

external() {
  local name
  for name in DATABASE_URL BLOBS_URL MAIL_URL RABBITMQ_MANAGEMENT_URL RABBITMQ_USERNAME RABBITMQ_PASSWORD; do
    [ -n "${!name:-}" ] || { echo "$name is not set; see $0" >&2; exit 2; }
  done
  addresses
}

case "${1:-}" in
  keys | stores | external) "$1" ;;
  *) sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2 ;;
esac
