#!/bin/sh
# Builds the minimal static libav that `media` links, with libopus, libvorbis and zlib in it, from the distribution's own
# source packages.
#
#   FFMPEG_DIR=$(shared/media/native/build-libav.sh target/native)
#
# The one line on stdout is the prefix: DIR/libav-<hash of this script, parts.txt and the compiler>. If it is
# there already nothing is done and no network is needed. Needs: dpkg-dev gcc make nasm pkg-config xz-utils. Not root.
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
    apt source ffmpeg libogg libvorbis opus zlib
}

# `demuxer mov # comment` -> `--enable-demuxer=mov`, `library libopus` -> `--enable-libopus`
options() {
    sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$parts" | while read -r kind name; do
        case $kind in
        library) echo "--enable-$name" ;;
        *) echo "--enable-$kind=$name" ;;
        esac
    done
}

# An encoder library from the folder $1, static, to where libav's configure finds it.
library() {
    name=$1
    shift
    (
        cd "$work/$name"-*/
        export CFLAGS="-O3" PKG_CONFIG_PATH="$work/libraries/lib/pkgconfig"
        ./configure --prefix="$work/libraries" --disable-shared --enable-static --with-pic "$@"
        make -j"$(nproc)"
        make install
        mkdir -p "$prefix.new"
        cp COPYING "$prefix.new/COPYING.$name"
    )
}

# zlib's configure knows other options.
zlib() {
    (
        cd "$work"/zlib-*/
        CFLAGS="-O3 -fPIC" ./configure --prefix="$work/libraries" --static
        make -j"$(nproc)" libz.a
        make install
        mkdir -p "$prefix.new"
        cp LICENSE "$prefix.new/COPYING.zlib"
    )
}

libraries() {
    zlib
    library libogg
    library libvorbis --disable-docs --disable-examples --disable-oggtest
    library opus --disable-doc --disable-extra-programs
}

# One archive, so that whoever links libavcodec has them: the bindings know nothing of further libraries.
merge() {
    {
        echo "create $prefix.new/lib/merged.a"
        for archive in "$prefix.new/lib/libavcodec.a" "$work"/libraries/lib/*.a; do echo "addlib $archive"; done
        echo "save"
        echo "end"
    } | ar -M
    mv "$prefix.new/lib/merged.a" "$prefix.new/lib/libavcodec.a"
    ranlib "$prefix.new/lib/libavcodec.a"
}

build() {
    # Word splitting is wanted: one option a word. An unmatched part is only a warning to configure: not to us.
    # shellcheck disable=SC2046
    PKG_CONFIG_PATH="$work/libraries/lib/pkgconfig" ./configure --prefix="$prefix.new" --cc="${CC:-gcc}" \
        --disable-everything --disable-autodetect --disable-network --disable-programs --disable-doc \
        --disable-avdevice --disable-avfilter --disable-swscale --disable-pthreads --disable-debug \
        --enable-static --disable-shared --enable-pic --pkg-config-flags=--static $(options) >"$work/configure.log" 2>&1 ||
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
        libraries
        cd ffmpeg-*/
        build
        merge
        cp COPYING.LGPLv2.1 "$prefix.new/"
    ) >&2
    mv "$prefix.new" "$prefix"
    rm -rf "$work"
fi
echo "$prefix"
