#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the byte ring's sources, and one of its tests must find it. A
bug that escapes, or whose place is no longer in the source, fails the test. The shipped sources know
nothing of this.

Usage: ring_plants.py --root DIR --cc COMPILER [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "no-clear": ("shm_ring_out.c", "the word behind a record is not cleared", [
        ("atomic_store_explicit(shm_ring_at(out->data, out->capacity, start + span), SHM_RING_NONE,\n"
         "                          memory_order_relaxed);", "")]),
    "no-end-word": ("shm_ring_out.c", "no room is kept for the word behind a record", [
        ("return skip_for(out, span) + span + SHM_RING_WORD;", "return skip_for(out, span) + span;")]),
    "no-skip": ("shm_ring_out.c", "what does not fit before the end is not skipped", [
        ("if (skip > 0) {", "if (0) {")]),
    "cross-end": ("shm_ring_out.c", "a record crosses the end", [
        ("return span <= left ? 0 : left;", "return span <= left + 8 ? 0 : left;")]),
    "eager-room": ("shm_ring_out.c", "a word more than there is counts as room", [
        ("return bytes <= out->capacity - (out->tail - out->head);",
         "return bytes <= out->capacity - (out->tail - out->head) + 8;")]),
    "skip-free": ("shm_ring_out.c", "the skip needs no room", [
        ("return skip_for(out, span) + span + SHM_RING_WORD;", "return span + SHM_RING_WORD;")]),
    "too-large": ("shm_ring_out.c", "a message that fits only at some places is taken", [
        ("return (uint32_t)(capacity / 2 - SHM_RING_WORD);", "return (uint32_t)(capacity / 2);")]),
    "wish-lost": ("shm_ring_out.c", "nobody is told that there is no room", [
        ("atomic_store(&out->own->wants, wants > before ? wants : before);", "")]),
    "wish-shrinks": ("shm_ring_out.c", "a small wish replaces a large one", [
        ("wants > before ? wants : before", "wants")]),
    "wish-exact": ("shm_ring_out.c", "every single record's room is asked for", [
        ("out->tail + (bytes > least ? bytes : least) - out->capacity",
         "((void)least, out->tail + bytes - out->capacity)")]),
    "head-back": ("shm_ring_out.c", "the peer's head may go back", [
        ("if (head < out->head || head > out->tail ||", "if (head > out->tail ||")]),
    "head-ahead": ("shm_ring_out.c", "the peer's head may pass the tail", [
        ("if (head < out->head || head > out->tail ||", "if (head < out->head ||")]),
    "head-between": ("shm_ring_out.c", "the peer's head may stand between words", [
        (" || head % SHM_RING_WORD != 0", "")]),
    "no-rest": ("shm_ring_out.c", "what a shorter message leaves is no skip", [
        ("if (used < span) {", "if (0) {")]),
    "busy-unsaid": ("shm_ring_out.c", "a reservation does not say how long it is", [
        ("shm_ring_word(SHM_RING_BUSY, size, 0), memory_order_release);",
         "shm_ring_word(SHM_RING_BUSY, 0, 0), memory_order_release);")]),
    "deaf-to-death": ("shm_ring_out.c", "a dead reader goes unnoticed", [
        ("(void)atomic_compare_exchange_strong(&out->fault, &none, ERR_PEER_DEAD);", "(void)none;")]),
    "head-early": ("shm_ring_in.c", "loans out of order move head", [
        ("while (in->loan_count > 0 && (in->lent[in->loan_first].position_and_free & 1) != 0) {",
         "while (in->loan_count > 0) {")]),
    "head-jumps": ("shm_ring_in.c", "head goes to the loan given back", [
        ("in->released = in->lent[in->loan_first].end;", "in->released = in->lent[loan->index].end;")]),
    "skip-early": ("shm_ring_in.c", "a skip gives back what is on loan before it", [
        ("    in->next += span;\n    if (in->loan_count == 0) {", "    in->next += span;\n    if (1) {")]),
    "skip-kept": ("shm_ring_in.c", "skips are never given back", [
        ("    in->next += span;\n    if (in->loan_count == 0) {", "    in->next += span;\n    if (0) {"),
        ("        in->released = in->next; /* with", "        ; /* with")]),
    "stale-loan": ("shm_ring_in.c", "an old loan is taken for the one in its place", [
        (" ||\n        in->lent[loan->index].position_and_free != loan->position) {", ") {")]),
    "never-told": ("shm_ring_in.c", "the last of the room is not told before sleeping", [
        ("return in->released != in->published && tell(in);", "return false;")]),
    "always-told": ("shm_ring_in.c", "every record's room is told", [
        ("bool is_much = in->released - in->published >= in->capacity / SHM_RING_LAZY;",
         "bool is_much = true;")]),
    "nobody-woken": ("shm_ring_in.c", "who waits for room is not woken", [
        ("return atomic_load(&in->peer->wants) > before;",
         "return before > before + 1;")]),
    "all-woken": ("shm_ring_in.c", "an old wish wakes for ever", [
        ("return atomic_load(&in->peer->wants) > before;",
         "return atomic_load(&in->peer->wants) > 0;")]),
    "lost-by-death": ("shm_ring_in.c", "what a dead writer's other threads committed is lost", [
        ("e = is_dead ? pass(in, shm_ring_span(size)) : ERR_LATER;",
         "e = is_dead ? ERR_PEER_DEAD : ERR_LATER;")]),
    "open-passed": ("shm_ring_in.c", "an open reservation is passed", [
        ("e = is_dead ? pass(in, shm_ring_span(size)) : ERR_LATER;",
         "e = pass(in, shm_ring_span(size));")]),
    "size-believed": ("shm_ring_in.c", "a message's size is believed", [
        ("size > shm_ring_message_max(in->capacity) || !is_possible(in, shm_ring_span(size))", "0")]),
    "skip-believed": ("shm_ring_in.c", "a skip's size is believed", [
        ("    if (!is_possible(in, span)) {\n        return broken(in);\n    }\n    in->next",
         "    in->next")]),
    "zero-skip": ("shm_ring_in.c", "a skip may go nowhere", [
        ("return span >= SHM_RING_WORD && span", "return span")]),
    "loans-unbounded": ("shm_ring_in.c", "the limit of loans is off by one", [
        ("if (in->loan_count == SHM_RING_LOANS_MAX) {", "if (in->loan_count > SHM_RING_LOANS_MAX) {")]),
    "mended": ("shm_ring_in.c", "a broken ring is used on", [
        ("    in->fault = ERR_MALFORMED;\n", "")]),
}

SOURCES = ["common/run/shm_ring_in.c", "common/run/shm_ring_out.c", "tests/unit/run/ring_kit.c",
           "tests/unit/run/test_shm_ring.c", "tests/unit/run/test_shm_ring_drawn.c", "common/base/err.c", "common/base/rng.c"]
TESTS = {"claims": ("test_shm_ring.c", []), "drawn": ("test_shm_ring_drawn.c", ["1", "60"])}


def program(finder, _file, _args):
    main, arguments = TESTS[finder]
    return lambda s: not os.path.basename(s).startswith("test_") or os.path.basename(s) == main, arguments


if __name__ == "__main__":
    sys.exit(plants.Garden({name: (p[0], list(TESTS), *p[1:]) for name, p in PLANTS.items()}, "common/run", SOURCES, program,
                           flags=["-fsanitize=undefined", "-fno-sanitize-recover=all"], patience=8, hangs=("skip-believed", "zero-skip")).main())
