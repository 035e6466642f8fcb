#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the supervisor's core, and the simulated world must find
it within a bounded number of worlds. A bug that escapes, or whose place is no longer in the source,
fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [--worlds N] [--jobs N] [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "store-after": ("node_effects.c", "a process is started before its record is stored", [
        ("struct node_effect *store = fx->item + scales;",
         "struct node_effect *store = fx->item + fx->count;"),
        ("memmove(store + kept, store, (fx->count - scales) * sizeof *store);", "")]),
    "scale-after": ("node_effects.c", "a person's number is stored after what follows from it", [
        ("scales = scales_first(fx);", "scales = ((void)scales_first, 0);")]),
    "crash-first": ("node_effects.c", "a crash is on record before what it means to its group", [
        ("fill_stores(n, store, kept, false, fill_stores(n, store, kept, true, 0))",
         "fill_stores(n, store, kept, true, fill_stores(n, store, kept, false, 0))")]),
    "start-early": ("node_plan.c", "an instance starts before what it requires serves", [
        ("ret->serving == 0 || (!s->at.was_ready && ret->awaited > 0)",
         "!s->at.was_ready && ret->awaited > 0")]),
    "first-early": ("node_plan.c", "a first start does not wait for all instances below", [
        ("ret->serving == 0 || (!s->at.was_ready && ret->awaited > 0)", "ret->serving == 0")]),
    "stop-direct": ("node_plan.c", "the stop order looks at direct dependents only", [
        ("        if (any_going(n->walk[i])) {\n            return true;\n        }\n        count = walk_on(n, n->walk[i]->dependents, n->walk[i]->dependents_count, count);",
         "        if (any_going(n->walk[i])) {\n            return true;\n        }")]),
    "stop-any": ("node_plan.c", "cells stop in any order", [
        ("return has_wanted(s->cell) || !above_is_going(n, s->cell);", "return true;")]),
    "stop-orphan": ("node_plan.c", "the stop order is lost with the supervisor", [
        ("if (orphan_is_above(n->cell[i], c) && any_going(n->cell[i])) {", "if (false) {")]),
    "roll-all": ("node_plan.c", "a change takes all instances down at once", [
        ("if (c->slot[k] != NULL && holds_up(c->slot[k], next->at.hash != c->hash)) {", "if (false) {"),
        ("    node_instance_end(n, next, \"restarts\");\n",
         "    node_instance_end(n, next, \"restarts\");\n    roll(n, c);\n")]),
    "roll-unwanted": ("node_plan.c", "a roll ends what is to stop in order", [
        ("s->at.restart_after_exit && s->at.is_wanted && s->at.turn", "s->at.restart_after_exit && s->at.turn")]),
    "no-below": ("node_plan.c", "an exit does not wake what waits to stop below", [
        ("    if (c->is_orphan) { /* what it required may now end */\n        node_plan_touch_all(n);\n    } else {\n        node_plan_touch_below(n, c);\n    }", "")]),
    "no-group": ("node_plan.c", "one-for-all restarts one", [
        ("    case MANIFEST_ONE_FOR_ALL:\n        join_group(n, c, crashed);", "    case MANIFEST_ONE_FOR_ALL:")]),
    "short-group": ("node_plan.c", "rest-for-one stops at the direct dependents", [
        ("            count = walk_on(n, n->walk[i]->dependents, n->walk[i]->dependents_count, count);\n        }\n        return true;",
         "        }\n        return true;")]),
    "group-mixed": ("node_plan.c", "one of a group starts while others of it have yet to end", [
        ("    if (group_is_ending(n, s)) {\n", "    (void)group_is_ending;\n    if (false) {\n")]),
    "group-short": ("node_plan.c", "who crashed below waits for its own cell, not for those above", [
        ("    if (s->at.turn != NODE_TURN_GROUP) {\n        return any_in_group(c);",
         "    if (true) {\n        return any_in_group(c);")]),
    "group-applied": ("node_manifest.c", "an apply takes a member out of its group", [
        (" &&\n        !node_plan_is_in_group(s)) {", ") {")]),
    "no-backoff": ("node_plan.c", "the back-off is not waited for", [
        ("(s->at.state == NODE_FAILED && n->now_ms < s->at.deadline_ms)", "false")]),
    "order-gap": ("node_plan.c", "with a removed cell goes what those above it required below", [
        (" || c->dependents_count > 0 || c->is_touched) {",
         " || c->is_touched) {\n        return;\n    }\n"
         "    for (uint32_t d = 0; d < c->dependents_count; d++) {\n"
         "        struct node_cell *up = c->dependents[d];\n        uint32_t kept = 0;\n"
         "        for (uint32_t i = 0; i < up->requires_count; i++) {\n"
         "            if (up->requires[i] != c) {\n"
         "                up->requires[kept++] = up->requires[i];\n            }\n        }\n"
         "        up->requires_count = kept;\n    }\n    c->dependents_count = 0;\n"
         "    if (false) {")]),
    "early-done": ("node_plan.c", "DONE is said while something lives", [
        ("n->is_down && n->live == 0 && !n->is_done", "n->is_down && !n->is_done")]),
    "no-term": ("node_instance.c", "SIGTERM has no deadline", [
        ("    s->at.ending = NODE_END_TERM;\n    node_instance_arm(n, s, s->cell->term_ms);",
         "    s->at.ending = NODE_END_TERM;\n    s->at.deadline_ms = 0;")]),
    "no-ready-limit": ("node_instance.c", "a cell that is never ready is never ended", [
        ("    node_instance_arm(n, s, s->cell->ready_ms);\n    (void)node_effects_slot(n, NODE_FX_SPAWN, s);",
         "    (void)node_effects_slot(n, NODE_FX_SPAWN, s);")]),
    "open-door": ("node_instance.c", "an instance is drained with its sockets open", [
        ("    node_instance_publish(n, s); /* no new calls before it is told to finish the old ones */\n", "")]),
    "late-end": ("node_instance.c", "told to end before it was there, it stays", [
        ("        node_instance_resume_end(n, s); /* it was told to end before it was there */", "        ;")]),
    "same-generation": ("node_instance.c", "generations do not grow", [
        ("i->generation = n->generation++;", "i->generation = n->generation;")]),
    "drain-once": ("node_instance.c", "a drain that was lost with the supervisor is not said again", [
        ("    case NODE_END_NONE:\n    case NODE_END_DRAIN:\n        send_drain(n, s);", "    case NODE_END_NONE:\n    case NODE_END_DRAIN:\n        s->at.deadline_ms = 0;")]),
    "blame-lost": ("node_exit.c", "an instance ended for a fault of its own is not counted", [
        ("bool is_ours = i->state == NODE_DRAINING && i->restart_after_exit && !i->is_blamed;",
         "bool is_ours = i->state == NODE_DRAINING;")]),
    "hopeless-tried": ("node_exit.c", "a wrong configuration is tried again and again", [
        ("    bool is_given_up = is_hopeless && !i->is_blamed;", "    (void)is_hopeless;\n    bool is_given_up = false;")]),
    "served-given-up": ("node_exit.c", "who served is given up for what it said at its end", [
        ("return !has_served && ev->signal == 0 &&", "(void)has_served;\n    return ev->signal == 0 &&")]),
    "unknown-hopeless": ("node_exit.c", "who ended unseen is taken for one that is of no use", [
        ("(ev->exit_code == NODE_EXIT_USAGE ||", "(ev->exit_code < 0 || ev->exit_code == NODE_EXIT_USAGE ||")]),
    "soon-given-up": ("node_backoff.c", "it is given up one crash too early", [
        ("uint32_t count = policy->give_up_count;", "uint32_t count = policy->give_up_count - (policy->give_up_count > 1);")]),
    "late-given-up": ("node_backoff.c", "it is given up one crash too late", [
        ("uint32_t count = policy->give_up_count;", "uint32_t count = policy->give_up_count + 1;")]),
    "long-memory": ("node_order.c", "a person's start does not forget the crashes", [
        ("    node_backoff_reset(i);\n", "")]),
    "starved-killed": ("node_health.c", "waiting for the CPU counts as hanging", [
        ("if (ev->is_blocked || delay_us >= elapsed_us / 2 || own_us >= elapsed_us / 2) {", "if (ev->is_blocked) {"),
        ("less(elapsed_ms, (delay_us > own_us ? delay_us : own_us) / 1000)", "0")]),
    "hang-missed": ("node_health.c", "a hang is found a period late", [
        ("return h->since_ms + silence_ms(p) - half_period(p);", "return h->since_ms + 3 * p->every_ms;")]),
    "hang-late": ("node_health.c", "a hang is found when two periods are over, and not before", [
        ("return misses_ms(p, NODE_HEALTH_MISSES_MIN) - p->every_ms / NODE_HEALTH_EARLY;",
         "return misses_ms(p, NODE_HEALTH_MISSES_MIN);")]),
    "busy-late": ("node_health.c", "a busy hang is found when dead_after is over, and not before", [
        ("*ret_unhealthy_ms = dead - p->every_ms / NODE_HEALTH_EARLY;", "*ret_unhealthy_ms = dead;")]),
    "hang-kept": ("node_health.c", "who hangs is never ended", [
        ("    if (until_dead_ms(h, p, now_ms) == 0) {\n        return NODE_HEALTH_DEAD;\n    }\n    return until",
         "    (void)until_dead_ms;\n    return until")]),
    "continued-killed": ("node_health.c", "the time it was stopped counts as sleep once it is continued", [
        ("h->had_reason = h->had_reason || h->view != NODE_HEALTH_UNKNOWN;", "")]),
    "stop-counted": ("node_health.c", "the time it was stopped is held against it when it waits for a CPU", [
        ("        h->excused_ms += h->held_ms + elapsed_ms;\n", "        h->excused_ms += 0 * elapsed_ms;\n")]),
    "doze-killed": ("node_health.c", "one look asleep is death", [
        ("return h->had_reason ? dead_after_ms(p) : misses_ms(p, 1) + half_period(p);", "return 0;")]),
    "wait-unseen": ("node_health.c", "who waits for a CPU at the look seems to sleep", [
        ("return ev->is_runnable ? NODE_HEALTH_STARVED : NODE_HEALTH_SLEPT;", "return NODE_HEALTH_SLEPT;")]),
    "absence-slept": ("node_health.c", "time the supervisor was away counts as sleep", [
        ("    h->asleep_ms += ms;\n", "")]),
    "no-grace": ("node.c", "the supervisor's own lateness is held against the cells", [
        ("        excuse(n, now_ms - expected);", "        ;")]),
    "stale-heard": ("node.c", "a dead process is heard as its successor", [
        ("if (ev->generation != s->at.generation) {", "if (ev->generation > s->at.generation) {")]),
    "clock-lost": ("node.c", "the clock is not set for an instance that backs off", [
        ("        uint64_t due = due_ms(s);\n", "        uint64_t due = s->at.state == NODE_FAILED ? UINT64_MAX : due_ms(s);\n")]),
    "pass-kept": ("node_beat.c", "a beat that ends a free pass does not set the clock", [
        ("    node_health_beat(&s->health, &policy, n->now_ms);\n    wake_for(n, s);\n",
         "    node_health_beat(&s->health, &policy, n->now_ms);\n")]),
    "no-free-pass": ("node_beat.c", "who initialises owes beats already", [
        ("    return s->at.state == NODE_READY && s->at.is_alive", "    return s->at.state >= NODE_BOOTING && s->at.is_alive"),
        ]),
    "no-pass": ("node_adopt.c", "an adopted cell gets no time to find the new supervisor", [
        ("node_beat_begin(n, s, s->cell->ready_ms); /* it has to find us first */", "node_beat_begin(n, s, 0);")]),
    "adopt-restarts": ("node_adopt.c", "what the supervisor's death outlived is restarted", [
        ("    case NODE_READY:\n        s->said = NODE_SAID_READY;", "    case NODE_READY:\n        s->at.restart_after_exit = true;\n        s->said = NODE_SAID_READY;")]),
    "old-wish": ("node_adopt.c", "an interrupted start keeps an old wish to restart", [
        ("i->is_spawning = i->restart_after_exit = i->is_healthy = false;", "i->is_spawning = false;")]),
    "turn-lost": ("node_adopt.c", "after the supervisor's death a group's restart is a roll", [
        ("    s->is_adopted = true;\n", "    s->is_adopted = true;\n    s->at.turn = NODE_TURN_ROLL;\n")]),
    "interrupted-crash": ("node_adopt.c", "an interrupted start counts as a crash", [
        ("if (ran && i->is_spawning && i->state != NODE_DRAINING) {", "if (false) {")]),
    "hold-forgotten": ("node_manifest.c", "an apply starts what a person stopped", [
        ("    struct node_instance *i = &s->at;\n\n    if (is_changed ||", "    struct node_instance *i = &s->at;\n\n    i->is_held = false;\n    if (is_changed ||")]),
    "change-ignored": ("node_manifest.c", "a changed entry restarts nothing", [
        ("i->restart_after_exit = i->hash != s->cell->hash;", "i->restart_after_exit = false;")]),
    "scale-forever": ("node_manifest.c", "a person's number outlives the manifest's change", [
        ("    return c->is_scaled && c->of == e->instances ? c->scale : e->instances;",
         "    return c->is_scaled ? c->scale : e->instances;"),
        ("if (c->is_scaled && c->of != e->instances) {", "if (false) {")]),
}

SOURCES = ["nucleus/node*.c", "nucleus/manifest.c", "tests/sim/nucleus/*.c",
           *(f"common/base/{b}.c" for b in ("arena", "bytes", "err", "name", "rng", "unit"))]


def program(_finder, _file, args):
    return lambda source: True, ["--worlds", str(args.worlds)]


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "nucleus", SOURCES, program, worlds=3000).main())
