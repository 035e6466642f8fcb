#!/usr/bin/env bash
# A fuzzing session: fuzz/run.sh NAME SECONDS. Builds the libFuzzer program of target NAME with clang in
# $CELL_FUZZ_BUILD (default build-fuzz), starts from fuzz/corpus/NAME and keeps what it finds in
# <build>/corpus-NAME; a crashing input is written to <build>/crash-NAME-*. `fuzz/run.sh NAME --merge`
# adds to fuzz/corpus/NAME what reaches new code.
set -euo pipefail
[ $# = 2 ] || { echo "usage: fuzz/run.sh NAME SECONDS|--merge" >&2; exit 2; }
name=$1
root=$(dirname "$(dirname "$(readlink -f "$0")")")
build=${CELL_FUZZ_BUILD:-$root/build-fuzz}
command -v clang >/dev/null || { echo "run.sh: needs clang (Debian package clang)" >&2; exit 1; }

if [ ! -f "$build/build.ninja" ]; then
    CC=clang meson setup "$build" "$root" -Dfuzz=true -Dwerror_own=false -Dbench=false \
        -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
fi
ninja -C "$build" -j"${CELL_JOBS:-2}" --quiet "fuzz/fuzz-$name"
mkdir -p "$build/corpus-$name" "$root/fuzz/corpus/$name"
if [ "$2" = --merge ]; then
    exec "$build/fuzz/fuzz-$name" -merge=1 "$root/fuzz/corpus/$name" "$build/corpus-$name"
fi
exec "$build/fuzz/fuzz-$name" -max_total_time="$2" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$build/crash-$name-" -print_final_stats=1 \
    "$build/corpus-$name" "$root/fuzz/corpus/$name"
