#!/bin/sh
# Installs what the tests of the page need: Chromium from Debian, its driver and axe-core from PyPI.
#
#   tests/page/install.sh DIR     the driver goes to DIR
set -eu

dir=${1:?usage: install.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)

# Ubuntu's package of that name is an installer of a snap: there, any Chrome that is on the PATH will do.
missing="chromium"
for browser in chromium google-chrome google-chrome-stable; do
    ! command -v $browser >/dev/null || missing=""
done
for package in fonts-dejavu-core ffmpeg python3 python3-pip; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "Installing:$missing" >&2
    root=""
    [ "$(id -u)" = 0 ] || root="sudo"
    $root apt-get update -q >&2
    # Word splitting is wanted: one package a word.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $root apt-get install -q -y --no-install-recommends $missing >&2
fi

if ! cmp -s "$here/requirements.txt" "$dir/requirements.txt"; then
    rm -rf "$dir"
    # Debian's own Python, as in tests/servers.
    /usr/bin/python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
        --only-binary=:all: --require-hashes --target "$dir" --requirement "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$dir/requirements.txt"
fi
