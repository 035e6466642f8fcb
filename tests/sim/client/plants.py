#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the client's core, and the simulated world must find it
within a bounded number of worlds. A bug that escapes, or whose place is no longer in the source,
fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [--worlds N] [--jobs N] [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "retry-all": ("client.c", "what may not be done twice is tried again", [
        ("return ask->is_idempotent && !ask->has_parts && ask->retries < CLIENT_RETRIES_MAX;",
         "return !ask->has_parts && ask->retries < CLIENT_RETRIES_MAX;"),
        ("    assert(ask->is_idempotent || ask->has_followed || ask->sends <= 1);\n", "")]),
    "retry-never": ("client.c", "nothing is tried again", [
        ("return ask->is_idempotent && !ask->has_parts && ask->retries < CLIENT_RETRIES_MAX;",
         "return false && ask->retries;")]),
    "retry-four": ("client.c", "a fourth retry", [
        ("ask->retries < CLIENT_RETRIES_MAX;", "ask->retries <= CLIENT_RETRIES_MAX;")]),
    "retry-parts": ("client.c", "half an answer begins anew", [
        ("ask->is_idempotent && !ask->has_parts &&", "ask->is_idempotent &&"),
        ("        ask->has_parts = true;\n", "")]),
    "no-budget": ("client.c", "retries cost nothing", [
        ("now_ms + wait_ms >= ask->deadline_ms || !budget_spend(&t->budget)",
         "now_ms + wait_ms >= ask->deadline_ms || ((void)budget_spend, false)")]),
    "rich": ("budget.c", "every request pays for a retry", [
        ("b->per_cent += BUDGET_PER_CENT;", "b->per_cent += 10 * BUDGET_PER_CENT;")]),
    "earn-again": ("client.c", "a request that was parked earns twice", [
        ("    if (ask->phase == CLIENT_NEW) {\n        budget_earn(&t->budget);\n    }",
         "    budget_earn(&t->budget);")]),
    "late-retry": ("client.c", "a retry is planned past the deadline", [
        ("    if (now_ms + wait_ms >= ask->deadline_ms || !budget_spend(&t->budget)) {",
         "    if (!budget_spend(&t->budget)) {"),
        ("    arm(ask, now_ms, wait_ms);\n    (void)emit(fx, CLIENT_FX_WAIT, ask);",
         "    ask->due_ms = now_ms + wait_ms;\n    (void)emit(fx, CLIENT_FX_WAIT, ask);")]),
    "hasty-backoff": ("client.c", "what the callee says about when to come back is not heard", [
        ("uint64_t wait_ms = after_ms + backoff_ms(ask, &t->rng);",
         "uint64_t wait_ms = backoff_ms(ask, &t->rng);"),
        ("from->rest_until_ms = ev->now_ms + ev->retry_after_ms;", "")]),
    "no-deadline": ("client.c", "a request that waits for its connection has no deadline", [
        ("    ask->due_ms = ask->deadline_ms;\n    if (ask->deadline_ms > now_ms && wait_ms < ask->deadline_ms - now_ms) {\n        ask->due_ms = now_ms + wait_ms;\n    }",
         "    ask->due_ms = now_ms + wait_ms;")]),
    "kept-on-timeout": ("client.c", "a request that times out stays in its queue", [
        ("    if (from != NULL) {\n        recall(ask, fx);\n    }\n    end(ask, ERR_TIMEOUT, why, fx);",
         "    if (from != NULL) {\n        leave(ask);\n    }\n    end(ask, ERR_TIMEOUT, why, fx);")]),
    "count-cancel": ("client.c", "a cancelled request counts as outstanding for ever", [
        ("    if (ask->endpoint != NULL) {\n        recall(ask, fx);\n    }\n    end(ask, ERR_CANCELLED",
         "    if (ask->endpoint != NULL) {\n        ask->endpoint->outstanding++;\n        recall(ask, fx);\n    }\n    end(ask, ERR_CANCELLED")]),
    "count-lost": ("client.c", "a lost request counts as outstanding for ever", [
        ("    from->outstanding--;\n", "    from->outstanding -= ask->phase != CLIENT_SENT || !ask->is_idempotent;\n")]),
    "probe-leaks": ("client.c", "a probe that ends without an answer holds its place for ever", [
        ("        breaker_left(&from->breaker, ask->probe);\n", "")]),
    "probe-holds": ("breaker.c", "a probe that tells nothing keeps all others out as long as it likes", [
        ("!b->is_probing || now_ms >= b->until_ms", "!b->is_probing")]),
    "old-probe": ("breaker.c", "a probe whose place another has taken decides all the same", [
        ("b->is_probing && probe == b->probe", "b->is_probing && probe != 0")]),
    "many-probes": ("breaker.c", "half-open lets everything through", [
        ("return !b->is_probing || now_ms >= b->until_ms;", "return true;")]),
    "late-answer": ("breaker.c", "an old answer closes the breaker under a probe", [
        ("    if (b->is_probing) {\n        return;", "    if (false) {\n        return;")]),
    "never-opens": ("breaker.c", "the breaker opens late", [
        ("if (++b->failures < BREAKER_FAILURES) {", "if (++b->failures < 3 * BREAKER_FAILURES) {")]),
    "opens-early": ("breaker.c", "the breaker opens one failure early", [
        ("if (++b->failures < BREAKER_FAILURES) {", "if (++b->failures < BREAKER_FAILURES - 1) {")]),
    "counts-lost-batch": ("breaker.c", "one lost connection counts for each of its requests", [
        ("b->state != BREAKER_CLOSED || epoch != b->epoch", "b->state != BREAKER_CLOSED")]),
    "errors-count": ("client.c", "errors of the application open the breaker", [
        ("    if (ev->e == ERR_UNAVAILABLE) {\n        blame", "    if (ev->e != ERR_OK) {\n        blame")]),
    "never-forgives": ("breaker.c", "an answer does not reset the count", [
        ("{\n    b->failures = 0;\n    if (is_current", "{\n    if (is_current")]),
    "stays-open": ("breaker.c", "an answered probe leaves it half-open", [
        ("    b->state = BREAKER_CLOSED;\n    b->trips = 0;\n", "    b->trips = 0;\n")]),
    "at-once": ("breaker.c", "it is tried again at once", [
        ("b->until_ms = now_ms + wait_ms / 2 +", "b->until_ms = now_ms + 0 * wait_ms +")]),
    "eager": ("breaker.c", "a server that dies of every request is tried at every connection", [
        ("b->state == BREAKER_OPEN && b->trips <= 1", "b->state == BREAKER_OPEN")]),
    "shut-in": ("client.c", "what waits for a server that is shut off waits on", [
        ("    if (has_opened) {\n        emit(fx, CLIENT_FX_SHUT", "    if (false && has_opened) {\n        emit(fx, CLIENT_FX_SHUT")]),
    "round-robin": ("balance.c", "the least loaded is whoever comes next", [
        ("        return e->outstanding;\n", "        return 0;\n")]),
    "farthest": ("balance.c", "an unknown latency is the lowest", [
        ("return e->latency_us == 0 ? UINT64_MAX : e->latency_us;", "return e->latency_us;")]),
    "no-turn": ("balance.c", "equals do not take turns", [
        ("    list->turn = (at + 1) % list->count;\n", "")]),
    "weights-lost": ("balance.c", "a new list forgets who is owed", [
        ("                next.seat[i].credit = list->seat[k].credit;\n", "")]),
    "to-the-dead": ("balance.c", "who is away is as good as anybody", [
        ("e == avoid || e->line == BALANCE_LINE_DOWN ||", "e == avoid ||")]),
    "same-again": ("balance.c", "a retry goes where it failed", [
        ("e == avoid || e->line", "e->line"), ("const struct balance_endpoint *e, const struct balance_endpoint *avoid,\n                         uint64_t now_ms)\n{",
         "const struct balance_endpoint *e, const struct balance_endpoint *avoid,\n                         uint64_t now_ms)\n{\n    (void)avoid;")]),
    "steady-refused": ("client.c", "whoever sets his own pace is told that it was not tried", [
        ("    if (to == NULL && ask->is_steady && t->list.count == 1) {", "    if (false) {")]),
    "steady-anywhere": ("client.c", "of several that fail, whoever sets his own pace is given to one", [
        ("    if (to == NULL && ask->is_steady && t->list.count == 1) {", "    if (to == NULL && ask->is_steady) {")]),
    "steady-probes": ("client.c", "whoever sets his own pace takes the place of the one that tries", [
        ("    ask->probe = ask->is_steady ? 0 : breaker_enter(&to->breaker, now_ms);",
         "    ask->probe = !breaker_admits(&to->breaker, now_ms) ? 0 : breaker_enter(&to->breaker, now_ms);")]),
    "hint-ever": ("client.c", "hints are followed for ever", [
        ("        ask->has_followed = true;", "        ask->has_followed = ev->now_ms == 0;")]),
    "hint-blind": ("client.c", "a hint leads past the breaker", [
        ("!ask->has_parts && breaker_admits(&ev->hint->breaker, ev->now_ms)", "!ask->has_parts"),
        ("    ask->probe = ask->is_steady ? 0 : breaker_enter(&to->breaker, now_ms);",
         "    ask->probe = breaker_admits(&to->breaker, now_ms) ? breaker_enter(&to->breaker, now_ms) : 0;")]),
    "hint-ignored": ("client.c", "hints are not followed", [
        ("ev->e == ERR_NOT_LEADER && ev->hint != NULL", "ev->e == ERR_NOT_LEADER && false && ev->hint != NULL")]),
    "unlisted-kept": ("client.c", "what waits for an instance that is gone waits on", [
        ("    case CLIENT_EV_UNLISTED:\n        (void)move(t, ask, ev->now_ms, fx);", "    case CLIENT_EV_UNLISTED:")]),
    "patience": ("client.c", "a connection that never comes is no failure", [
        ("    from->line = BALANCE_LINE_DOWN;\n    blame(t, ask, ev->now_ms, &has_opened);",
         "    from->line = BALANCE_LINE_DOWN;\n    has_opened = false;")]),
}

SOURCES = ["common/client/*.c", "tests/sim/client/*.c", "common/base/err.c", "common/base/rng.c"]


def program(_finder, _file, args):
    return lambda source: True, ["--worlds", str(args.worlds)]


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "common/client", SOURCES, program, worlds=1500).main())
