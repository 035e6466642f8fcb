#!/usr/bin/env bash
# Build with sanitizers and run every suite. The last line is "N passed, N failed, N skipped"; the exit
# status is 0 only if nothing failed.
#
#   tests/run.sh [--fast] [--filter TEXT]
#     --fast         leave out the thread sanitizer
#     --filter TEXT  only tests whose name contains TEXT
#   CELL_BUILD       build directory (default build-asan in the tree; -tsan beside it)
#   CELL_JOBS        compilers at a time (default 2)
set -euo pipefail
exec </dev/null

root=$(dirname "$(dirname "$(readlink -f "$0")")")
fast=no
filter=
while [ $# -gt 0 ]; do
    case $1 in
    --fast) fast=yes ;;
    --filter)
        [ $# -gt 1 ] || { echo "run.sh: --filter needs a text" >&2; exit 2; }
        filter=$2
        shift
        ;;
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
        exit 0
        ;;
    *)
        echo "run.sh: unknown argument $1" >&2
        exit 2
        ;;
    esac
    shift
done
build=${CELL_BUILD:-$root/build-asan}
tsan=${build%-asan}-tsan
jobs=${CELL_JOBS:-2}
results=()
# Programs that are compiled with a sanitizer end at the first report; those that a supervisor starts
# have no environment to read this from and are compiled so (-fno-sanitize-recover).
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1
export TSAN_OPTIONS=halt_on_error=1:suppressions=$root/tests/support/tsan.supp

finish() {
    python3 "$root/tests/summary.py" "${results[@]}"
    exit
}

# Run a stage; one that fails is said and counted. Without what a `must` makes there is nothing to go on
# with, after an `attempt` the next stage still tells something.
attempt() {
    local name=$1
    shift
    if ! "$@"; then
        echo "run.sh: $name failed"
        results+=(--stage-failed "$name")
        return 1
    fi
}
must() { attempt "$@" || finish; }

say() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

# setup DIR SANITIZER: a configured build directory; one that no longer configures is made afresh.
setup() {
    local options=(-Db_sanitize="$2" -Db_lundef=false) log status=0
    log=$(mktemp)
    if [ -f "$1/build.ninja" ] && meson setup --reconfigure "$1" "$root" "${options[@]}" >"$log" 2>&1; then
        rm "$log"
        return
    fi
    if [ -d "$1/meson-private" ]; then
        options+=(--wipe)
    fi
    meson setup "$1" "$root" "${options[@]}" >"$log" 2>&1 || status=1
    [ "$status" = 0 ] || cat "$log"
    rm "$log"
    return "$status"
}

# run_meson DIR NAME [argument …]: run tests of a build and keep the results as NAME.json. Failures of
# tests are in the results; only results that are missing fail the stage. Every third test waits more than it computes.
run_meson() {
    local dir=$1 name=$2
    shift 2
    rm -f "$dir/meson-logs/testlog.json"
    meson test -C "$dir" --no-rebuild --print-errorlogs --num-processes 3 "$@" || true
    [ -s "$dir/meson-logs/testlog.json" ] || return 1
    cp "$dir/meson-logs/testlog.json" "$dir/$name.json"
    results+=("$dir/$name.json")
}

