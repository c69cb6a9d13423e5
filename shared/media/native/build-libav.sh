#!/bin/sh
# Builds the minimal static libav that `media` links, from the distribution's own FFmpeg source package.
#
#   FFMPEG_DIR=$(shared/media/native/build-libav.sh target/native)
#
# The one line on stdout is the prefix: DIR/libav-<hash of this script, parts.txt and the compiler>. If it is
# there already nothing is done and no network is needed. Needs: dpkg-dev gcc make nasm xz-utils. Not root.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: build-libav.sh DIR}"
out=$(cd "$1" && pwd)
parts=$here/parts.txt
hash=$(cat "$0" "$parts" | { cat; ${CC:-gcc} -dumpmachine; } | sha256sum | cut -c1-12)
prefix=$out/libav-$hash
work=$prefix.work

# The distribution's own `deb` entries as `deb-src`, in a folder of ours: the system's apt is not touched.
sources() {
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        if [ -f "$list" ]; then sed -n 's/^deb\([[:space:]]\)/deb-src\1/p' "$list" >>"$1/system.list"; fi
    done
    for list in /etc/apt/sources.list.d/*.sources; do
        if [ -f "$list" ]; then sed 's/^Types:.*/Types: deb-src/' "$list" >"$1/$(basename "$list")"; fi
    done
}

# apt with sources, lists and cache of its own; keys and preferences stay the system's, so signatures are checked.
apt() {
    apt-get -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/apt/sources" \
        -o Dir::State="$work/apt/state" -o Dir::State::Lists="$work/apt/lists" -o Dir::State::Status=/dev/null \
        -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}

fetch() {
    mkdir -p "$work/apt/sources" "$work/apt/state" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    sources "$work/apt/sources"
    apt update
    apt source ffmpeg
}

# `demuxer mov # comment` -> `--enable-demuxer=mov`
options() {
    sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$parts" | while read -r kind name; do
        echo "--enable-$kind=$name"
    done
}

build() {
    # Word splitting is wanted: one option a word. An unmatched part is only a warning to configure: not to us.
    # shellcheck disable=SC2046
    ./configure --prefix="$prefix.new" --cc="${CC:-gcc}" \
        --disable-everything --disable-autodetect --disable-network --disable-programs --disable-doc \
        --disable-avdevice --disable-avfilter --disable-swscale --disable-pthreads --disable-debug \
        --enable-static --disable-shared --enable-pic $(options) >"$work/configure.log" 2>&1 ||
        { cat "$work/configure.log" && exit 1; }
    if grep "did not match anything" "$work/configure.log"; then exit 1; fi
    make -j"$(nproc)"
    make install
}

if [ ! -d "$prefix" ]; then
    rm -rf "$work" "$prefix.new"
    mkdir -p "$work"
    (
        cd "$work"
        fetch
        cd ffmpeg-*/
        build
        cp COPYING.LGPLv2.1 "$prefix.new/"
    ) >&2
    mv "$prefix.new" "$prefix"
    rm -rf "$work"
fi
echo "$prefix"
