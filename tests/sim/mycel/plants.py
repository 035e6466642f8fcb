#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of one source of the cache, and a unit test or requests in virtual time must find it. A bug that
escapes, or whose place is no longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER --data DIR [NAME ...]    (--data: where the recorded requests are unpacked)
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, what finds it: a unit test or requests by name, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    # ---- the store
    "strung-together": ("store.c", "unit:store", "which bucket a key is of does not matter", [
        ("return e->bucket == key->bucket && mycel_entry_key_size(e)", "return mycel_entry_key_size(e)"),
        ("return hash + bucket * 0x9e3779b97f4a7c15u;", "(void)bucket;\n    return hash;")]),
    "index-never-shrinks": ("store.c", "unit:store_drawn", "who is evicted stays in the index", [
        ("    vacate(s, slot);\n    b->counts.bytes", "    b->counts.bytes")]),
    "gap-in-a-chain": ("store.c", "unit:store_drawn", "whoever stands behind one who goes is not found any more", [
        ("        if (walked >= (at >= gap", "        if (walked > s->slots + (at >= gap")]),
    "end-is-late": ("store.c", "unit:store", "an entry is shown at its end", [
        ("mycel_entry_end_of(e) <= now_ms;", "mycel_entry_end_of(e) < now_ms;")]),
    "bucket-life-forgotten": ("store.c", "unit:store", "the life of a bucket's entries is never applied", [
        ("b->limits.ttl_ms != 0 ? b->limits.ttl_ms :", "b->limits.ttl_ms == UINT64_MAX ? 1 :")]),
    "one-at-a-time": ("store.c", "unit:store", "of those that end together one goes, the rest stays", [
        ("    while ((block = mycel_wheel_over(", "    if ((block = mycel_wheel_over(")]),
    "entries-without-limit": ("store.c", "unit:store", "the limit of entries is not looked at", [
        ("    while (b->counts.entries >= b->limits.entries_max ||\n", "    while (\n")]),
    "large-one-empties": ("store.c", "unit:store", "what never fits has everybody else go first", [
        ("    if (bytes_of(units + 1) > b->limits.bytes_max) {", "    if (bytes_of(units + 1) > 64 * b->limits.bytes_max) {")]),
    "kept-in-the-wheel": ("store.c", "unit:store_drawn", "who is overwritten stays in the wheel", [
        ("    if (mycel_entry_has_end(e)) {\n        mycel_wheel_remove(&s->wheel, block);\n    }\n    mycel_entry_write",
         "    mycel_entry_write")]),
    "misses-uncounted": ("store.c", "unit:store_drawn", "only who is there is counted", [
        ("        b->counts.misses++;\n", "")]),
    "tombstones-are-values": ("store.c", "unit:store", "who was deleted is there", [
        ("    if (block == NONE || mycel_entry_is_tombstone(e)) {\n        b->counts.misses++;", "    if (block == NONE) {\n        b->counts.misses++;")]),
    "scan-by-slot": ("store_bucket.c", "unit:store", "a scan shows who stands in a slot, wherever he is at home", [
        ("for (uint32_t n = at; s->slot[n] != 0; n = mycel_store_next(s, n)) {", "for (uint32_t n = at; s->slot[n] != 0 && n == at; n = mycel_store_next(s, n)) {"),
        ("mycel_store_home(s, s->slot[n]) == at && ", "")]),
    "memory-promised-twice": ("store_bucket.c", "unit:store", "buckets may have more bytes than there are", [
        ("limits->bytes_max > s->bytes_max - s->bytes_given ||", "")]),
    # ---- its parts
    "version-lost": ("entry.c", "unit:store_drawn", "an entry with an end has no version", [
        ("        memcpy(&version, e->rest + before_key(e) - VERSION, sizeof version);", "        memcpy(&version, e->rest, sizeof version);")]),
    "neighbours-apart": ("heap.c", "unit:store_drawn", "free blocks never grow together again", [
        ("    if ((at(h, next)->word & FREE) != 0 && units", "    if (0 && units"),
        ("    if ((word & AFTER_FREE) != 0 && units", "    if (0 && units")]),
    "class-too-small": ("heap.c", "unit:store_drawn", "a block may be smaller than what was asked for", [
        ("class_of(units + step, &f, &s);", "class_of(units - units % 3, &f, &s);")]),
    "later-first": ("wheel.c", "unit:store_drawn", "what stands where the wheel is goes down only when nothing else is left", [
        ("        if ((w->used[level] >> here & 1) != 0) {", "        if (0 && (w->used[level] >> here & 1) != 0) {")]),
    "wheel-of-one-level": ("wheel.c", "unit:store", "whatever is farther off than a turn ends at this one", [
        ("uint32_t level = apart == 0 ? 0 : (63", "uint32_t level = apart < (1 << 30) ? 0 : (63")]),
    # ---- where, and which
    "first-three-only": ("place.c", "unit:place", "as many nodes are asked as there are replicas", [
        ("    for (uint32_t i = 0; i < p->count; i++) {\n        if (top->count < top->most || score[i] > top->score[top->most - 1]) {\n            come_in(top,",
         "    for (uint32_t i = 0; i < top->most; i++) {\n        if (top->count < top->most || score[i] > top->score[top->most - 1]) {\n            come_in(top,")]),
    "zones-unseen": ("place.c", "unit:place", "all replicas may fail together", [
        ("    if (p->zones == p->count) {", "    if (p->zones <= p->count) {")]),
    "weights-unseen": ("place.c", "unit:place", "every node is worth the same", [
        ("- ln) * p->share[i];", "- ln);")]),
    "names-strung-together": ("place.c", "unit:place", "the bucket's name does not matter", [
        ("        inner[i] ^= (uint8_t)(hash >> (8 * i));\n        inner[8 + i] ^= (uint8_t)(size >> (8 * i));\n", "")]),
    "any-clock": ("version.c", "unit:version", "a clock that is far ahead drags all others along", [
        ("wall_ms, MYCEL_VERSION_AHEAD_MS);", "wall_ms, UINT64_C(1) << 40);")]),
    "writers-are-one": ("version.c", "unit:version", "of two writers at one time either may win", [
        ("        return a->version.writer < b->version.writer ? -1 : 1;", "        return 1;")]),
    "forgotten-early": ("version.c", "unit:version", "a tombstone is forgotten though somebody has not heard of it", [
        ("    return all_have_it && wall_ms", "    return wall_ms")]),
    "sums-twice": ("counter.c", "unit:version", "what was added is added again by each merge", [
        ("slot.up = slot.up > other->slot[j].up ? slot.up : other->slot[j].up;", "slot.up += other->slot[j].up;")]),
    "set-is-lost": ("counter.c", "unit:version", "the earlier one of two sets wins", [
        ("*c = later < 0 ? *other : *c;", "*c = later > 0 ? *other : *c;")]),
    # ---- calls
    "acknowledged-by-the-dead": ("call.c", "unit:call", "who took a write and died before enough had it counts", [
        ("MYCEL_CALL_EV_FAILED && c->is_write && !c->is_done", "MYCEL_CALL_EV_FAILED && false")]),
    "half-is-enough": ("call.c", "unit:call", "a quorum is half of the replicas", [
        ("need == MYCEL_CALL_QUORUM ? targets / 2 + 1 :", "need == MYCEL_CALL_QUORUM ? targets / 2 :")]),
    "empty-one-is-believed": ("call.c", "unit:call", "who began empty is taken at his word", [
        ("    case MYCEL_CALL_EV_UNSURE:\n", "    case MYCEL_CALL_EV_UNSURE:\n        c->state[ev->from] = MYCEL_CALL_ANSWERED;\n        break;\n")]),
    "earliest-wins": ("call.c", "unit:call", "the earliest copy is what a reader gets", [
        ("mycel_version_compare(&c->copy[i], best) > 0", "mycel_version_compare(&c->copy[i], best) < 0")]),
    "no-hedge": ("call.c", "unit:call", "a silent one is waited for", [
        ("now_ms >= c->hedge_at_ms) {", "now_ms >= c->deadline_ms) {")]),
    "nothing-is-an-answer": ("call.c", "unit:call", "the first one's nothing is enough", [
        ("    return c->is_write || c->need > 1 || latest(c) != NULL ||", "    return true ||")]),
    "nobody-is-repaired": ("call.c", "unit:call", "who has an earlier copy keeps it", [
        ("    if (c->is_done && !c->is_write) {", "    if (c->is_over && !c->is_write) {")]),
    "nothing-is-kept": ("call.c", "unit:call", "who did not take a write never hears of it", [
        ("    if (c->is_write) {\n        emit(fx, (struct mycel_call_effect){.kind = MYCEL_CALL_FX_HINT", "    if (c->is_over) {\n        emit(fx, (struct mycel_call_effect){.kind = MYCEL_CALL_FX_HINT")]),
    # ---- writes that wait
    "older-after-newer": ("hint.c", "unit:hint", "a write that comes late takes the place of a later one", [
        ("        if (mycel_version_compare(&waits, &ev->copy) >= 0) {", "        if (waits.size > UINT32_MAX) {")]),
    "two-of-one-key": ("hint.c", "unit:hint", "an earlier write of the key goes on waiting", [
        ("        forget(h, there);\n        h->counts.replaced++;", "        h->counts.replaced += 0;")]),
    "one-fills-all": ("hint.c", "unit:hint", "nobody's writes have a bound of their own", [
        ("    if (t->entries >= h->limits.target_entries_max || t->bytes + bytes > h->limits.target_bytes_max) {",
         "    if (t->bytes + bytes > h->limits.target_bytes_max) {")]),
    "all-without-bound": ("hint.c", "unit:hint", "all together have no bound of bytes", [
        ("h->entries < h->limits.entries_max && h->bytes + bytes <= h->limits.bytes_max;", "h->entries < h->limits.entries_max;")]),
    "dropped-in-silence": ("hint.c", "unit:hint", "nobody counts what is too old", [
        ("        h->counts.old++;\n", "")]),
    "any-answer-takes": ("hint.c", "unit:hint", "an answer to a write that was replaced is taken for the later one's", [
        ("if (at(h, b)->number == ev->number) {", "if (at(h, b)->number >= ev->number) {")]),
    "sent-once": ("hint.c", "unit:hint", "what got lost on its way never goes again", [
        ("t->on_way > 0 && now_ms >= t->moved_ms + MYCEL_HINT_RETRY_MS) {", "t->on_way > 0 && now_ms < t->moved_ms) {")]),
    "over-and-sent": ("hint.c", "unit:hint", "a value is handed over at the end of its life", [
        ("    if (n->end_ms <= now_ms) {", "    if (n->end_ms < now_ms) {")]),
    "lost-on-the-way": ("hint.c", "unit:hint", "what was on its way to somebody who is lost is not sent when he is back", [
        ("    t->on_way = 0;\n    t->next = t->first;\n}", "    t->on_way = 0;\n}")]),
    "kept-for-ever": ("hint.c", "unit:hint", "a write waits for ever", [
        ("now_ms - at(h, h->oldest)->kept_ms >= h->limits.age_ms; i++) {", "now_ms - at(h, h->oldest)->kept_ms >= MYCEL_VERSION_TOMBSTONE_MS; i++) {")]),
    # ---- replicas
    "sums-only-grow": ("replica.c", "unit:sync", "who goes stays in the sums", [("is_in ? item : -item;", "item;")]),
    "counted-twice": ("replica.c", "unit:sync", "who comes while counting goes on is counted again", [("    if (home < r->counted) {", "    if (home < UINT32_MAX) {")]),
    "earlier-copies-too": ("replica.c", "unit:sync", "an earlier copy takes the place of a later one", [
        ("mycel_version_compare(&there, copy) >= 0) {", "mycel_version_compare(&there, copy) == 0) {")]),
    "earlier-one-stays": ("replica.c", "unit:sync", "a write that finds no room leaves what was before it", [("        mycel_store_forget(r->store, key, now_ms);\n", "")]),
    "over-is-for-ever": ("replica.c", "unit:sync", "a copy that is over lives for ever", [("    bool is_over = left_ms == 0, is", "    bool is_over = left_ms > UINT64_MAX - 1, is")]),
    "any-clock-is-taken": ("replica.c", "unit:sync", "a copy of a wrong clock is taken", [("    if (e != ERR_OK) {\n        return e;\n    }\n    if (there", "    if (there")]),
    # ---- what members bring each other
    "goes-when-one-has-it": ("sync_pass.c", "unit:sync", "an entry goes when one of its holders has it", [
        ("    if ((n->asked & ~n->has) != 0) {\n        s->is_again", "    if (n->asked != 0 && n->has == 0) {\n        s->is_again")]),
    "goes-unconfirmed": ("sync_pass.c", "unit:sync", "an entry goes though a holder was silent", [
        ("    if ((n->asked & ~n->has) != 0) {\n        s->is_again", "    if (n->asked == 0) {\n        s->is_again")]),
    "stays-for-ever": ("sync_pass.c", "cluster", "whoever is no holder any more keeps it", [
        ("    n.is_leaving = !is_mine || (v", "    n.is_leaving = (v")]),
    "empty-one-has-a-say": ("sync.c", "crashes", "who began empty says that there is nothing", [
        ("    if (s->is_blind || !s->has_base || s->r->self", "    if (s->is_blind || s->r->self")]),
    "new-holder-has-a-say": ("sync.c", "unit:sync", "who became a holder says so, too", [("    for (uint32_t i = 0; i < s->views; i++) {\n        if (!mycel_place_is_holder",
        "    for (uint32_t i = s->views; i < s->views; i++) {\n        if (!mycel_place_is_holder")]),
    "changes-are-forgotten": ("sync.c", "unit:sync", "memberships between two in which it was a holder do not matter", [
        ("            s->before[s->views++] = *place;", "            s->before[1] = *place;")]),
    "minority-has-a-say": ("sync.c", "unit:sync", "who was cut off from most has heard of everything", [("s->views == MYCEL_SYNC_VIEWS_MAX || !is_majority(s))) {", "s->views == MYCEL_SYNC_VIEWS_MAX)) {"),
        ("    return is_majority(s) && (!s->has_base", "    return (!s->has_base")]),
    "two-may-be-away": ("sync.c", "unit:sync", "nobody waits for a quorum that is away", [("missing(s) < quorum ||", "quorum > 0 ||")]),
    "told-before": ("sync.c", "unit:sync", "what was told at an earlier asking counts", [("is_done |= m->nonce == s->nonce;", "is_done |= true;")]),
    "told-by-one": ("sync.c", ["cluster", "unit:sync"], "one member tells for all", [("        if (i != s->r->self && !s->peer[i].is_done) {\n            return;", "        if (i != s->r->self && !s->peer[i].is_done && i > 1) {\n            return;")]),
    "any-membership": ("sync.c", "unit:sync", "who sees other members is believed", [("|| m->view != s->r->view) {", ") {")]),
    "pass-under-way-will-do": ("sync.c", "unit:sync", "a pass that began before it was asked for is the answer", [("        p->asks = m->nonce;", "        p->asks = p->serves = m->nonce;")]),
    "never-compared": ("sync.c", "cluster", "nobody compares sums", [("|| s->self < s->r->place->id[i]) {", ") {")]),
    "once-is-enough": ("sync.c", "unit:sync", "writes under way are taken for differences", [(": differs[i] & p->doubt[i];", ": differs[i];")]),
    "told-though-behind": ("sync_pass.c", "unit:sync", "who was silent is told that this was all", [("        } else if (p->serves != 0) {", "        }\n        if (p->serves != 0) {")]),
    "sent-twice": ("sync_pass.c", "cluster", "two send the same", [("    if (!is_asked) {\n", "    if (!is_asked || true) {\n")]),
    "evicted-comes-back": ("sync_pass.c", "cluster", "what was evicted is a difference", [(" && mycel_store_has_room(r->store, m->key.bucket, m->key.size, (uint32_t)m->copy.size);", ";")]),
    "ends-and-comes-back": ("sync_pass.c", "unit:sync", "what is about to end is copied", [("    return m->left_ms >= MYCEL_REPLICA_ENDING_MS && ", "    return ")]),
    "late-copies": ("sync_pass.c", "unit:sync", "a copy is taken however late it is", [("        t->now_ms >= s->asked[slot].at_ms + MYCEL_SYNC_LATE_MS) {", "        t->now_ms == 0) {")]),
    "old-tombstones-spread": ("sync_pass.c", "unit:sync", "a tombstone that one has forgotten comes back from another", [
        ("        return !mycel_version_is_forgettable(&m->copy.version, true, t->wall_ms);", "        return true;")]),
    "tombstones-for-ever": ("sync_pass.c", "cluster", "a tombstone is never forgotten", [("|| (v->is_tombstone && mycel_version_is_forgettable(&n.version, true, g->t->wall_ms));", ";")]),
    "tombstones-for-a-moment": ("sync_pass.c", "cluster", "a tombstone is forgotten when all have it", [("(v->is_tombstone && mycel_version_is_forgettable(&n.version, true, g->t->wall_ms));", "v->is_tombstone;")]),
    "without-a-rate": ("sync_pass.c", "cluster", "an empty member is filled at once", [("i < MYCEL_PLACE_REPLICAS_MAX && s->credit > 0; i++) {", "i < MYCEL_PLACE_REPLICAS_MAX; i++) {"),
        ("        if (t->s->item[i].wants != 0 && t->s->credit > 0) {", "        if (t->s->item[i].wants != 0) {")]),
    "later-one-is-unseen": ("sync_pass.c", "cluster", "who has another version is taken to have this one", [("            return mycel_version_compare(&there, &m->copy) < 0;", "            return false;")]),
    "any-page": ("sync_pass.c", "unit:sync", "what was said of another entry of a page counts", [("s->item[i].hash == hash && s->item[i].version.stamp == v->stamp && s->item[i].version.writer == v->writer) {", "s->item[i].hash == hash) {")]),
    "repaired-for-ever": ("call.c", "unit:call", "a copy's life begins anew with whom it is told to", [
        (".copy = *best, .left_ms = left_of(c, best, now_ms)});", ".copy = *best, .left_ms = UINT64_MAX});")]),
    "unsure-counts": ("call.c", "unit:call", "a write counts that somebody took who knows nothing", [
        ("        c->state[ev->from] = MYCEL_CALL_NO_OPINION; /* what was written he has */", "        c->state[ev->from] = c->is_write ? MYCEL_CALL_ANSWERED : MYCEL_CALL_NO_OPINION;")]),
    # ---- places, and clients
    "date-line": ("geo.c", "unit:geo", "nobody is seen across the date line", [
        ("double turns = (longitude + 180) / 360, column = floor((turns - floor(turns)) * g->columns);",
         "double column = longitude < -180 ? 0 : floor((longitude + 180) / 360 * g->columns);")]),
    "poles-are-far": ("geo.c", "unit:geo", "a circle that holds a pole does not reach round it", [
        ("    if (fabs(latitude) + radius / RADIANS + MARGIN >= 90) {\n        return 180;\n    }\n", "")]),
    "flat-earth": ("geo.c", "unit:geo", "a circle is as wide in degrees as it is high", [
        ("asin(ratio) / RADIANS + MARGIN;", "radius / RADIANS + MARGIN + 0 * ratio;")]),
    "rectangle-as-wide-below": ("geo.c", "unit:geo", "a rectangle reaches as far in degrees at its pole side as in its middle", [
        ("side = spread(fabs(center->latitude) + up, width_m", "side = spread(fabs(center->latitude), width_m")]),
    "box-begins-east": ("geo.c", "unit:geo", "a box across the date line is the one that goes the other way", [
        ("longitude >= west || longitude <= east;", "longitude >= east && longitude <= west;")]),
    "lengths-are-trusted": ("resp.c", "unit:resp", "whatever length is announced is waited for", [
        ("        if (bulk < 0 || bulk > MYCEL_RESP_BULK_MAX) {", "        if (bulk < 0) {"),
        ("        if ((uint64_t)bulk + 2 + r->seen > r->command_max) {", "        if ((uint64_t)bulk + 2 + r->seen > UINT32_MAX) {")]),
    "arguments-without-limit": ("resp.c", "unit:resp", "a line may have more arguments than there is room for", [
        ("        if (r->count == r->args_max) {", "        if (r->count == UINT32_MAX) {")]),
    "lines-without-end": ("resp.c", "unit:resp", "a line that never ends is waited for", [
        ("        return size > MYCEL_RESP_INLINE_MAX ? wrong(r, ERR_MALFORMED, \"ERR Protocol error: too big inline request\") : ERR_LATER;",
         "        return ERR_LATER;")]),
    "cut-in-pieces": ("resp.c", "unit:resp", "an argument that came in two pieces is read twice", [
        ("    if (r->bulk < 0) {\n", "    if (r->bulk < 0 || size - r->seen < (size_t)r->bulk + 2) {\n")]),
    "half-an-answer": ("resp_write.c", "unit:resp", "of what does not fit the beginning is said", [
        ("    memcpy(w->bytes + w->len, head, first);\n", "    memcpy(w->bytes + w->len, head, first);\n    if (last == 0 && size == 0 && first + w->len + 2 > w->size) {\n        w->len += first - 1;\n        return;\n    }\n")]),
    "any-number-of-words": ("command.c", "unit:resp", "a command takes more than it does", [
        ("count == (uint32_t)c->arity;", "count >= (uint32_t)c->arity;")]),
    "ends-overflow": ("command.c", "unit:resp", "seconds that do not fit into milliseconds are taken", [
        ("(in_seconds && value > INT64_MAX / 1000)", "(in_seconds && value > INT64_MAX / 900)")]),
    # ---- commands
    "set-forgets-its-end": ("serve_value.c", "unit:serve", "KEEPTTL keeps nothing", [("        left = o.end == MYCEL_COMMAND_KEEP && is_there ? v.left_ms : left;\n", "")]),
    "both-conditions": ("serve_value.c", "unit:serve", "SET NX sets what is there", [("is_set = !(o.nx && is_there) && !(o.xx", "is_set = !(o.xx")]),
    "numbers-live-anew": ("serve_value.c", "unit:serve", "a number that is added to lives for ever", [
        ("(long long)sum), is_there ? v.left_ms : MYCEL_STORE_FOR_EVER, before);", "(long long)sum), MYCEL_STORE_FOR_EVER, before);")]),
    "some-of-msetnx": ("serve_value.c", "unit:serve", "MSETNX looks at its first key alone", [
        ("        if (mycel_serve_find(t, i, &v)) {\n            mycel_resp_write_integer(t->w, 0);", "        if (i == 1 && mycel_serve_find(t, i, &v)) {\n            mycel_resp_write_integer(t->w, 0);")]),
    "later-is-earlier": ("serve_life.c", "unit:serve", "EXPIRE GT takes an earlier end", [("at <= is_at)) &&", "at >= is_at)) &&")]),
    "past-ends-live": ("serve_life.c", "unit:serve", "an end that is past does not delete", [("left == 0 ? mycel_store_delete(", "left == UINT64_MAX ? mycel_store_delete(")]),
    "scan-jumps": ("serve_life.c", "unit:serve", "an answer that is too long loses what does not fit", [("        if (!t->w->is_cut || was_cut || steps == 1) {", "        if (steps >= 1) {")]),
    "door-without-lock": ("serve.c", "unit:serve", "who has not said the password is answered", [("&& !client->is_known && (c->flags", "&& client->is_leaving && (c->flags")]),
    "password-begins-right": ("serve.c", "unit:serve", "the beginning of a password is enough", [("    uint8_t differs = t->arg[at].size != size || !is_user;", "    uint8_t differs = t->arg[at].size == 0 || !is_user;")]),
    "first-star-only": ("serve.c", "unit:serve", "a star takes nothing but what comes first", [("            i = ++star_i;", "            i = ++star_i + 1;")]),
    # ---- who goes
    "lru-is-fifo": ("policy.c", "zipf 1.0", "LRU does not see that somebody was read", [
        ("    if (p->kind == MYCEL_POLICY_LRU || (p->kind == MYCEL_POLICY_2Q && (n->state", "    if ((p->kind == MYCEL_POLICY_2Q && (n->state")]),
    "no-ghosts": ("ghost.c", "cloudphysics", "nobody who comes back is known", [
        ("            return is_young;", "            return is_young && false;")]),
    "ghosts-for-ever": ("ghost.c", "cloudphysics", "whoever was here once is known for ever", [
        ("bool is_young = (uint16_t)(clock - set[way]) <= window;", "bool is_young = window < UINT32_MAX;")]),
    "never-moved-up": ("policy.c", "unit:policy", "nobody moves up by being used", [
        ("(n->state & USES_MAX) < MOVE_AT ||", "(n->state & USES_MAX) < 64 ||")]),
    "first-policy-for-ever": ("shadow.c", "once read", "who serves best does not matter", [
        ("    if (best != s->rules) {\n        rule(s, best);", "    if (best != s->rules && s->nodes == 0) {\n        rule(s, best);")]),
    "sample-of-misses": ("shadow.c", "unit:policy", "a policy here never learns of a key that the bucket has", [
        ("        } else if (size > 0) {", "        } else if (size > UINT32_MAX - 1) {")]),
    "sample-is-all": ("shadow.c", ["by turns", "loop", "cloudphysics"], "a sample lives in a bucket as large as the whole one", [
        ("    s->limit = size >> s->halvings;", "    s->limit = size;")]),
    "worst-policy": ("shadow.c", "zipf 1.0", "the policy that finds least rules", [
        ("        most = by > 0 && squares", "        most = by < 0 && squares"),
        ("        if (by < 0 && squares > VETO * VETO) {", "        if (by > 0 && squares > VETO * VETO) {")]),
}

