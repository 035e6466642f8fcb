#!/usr/bin/env bash
# From a clone to a running node: install what is missing (Debian 12, as root), build, start the node of
# deploy/node.yaml, wait until every cell is ready, call each once. The node keeps running;
# deploy/down.sh stops it. Running it again says that the node runs, and fails when a cell of it is not well.
#
#   CELL_BUILD         build directory (default build in the tree)
#   CELL_RUN, CELL_STATE  where the node lives (default as `cell` says: /run/cell for root)
#   CELL_JOBS          compilers at a time (default 2)
set -euo pipefail
exec </dev/null

if [ $# -gt 0 ]; then
    echo "up.sh: takes no arguments, got $1" >&2
    exit 2
fi

root=$(dirname "$(dirname "$(readlink -f "$0")")")
build=${CELL_BUILD:-$root/build}
cell=$build/cell
manifest=$root/deploy/node.yaml

say() { printf '\n== %s\n' "$1"; }

# Set-up that goes well says nothing; one that fails says everything.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log"
        rm "$log"
        echo "up.sh: failed: $*" >&2
        exit 1
    fi
    rm "$log"
}

# Known before the build rather than after it.
if [ "$(id -u)" != 0 ] && [ -z "${CELL_RUN:-}${XDG_RUNTIME_DIR:-}" ]; then
    echo "up.sh: where should the node live? XDG_RUNTIME_DIR is not set; set it or CELL_RUN" >&2
    exit 1
fi
place=$build
while [ ! -e "$place" ]; do
    place=$(dirname "$place")
done
if [ ! -w "$place" ]; then
    echo "up.sh: $place is not yours to build in; choose another directory with CELL_BUILD" >&2
    exit 1
fi
if [ -x "$cell" ] && "$cell" status >/dev/null 2>&1; then
    echo "the node already runs (deploy/down.sh stops it)"
    for _ in $(seq 20); do # it may have been interrupted while it started, or be busy with what has just ended
        if "$cell" health >/dev/null 2>&1; then
            break
        fi
        sleep 0.5
    done
    "$cell" status
    "$cell" health >/dev/null # says who is not well
    exit 0
fi

"$root/deploy/packages.sh" build
say "build in $build"
if [ ! -f "$build/build.ninja" ]; then
    quietly meson setup "$build" "$root" --buildtype=debugoptimized
fi
how=(--quiet)
if [ -t 1 ]; then
    how=() # minutes, the first time: a person wants to see how far it is
fi
ninja -C "$build" -j"${CELL_JOBS:-2}" "${how[@]}"

say "start"
"$cell" up "$manifest" --detach
"$cell" status

say "one call to each cell"
while read -r name operation body; do
    printf '%s: cell call %s '\''%s'\''\n' "$name" "$operation" "$body"
    "$cell" call "$operation" "$body"
done < <(grep -v -e '^#' -e '^$' "$root/deploy/first-calls.txt")

say "the node runs"
echo "status: $cell status"
echo "stop:   $root/deploy/down.sh"
