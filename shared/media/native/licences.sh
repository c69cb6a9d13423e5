#!/usr/bin/env bash
# What an image is made of, and under which licences: each crate that is linked, and each native part.
#
#   shared/media/native/licences.sh [PROGRAM]    PROGRAM, a built one, adds the system's libraries that go along with it
#
# Needs FFMPEG_DIR, the folder that build-libav.sh printed. Fails if anything has no licence.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
packages=(auth convert download gateway jobs notify standalone sweep upload)

row() { printf '| %s | %s | %s |\n' "$@"; }

# The crates that are linked, on this kind of machine: no macros, no build scripts, no tests.
crates() {
    cargo tree --locked $(printf -- '--package %s ' "${packages[@]}") --edges normal,no-proc-macro --prefix none \
        --format '{p}|{l}' | sed -e 's/ (\*)$//' -e 's/ ([^)]*)|/|/' | grep . | sort -u
}

# What build-libav.sh built, and the licence's text beside it.
native() {
    local version
    version=$(sed -n 's/.*FFMPEG_VERSION "\(.*\)"/\1/p' "$FFMPEG_DIR/include/libavutil/ffversion.h")
    row "FFmpeg $version" "LGPL-2.1-or-later" "$(text LGPLv2.1)"
    for name in $(sed -n 's/^library \([a-z]*\).*/\1/p' "$here/parts.txt") libogg; do
        case $name in
        zlib) row zlib Zlib "$(text zlib)" ;;
        libopus) row libopus BSD-3-Clause "$(text opus)" ;;
        libvorbis | libogg) row "$name" BSD-3-Clause "$(text "$name")" ;;
        *) echo "what is the licence of $name?" >&2 && exit 1 ;;
        esac
    done
    row "LAME 3.100, changed (lame.patch)" "LGPL-2.0-or-later" "crate mp3lame-sys, lame-3.100/COPYING"
    if crates | grep -q '^libsqlite3-sys '; then row SQLite "public domain" "crate libsqlite3-sys"; fi
}

text() {
    [ -s "$FFMPEG_DIR/COPYING.$1" ] || { echo "$FFMPEG_DIR/COPYING.$1 is missing" >&2 && exit 1; }
    echo "COPYING.$1"
}

# image.sh puts these beside the program.
system() {
    ldd "$1" | grep -o '/[^ ]*' | sort -u | while read -r library; do
        case ${library##*/} in
        ld-linux* | libc.so* | libm.so* | libmvec.so*)
            row "${library##*/} (glibc)" LGPL-2.1-or-later /usr/share/doc/libc6/copyright
            ;;
        libgcc_s.so*)
            row "${library##*/} (GCC)" "GPL-3.0-or-later WITH GCC-exception-3.1" /usr/share/doc/libgcc-s1/copyright
            ;;
        *) echo "what is the licence of $library?" >&2 && exit 1 ;;
        esac
    done
}

list=$(crates)
echo "# Crates: $(wc -l <<<"$list")"
echo
row crate licence text
row --- --- ---
while IFS='|' read -r name licence; do
    # It names a file instead, which is that licence's text.
    case $name in cloudevents-sdk\ *) licence=${licence:-Apache-2.0} ;; esac
    [ -n "$licence" ] || { echo "$name has no licence" >&2 && exit 1; }
    row "$name" "$licence" "in the crate"
done <<<"$list"
echo
echo "# Native parts"
echo
row part licence text
row --- --- ---
native
if [ $# -gt 0 ]; then system "$1"; fi
