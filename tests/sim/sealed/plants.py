#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the sealed core, and the drawn worlds must find it. A bug that
escapes, or whose place is no longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [--worlds N] [NAME ...]
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile

# name: (file, what goes wrong, text that is there once, what the bug makes of it)
PLANTS = {
    "no-window": ("sealed.c", "what was seen is taken again",
                  "sealed_window_take(&session->window, header.counter);", ""),
    "no-address": ("sealed.c", "a session's datagrams are taken from anywhere",
                   "if (!is_asker && !sealed_peer_has_path(p, from)) {", "if (((void)is_asker, false)) {"),
    "epoch-kept": ("sealed.c", "sessions under a key that has gone stay",
                   "if (session->is_live && !has_epoch(s, session)) {", "if (((void)has_epoch, (void)session, false)) {"),
    "counter-kept": ("sealed_wait.c", "every eighth datagram has its predecessor's counter",
                     "session->counter++, session->remote",
                     "(session->counter % 8 == 7 ? session->counter++ - 1 : session->counter++), session->remote"),
    "one-key": ("sealed_meet.c", "both directions have one key",
                "is_initiator ? keys->to_responder : keys->to_initiator", "keys->to_responder"),
    "no-retry": ("sealed_meet.c", "a question is asked once",
                 "a->due_ms = next_try(s, a, now_ms);", "a->due_ms = UINT64_MAX; (void)next_try;"),
    "asks-for-ever": ("sealed_wait.c", "an acquaintance is never given up",
                      "now_ms >= p->attempt.due_ms && p->attempt.tries == SEALED_TRIES_MAX) {", "false) {"),
    "promote-twice": ("sealed_peer.c", "a new session takes the place of the previous one only",
                      "p->place[SEALED_PREVIOUS] = p->place[SEALED_CURRENT];\n", ""),
}
BASE = ("bytes", "err", "name", "rate", "rng")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--cc", required=True, type=str.split)
    parser.add_argument("--worlds", type=int, default=150)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    names = args.names or list(PLANTS)
    sources = (sorted(glob.glob(os.path.join(args.root, "common/node/sealed*.c")))
               + [os.path.join(args.root, "common/node/keys.c")]
               + sorted(glob.glob(os.path.join(args.root, "tests/sim/sealed/*.c")))
               + [os.path.join(args.root, f"common/base/{b}.c") for b in BASE])
    flags = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-w", "-I", args.root]
    escaped = 0
    with tempfile.TemporaryDirectory() as scratch:
        objects = {}
        for source in sources:
            objects[source] = os.path.join(scratch, source.replace("/", "_") + ".o")
            subprocess.run([*args.cc, *flags, "-c", "-o", objects[source], source], check=True)
        for name in names:
            file, text, old, new = PLANTS[name]
            path = os.path.join(args.root, "common/node", file)
            with open(path, encoding="utf-8") as f:
                source = f.read()
            how = "its place in the source is gone or not the only one"
            caught = False
            if source.count(old) == 1:
                copy = os.path.join(scratch, f"{name}.c")
                with open(copy, "w", encoding="utf-8") as f:
                    f.write(source.replace(old, new))
                program = os.path.join(scratch, name)
                subprocess.run([*args.cc, *flags, "-o", program, copy,
                                *(o for s, o in objects.items() if s != path), "-lsodium"], check=True)
                run = subprocess.run([program, "--worlds", str(args.worlds)], capture_output=True, text=True,
                                     check=False)
                caught = run.returncode != 0
                how = (run.stderr.strip().splitlines() or ["escaped"])[-1][:100]
            print(f"{'caught ' if caught else 'ESCAPED'} {name}: {text}: {how}", flush=True)
            escaped += not caught
    print(f"{len(names) - escaped} of {len(names)} planted bugs caught")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