# Every test of the build, or those that the filter names.
all_meson() {
    local chosen=()
    if [ -n "$filter" ]; then
        mapfile -t chosen < <(meson test -C "$build" --no-rebuild --list 2>/dev/null | sed 's/.* \/ //' |
            grep -F -e "$filter" || true)
        [ ${#chosen[@]} -gt 0 ] || return 0
    fi
    run_meson "$build" asan "${chosen[@]}"
}

# runtime_tests DIR names|programs: tests with threads that the thread sanitizer can watch, the runtime's and of a member's disk, for a build
# that has no use for the rest. Not the jail's: it starts programs by a vfork whose child works in the
# parent's memory, which the sanitizer's runtime does not survive, and it has no threads.
runtime_tests() {
    meson introspect --tests --targets "$1" | python3 -c '
import json, os, sys
directory, what = sys.argv[1:]
known = json.load(sys.stdin)
built = {os.path.relpath(f, directory) for t in known["targets"] for f in t["filename"]}
for test in known["tests"]:
    is_runtime = any(s.endswith(":run") for s in test["suite"]) and not test["name"].startswith(("run_jail", "run_seal"))
    if is_runtime or test["name"] in ("raft_syncer", "raft_snapshot_writer"):
        if what == "names":
            print(test["name"])
        else:
            words = [os.path.relpath(os.path.join(directory, w), directory) for w in test["cmd"]]
            print("\n".join(w for w in words if w in built))' "$(readlink -f "$1")" "$2" | sort -u
}

# gcc 12's thread sanitizer wants addresses where kernels with much randomisation do not put them.
tsan_works() {
    local probe
    probe=$(mktemp -d)
    echo 'int main(void) { return 0; }' >"$probe/a.c"
    gcc -fsanitize=thread -o "$probe/a" "$probe/a.c" 2>/dev/null &&
        for prefix in "" "setarch -R"; do
            if $prefix "$probe/a" >/dev/null 2>&1; then
                rm -r "$probe"
                tsan_prefix=$prefix
                return 0
            fi
        done
    rm -r "$probe"
    return 1
}

run_tsan() {
    local targets names options=()
    setup "$tsan" thread || return 1
    mapfile -t targets < <(runtime_tests "$tsan" programs)
    mapfile -t names < <(runtime_tests "$tsan" names | grep -F -e "$filter" || true)
    [ ${#names[@]} -gt 0 ] || return 0
    ninja -C "$tsan" -j"$jobs" --quiet "${targets[@]}" || return 1
    [ -z "$tsan_prefix" ] || options=(--wrapper "$tsan_prefix")
    run_meson "$tsan" tsan "${options[@]}" "${names[@]}"
}

run_pytest() {
    local python=/usr/bin/python3 options=()
    "$python" -c 'import pytest' 2>/dev/null || python=python3
    # They wait more than they compute: three at a time keep two processors busy.
    ! "$python" -c 'import xdist' 2>/dev/null || options+=(-n 3 --dist loadgroup)
    [ -z "$filter" ] || options+=(-k "$filter")
    rm -f "$build/system.xml"
    # Status 1 is failed tests (counted from the results), 5 is "no test was chosen".
    local status=0
    CELL_TEST_BUILD=$build timeout --kill-after=30 1000 "$python" -m pytest -p no:cacheprovider \
        -o junit_family=xunit2 --junitxml="$build/system.xml" -q -ra --durations=25 --durations-min=5 "${options[@]}" \
        "$root/tests/system" || status=$?
    if [ "$status" = 5 ] && [ -n "$filter" ]; then
        return 0
    fi
    results+=("$build/system.xml")
    [ "$status" -le 1 ]
}

cd "$root"
must packages "$root/deploy/packages.sh" build test
say "build with address and undefined-behaviour sanitizers in $build"
must setup setup "$build" address,undefined
must build ninja -C "$build" -j"$jobs" --quiet
say "unit, house and fuzz corpus tests"
attempt "meson test" all_meson || true
if [ "$fast" = no ]; then
    say "runtime tests with the thread sanitizer in $tsan"
    tsan_prefix=
    if tsan_works; then
        attempt "thread sanitizer" run_tsan || true
    else
        echo "SKIPPED: the thread sanitizer does not run on this machine"
        printf '{"name": "thread-sanitizer", "result": "SKIP", "stdout": "%s"}\n' \
            "the thread sanitizer does not run on this machine" >"$build/tsan.json"
        results+=("$build/tsan.json")
    fi
fi
say "system tests"
attempt "system tests" run_pytest || true
say "result"
finish
