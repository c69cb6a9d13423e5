#!/usr/bin/env bash
# Makes the content of the image: the program, the libraries that it is linked to, and nothing else.
#
#   image.sh PROGRAM FOLDER    a built program -> FOLDER, ready for `FROM scratch`
#
# Certificates of authorities are compiled in (webpki-roots); zone data and a shell are not needed.
set -euo pipefail
program=$1 folder=$2

rm -rf "$folder"
# The mount points of any container.
mkdir -p "$folder"/{dev,etc,proc,sys}
install -m 0755 "$program" "$folder/tapedeck"
strip --strip-debug "$folder/tapedeck"

# Lines of ldd: NAME => PATH (ADDRESS), or the loader's PATH (ADDRESS).
ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "$folder$(dirname "$library")"
  install -m 0755 "$(realpath "$library")" "$folder$library"
done

# So that the number has a name in logs and tools.
echo 'nonroot:x:65532:65532:nonroot:/:/tapedeck' > "$folder/etc/passwd"
echo 'nonroot:x:65532:' > "$folder/etc/group"
