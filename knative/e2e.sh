#!/usr/bin/env bash
# Sends a video through an installation and takes the audio back, as a person with curl would: e2e.sh URL [VIDEO] [AUDIO]
set -euo pipefail
url=${1%/} video=${2:-$(dirname "$0")/../shared/media/fixtures/sample.mp4} audio=${3:-sample.mp3}
email="e2e-$(date +%s)-$$@example.org" password="a long enough password"

# field NAME: of the JSON on stdin, the first of that name.
field() { grep -o "\"$1\":\"[^\"]*\"" | head -1 | cut -d'"' -f4; }
ask() { curl --silent --show-error --fail-with-body --max-time 120 "$@"; }

ask -X POST "$url/register" -H 'Content-Type: application/json' \
  -d "{\"email\":\"$email\",\"password\":\"$password\"}" >/dev/null
token=$(ask -X POST "$url/login" -u "$email:$password")
job=$(ask -X POST -F "file=@$video" -H "Authorization: Bearer $token" "$url/upload" | field id)
echo "job $job"
for _ in $(seq 20); do
  state=$(ask -H "Authorization: Bearer $token" "$url/jobs/$job?wait=30" | field state)
  echo "$state"
  case $state in done | failed | canceled) break ;; esac
done
[ "$state" = done ]
ask --output "$audio" -H "Authorization: Bearer $token" "$url/download?fid=$job"
echo "$audio has $(stat --format %s "$audio") bytes"
