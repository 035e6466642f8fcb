#!/usr/bin/env python3
"""Check a model with spin: the protocol as it is must be without error, and with each planted bug there
must be one. A bug that is not found fails the check, since then the model proves nothing about it.

Usage: check.py MODEL [--large [--memory MIB]] [--cc COMPILER] [--only PLANT …] [--trail]
  --large  the sizes for a long run by hand: hours and gigabytes rather than seconds. A search that meets the memory
           it may use, or an interrupt of its process, is reported with the states that it had seen
  --trail  print the steps that lead to each planted bug, or to a real one
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
SKIPPED = 77

# model: sizes of the short run (several runs are checked one after the other), of the long run, and
# {planted bug: (what goes wrong, the sizes at which it shows)}.
MODELS = {
    "doorbell": {
        "small": [["ROUNDS=1"]],
        "large": [["ROUNDS=2"]],
        "plants": {
            "NO_FENCE_PUBLISH": ("the word is published by a plain store", ["ROUNDS=1"]),
            "NO_FENCE_FLAG": ("the flag is set by a plain store", ["ROUNDS=1"]),
            "FLAG_AFTER_CHECK": ("the flag is set after the last look", ["ROUNDS=1"]),
            "NAP_AFTER_CHECK": ("the nap is counted after the last look", ["ROUNDS=1"]),
            "KICK_READ_LATE": ("the kick is read after the last look", ["ROUNDS=1"]),
            "KICK_AFTER_WAKE": ("the kick is counted after the wake", ["ROUNDS=1"]),
            "WAKE_ONE": ("one of several sleepers is woken", ["ROUNDS=1"]),
        },
    },
    "wish": {
        "small": [["MESSAGES=2"]],
        "large": [["MESSAGES=4"]],
        "plants": {
            "NO_FENCE_WISH": ("the wish is a plain store", ["MESSAGES=2"]),
            "NO_FENCE_TELL": ("head is a plain store", ["MESSAGES=2"]),
            "WISH_UNSAID": ("the wish is not said", ["MESSAGES=2"]),
            "WISH_CLEARED": ("one producer's success takes back the other's wish", ["MESSAGES=2"]),
            "WAKE_IF_FULFILLED": ("only room for the whole wish wakes", ["MESSAGES=2"]),
            "NO_LAST_WORD": ("the consumer sleeps without telling the last of the room", ["MESSAGES=2"]),
        },
    },
    "slot": {
        "small": [["CALLS=2"], ["CALLS=3", "NO_TIMEOUT"]],
        "large": [["CALLS=3", "SLOTS=2", "THREADS=3"]],
        "plants": {
            "REUSE_WITHOUT_ACK": ("a disowned slot is used again at once", ["CALLS=2"]),
            "NO_CLAIM": ("two threads hold one slot", ["CALLS=2"]),
            "BELIEVE_STATE": ("the asker does not look at the sequence number", ["CALLS=2"]),
            "ASK_BEFORE_DATA": ("the request is published before its bytes", ["CALLS=2"]),
            "ANSWER_BEFORE_DATA": ("the answer is published before its bytes", ["CALLS=2"]),
            "DONE_EARLY": ("the server lets go while its handler runs", ["CALLS=2"]),
            "TOUCH_LATE": ("the server touches an answer that is out", ["CALLS=2"]),
        },
    },
    "ring": {
        "small": [["MESSAGES=2", "CAPACITY=4"], ["MESSAGES=2", "SECOND=1", "CAPACITY=6"],
                  ["MESSAGES=2", "SECOND=1", "CAPACITY=4", "MORTAL"]],
        "large": [["MESSAGES=3", "CAPACITY=6"], ["MESSAGES=2", "CAPACITY=7", "MORTAL"]],
        "plants": {
            "NO_CLEAR": ("the word behind a record is not cleared", ["CAPACITY=6"]),
            "NO_END_WORD": ("no room is kept for the word behind a record", ["CAPACITY=4"]),
            "NO_LOCK": ("two producers reserve at a time", ["CAPACITY=4"]),
            "SKIP_FIRST": ("the skip is told before what it leads to", ["CAPACITY=6"]),
            "COMMIT_EARLY": ("a record is committed before it is written", ["CAPACITY=4"]),
            "ABORT_FORGOTTEN": ("an abandoned reservation stays open", ["CAPACITY=4"]),
            "HEAD_EARLY": ("loans that come back out of order move head", ["CAPACITY=4"]),
            "SKIP_EARLY": ("a skip gives back what is on loan before it", ["CAPACITY=6"]),
            "OPEN_PASSED": ("an open reservation of the living is passed", ["CAPACITY=4"]),
            "LOST_BY_DEATH": ("what stands behind a dead producer's open reservation is lost",
                              ["CAPACITY=4", "MORTAL"]),
            "DEATH_ASKED_LATE": ("whether the producer is dead is asked after the look",
                                 ["CAPACITY=4", "MORTAL"]),
        },
    },
}


class Broken(Exception):
    """The model does not compile, or the search did not end as it should."""


def command(argv, cwd, limit_s=None):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=limit_s)
    return done.returncode, done.stdout + done.stderr


def search(args, model, sizes, scratch, is_planted=False):
    """(errors, states, the search's first complaint, or why it did not end)"""
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    code, out = command(["spin", *[f"-D{s}" for s in sizes], "-a", os.path.join(HERE, f"{model}.pml")], scratch)
    if code != 0 or "syntax error" in out or not os.path.exists(os.path.join(scratch, "pan.c")):
        raise Broken(f"spin: {out.strip()}")
    # A search that stops at a planted bug takes less time than any compiler's optimisation.
    level = "-O2" if args.large else "-O0" if is_planted else "-O1"
    flags = [level, "-w", "-DSAFETY", "-DVECTORSZ=4096"]
    if args.large:
        flags += ["-DCOLLAPSE", f"-DMEMLIM={args.memory}"]
    code, out = command([*args.cc, *flags, "-o", "pan", "pan.c"], scratch)
    if code != 0:
        raise Broken(f"compiler: {out.strip()}")
    limit_s = None if args.large else args.limit
    try:
        code, out = command(["./pan", "-m10000000" if args.large else "-m1000000",
                             "-w28" if args.large else "-w20"], scratch, limit_s)
    except subprocess.TimeoutExpired as late:
        raise Broken(f"the search did not end in {limit_s} s") from late
    errors = re.search(r"errors: (\d+)", out)
    states = re.search(r"(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored", out)
    is_cut = "Search not completed" in out and errors is not None and int(errors.group(1)) == 0
    if errors is None or states is None or "max search depth too small" in out or (is_cut and not args.large):
        raise Broken(f"pan: {out.strip()[-2000:]}")
    first = re.search(r"^pan:\d+: (.*)$", out, re.MULTILINE)
    return int(errors.group(1)), float(states.group(1)), "NOT COMPLETE" if is_cut else first.group(1) if first else ""


def trail(args, model, sizes, scratch):
    _, out = command(["spin", *[f"-D{s}" for s in sizes], "-p", "-g", "-l", "-k",
                      os.path.join(scratch, f"{model}.pml.trail"), os.path.join(HERE, f"{model}.pml")],
                     scratch)
    print(out)


def check(args, scratch):
    plan = MODELS[args.model]
    bad = 0
    for sizes in [] if args.only else plan["large" if args.large else "small"]:
        begun = time.monotonic()
        errors, states, first = search(args, args.model, sizes, scratch)
        print(f"{args.model} {' '.join(sizes)}: {errors} errors in {states:.0f} states, "
              f"{time.monotonic() - begun:.1f} s {first}", flush=True)
        if errors:
            bad += 1
            trail(args, args.model, sizes, scratch)
    for name in args.only or plan["plants"]:
        what, sizes = plan["plants"][name]
        errors, states, first = search(args, args.model, [*sizes, name], scratch, True)
        print(f"{'found  ' if errors else 'ESCAPED'} {name}: {what}: {first} ({states:.0f} states)", flush=True)
        bad += errors == 0
        if args.trail:
            trail(args, args.model, [*sizes, name], scratch)
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--memory", type=int, default=16384, metavar="MIB", help="for one long search")
    parser.add_argument("--trail", action="store_true")
    parser.add_argument("--limit", type=float, default=240, help="seconds for one short search")
    parser.add_argument("--cc", type=str.split, default=["cc"])
    parser.add_argument("--only", nargs="+", metavar="PLANT")
    args = parser.parse_args()
    if shutil.which("spin") is None:
        print("SKIPPED: no spin (Debian package spin)")
        return SKIPPED
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return 1 if check(args, os.path.join(scratch, "run")) else 0
        except Broken as fault:
            print(f"BROKEN: {fault}")
            return 1


if __name__ == "__main__":
    sys.exit(main())