UNIT = ["tests/unit/mycel/kit.c"]
SOURCES = ["mycel/*.c", "tests/sim/mycel/*.c", "tests/unit/mycel/*.c", "common/base/rng.c", "common/base/err.c", "common/base/hlc.c", "common/base/bytes.c"]


def program(finder, _file, args):
    if finder.startswith("unit:"):
        test = f"tests/unit/mycel/test_{finder[5:]}.c"
        return lambda source: not source.startswith("tests/") or source in UNIT + [test], []
    if finder in ("cluster", "crashes"):
        return lambda source: not source.startswith("tests/") or source.startswith("tests/sim/") and os.path.basename(source) in CLUSTER, \
            ["--faults", "1", "--worlds", "40"] if finder == "crashes" else []
    return lambda source: not source.startswith("tests/unit/") and os.path.basename(source) in SIM or not source.startswith("tests/"), \
        ["--data", DATA, "--all", "--only", finder]


SIM = ["refs.c", "traces.c", "test_sim_mycel.c"]
CLUSTER = ["cluster.c", "check.c", "test_sim_cluster.c"]

if __name__ == "__main__":
    at = sys.argv.index("--data")
    DATA = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    sys.exit(plants.Garden(PLANTS, "mycel", SOURCES, program, flags=("-O2", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"), patience=60,
                           libraries=("-lsodium", "-lm"), hangs=("entries-without-limit", "tombstones-for-a-moment")).main())
