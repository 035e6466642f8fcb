#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of a core, and a service in virtual time or a unit test must find it. A bug that
escapes, or whose place is no longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER --data DIR [NAME ...]    (--data: where nasa_minutes.txt is unpacked)
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, what finds it: a unit test, a fault or demands by name, what goes wrong, [(text that is there once, what the bug makes of it)])
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
    "any-target": ("policy.c", "unit:policy", "a target may be no number", [
        ("!isfinite(s->target) || s->target <= 0", "s->target <= 0")]),
    "windows-of-any-length": ("policy.c", "unit:policy", "a window is longer than what is remembered", [
        ("s->window_s > most ? \"window_s\" :", "s->window_s > 10 * most ? \"window_s\" :")]),
    "one-begins-in-the-other": ("policy.c", "unit:policy", "a slot that begins before another one and ends in it is none that overlaps", [
        ("begins_in(s, &p->slot[k]) || begins_in(&p->slot[k], s)", "begins_in(s, &p->slot[k])")]),
    "nights-end-at-midnight": ("policy.c", "unit:policy", "what goes past midnight ends there", [
        ("(uint32_t)(DAY_MIN - s->from_min + s->to_min)", "(uint32_t)(DAY_MIN - s->from_min)")]),
    "asleep-for-ever": ("policy.c", "unit:policy", "min may be 0 where nothing could be heard then", [
        ("is_zero_allowed(p) && !can_wake(p)", "false && is_zero_allowed(p) && !can_wake(p)")]),
    "zone-forgotten": ("policy.c", "unit:policy", "the schedule is in UTC", [
        ("+ utc_offset_s % (WEEK_MIN * 60))", "+ 0 * utc_offset_s)")]),
    "season-unasked": ("decide.c", "unit:decide_limits", "the time of day is not asked", [
        ("is_clear && is_dark ? autoscaler_season_floor(", "is_clear && is_dark && t->record.doubted >= 99 ? autoscaler_season_floor(")]),
    "still-is-believed": ("decide.c", "faults:season", "where all stands still the time of day is not asked", [
        ("is_dark = t->record.doubted >= 0 || t->is_still,", "is_dark = t->record.doubted >= 0,")]),
    "still-holds": ("decide.c", "unit:decide", "where all stands still nothing is lowered", [
        ("trust != AUTOSCALER_SIGNAL_STILL && trust != AUTOSCALER_SIGNAL_NONE;", "trust != AUTOSCALER_SIGNAL_NONE;")]),
    "still-is-stuck": ("decide.c", "unit:decide", "who stands still first makes the others stuck", [
        ("(trust[i] != AUTOSCALER_SIGNAL_BELIEVED && trust[i] != AUTOSCALER_SIGNAL_STILL)", "trust[i] != AUTOSCALER_SIGNAL_BELIEVED")]),
    "season-by-any-clock": ("decide.c", "unit:decide_limits", "a clock that has just jumped tells the time of day", [
        ("    bool is_clear = d->doubt_s == 0, ", "    bool is_clear = true, ")]),
    "season-learns-doubt": ("decide.c", "unit:decide_limits", "what is held in the dark is learned as needed", [
        ("t->goal, is_clear && is_known);", "t->goal, is_clear && (is_known || t->record.signal < 0));")]),
    "season-forgotten": ("image.c", "unit:decide_limits", "a restart forgets the days", [
        ("    autoscaler_season_resume(s);\n", "    s->slot = 0;\n    autoscaler_season_resume(s);\n")]),
    "season-level": ("season.c", "unit:season", "today's level is the past's", [
        ("ceilf(most * s->level * (1 + s->error))", "ceilf(most * (1 + s->error))")]),
    "season-error": ("season.c", "unit:season", "who was always wrong is believed", [
        ("        if (level >= 0 && error < s->error) {", "        if (level >= 0 && (error < s->error || s->lag == 0)) {")]),
    "season-first-lag": ("season.c", "unit:season", "yesterday tells all days", [
        ("        if (level >= 0 && error < s->error) {", "        if (level >= 0 && error < s->error && s->lag == 0) {")]),
    "season-for-ever": ("season.c", "unit:season", "its word is good however long nothing was seen", [
        (" || slot - s->judged > AUTOSCALER_SEASON_BLIND_MAX) {", ") {")]),
    "season-gap": ("season.c", "unit:season", "slots that nobody saw were idle", [
        ("        !is_known ? AUTOSCALER_SEASON_UNKNOWN : quarters", "        quarters")]),
    "season-backwards": ("season.c", "unit:season", "a clock that went back goes on where it was", [
        ("!s->is_begun || slot + 1 < s->slot || slot >", "!s->is_begun || slot >")]),
    "season-few-seconds": ("season.c", "unit:season", "some seconds are a slot", [
        ("2 * s->seen_s >= AUTOSCALER_SEASON_SLOT_S;", "4 * s->seen_s >= AUTOSCALER_SEASON_SLOT_S;")]),
    "season-two-slots": ("season.c", "unit:season", "one slot is a level", [
        ("2 * pairs <= AUTOSCALER_SEASON_LEVEL", "pairs == 0"), ("2 * count > AUTOSCALER_SEASON_JUDGED ?", "count > 0 ?")]),
    "season-unlike": ("season.c", "unit:season", "a day of any level is like the one before", [
        ("return level > LEVEL_MAX || level < 1 / LEVEL_MAX ? -1 : level;", "return level > 100 * LEVEL_MAX ? -1 : level;")]),
    "stale-lowers": ("signal.c", "unit:decide", "a value of any age counts", [
        ("h->age_s > p->stale_s", "h->age_s > p->stale_s * 1000")]),
    "unknown-lowers": ("decide.c", "unit:decide", "what is not known is in nobody's way", [
        ("    if (t->record.doubted >= 0) {", "    if (t->record.doubted >= 100) {")]),
    "unknown-is-wished-away": ("decide.c", "unit:decide", "what was held for want of knowledge goes as soon as something is known", [
        ("t->record.doubted >= 0 && t->goal < d->wanted ? d->wanted : t->goal", "t->goal")]),
    "unheard-are-idle": ("signal.c", "unit:decide", "instances that were not heard do nothing", [
        ("(ratio > 1 ? ratio : 1) * (serving - of)", "0 * (ratio > 1 ? ratio : 1) * (serving - of)")]),
    "unheard-are-busy": ("signal.c", "unit:decide", "instances that were not heard do as much as the others", [
        ("        sure = ratio * of;", "        sure = ratio * serving;")]),
    "zero-is-zero": ("signal.c", "unit:decide", "a sudden 0 is believed", [
        ("    if (h->value <= 0 && m->has_last && is_zero_odd(m, s, others)) {", "    if (h->value <= 0 && m->has_last && is_zero_odd(m, s, others) && m->zero_s > UINT32_MAX / 2) {")]),
    "zero-for-ever": ("signal.c", "unit:decide", "a 0 that nothing speaks against is never believed", [
        ("m->zero_s <= AUTOSCALER_SIGNAL_DOUBT_S", "m->zero_s <= UINT32_MAX")]),
    "nobody-else-is-asked": ("signal.c", "unit:decide", "a 0 is believed in time although others are busy", [
        ("others == AUTOSCALER_SIGNAL_BUSY || m->zero_s", "m->zero_s")]),
    "any-change-is-often": ("signal.c", "unit:decide_limits", "one change is enough to know how often it changes", [
        ("m->changes >= CHANGES_LEAST && m->gap_s", "m->gap_s")]),
    "stuck-is-true": ("signal.c", "unit:decide", "what does not move any more is believed", [
        ("pow(1 - churn, m->same_s) < BY_CHANCE", "pow(1 - churn, m->same_s) < 0")]),
    "calm-is-stuck": ("signal.c", "unit:decide", "a service that stands still is doubted, though all signals say so", [
        ("    if (is_still && !are_others_still) {", "    if (is_still) {")]),
    "run-away": ("signal.c", "unit:decide", "a latency that does not fall goes to max", [
        ("    if (is_of_all(s->kind) || is_full ||", "    if (true || is_of_all(s->kind) || is_full ||")]),
    "full-is-futile": ("signal.c", "unit:decide", "a processor that is busy to its end is held not to be helped", [
        ("is_of_all(s->kind) || is_full ||", "is_of_all(s->kind) ||")]),
    "pauses-do-not-grow": ("signal.c", "unit:decide", "each pause is as long as the first", [
        (": 2 * m->pause_s;", ": m->pause_s;")]),
    "late-count": ("decide.c", "unit:decide", "those that never get ready are counted on", [
        ("late += seen->starting_for_s[i] > patience_s;", "late += seen->starting_for_s[i] > 1000 * patience_s;")]),
    "no-patience": ("decide.c", "unit:decide", "slow starts are begun anew for ever", [
        ("d->patience += d->late > 0 && late == 0 &&", "d->patience += false &&")]),
    "late-for-a-second": ("decide.c", "unit:decide", "those that are late count again a second later", [
        ("d->late > 0 && late == 0 &&", "late > 0 &&")]),
    "lowers-at-once": ("decide.c", "unit:decide_limits", "after a start it lowers before a window was seen", [
        ("    if (d->seen_s < (down->window_s", "    if (d->seen_s < 0 * (down->window_s")]),
    "gaps-are-seen": ("decide.c", "unit:decide_limits", "time that nobody saw counts as seen", [
        ("passed_s > AUTOSCALER_DECIDE_GRACE_S + 1 ? 1 : add", "passed_s > 100000 ? 1 : add")]),
    "asked-is-forgotten": ("decide.c", "unit:decide_limits", "what was asked for before a restart is not any more", [
        ("is_known && d->wanted > there ? d->wanted : there", "false && is_known ? d->wanted : there")]),
    "any-clock": ("decide.c", "unit:decide_limits", "a clock that jumped is believed at once", [
        ("        d->doubt_s = AUTOSCALER_DECIDE_TRUST_S;", "        d->doubt_s = 0;")]),
    "max-waits": ("decide.c", "unit:decide_limits", "a lower max does not bound", [
        ("    if (t->goal > d->bounds.max) {", "    if (t->goal > d->bounds.max && d->changed_s > 1000) {")]),
    "step-from-now": ("decide.c", "unit:decide_limits", "a step's period is as short as a second", [
        ("&d->asked, s->period_s - 1)", "&d->asked, 0)")]),
    "either-is-both": ("decide.c", "unit:decide_limits", "whichever limit permits more holds, though both are to", [
        ("if (s->is_least && s->count > 0", "if (false && s->count > 0")]),
    "waits-to-wake": ("decide.c", "unit:decide_limits", "the first request waits for the window", [
        ("t->goal == 0 && t->record.wish > 0", "t->goal == 0 && t->record.wish > 1000")]),
    "idle-while-some-wait": ("decide.c", "unit:decide_limits", "who waits is not there", [
        ("AUTOSCALER_POLICY_ARRIVALS && t->seen->queued > 0", "AUTOSCALER_POLICY_ARRIVALS && false")]),
    "damage-is-taken": ("image.c", "unit:decide_limits", "the checksum is not looked at", [
        ("if (bytes_get_be32(data + end) != bytes_crc32c(0, data, end)) {", "if (false) {")]),
    "ring-from-its-end": ("window.c", "unit:decide_limits", "what lies behind the ring's end is not looked at", [
        ("    range(w->past + AUTOSCALER_WINDOW_S - (length - behind), length - behind, least, most);\n", "")]),
    "ready-go-first": ("choice.c", "unit:choice", "one that serves goes before one that does not", [
        ("        return !a->is_ready;", "        return a->is_ready;")]),
    "zones-run-dry": ("choice.c", "unit:choice", "of one zone all go", [
        ("        in_zone[candidate[best].zone % ZONES] -= candidate[best].is_ready;\n", "")]),
    "goers-count": ("choice.c", "unit:choice", "those that go already make their zone full", [
        ("+= candidate[i].is_ready && !candidate[i].is_draining;", "+= candidate[i].is_ready;")]),
    "no-number-is-idle": ("choice.c", "unit:choice", "a load that is no number is none", [
        ("isnan(c->load) ? INFINITY : c->load", "isnan(c->load) ? 0 : c->load")]),
    "oldest-last": ("choice.c", "unit:choice", "those that served longest go", [
        ("a->started_s > b->started_s", "a->started_s < b->started_s")]),
    "any-term": ("acts.c", "unit:acts", "orders of older terms are obeyed", [
        ("    if (order->term < *term) {", "    if (order->term < *term && order->term == 0) {")]),
    "nobody-reports": ("acts.c", "unit:acts", "who follows begins before it knows what there is", [
        ("a->is_taking && reported < a->places && now_s < a->taken_s;", "false;")]),
    "left-behind": ("acts.c", "unit:acts", "a start that is late is begun elsewhere and not undone", [
        ("        s->state = AUTOSCALER_ACTS_CLEARING;\n        s->until_s = now_s + a->drain_s;\n        emit(a, ret, AUTOSCALER_ACTS_DRAIN, slot, s->place);",
         "        wait(s, now_s);")]),
    "another-beside-each": ("acts.c", "unit:acts", "a slot between two tries is not counted, and another one begun for it", [
        ("        there += is_between(a->slot[slot].state);\n", "")]),
    "the-same-place": ("acts.c", "unit:acts", "it is tried where it failed", [
        ("(s->place + 1) % a->places", "s->place")]),
    "again-and-again": ("acts.c", "unit:acts", "there is no pause between tries", [
        ("AUTOSCALER_ACTS_BACKOFF_S << doublings", "AUTOSCALER_ACTS_BACKOFF_S * 0")]),
    "drained-once": ("acts.c", "unit:acts", "a drain that was lost is not asked for again", [
        ("        drain(a, slot, now_s, ret);\n        break;\n    case AUTOSCALER_ACTS_CLEARING:", "        break;\n    case AUTOSCALER_ACTS_CLEARING:")]),
    "twins-stay": ("acts.c", "unit:acts", "a second one in a slot stays", [
        ("    emit(a, ret, AUTOSCALER_ACTS_DRAIN, slot, place); /* a second", "    (void)place; /* a second")]),
    "zero-on-the-rise": ("signal.c", "faults:zero", "instances go while metrics read 0", [
        ("    if (h->value <= 0 && m->has_last && is_zero_odd(m, s, others)) {", "    (void)is_zero_odd;\n    (void)others;\n    if (false) {")]),
    "the-first-alone": ("decide.c", "faults:stuck", "the first signal decides, not the one that wants most", [
        ("if (is_heard(trust[i]) && (r->signal < 0 || wish > t->goal)) {", "if (is_heard(trust[i]) && r->signal < 0) {")]),
}

SOURCES = ["autoscaler/*.c", "tests/sim/autoscaler/*.c", "tests/unit/autoscaler/*.c", "common/base/bytes.c", "common/base/rng.c", "common/base/err.c"]


FAULTS = {f"tests/sim/autoscaler/{name}.c" for name in ("faults", "hpa", "test_sim_faults")}
DEMANDS = {f"tests/sim/autoscaler/{name}.c" for name in ("hpa", "service", "test_sim_autoscaler")}


def program(finder, _file, _args):
    kind, _, word = finder.rpartition(":")
    mine = FAULTS if kind == "faults" else DEMANDS
    if kind == "unit":
        mine = {f"tests/unit/autoscaler/{name}.c" for name in ("kit", "test_" + word)}
    return (lambda source: source in mine or not source.startswith("tests/"),
            [] if kind == "unit" else ["--data", DATA, "--only", word])


if __name__ == "__main__":
    at = sys.argv.index("--data")
    DATA = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    sys.exit(plants.Garden(PLANTS, "autoscaler", SOURCES, program, flags=("-O2",), patience=60).main())
