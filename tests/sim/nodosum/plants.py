#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the membership core, and the drawn worlds, the measuring
ones or, where the core makes up for the bug by other means, a unit test must find it. A bug that escapes, or whose place is no longer in the source, fails the test. The
shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [--worlds N] [--jobs N] [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, who finds it: drawn worlds, a measured scene or a unit test, what goes wrong,
#        [(text that is there once, what the bug makes of it)])
PLANTS = {
    "no-refutation": ("merge.c", "worlds", "who is suspected says nothing", [
        ("    self->incarnation = heard + 1;\n", "    if (heard > 0) {\n        return false;\n    }\n")]),
    "refuted-the-same": ("merge.c", "worlds", "a refutation has the incarnation of the suspicion", [
        ("    self->incarnation = heard + 1;\n", "    self->incarnation = heard;\n")]),
    "stale-as-fresh": ("merge.c", "unit:merge", "an incarnation heard of by a suspicion counts as known whole", [
        ("        k->is_stale = true;\n    }\n}\n", "    }\n}\n")]),
    "back-in-silence": ("merge.c", "worlds", "who comes back is no event", [
        ("        joined(n, from, index);\n    } else if", "    } else if")]),
    "dies-twice": ("merge.c", "worlds", "who is dead fails again", [
        ("    if (was_living || state == NODOSUM_LEFT) {", "    if (was_living || state != NODOSUM_ALIVE) {"),
        ("    bool is_again = !nodosum_table_is_living(k) && k->state >= state;", "    bool is_again = false;")]),
    "old-news-wins": ("merge.c", "unit:merge", "any suspicion overrides, however old", [
        ("    if (m->incarnation < k->incarnation || !nodosum_table_is_living(k)) {", "    if (!nodosum_table_is_living(k)) {"),
        ("    if (m->incarnation < k->incarnation || (m->incarnation == k->incarnation && k->state >= state) ||",
         "    if ((m->incarnation == k->incarnation && k->state >= state) ||")]),
    "two-faces-unseen": ("merge.c", "unit:merge", "what a member tells one and what it tells another are not held against it", [
        ("            k->is_contested = true; /*", "            k->is_contested = false; /*")]),
    "two-faces-for-ever": ("merge.c", "unit:merge", "who refutes what was said in its name is not believed again", [
        ("    k->is_stale = k->is_contested = false;", "    k->is_stale = false;")]),
    "one-incarnation-two-lives": ("merge.c", "unit:merge", "who forgot its former life is not told", [
        ("            nodosum_merge_conflict(n, index);\n", ""),
        ("    struct nodosum_packet *p = nodosum_out_to(n, index);\n\n    if (p != NULL) {\n        (void)nodosum_packet_add_alive",
         "    struct nodosum_packet *p = NULL;\n\n    if (p != NULL) {\n        (void)nodosum_packet_add_alive")]),
    "anybody-says-left": ("word.c", "worlds", "a leave is believed whoever says it", [
        ("    return is_said;", "    return true;")]),
    "left-without-a-look": ("merge.c", "unit:merge", "the word of a leave is looked at for news of this node alone", [
        ("        (state == NODOSUM_LEFT && !nodosum_word_holds(n, m))) {", "        false) {")]),
    "leave-of-itself-refuted": ("merge.c", "unit:merge", "a node refutes any leave that somebody makes up for it", [
        ("    bool is_forged = m->kind == NODOSUM_PACKET_LEFT && !n->is_leaving && !nodosum_word_holds(n, m);",
         "    bool is_forged = m->kind == NODOSUM_PACKET_LEFT && !n->is_leaving && !nodosum_word_holds(n, m) && n->members_max == 0;")]),
    "word-not-kept": ("merge.c", "unit:merge", "a leave is passed on without the word", [
        ("        memcpy(k->word, m->word, sizeof k->word);\n        k->sworn", "        k->sworn")]),
    "word-of-another-life": ("merge.c", "unit:merge", "who left and died later stays left, with the former word", [
        ("        nodosum_table_set(n, index, state); /*", "        /*")]),
    "words-without-end": ("word.c", "unit:merge", "any number of words is looked at", [
        ("        n->counters.held++;\n        return false;\n    }\n    bool is_said", "        n->counters.held++;\n    }\n    bool is_said")]),
    "leaves-without-a-word": ("core.c", "unit:core", "who leaves does not sign it", [
        ("        n->words.say(n->words.keys, false, self->incarnation, self->word);\n", "        (void)self;\n")]),
    "leaps-are-believed": ("word.c", "unit:word", "a member says of another what nobody can refute", [
        ("    if (from == index || m->incarnation <= k->incarnation ||", "    if (true || m->incarnation <= k->incarnation ||")]),
    "leaps-are-never-believed": ("word.c", "unit:word", "who lost its state is not believed itself", [
        ("    if (from == index || m->incarnation", "    if (m->incarnation")]),
    "liars-are-not-told-of": ("word.c", "unit:word", "of whom somebody lies does not hear of it", [
        ("    nodosum_merge_tell(n, index, index);\n", "    return true;\n")]),
    "nobody-swears": ("word.c", "unit:word", "who is made up in another incarnation says nothing", [
        ("    bool is_new = (n->member[NODOSUM_SELF].sworn == 0 || is_far(n)) && swear(n);", "    bool is_new = false;")]),
    "swears-each-time": ("word.c", "unit:word", "it swears anew whenever somebody lies", [
        ("(n->member[NODOSUM_SELF].sworn == 0 || is_far(n)) && swear(n);", "swear(n);"),
        ("    if (n->is_leaving || self->incarnation == NODOSUM_INCARNATION_MAX || !is_due(n, n->swore_us)) {", "    if (n->is_leaving || self->incarnation == NODOSUM_INCARNATION_MAX) {")]),
    "driven-to-its-end": ("word.c", "unit:word", "a liar uses up a member's incarnations", [
        ("    return is_due(n, n->leapt_us) ? NODOSUM_WORD_LEAP : NODOSUM_WORD_NEAR;", "    return NODOSUM_WORD_LEAP;")]),
    "anybody-swears": ("merge.c", "unit:word", "one member swears for another", [
        ("    if (m->incarnation <= k->sworn || is_gone || !nodosum_word_holds(n, m)) {", "    if (m->incarnation <= k->sworn || is_gone) {")]),
    "old-oaths-hold": ("merge.c", "unit:word", "what was sworn before is sworn again by anybody", [
        ("    if (m->incarnation <= k->sworn || is_gone ||", "    if (is_gone ||")]),
    "oaths-revive-the-gone": ("merge.c", "unit:word", "who left lives again by an earlier word", [
        (" is_gone = k->state == NODOSUM_LEFT && m->incarnation <= k->incarnation;", " is_gone = false;")]),
    "oaths-are-kept-back": ("gossip.c", "unit:word", "what a member swore is not passed on", [
        ("    nodosum_word_add(&n->member[index], p);", "    (void)0;")]),
    "update-no-event": ("merge.c", "update", "new metadata is no event", [
        ("    } else if (is_other && was_living) {", "    } else if (is_other && was_living && k->state == NODOSUM_DEAD) {")]),
    "wrong-count": ("table.c", "unit:table", "the dead count as living", [
        ("    n->living--;\n", "    n->living -= n->member[index].state == NODOSUM_LEFT;\n")]),
    "suspects-mixed-up": ("table.c", "worlds", "another suspect than the refuted one leaves the list", [
        ("        n->suspect[at] = n->suspect[--n->suspects];\n", "        n->suspects--;\n")]),
    "out-of-order": ("table.c", "worlds", "a newcomer is put at the end of the ordered list", [
        ("    memmove(n->sorted + place + 1, n->sorted + place, (n->count - place) * sizeof *n->sorted);\n    n->sorted[place] = index;",
         "    place = n->count;\n    n->sorted[place] = index;")]),
    "places-unasked": ("core.c", "unit:place", "strangers and all others are told where this node is", [
        ("            if ((m->flags & NODOSUM_PING_PLACE) != 0) {", "            if (true) {")]),
    "place-lost": ("out.c", "unit:place", "what an answer says of a place is dropped", [
        ("        rtt->place = *place;", "        (void)place;")]),
    "never-wanders": ("probe.c", "unit:place", "nobody is looked at but the fingers", [
        ("    uint16_t index = nodosum_table_next(n);\n    if (index", "    uint16_t index = NODOSUM_NOBODY;\n    if (index")]),
    "told-once": ("gossip.c", "unit:gossip", "news is told once", [
        ("    return NODOSUM_SENDS_FACTOR * digits;", "    return 1;")]),
    "told-for-ever": ("gossip.c", "idle", "news never gets old", [
        ("                if (fits && l + 1 < times) {\n                    link_news(n, index, (uint8_t)(l + 1));",
         "                if (fits) {\n                    link_news(n, index, (uint8_t)(l + 1 < times ? l + 1 : l));")]),
    "pushed-to-nobody": ("push.c", "join", "news is left to gossip", [
        ("    if (n->tuning.is_plain || n->pushes == NODOSUM_PUSH_MAX) {", "    if (n->members_max > 0) {")]),
    "pushed-to-one": ("push.c", "unit:push", "the nearest finger alone is told", [
        ("    for (uint32_t i = fingers; i > 0; i--) {", "    for (uint32_t i = fingers > 1 ? 1 : fingers; i > 0; i--) {")]),
    "pushed-no-further": ("push.c", "unit:push", "what was pushed here stays here", [
        ("    uint32_t told = hand_out(n, index, count, last);\n    assert", "    uint32_t told = count;\n    (void)last;\n    assert")]),
    "parts-overlap": ("push.c", "unit:push", "each finger gets the ring up to the end, not up to the next finger", [
        ("        end = id_of(n, to) - 1;\n", "")]),
    "pushed-in-circles": ("push.c", "unit:push", "what went on already goes on again", [
        ("holds(k, m) && span(n, last) > k->pushed;", "holds(k, m);")]),
    "old-news-pushed": ("push.c", "unit:push", "what does not hold here any more is passed on", [
        ("    return k->incarnation == m->incarnation && k->state == says[m->kind];", "    return k->state == says[m->kind];")]),
    "pushed-past": ("push.c", "unit:push", "fingers past the end of the part are told too", [
        ("           span(n, id_of(n, nodosum_fingers_after(n, fingers))) <= most) {", "           most > 0) {")]),
    "push-not-awaited": ("core.c", "unit:push", "the clock is not set for a push", [
        ("    due_us = n->push_us == 0 ? due_us : least(due_us, n->push_us);\n", "")]),
    "hearsay-is-pushed": ("merge.c", "unit:push", "whoever hears of a newcomer, from anybody, tells all", [
        ("    if ((from == index || from == NODOSUM_NOBODY) && !n->is_passing) {", "    if (!n->is_passing) {")]),
    "forgotten-but-pushed": ("table.c", "unit:push", "who is forgotten stays among those to be told of", [
        ("    nodosum_push_drop(n, index);\n", "")]),
    "speaks-with-all": ("probe.c", "sessions", "everybody is probed in turn", [
        ("    return n->tuning.is_plain ? nodosum_table_next(n) : nodosum_fingers_next(n);",
         "    (void)nodosum_fingers_next;\n    return nodosum_table_next(n);")]),
    "gossips-with-all": ("gossip.c", "unit:push", "everybody is told in rounds", [
        ("n->tuning.is_plain ? nodosum_table_draw(n, NODOSUM_FANOUT, NODOSUM_NOBODY, to)",
         "n->members_max > 0 ? nodosum_table_draw(n, NODOSUM_FANOUT, NODOSUM_NOBODY, to)")]),
    "self-misplaced": ("table.c", "unit:push", "who joins before this member does not move its place", [
        ("    n->ring_self += index != NODOSUM_SELF && place <= n->ring_self;\n", "")]),
    "self-unmoved": ("table.c", "worlds", "who dies before this member does not move its place", [
        ("    n->ring_self -= place < n->ring_self;\n", "")]),
    "one-way-fingers": ("fingers.c", "unit:push", "nobody before this member is its finger", [
        ("        if (!is_power(most + 1 - far)) {", "        if (most == 0) {")]),
    "far-helpers": ("fingers.c", "unit:push", "any finger helps", [
        ("is_living(&n->member[target]) && are_fingers(", "is_living(&n->member[target]) && !are_fingers(")]),
    "all-ask-the-suspect": ("suspect.c", "unit:suspect", "a suspect is asked by everybody", [
        ("    if (n->tuning.is_plain || nodosum_fingers_has(n, index) || nodosum_suspect_is_accuser(n, index)) {",
         "    if (n->members_max > 0) {")]),
    "offers-forgotten": ("merge.c", "unit:merge", "other offers are no difference", [
        (" && a->offers_size == b->offers_size &&\n           memcmp(a->offers, b->offers, a->offers_size) == 0;", ";")]),
    "offers-unsaid": ("packet.c", "worlds", "offers stay at home", [
        ("    cursor_put_be(&w, about->offers_size, 2);\n    cursor_put(&w, about->offers, about->offers_size);",
         "    cursor_put_be(&w, 0, 2);")]),
    "offers-unannounced": ("core.c", "unit:core", "an offer is no new incarnation", [
        ("    about->meta_version = ++self->incarnation;\n    nodosum_table_describe", "    about->meta_version = self->incarnation;\n    nodosum_table_describe")]),
    "offers-overflow": ("packet.c", "unit:packet", "longer offers than there may be are read", [
        ("    claim_that(r, about->offers_size <= NODOSUM_OFFERS_BYTES);\n", "")]),
    "offers-twice": ("offers.c", "unit:offers", "a cell may be offered twice", [
        ("strcmp(item[-1].name, item->name) >= 0)", "strcmp(item[-1].name, item->name) > 0)")]),
    "offers-for-ever": ("catalogue.c", "unit:offers", "offers that nobody says again stay", [
        ("    if (now_ms >= c->lapse_ms) {", "    if (now_ms >= c->lapse_ms && now_ms == 0) {")]),
    "offers-without-end": ("catalogue.c", "unit:offers", "every change is told at once", [
        ("        (c->told_ms != 0 && now_ms < c->told_ms + gap_ms(c, living))) {", "        (now_ms < 1)) {\n        (void)living;")]),
    "told-late": ("core.c", "join", "the clock is not set for news", [
        ("    due_us = n->gossip_us == 0 ? due_us : least(due_us, n->gossip_us);\n", "")]),
    "never-accuses": ("probe.c", "worlds", "no answer means nothing", [
        ("        nodosum_suspect_accuse(n, s->target);\n", "        (void)s;\n")]),
    "no-suspicion": ("probe.c", "loss", "no answer is death", [
        ("        nodosum_suspect_accuse(n, s->target);\n",
         "        nodosum_suspect_accuse(n, s->target);\n        n->member[s->target].due_us = n->now_us;\n")]),
    "no-helpers": ("probe.c", "unit:probe", "nobody else is asked", [
        ("        ask_helpers(n, s);\n", "        (void)ask_helpers;\n")]),
    "probes-leak": ("probe.c", "worlds", "an answered probe counts as under way for ever", [
        ("    n->probing -= s->kind == NODOSUM_SLOT_PROBE;\n", "    n->probing -= s->kind == NODOSUM_SLOT_PROBE && !s->is_answered;\n")]),
    "helpers-keep-it": ("probe.c", "unit:probe", "what a helper hears it does not pass on", [
        ("        pass_on(n, s);\n", "        (void)pass_on;\n")]),
    "one-probe-a-life": ("probe.c", "worlds", "the next period never comes", [
        ("    n->period_us = n->now_us + nodosum_health_scaled(n, (uint64_t)n->tuning.period_ms * NODOSUM_MS);",
         "    n->period_us = UINT64_MAX;")]),
    "chance-alone": ("probe.c", "crash", "probes are rare and left to chance", [
        ("    n->is_ring_turn = !n->is_ring_turn && !n->tuning.is_plain;", "    n->is_ring_turn = false;\n    n->period_us += 600000;")]),
    "suspect-for-ever": ("suspect.c", "worlds", "nobody dies of a suspicion", [
        ("        if (m->due_us <= n->now_us) {", "        if (m->due_us <= n->now_us && m->due_us == 0) {")]),
    "unconfirmed": ("suspect.c", "crash", "confirmations do not shorten a suspicion", [
        ("nodosum_suspect_time_us(&n->tuning, n->living, m->accusers - 1u);", "nodosum_suspect_time_us(&n->tuning, n->living, 0);")]),
    "echo-confirms": ("suspect.c", "unit:suspect", "one accuser heard four times is four accusers", [
        ("        if (m->accuser[i] == accuser) {\n            return false;\n        }\n", "")]),
    "nobody-looks": ("suspect.c", "crash", "those beside a suspect do not look for themselves", [
        ("    if (is_new && !n->tuning.is_plain && is_beside(n, index)) {", "    if (is_new && false && is_beside(n, index)) {")]),
    "hasty": ("suspect.c", "stop", "a suspicion lasts a tenth of what it should", [
        ("    least_ms = least_ms > t->suspect_least_ms ? least_ms : t->suspect_least_ms;\n", "    least_ms = t->suspect_least_ms / 10.0;\n")]),
    "never-compares": ("sync.c", "worlds", "tables are never compared", [
        ("    if (n->now_us >= n->sync_us) {\n        compare_with_one(n);", "    if (n->now_us >= n->sync_us) {\n        n->sync_us = n->now_us + about_us(n, 1000000);\n        (void)compare_with_one;")]),
    "nothing-to-say": ("sync.c", "unit:sync", "who knows more keeps it", [
        ("        return m->incarnation > row->incarnation;\n", "        return false;\n"),
        ("knows_more(k, &m->row[row]) : nodosum_table_is_living(k)", "knows_more(k, &m->row[row]) : false")]),
    "no-wants": ("sync.c", "worlds", "who knows less does not ask, nor tells", [
        ("            want.want[want.count++] = m->row[row].short_id;\n", "            (void)want;\n"),
        ("knows_more(k, &m->row[row]) : nodosum_table_is_living(k)", "knows_more(k, &m->row[row]) : false")]),
    "death-spreads": ("sync.c", "heal", "whoever is dead on one side of a partition dies on the other when it ends", [
        ("        return add_dead(n, m, p);\n", "        (void)add_dead;\n        return nodosum_gossip_add(n, index, p);\n")]),
    "no-way-back": ("sync.c", "worlds", "nobody looks for the dead and for seeds again", [
        ("    n->join_us = n->now_us + about_us(n, is_alone ? n->join_gap_us : most_us);", "    n->join_us = is_alone ? n->now_us + about_us(n, n->join_gap_us) : UINT64_MAX;")]),
    "no-seeds": ("sync.c", "storm", "seeds are not asked", [
        ("    try_seeds(n, is_alone ? JOIN_SEEDS : 1);\n", "    (void)try_seeds;\n")]),
    "unknown-answers": ("sync.c", "unit:sync", "a seed answers without saying who it is", [
        ("nodosum_gossip_add(n, NODOSUM_SELF, p) && !nodosum_packet_add(p, m)", "!nodosum_packet_add(p, m)")]),
    "no-hurry": ("sync.c", "unit:sync", "changes are not compared soon", [
        ("    n->sync_us = soon_us < n->sync_us ? soon_us : n->sync_us;\n", "    (void)soon_us;\n")]),
    "left-in-silence": ("core.c", "unit:core", "who leaves tells nobody", [
        ("        nodosum_table_set(n, NODOSUM_SELF, NODOSUM_LEFT);\n        nodosum_gossip_news(n, NODOSUM_SELF);",
         "        nodosum_table_set(n, NODOSUM_SELF, NODOSUM_LEFT);\n        nodosum_gossip_drop(n, NODOSUM_SELF);")]),
    "strangers-unheard": ("core.c", "worlds", "who introduces itself is not taken in", [
        ("        } else if (introduces) {", "        } else if (introduces && n->living == 1) {")]),
    "revision-skipped": ("events.c", "worlds", "a revision is left out now and then", [
        ("    n->revision++;\n", "    n->revision += n->revision % 7 == 0 ? 2 : 1;\n")]),
    "packet-overwritten": ("out.c", "unit:core", "the last packet of a step is begun anew by the next", [
        ("    if (fx->sends > 0 && fx->send[fx->sends - 1].packet.size == 0) {\n        return",
         "    if (fx->sends > 0) {\n        return")]),
    "lateness-excused-not": ("health.c", "unit:probe", "who wakes late holds it against the others", [
        ("    if (n->tuning.is_plain || n->promised_us == 0 ||", "    if (n->now_us > 0 || n->promised_us == 0 ||")]),
    "past-is-late": ("core.c", "unit:suspect", "what is due in the past counts as lateness, and is put off", [
        ("    n->promised_us = fx->due_us > n->now_us ? fx->due_us : n->now_us;\n", "    n->promised_us = fx->due_us;\n")]),
    "ever-worse": ("health.c", "crash", "health is never regained, and everything makes it worse", [
        ("    n->health -= n->health > 0;", "    n->health += n->health < NODOSUM_HEALTH_MAX;")]),
    "anybody-answers": ("probe.c", "unit:probe", "an answer counts whoever sends it", [
        ("(is_relayed ? !is_helper(s, from) : s->target != from)) {", "(is_relayed && from == NODOSUM_SELF)) {")]),
    "helps-without-end": ("probe.c", "unit:probe", "a flood of requests takes all slots", [
        ("n->relaying == NODOSUM_RELAYS_MAX) {", "n->relaying == NODOSUM_SLOTS - NODOSUM_PROBES_MAX) {")]),
    "living-evicted": ("table.c", "unit:table", "a full table forgets a living member", [
        ("        if (index != NODOSUM_SELF && !nodosum_table_is_living(m) &&\n            (found", "        if (index != NODOSUM_SELF &&\n            (found")]),
    "strangers-believed": ("core.c", "unit:probe", "whoever is unknown is listened to", [
        ("        } else if (introduces) {", "        } else if (m.kind >= NODOSUM_PACKET_ALIVE && m.kind <= NODOSUM_PACKET_LEFT) {")]),
    "any-name": ("packet.c", "unit:packet", "names are not checked", [
        ("r->is_good && name_valid(about->name, about->name_len)", "r->is_good")]),
    "read-past": ("../common/base/cursor.c", "unit:packet", "the last byte of a packet is read twice", [
        ("    if (size > r->left) {", "    if (size > r->left + 1) {"), ("    r->left -= size;", "    r->left -= size < r->left ? size : r->left;")]),
    "answers-without-end": ("sync.c", "unit:sync", "comparisons are answered at any rate", [
        ("        n->counters.held++;\n        return false;", "        n->counters.held++;\n        return true;")]),
    "too-long": ("packet.c", "worlds", "a packet may be a little longer than it may be", [
        (".room = NODOSUM_PACKET_MAX}", ".room = NODOSUM_PACKET_MAX + 40}")]),
}

CORE = ("catalogue", "core", "events", "fingers", "gossip", "health", "merge", "offers", "out", "packet", "probe", "push", "suspect", "sync", "table", "word")
UNITS = sorted({p[1].removeprefix("unit:") for p in PLANTS.values() if p[1].startswith("unit:")})
SOURCES = [*(f"nodosum/{c}.c" for c in CORE), "tests/sim/nodosum/*.c", "tests/unit/nodosum/kit.c",
           *(f"tests/unit/nodosum/test_{u}.c" for u in UNITS), "tests/sim/world/[!t]*.c",
           *(f"common/base/{b}.c" for b in ("bytes", "cursor", "err", "name", "rate", "rng"))]
MAINS = {"worlds": "test_sim_nodosum.c", "measures": "test_nodosum_measure.c"}


def program(finder, _file, args):
    unit = finder.removeprefix("unit:") if finder.startswith("unit:") else None
    main = (f"tests/unit/nodosum/test_{unit}.c" if unit else
            f"tests/sim/nodosum/{MAINS['worlds' if finder == 'worlds' else 'measures']}")
    other = "tests/sim/nodosum" if unit else "tests/unit/nodosum"

    def belongs(source):
        if os.path.basename(source).startswith("test_"):
            return source == main
        return os.path.dirname(source) != other
    return belongs, [] if unit else ["--worlds", str(args.worlds)] if finder == "worlds" else ["--only", finder]


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "nodosum", SOURCES, program, worlds=300, patience=60).main())
