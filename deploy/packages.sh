#!/usr/bin/env bash
# Install what is missing of the named groups of deploy/packages.txt: packages.sh build [test …].
# Needs root only when something is missing; otherwise says what is and exits 1.
set -euo pipefail
list=$(dirname "$(readlink -f "$0")")/packages.txt
[ $# -gt 0 ] || { echo "usage: packages.sh GROUP …" >&2; exit 2; }

if ! command -v dpkg-query >/dev/null; then
    echo "packages: not a Debian system: nothing checked, see deploy/packages.txt" >&2
    exit 0
fi
missing=()
architecture=$(dpkg --print-architecture)
while read -r name group _; do
    case " $* " in *" $group "*) ;; *) continue ;; esac
    case "$name" in */"$architecture") name=${name%/*} ;; */*) continue ;; esac
    status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$name")
done < <(grep -v -e '^#' -e '^$' "$list")

[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "packages: missing: ${missing[*]}" >&2
    echo "packages: install them with: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
echo "packages: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q </dev/null >/dev/null || echo "packages: the package lists could not be refreshed" >&2
if ! apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null; then
    echo "packages: could not be installed: ${missing[*]}" >&2
    exit 1
fi
