#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the rules, and a service in virtual time or a unit test must find it. A bug that
escapes, or whose place is no longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER --data DIR [NAME ...]    (--data: where nasa_minutes.txt is unpacked)
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, what finds it: a unit test or demands by name, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "first-rule-for-ever": ("rules.c", "nasa", "what rules would have cost decides nothing", [
        ("r->rule = r->life[rule].cost < r->life[r->rule].cost ? rule : r->rule;", "(void)rule;")]),
    "dearest-rule": ("rules.c", "nasa", "the dearest rule rules", [
        ("r->life[rule].cost < r->life[r->rule].cost ?", "r->life[rule].cost > r->life[r->rule].cost ?")]),
    "bad-service-is-free": ("rules.c", "nasa", "only instances cost something", [
        ("(is_bad ? r->config.bad_cost * (1 + load) : 0)", "(is_bad ? 0 : 0)")]),
    "changes-are-free": ("rules.c", "nasa", "how often the number changes does not matter", [
        ("(wanted != l->wanted ? r->config.change_cost : 0)", "(wanted != l->wanted ? 0 : 0)")]),
    "at-once": ("rules.c", "nasa", "a rule's instances are held to serve at once, however long they take", [
        ("    return asked[least % START_MAX];", "    return asked[now % START_MAX];")]),
    "least-is-kept": ("rules.c", "unit:rules", "the least of a start is never over", [
        ("    if (now - least < r->config.start_s) {", "    if (now - least <= r->now_s) {")]),
    "nothing-ahead": ("rules.c", "square 60 s", "no rule looks ahead, and the first one least of all", [
        ("    double later = ret.is_ahead ? ahead(r) : r->fast;", "    (void)ahead;\n    double later = r->fast * (ret.is_ahead ? 1 : 4);")]),
    "queue-unseen": ("rules.c", "unit:rules", "who waits already is not counted", [
        ("why->queue = queued > QUEUE_SEEN * serving ?", "why->queue = queued > 1e9 * serving ?")]),
    "never-forgotten": ("rules.c", "unit:rules", "what cost something once costs it for ever", [
        ("    l->cost *= 1 - 1.0 / r->config.memory_s;\n", "")]),
    "most-is-kept": ("rules.c", "unit:rules", "the most of a window is never over", [
        ("    if (now - r->most[w] < length) {", "    if (now - r->most[w] < length || length == window_s[w]) {")]),
    "written-over": ("rules.c", "unit:rules", "the most of an hour is taken for what came now, in whose place it was", [
        ("    if (now - r->most[w] < length) {", "    if (now - r->most[w] < length || now - r->most[w] == BACK) {")]),
    "follows-chance": ("rules.c", "unit:rules", "the number goes down with each draw of chance", [
        ("BAND * sqrt(before)", "0 * BAND * sqrt(before)")]),
    "chance-forgotten": ("rules.c", "unit:rules", "there is no headroom for chance", [
        ("TAIL * sqrt(load / config->rate)", "0 * TAIL * sqrt(load / config->rate)")]),
    "any-number": ("rules.c", "unit:rules", "what is no number is work", [
        ("isfinite(requests) && requests > 0 ?", "requests > 0 || requests != requests ?")]),
    "none-at-all": ("rules.c", "unit:rules", "without work there is no instance", [
        ("    return up < 1 ? 1 :", "    return up < 1 ? 0 :")]),
    "beyond-the-most": ("rules.c", "unit:rules", "there is no highest number", [
        ("up > AUTOSCALER_RULES_INSTANCES_MAX ? AUTOSCALER_RULES_INSTANCES_MAX :", "up > 1e9 ? 1000000000 :")]),
}

SOURCES = ["autoscaler/rules.c", "tests/sim/autoscaler/*.c", "tests/unit/autoscaler/test_rules.c", "common/base/rng.c", "common/base/err.c"]


def program(finder, _file, args):
    unit = finder.startswith("unit:")
    return lambda source: not source.startswith("tests/sim/" if unit else "tests/unit/"), [] if unit else ["--data", DATA, "--only", finder]


if __name__ == "__main__":
    at = sys.argv.index("--data")
    DATA = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    sys.exit(plants.Garden(PLANTS, "autoscaler", SOURCES, program, flags=("-O2",), patience=60).main())
