#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the sealed core, and the drawn worlds must find it. A bug that
escapes, or whose place is no longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [--worlds N] [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "no-window": ("sealed.c", "what was seen is taken again", [
        ("sealed_window_take(&session->window, header.counter);",
         "")]),
    "no-address": ("sealed.c", "a session's datagrams are taken from anywhere", [
        ("if (!is_asker && !sealed_peer_has_path(p, from)) {",
         "if (((void)is_asker, false)) {")]),
    "epoch-kept": ("sealed.c", "sessions under a key that has gone stay", [
        ("if (session->is_live && !has_epoch(s, session)) {",
         "if (((void)has_epoch, (void)session, false)) {")]),
    "counter-kept": ("sealed_wait.c", "every eighth datagram has its predecessor's counter", [
        ("session->counter++, session->remote",
         "(session->counter % 8 == 7 ? session->counter++ - 1 : session->counter++), session->remote")]),
    "one-key": ("sealed_meet.c", "both directions have one key", [
        ("is_initiator ? keys->to_responder : keys->to_initiator",
         "keys->to_responder")]),
    "no-retry": ("sealed_meet.c", "a question is asked once", [
        ("a->due_ms = next_try(s, a, now_ms);",
         "a->due_ms = UINT64_MAX; (void)next_try;")]),
    "asks-for-ever": ("sealed_wait.c", "an acquaintance is never given up", [
        ("now_ms >= p->attempt.due_ms && p->attempt.tries == SEALED_TRIES_MAX) {",
         "false) {")]),
    "promote-twice": ("sealed_peer.c", "a new session takes the place of the previous one only", [
        ("p->place[SEALED_PREVIOUS] = p->place[SEALED_CURRENT];\n",
         "")]),
}

SOURCES = ["common/node/sealed*.c", "common/node/keys.c", "tests/sim/sealed/*.c",
           *(f"common/base/{b}.c" for b in ("bytes", "err", "name", "rate", "rng"))]


def program(_finder, _file, args):
    return lambda source: True, ["--worlds", str(args.worlds)]


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "common/node", SOURCES, program, worlds=150, libraries=["-lsodium"]).main())
