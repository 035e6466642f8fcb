#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of one source file, and a unit test must find it. A bug that escapes, or whose place is no
longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, the unit test that finds it, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "audit-no-chain": ("audit.c", "unit:audit", "a line's hash is of that line alone", [
        ("    crypto_generichash_update(&h, a->hash, sizeof a->hash);\n", "")]),
    "audit-head-unhashed": ("audit.c", "unit:audit", "whose file it is can be changed", [
        ("    chain(a, to->at + begin, to->len - begin);\n    bytes_text_add(to, \"\\n\");", "    (void)begin;\n    bytes_text_add(to, \"\\n\");"),
        ("    chain(s, whole.at, whole.len);\n", "    (void)whole;\n")]),
    "audit-head-anywhere": ("audit.c", "unit:audit", "a file may begin where none ended", [
        ("    if (!is_next && c->is_begun) {", "    if (!is_next && c->is_begun && c->bytes > 0) {")]),
    "audit-key-stays": ("audit.c", "unit:audit", "all seals are made by one key", [
        ("    memcpy(a->key, next, sizeof a->key);\n", "")]),
    "audit-seal-of-nothing": ("audit.c", "unit:audit", "a seal says nothing of what stands before it", [
        ("crypto_generichash(ret, CONSOLE_AUDIT_HASH_SIZE, a->hash, sizeof a->hash, a->key,", "crypto_generichash(ret, CONSOLE_AUDIT_HASH_SIZE, a->hash, 0, a->key,")]),
    "audit-seal-unchecked": ("audit.c", "unit:audit", "any seal will do", [
        ("is_sealed = sodium_memcmp(expected, mac, sizeof mac) == 0;", "is_sealed = sodium_memcmp(expected, expected, sizeof mac) == 0;")]),
    "audit-mac-unhashed": ("audit.c", "unit:audit", "a seal can be changed where nobody has the key", [
        ("check_hash(s, behind, 1 + HASH_HEX, written);", "check_hash(s, behind, 0, written);"),
        ("    seal(a, mac);\n    add_hex(to, mac);\n    end(a, to, begin);", "    seal(a, mac);\n    add_hex(to, mac);\n    begin = to->len;\n    end(a, to, begin);")]),
    "audit-skips-keys": ("audit.c", "unit:audit", "older files that are gone take the proof with them", [
        ("        for (; s->has_key && s->epoch < head.epoch; s->epoch++) {", "        for (; false && s->has_key && s->epoch < head.epoch; s->epoch++) {")]),
    "audit-any-epoch": ("audit.c", "unit:audit", "a head can ask for work without end", [
        ("s->has_key && head.epoch <= CONSOLE_AUDIT_EPOCHS_MAX;", "s->has_key;")]),
    "audit-sequence": ("audit.c", "unit:audit", "records need not follow each other", [
        ("    if (seq != s->seq) {", "    if (seq < s->seq) {")]),
    "audit-epoch": ("audit.c", "unit:audit", "seals need not follow each other", [
        ("    if (epoch != s->epoch) {", "    if (epoch < s->epoch) {")]),
    "audit-blank": ("audit.c", "unit:audit", "a blank of a text ends the word", [
        ("text[i] > ' ' && text[i] <= '~'", "text[i] >= ' ' && text[i] <= '~'")]),
    "audit-escape": ("audit.c", "unit:audit", "what looks escaped is not told from what is", [
        ("text[i] != '\\\\' && ", "")]),
    "audit-dash": ("audit.c", "unit:audit", "a dash is nothing", [
        (" && !(text[i] == '-' && len == 1);", ";")]),
    "audit-torn": ("audit.c", "unit:audit", "a last line without its end is one like others", [
        ("        if (newline == NULL) {", "        if (newline == NULL && line.len == 0) {")]),
    "audit-trailing": ("audit.c", "unit:audit", "a line may end with a blank", [
        ("    if (line.len > 0 && line.at[line.len - 1] == ' ') {", "    if (line.len > 1 << 20) {")]),
    "audit-zero": ("audit.c", "unit:audit", "numbers have several spellings", [
        (" || (word.len > 1 && word.at[0] == '0')", "")]),
    "audit-number": ("audit.c", "unit:audit", "a number that is too large turns into another", [
        ("digit > 9 || value > (UINT64_MAX - digit) / 10", "digit > 9")]),
    "audit-long": ("audit.c", "unit:audit", "a text may be of any length", [
        ("most = len < CONSOLE_AUDIT_TEXT_MAX ? len : CONSOLE_AUDIT_TEXT_MAX;", "most = len;")]),
    "audit-sealed-how-far": ("audit.c", "unit:audit", "what is sealed is told with one too many", [
        ("c->sealed_seq = s->seq - 1;", "c->sealed_seq = s->seq;")]),
}

SOURCES = ["console/*.c", "tests/unit/console/*.c", *(f"common/base/{b}.c" for b in ("bytes", "err", "name"))]


def program(finder, _file, _args):
    test = f"tests/unit/console/test_{finder.split(':')[1]}.c"
    return lambda source: not source.startswith("tests/") or source == test or not os.path.basename(source).startswith("test_"), []


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "console", SOURCES, program, flags=("-O1",), patience=60, libraries=("-lsodium",)).main())
