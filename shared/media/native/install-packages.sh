#!/bin/sh
# Installs the Debian or Ubuntu packages that building libav, its bindings and LAME needs, and curl, unless they are there.
set -eu

packages="curl dpkg-dev gcc libc6-dev libclang-dev make nasm patch pkg-config xz-utils"

missing=""
for package in $packages; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || {
    echo "This script knows Debian and Ubuntu. Elsewhere install the likes of:$missing" >&2
    exit 1
}
echo "Installing:$missing" >&2
root=""
[ "$(id -u)" = 0 ] || root="sudo"
$root apt-get update -q >&2
# Word splitting is wanted: one package a word.
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $root apt-get install -q -y --no-install-recommends $missing >&2
