#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the lookup core, and a scene of a swarm or, where the core makes up for
the bug by other means, a unit test must find it. A bug that escapes, or whose place is no longer in the source, fails
the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [--jobs N] [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, who finds it: "swarm:SCENE", "attack:SCENE" or "unit:TEST", what goes wrong,
#        [(text that is there once, what the bug makes of it)])
PLANTS = {
    "wrong-distance": ("id.c", "unit:id", "distance is difference", [
        ("return (a->byte[i] ^ target->byte[i]) < (b->byte[i] ^ target->byte[i]);", "return a->byte[i] < b->byte[i];")]),
    "newest-stay": ("table.c", "unit:table", "a full bucket takes in whoever comes", [
        ("    if (worst != NULL && worst->fails > 1) {", "    if (worst != NULL) {")]),
    "nobody-waits": ("table.c", "unit:table", "whoever finds its bucket full is forgotten", [
        ("    wait_for_place(d, who, id);\n", "    (void)wait_for_place;\n")]),
    "dead-stay": ("table.c", "unit:table", "who never answers keeps its place and is told of", [
        ("    if (is_wanted || p->fails >= DHT_FAILS_MAX) {", "    if (is_wanted && p->fails > 200) {"),
        ("    return d->peer[index].fails < DHT_FAILS_MAX;", "    return d->peer[index].fails < UINT8_MAX;")]),
    "begging": ("table.c", "swarm:idle", "whoever is a stranger makes a third one be asked whether it is there", [
        ("p != NULL && !d->is_hello && (p->flags", "p != NULL && (p->flags")]),
    "all-of-a-bucket": ("upkeep.c", "swarm:idle", "a bucket is looked through as if something had to be found there", [
        ("    w->need = is_quiet ? QUIET_FEW : (uint8_t)d->tuning.replicas;\n", "    (void)is_quiet;\n"),
        ("    w->most = at == OWN && !is_quiet ? DHT_K : CONTACTS;\n", "")]),
    "never-quiet": ("upkeep.c", "unit:upkeep", "what never changes is looked through all the time", [
        ("        d->upkeep.quiet[at]++;", "        d->upkeep.quiet[at] = 0;")]),
    "never-stirred": ("upkeep.c", "unit:upkeep", "a change is no reason to look", [
        ("    d->upkeep.quiet[bucket < OWN ? bucket : OWN] = 0;\n", ""), ("        d->upkeep.quiet[OWN] = 0;\n", "        return;\n")]),
    "each-on-its-own": ("upkeep.c", "unit:upkeep", "what is part of the own place is looked through once more", [
        ("        if (end - first <= DHT_K) {", "        if (end == first) {")]),
    "anybody-pinged": ("upkeep.c", "unit:upkeep", "whoever was heard lately is asked whether it is there", [
        ("(found == NULL || p->heard < found->heard)) {", "found == NULL) {"), ("> QUIET_PINGS * gap_us >> DHT_TICK_BITS", "> 0 * gap_us * QUIET_PINGS")]),
    "whole-beyond": ("core.c", "swarm:beyond", "who has no room for all members holds those it has for all", [
        ("    d->is_overflown = true;\n", "    d->is_overflown = d->is_overflown || d->members == 0;\n")]),
    "far-stay": ("table.c", "unit:table", "members that are far away are all that there is room for", [
        ("d->peers.count == d->peers_max && d->is_overflown) {", "d->peers.count > d->peers_max && d->is_overflown) {")]),
    "any-group": ("table.c", "attack:eclipse", "one network may be the whole table", [
        ("    if (is_crowded(d, &who->at, first, end)) {", "    if (is_crowded(d, &who->at, first, end) && false) {")]),
    "any-host": ("table.c", "unit:table", "one host may be the whole table, under many keys", [
        ("(host_most != 0 && host >= host_most) ||", "(host_most != 0 && host > all) ||")]),
    "any-site": ("table.c", "unit:table", "whoever has a network of IPv6 has all places, a few for each of its links", [
        ("(site_most != 0 && all >= site_most);", "(site_most != 0 && all > d->peers_max);")]),
    "a-link-is-a-host": ("table.c", ["unit:table", "attack:link"], "all on one link are few to each other", [
        ("is_home ? 0 : is_near ? t->lan_table : t->host_table;", "is_home ? 0 : t->host_table;")]),
    "a-link-is-all": ("table.c", "unit:table", "one link, or private address, has all places of a bucket", [
        ("count_host(d, at, first, end) >= DHT_TABLE_LINK) {", "count_host(d, at, first, end) > DHT_K) {")]),
    "fixed-timeout": ("table.c", ["swarm:silent", "swarm:loss"], "a second for everybody", [
        ("    us = us < least_us ? least_us : us;", "    us = least_us * 0 + 1000000;")]),
    "strangers-first": ("table.c", "unit:core", "whether somebody can answer at once is not looked at", [
        ("    return d->tuning.acquaints && (p == NULL ||", "    return !d->tuning.acquaints && (p == NULL ||")]),
    "once-is-for-ever": ("call.c", "unit:core", "an acquaintance that was made lasts", [
        ("    return call->has_node ? dht_table_is_stranger(d, &id) :", "    return call->has_node ? dht_table_find(d, &id) == NULL && d->tuning.acquaints :")]),
    "no-hedge": ("wish.c", "unit:core", "who is late is waited for", [
        ("        c->ask = DHT_ASK_SLOW;\n", "        c->ask = DHT_ASK_OUT;\n")]),
    "late-is-lost": ("call.c", "swarm:brief", "nobody else is asked before the same one is asked again", [
        ("    return call->wish == DHT_NOTHING || us > timeout ? timeout : us;", "    return us > 0 ? timeout : us;")]),
    "waits-each-time": ("search.c", "unit:late", "who was silent the last time is waited for again", [
        ("dht_table_is_doubted(d, &c->id) ? DHT_ASK_SLOW : DHT_ASK_OUT;", "DHT_ASK_OUT;")]),
    "owes-nothing": ("call.c", "unit:late", "who owes one an answer is waited for by the next", [
        ("        peer->flags |= DHT_PEER_OWES;", "        peer->flags |= 0;")]),
    "late-are-none": ("wish.c", "unit:late", "who is late is passed over where there is nobody else", [
        ("    return is_over && !needs_the_late(d, w);", "    return is_over;")]),
    "few-are-heard": ("wish.c", "unit:late", "who is to hear several does not wait for the late", [
        ("w->values < w->reads && !is_absent(d, w) :", "w->values == 0 && !is_absent(d, w) :")]),
    "the-dead-are-heard": ("wish.c", "unit:late", "who is to hear several waits each time for one that is dead", [
        ("(is_any || !is_failing(d, &w->candidate[i].id));", "(is_any || !is_failing(d, &w->target));")]),
    "late-go-without": ("put.c", "unit:late", "who is late does not get what was put", [
        ("        waiting += c->ask == DHT_ASK_SLOW || c->ask", "        waiting += c->ask")]),
    "done-holds-on": ("wish.c", "unit:late", "what goes on for the late keeps others from beginning", [
        ("        done = w->is_told && (done == NULL", "        done = w->is_told && !w->is_storing && (done == NULL")]),
    "one-on-a-path": ("search.c", "swarm:brief", "a put asks one after the other on each path", [
        ("w->paths > 1 ? DHT_PUT_SHARE : 1;", "w->paths > DHT_PUT_SHARE * 100 ? DHT_PUT_SHARE : 1;")]),
    "blind-for-long": ("call.c", "unit:late", "what answered tells nothing about what went out beside it", [
        ("    if (is_blind) {\n        look_again(d);", "    if (is_blind && d->calls == UINT32_MAX) {\n        look_again(d);")]),
    "blind-alone": ("search.c", "unit:late", "the first get ever waits for one of whom nothing is known", [
        ("width == 1 && d->typical_us == 0 ? 2 : width;", "width == 1 && d->typical_us == 0 ? 1 : width;")]),
    "once-is-nothing": ("table.c", "unit:late", "who was measured once is waited for three times as long", [
        ("return is_beside && is_measured_once &&", "return is_beside && !is_beside && is_measured_once &&")]),
    "told-is-nothing": ("table.c", "unit:late", "whose round trip was told is waited for three times as long", [
        ("    if (is_beside && is_hint) {", "    if (is_beside && is_hint && peer->fails > 200) {")]),
    "one-by-one": ("search.c", "unit:late", "who waited for one silent node waits for the next", [
        ("share + (count(w, path, DHT_ASK_SLOW) > 0)) && is_over;", "share) && is_over;")]),
    "any-holder": ("search.c", "swarm:planet", "holders are asked in the order of ids", [
        ("(best == NULL || expected_us(d, c) < expected_us(d, best))", "(best == NULL && expected_us(d, c) > 0)")]),
    "the-dead-are-found": ("wish.c", "unit:core", "a get is done with what ended on the way", [
        ("    *is_living = true;\n", "    (void)is_living;\n"),
        ("    bool is_living = false;\n    uint64_t tag", "    bool is_living = true;\n    uint64_t tag")]),
    "silence-is-absence": ("wish.c", "unit:core", "no answer means that there is none", [
        ("is_absent(d, w) ? absence(w) : ERR_TIMEOUT;", "absence(w);")]),
    "nobody-denies": ("wish.c", ["unit:core", "swarm:churn"], "who knows nobody says that there is none", [
        ("    return d->peers.count == 0 && !d->has_company;", "    return d->peers.count == 0;")]),
    "nobody-comes": ("wish.c", "unit:core", "who waits for somebody does not ask him", [
        ("    if (w->count == 0) {\n        first_candidates(d, w);", "    if (w->count == 0 && d->peers.count > 100000) {\n        first_candidates(d, w);")]),
    "always-company": ("core.c", "unit:core", "who is left alone waits for those membership says are gone", [
        ("        d->has_company = d->has_company && d->peers.count > 0;\n", "")]),
    "copy-for-nobody": ("wish.c", "unit:core", "a copy is sent to whom it cannot be left with", [
        (" && c->is_absent && c->token != 0) {", " && c->is_absent) {")]),
    "repair-unasked": ("packet.c", "unit:packet", "a repair may answer nobody", [
        ("    claim(r, m->txn != 0 || (m->flags & DHT_FLAG_REPAIR) == 0);\n", "")]),
    "one-is-enough": ("put.c", "unit:core", "a put is done when one has it", [
        ("count_nearest(d, w)) >= quorum(d, w);", "count_nearest(d, w)) >= quorum(d, w) - 4;")]),
    "no-substitutes": ("put.c", "unit:core", "a put that some refuse ends without asking others", [
        ("    return waiting == 0;\n", "    return true;\n")]),
    "short-search": ("wish.c", "swarm:absent", "a search ends with its first answer", [
        ("    w->need = (uint8_t)(kind == DHT_WISH_FIND ? DHT_K : d->tuning.replicas);", "    w->need = 1;")]),
    "anybody-answers": ("call.c", "unit:core", "an answer counts whoever sends it", [
        ("        (call->has_node && !dht_id_same_node(&call->to.node, &from->node))) {", "        from == NULL) {")]),
    "paths-meet": ("search.c", "attack:surround", "what one path is told every path goes by", [
        (".namer = namer, .path = (uint8_t)path,", ".namer = namer, .path = 0,"),
        ("    return w->paths == 1 || path == w->paths ? w->need : w->need / w->paths + 1u;", "    return w->need;"),
        ("        if (!is_on(w, c, path) ||", "        if (path != 0 ||")]),
    "one-names-all": ("search.c", "attack:poison", "one node may name all whom a lookup asks", [
        ("named >= share / DHT_NAMED_SHARE) {", "named >= share * DHT_NAMED_SHARE) {")]),
    "puts-on-one-path": ("wish.c", "attack:wide", "a put is led where one path is", [
        ("kind == DHT_WISH_FIND ? 1 : d->tuning.paths;", "kind != DHT_WISH_GET ? 1 : d->tuning.paths;")]),
    "few-hold": ("search.c", "swarm:absent", "a search ends when each path has asked its share, which holders lie on whichever", [
        ("    return is_over && (w->paths == 1 || walk(d, w, w->paths, d->tuning.replicas));", "    return is_over;")]),
    "anybody-denies": ("wish.c", "swarm:absent", "one holder's word is enough for that there is none", [
        ("absent >= most / 2 + 1);", "absent >= 1);"),
        ("is_near(d, w)) {\n        w->status = w->values", "is_near(d, w) || is_absent(d, w)) {\n        w->status = w->values")]),
    "named-are-known": ("search.c", "unit:core", "whoever is named is in the table", [
        ("    memmove(&w->candidate[at + 1], &w->candidate[at], (w->count - at) * sizeof *w->candidate);",
         "    dht_table_heard(d, who, &id, 1);\n    memmove(&w->candidate[at + 1], &w->candidate[at], (w->count - at) * sizeof *w->candidate);")]),
    "forged-stored": ("proof.c", "attack:replay", "signatures are not looked at", [
        ("    if (!dht_record_is_genuine(r, d->verify, d->verify_context)) {", "    if (d->verify == NULL) {")]),
    "forged-found": ("wish.c", "unit:core", "any value is the one asked for", [
        ("!dht_id_equal(&r.key, &w->target) ||", "")]),
    "old-wins": ("store.c", "unit:store", "an older sequence replaces a newer one", [
        ("r->seq <= old->seq ? DHT_STATUS_OLDER", "r->seq == old->seq ? DHT_STATUS_OLDER")]),
    "dead-come-back": ("proof.c", "attack:replay", "what is past its signed end is taken", [
        ("    if (r->kind != DHT_IMMUTABLE && d->wall_s != 0) {", "    if (r->kind != DHT_IMMUTABLE && d->wall_s == 1) {")]),
    "lives-for-ever": ("keep.c", "swarm:ttl", "a repaired record has a whole life again", [
        ("            out.record[0].left_ms = r.left_ms;\n", "            out.record[0].left_ms = 3600000;\n")]),
    "ways-add-up": ("table.c", ["swarm:chain", "unit:keep"], "what a record's way took is life again", [
        ("    return there_us < elapsed_us / 2 ? elapsed_us - there_us : elapsed_us / 2;", "    return there_us > elapsed_us ? elapsed_us : 0;")]),
    "any-repair": ("keep.c", "unit:keep", "a repair may be as old as it likes", [
        ("    if (since_ms > DHT_LATELY_MS) {", "    if (since_ms > DHT_LATELY_MS * 100) {")]),
    "ends-early": ("store.c", "unit:store", "a record ends a little before its end", [
        ("heap_entry(d, 0)->expire_us <= d->now_us) {", "heap_entry(d, 0)->expire_us <= d->now_us + 2000) {")]),
    "no-repair": ("keep.c", "swarm:deaths", "nobody minds who dies", [
        ("    if (d->records.count == 0) {\n        return;", "    if (d->records.count < 100000) {\n        return;")]),
    "no-comparison": ("keep.c", "unit:keep", "holders never compare", [
        ("        compare(d);\n", "        (void)compare;\n")]),
    "offers-taken-by-all": ("keep.c", "unit:keep", "whatever is offered is wanted", [
        ("        if (is_new && dht_table_is_holder(d, &m->item[i].key, d->tuning.replicas)) {", "        if (is_new) {")]),
    "given-unasked": ("keep.c", "unit:keep", "a WANT needs no offer before it", [
        ("i < m->count && is_lately(d, d->offers, id); i++", "i < m->count && is_lately(d, d->offers, id) + 1 > 0; i++")]),
    "no-token": ("serve.c", "attack:amplify", "anybody may store", [
        ("    return is_member(d, id) || !d->tuning.needs_token ||", "    return is_member(d, id) || d->tuning.needs_token ||")]),
    "reflector": ("core.c", "attack:amplify", "an unproved address gets whole answers", [
        ("size_t room = session != 0 ||", "size_t room = size > 0 ||")]),
    "no-quota": ("store.c", "attack:fill", "a source may fill the store", [
        ("(sent <= most || is_shared);", "(sent > 0 || is_shared);"), ("&p.account) > source_most(d, flags)) {", "&p.account) == UINT64_MAX) {")]),
    "rows-afresh": ("pool.c", "unit:memory", "what was used lies idle while there is some that was not", [
        ("    if (p->vacant == 0) {", "    if (p->vacant == 0 || p->touched < p->most) {")]),
    "all-touched": ("core.c", "unit:memory", "room that is not used is written to", [
        ("    d->calls_max = calls_of(config);\n", "    d->calls_max = calls_of(config);\n    for (uint32_t i = 0; i < d->records_max; i++) {\n        d->entry[i].seq = 1;\n    }\n")]),
    "farthest-stay": ("store.c", "unit:store", "whatever was first stays", [
        ("source || dht_id_is_nearer(&d->id, key, &d->entry[*ret].key));", "source || key == NULL);")]),
    "most-stay": ("store.c", ["unit:store", "attack:hoard"], "whoever fills a store first keeps others out of it", [
        ("           (d->sources.row[p.account].tag != source ||", "           ((d->sources.row[p.account].tag != source && key == NULL) ||")]),
    "anybody-pays": ("account.c", "unit:store", "whoever has little gives way as well as who has most", [
        ("        if (weight > most || (weight == most && site", "        if (weight > 0 || (weight == most && site")]),
    "small-for-nothing": ("account.c", "unit:store", "small values have all places of a store, and are hardly counted", [
        ("    return all > places * a->place_bytes ?", "    return all + places > 0 ?")]),
    "links-are-many": ("table.c", "unit:store", "whoever owns a network of IPv6 is as many as it has links", [
        ("is_v4(at) ? 16 : is_private(at) ? 8 : 6;", "is_v4(at) ? 16 : 8;")]),
    "few-pages": ("wish.c", "attack:service", "of a service that many have not all are found", [
        ("c->pages < DHT_PAGES_MAX) {", "c->pages < 8) {")]),
    "first-of-a-host": ("store.c", "unit:store", "who first has the quota of a host keeps all others there out", [
        ("(sent <= most || is_shared);", "sent <= most;")]),
    "service-full": ("store.c", "unit:store", "four sources keep all others out of a service", [
        ("    return end - first < DHT_OWNERS_MAX || *ret_giver < end;", "    return end - first < DHT_OWNERS_MAX;")]),
    "no-rate": ("core.c", "attack:flood", "a flood is read to its end", [
        ("    if (d->tuning.rate != 0 && ", "    if (d->tuning.rate == 1 && ")]),
    "dates-untold": ("serve.c", "unit:clock", "who refuses a record as over does not say by which date", [
        ("dht_token_make(d, from) : d->wall_s;", "dht_token_make(d, from) : 0;")]),
    "any-date": ("wish.c", "unit:clock", "one that lies tells whose clock is wrong", [
        ("told[done->clocks / 2]->ahead_s;", "told[0]->ahead_s;")]),
    "over-is-none": ("wish.c", "unit:clock", "what is over by the date here alone is said not to be there", [
        ("2 * w->past > w->absent ? ERR_RANGE", "2 * w->past > w->absent + 100 ? ERR_RANGE")]),
    "no-greeting": ("keep.c", "unit:keep", "who starts again waits for what it should hold", [
        ("        greet(d, who, id);\n", "        (void)greet;\n")]),
    "lives-stand-still": ("image.c", "unit:image", "what was held lives no shorter for the time nobody ran", [
        ("wall_s > then_s ? (wall_s - then_s) * S_MS : 0;", "wall_s > then_s ? 0 : 0;")]),
    "damaged-image": ("image.c", "unit:image", "what is on the disk is believed unread", [
        ("bytes_get_be32(bytes + size - CRC) != bytes_crc32c(0, bytes, size - CRC)", "bytes_get_be32(bytes + size - CRC) == bytes_get_be32(bytes) + 1")]),
    "own-unknown": ("compare.c", "swarm:compare", "whoever asks again is told that another sequence is held", [
        ("    if (is_own(c, value, size)) {", "    if (is_own(c, value, size) && c->expected > DHT_SEQ_MAX) {")]),
    "unlooked": ("compare.c", "swarm:compare", "nobody looks before it puts", [
        ("    return dht_compare_held(c) == c->expected ? DHT_COMPARE_PUT", "    return c->reads > 0 ? DHT_COMPARE_PUT")]),
    "few-looked": ("compare.c", "unit:compare", "a look need not see every put that was done", [
        ("    if (e == ERR_OK && answers < c->reads) {", "    if (e == ERR_OK && answers > 100) {")]),
    "all-the-same": ("compare.c", "swarm:compare", "whoever wants the same is the same", [
        ("    c->tag = (uint16_t)(digest[0] | digest[1] << 8);", "    c->tag = (uint16_t)(digest[0] & 0);")]),
    "half-an-image": ("image.c", "unit:image", "what came before the damage is kept", [
        (" || !is_whole(r, count)) {", ") {\n        (void)is_whole;")]),
    "offer-for-ever": ("own.c", "unit:own", "what is not said any more is offered on", [
        ("if (i->lapse_us != 0 && i->lapse_us <= now_us && i->value_size > 0) {", "if (i->lapse_us > now_us && i->value_size == 0) {")]),
    "last-forgets-all": ("core.c", "unit:core", "who does not answer at the end is not asked in the next life", [
        ("        if (at == most) {", "        if (p->fails > 0 || at == most) {")]),
    "a-service-taken": ("store.c", "unit:store", "one source has all places of a service", [
        ("sent >= DHT_OWNERS_SOURCE) {", "sent >= DHT_OWNERS_MAX) {")]),
    "half-is-lost": ("core.c", "unit:image", "of what an earlier life held half a store is held again", [
        ("size, 0, DHT_STORE_HELD, 0, &seq)", "size, 0, DHT_FLAG_REPAIR, 0, &seq)")]),
    "keys-for-nothing": ("serve.c", "unit:store", "whoever makes up keys fills a store under each of them", [
        ("    if (!is_known) {\n        dht_table_source(", "    if (is_known) {\n        dht_table_source(")]),
    "repairs-of-anybody": ("serve.c", "unit:store", "a stranger's repairs are not its own", [
        ("    uint8_t flags = is_wanted && is_known ?", "    uint8_t flags = is_wanted ?")]),
    "changed-on-its-way": ("own.c", "unit:own", "an offer that lapses while it is on its way is never taken back", [
        ("    if (item->next_us != UINT64_MAX) {", "    if (item->next_us == 0) {")]),
    "once-astray": ("search.c", "attack:astray", "who was led astray on all ways goes no others", [
        ("    if (w->is_again || w->paths == 1) {", "    if (w->paths >= 1) {")]),
    "asked-on": ("search.c", ["swarm:absent", "attack:poison"], "who is on no way any more is still waited for", [
        ("            dht_call_drop(d, w, &w->candidate[i]); /* nobody", "            /* nobody")]),
    "thin-believed": ("search.c", ["attack:siege", "unit:late"], "who is to keep a record may be whoever hostile nodes name", [
        ("            return apart(&w->target, &w->candidate[i].id) > DHT_THIN * own;", "            return own < 0;")]),
    "same-ways-again": ("search.c", "attack:siege", "who was led astray by all that it knows in a bucket begins there again", [
        ("    add_others(d, w, &d->id, &o);", "    add_others(d, w, &w->target, &o);")]),
    "twins-unseen": ("twin.c", "unit:table", "one key at two addresses is a node that moves", [
        ("is_same(&t->there, at);", "is_same(&t->here, at);")]),
    "one-is-two": ("twin.c", "unit:table", "one node that has two addresses is taken for two", [
        ("        t->returns = 0; /* it is one node, and speaks at both */", "        t->returns++;")]),
    "moves-are-two": ("twin.c", "unit:table", "whoever asks anew wherever it goes is taken for two", [
        ("    bool is_another = session == t->there_in ||", "    bool is_another = session > 0 ||")]),
    "at-once-is-two": ("twin.c", "unit:table", "what is still on its way is taken for another node's", [
        ("!is_within(d, t->counted, DHT_TWIN_PACE_MS))", "t->counted <= dht_state_tick(d))")]),
    "twins-for-ever": ("twin.c", "unit:table", "who was elsewhere once, long ago, has a twin", [
        ("    bool is_back = is_lately(d, t) && is_same", "    bool is_back = is_same")]),
    "twins-unnamed": ("serve.c", "unit:table", "neither of two is told of the other", [
        ("m->most > 0 && dht_twin_other(d, to, &other)", "m->most > DHT_K && dht_twin_other(d, to, &other)")]),
    "moved-unseen": ("circle.c", "unit:circle", "a member that moved is looked for where it was", [
        ("        m->is_in = false;\n", "")]),
    "sent-to-itself": ("packet.c", "unit:packet", "0.0.0.0 is a place", [
        ("(!is_v4 || memcmp(at->ip + sizeof mapped, nowhere, 4) != 0);", "(!is_v4 || at->port != 0);")]),
    "never-joined": ("wish.c", "swarm:steps", "whoever enters looks for nobody", [
        ("name == 0 ? vacant(d, 0, 1) :", "name == 0 ? NULL :")]),
}

CORE = ("account", "call", "circle", "compare", "core", "id", "image", "keep", "order", "own", "packet", "pool", "proof", "put", "record", "search",
        "serve", "store", "table", "token", "twin", "upkeep", "wish")
UNITS = ("circle", "clock", "compare", "core", "id", "image", "keep", "late", "memory", "own", "packet", "store", "table", "upkeep")
SOURCES = [*(f"dht/{c}.c" for c in CORE), "tests/sim/dht/[dns]*.c", "tests/sim/dht/test_dht_*.c", "tests/unit/dht/kit.c",
           *(f"tests/unit/dht/test_{u}.c" for u in UNITS),
           *(f"common/base/{b}.c" for b in ("bytes", "cursor", "err", "name", "rate", "rng", "sha1"))]


def program(finder, _file, _args):
    kind, what = finder.split(":")
    main = f"tests/unit/dht/test_{what}.c" if kind == "unit" else f"tests/sim/dht/test_dht_{kind}.c"
    other = "tests/sim/dht" if kind == "unit" else "tests/unit/dht"

    def belongs(source):
        if os.path.basename(source).startswith("test_"):
            return source == main
        return os.path.dirname(source) != other
    return belongs, [] if kind == "unit" else ["--only", what]


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "dht", SOURCES, program, patience=60, libraries=("-lsodium", "-lm")).main())
