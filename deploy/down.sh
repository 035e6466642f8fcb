#!/usr/bin/env bash
# Stop the node that deploy/up.sh started: every cell drains, then everything ends.
set -euo pipefail
exec </dev/null

if [ $# -gt 0 ]; then
    echo "down.sh: takes no arguments, got $1" >&2
    exit 2
fi

root=$(dirname "$(dirname "$(readlink -f "$0")")")
cell=${CELL_BUILD:-$root/build}/cell

if [ ! -x "$cell" ]; then
    echo "down.sh: $cell is not built, so no node of this tree runs" >&2
    exit 1
fi
exec "$cell" down
