#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the overlay's core, and the drawn worlds or, where nobody in them would
notice, a unit test must find it. A bug that escapes, or whose place is no longer in the source, fails the test. The
shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [--worlds N] [--jobs N] [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, who finds it, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "replays-taken": ("transfer.c", "worlds", "a counter is taken as often as it comes", [
        ("    if (!datapath_replay_is_new(&pair->window, counter)) {", "    if (counter >= DATAPATH_REPLAY_LIMIT) {"),
        ("    datapath_replay_take(&pair->window, counter);\n", "")]),
    "window-moved-by-anybody": ("transfer.c", "unit:core", "counters count before they are authentic", [
        ("    if (!opens(", "    datapath_replay_take(&pair->window, counter);\n    if (!opens("),
        ("    datapath_replay_take(&pair->window, counter);\n    p->numbers", "    p->numbers")]),
    "window-not-cleared": ("replay.c", "worlds", "words of the window keep the bits of an earlier round", [
        ("            r->word[(counter / BITS - i) % DATAPATH_REPLAY_WORDS] = 0;", "            r->word[(counter / BITS - i) % DATAPATH_REPLAY_WORDS] = i > 0 ? 0 : UINT64_MAX >> 1;")]),
    "nonce-twice": ("transfer.c", "worlds", "two packets that go one after the other have one nonce", [
        ("    pair->counter += count; /*", "    pair->counter += count - pair->counter % 2; /*")]),
    "forged-moves": ("core.c", "worlds", "an endpoint follows whatever comes, not what was authenticated", [
        ("    d->numbers.verdict[v]++;\n    if (peer != UINT32_MAX) {\n",
         "    d->numbers.verdict[v]++;\n    if (peer != UINT32_MAX) {\n        datapath_core_moved(d, peer, from, fx);\n")]),
    "never-moves": ("core.c", "worlds", "an endpoint follows nobody", [
        ("    if (!datapath_message_is_same(at, from)) {", "    if (at->port == 0) {")]),
    "prefix-of-two": ("allowed.c", "unit:allowed", "a prefix that another has now stays with who had it", [
        ("            part(a, below);\n            join(a, below, peer);", "            n->peer = peer;")]),
    "padding-uncounted": ("transfer.c", "unit:core", "bytes that a packet is padded with are not counted as sent", [
        ("numbers.sent_bytes += total;", "numbers.sent_bytes += size + (total - padded);")]),
    "source-unchecked": ("transfer.c", "unit:core", "a peer may speak with anybody's address", [
        ("    if (datapath_allowed_find(&d->allowed, head.source, head.address_size) != peer) {",
         "    if (datapath_allowed_find(&d->allowed, head.source, head.address_size) == DATAPATH_ALLOWED_NOBODY) {")]),
    "stamps-unchecked": ("shake.c", "worlds", "an initiation that was recorded is answered", [
        ("    if (!datapath_stamp_take(&heard, stamp, now.wall_ns)) {", "    if (!datapath_stamp_take(&heard, stamp, now.wall_ns) && stamp[0] == 0) {")]),
    "stamps-forgotten": ("core.c", "worlds", "what was heard before a restart counts no more", [
        (".config = *config, .stamp_ns = d->floor_ns};", ".config = *config, .stamp_ns = d->floor_ns};\n    memset(&p->config.heard, 0, sizeof p->config.heard);")]),
    "stamps-of-the-wall": ("shake.c", "worlds", "a clock that is set back makes a node unheard", [
        ("    p->stamp_ns = stamp < least ? least : stamp;", "    (void)least;\n    p->stamp_ns = stamp;")]),
    "ahead-is-all": ("stamp.c", "unit:core", "a peer whose clock was ahead once is unheard until then", [
        ("    raise(is_far ? heard->ahead : heard->said, stamp);", "    (void)is_far;\n    raise(heard->said, stamp);")]),
    "ahead-is-nothing": ("stamp.c", "unit:core", "what was far ahead is heard again and again", [
        ("|| is_newest || (!is_near && !is_above(stamp, heard->ahead))) {", "|| (is_newest && is_near)) {")]),
    "ahead-comes-again": ("stamp.c", "unit:stamp", "what was far ahead is heard once more when its time has come", [
        ("        raise(heard->said, heard->ahead);\n", "")]),
    "ahead-comes-early": ("stamp.c", "unit:stamp", "… or a day before that, and its peer is unheard for this day", [
        ("(!is_near && !is_above(stamp, heard->ahead))", "(is_far && (is_near || !is_above(stamp, heard->ahead)))")]),
    "ahead-newest-near": ("stamp.c", "unit:stamp", "… or within the hour, though it was the newest of all", [
        (" || is_newest || ", " || (is_newest && is_far) || ")]),
    "ahead-alone": ("stamp.c", "unit:stamp", "what was recorded is new to a clock that was set back", [
        ("    if (!is_above(stamp, heard->said) || is", "    if ((!is_far && !is_above(stamp, heard->said)) || is")]),
    "no-day": ("stamp.c", "unit:stamp", "a peer in another time zone is held for one whose clock is wrong", [
        ("is_later_than(stamp, wall_ns, DATAPATH_STAMP_FAR_S)", "is_later_than(stamp, wall_ns, DATAPATH_STAMP_NEAR_S)")]),
    "answers-before-proof": ("session.c", "unit:session", "who answers uses the session at once", [
        ("        move(&s->next, pair);", "        erase(&s->current, ret);\n        move(&s->current, pair);")]),
    "old-session-gone": ("session.c", "worlds", "packets under way are lost when a session is renewed", [
        ("            move(&s->previous, &s->current);\n        }\n        move(&s->current, pair);",
         "            erase(&s->current, ret);\n        }\n        move(&s->current, pair);")]),
    "never-confirmed": ("session.c", "worlds", "a session that was answered never comes into use", [
        ("    if (pair != &s->next) {", "    if (pair != &s->next || s->current.local != DATAPATH_INDEX_NONE) {")]),
    "no-keepalive-confirms": ("transfer.c", "unit:core", "who has nothing to send leaves the other waiting", [
        ("    if (is_ours && !has_sent) {", "    if (is_ours && has_sent) {")]),
    "no-retry": ("timers.c", "unit:core", "a lost initiation is not sent again", [
        ("            return DATAPATH_DUE_RETRY;", "            return DATAPATH_DUE_NOTHING;")]),
    "for-ever": ("timers.c", "unit:core", "a peer that is gone is asked for ever", [
        ("        if (now_ms < t->give_up_ms) {", "        if (now_ms > 0) {")]),
    "silence-unnoticed": ("timers.c", "unit:core", "a peer that forgot the session is spoken to for ever", [
        ("    return is_due(&t->silence_ms, now_ms) ? DATAPATH_DUE_SILENCE : DATAPATH_DUE_NOTHING;", "    (void)is_due(&t->silence_ms, now_ms);\n    return DATAPATH_DUE_NOTHING;")]),
    "keys-kept": ("timers.c", "unit:core", "keys of a silent peer are never wiped", [
        ("    t->erase_ms = now_ms + ERASE_FACTOR * (uint64_t)pace->reject_ms;\n}", "}")]),
    "never-renewed": ("session.c", "worlds", "a session is used until it ends", [
        ("           (pair->is_initiator && now_ms - pair->born_ms >= pace->rekey_ms);", "           false;"),
        ("    return pair->is_initiator && now_ms - pair->born_ms >= pace->reject_ms - pace->keepalive_ms - pace->retry_ms;", "    return false;")]),
    "both-renew": ("session.c", "unit:session", "both sides renew a session for its age", [
        ("           (pair->is_initiator && now_ms - pair->born_ms >= pace->rekey_ms);", "           now_ms - pair->born_ms >= pace->rekey_ms;")]),
    "both-give-way": ("shake.c", "unit:core", "when both begin at once nobody goes on", [
        ("           memcmp(d->self.public, p->config.public, sizeof d->self.public) < 0;", "           p->config.public[0] + d->self.public[0] >= 0;")]),
    "nobody-gives-way": ("shake.c", "unit:core", "when both begin at once two sessions come of it", [
        ("           memcmp(d->self.public, p->config.public, sizeof d->self.public) < 0;", "           false;")]),
    "amplifies": ("shake.c", "worlds", "cookies go to whom the message names, not where it came from", [
        ("    datapath_effects_send(fx, from, UINT32_MAX, DATAPATH_MESSAGE_COOKIE);",
         "    datapath_effects_send(fx, from, UINT32_MAX, DATAPATH_MESSAGE_COOKIE);\n    fx->send[fx->sends - 1].to.port++;")]),
    "never-busy": ("limit.c", "unit:core", "there is no load", [
        ("    return now_ms < l->load_until_ms;", "    return false;")]),
    "cookie-of-any-place": ("cookie.c", "unit:cookie", "a cookie is good anywhere", [
        ("    memcpy(place, from->ip, sizeof from->ip);\n    place[sizeof from->ip] = (uint8_t)(from->port >> 8);\n    place[sizeof from->ip + 1] = (uint8_t)from->port;",
         "    (void)from;\n    memset(place, 0, sizeof place);")]),
    "ids-leak": ("core.c", "worlds", "ids of sessions that are over are never free", [
        ("        datapath_index_drop(&d->index, freed->id[i]);\n", "        (void)d;\n")]),
    "psk-unused": ("noise.c", "unit:core", "the pre-shared key is left out", [
        ("    datapath_hash_derive(n->chain, psk, DATAPATH_NOISE_KEY, 3, out);", "    static const uint8_t none[DATAPATH_NOISE_KEY];\n    (void)psk;\n    datapath_hash_derive(n->chain, none, DATAPATH_NOISE_KEY, 3, out);")]),
    "spoiled-by-forgery": ("noise.c", "unit:core", "a forged answer ends the handshake", [
        ("    if (e == ERR_OK) {\n        *n = *copy;\n    }", "    *n = *copy;")]),
    "waits-for-ever": ("transfer.c", "worlds", "what waited for a session stays", [
        ("        send_now(d, now, peer, packet, size, true, fx);\n        p->numbers.sent++;", "        p->numbers.sent++;")]),
    "aes-for-everybody": ("transfer.c", "worlds", "who never said that he has AES gets it", [
        ("pair->opens_aes && pair->counter + count", "d->own != NULL && pair->counter + count")]),
    "aes-without-end": ("transfer.c", "worlds", "any number of messages of a session is sealed with AES", [
        ("pair->counter + count <= d->pace.own_messages;", "pair->counter + count <= DATAPATH_OWN_UNFINISHED;")]),
    "aes-one-too-many": ("transfer.c", "unit:own", "one message more is", [
        ("pair->counter + count <= d->pace.own_messages;", "pair->counter + count <= d->pace.own_messages + 1;")]),
    "aes-never-renewed": ("session.c", "unit:session", "a session is not renewed for what AES may seal", [
        ("(pair->opens_aes && pair->counter > pace->own_messages / 2) ||", "pair->counter > DATAPATH_REPLAY_LIMIT ||")]),
    "marks-are-counters": ("session.c", "unit:session", "a session between nodes of ours goes on where its counters are marks", [
        ("pair->has_offer ? DATAPATH_OWN_UNFINISHED : DATAPATH_REPLAY_LIMIT", "DATAPATH_REPLAY_LIMIT")]),
    "a-lease-past-the-end": ("transfer.c", "unit:own", "many at once go past the last nonce", [
        ("        pair->counter + count > datapath_session_end(pair)) {", "        pair->counter > datapath_session_end(pair)) {")]),
    "aes-counted-apart": ("transfer.c", "unit:own", "the mark counts as a part of the counter", [
        ("    counter = marked & ~marks;", "    counter = marked;")]),
    "sums-counted-apart": ("transfer.c", "unit:own", "the mark of an unfinished checksum counts as a part of the counter", [
        ("    counter = marked & ~marks;", "    counter = marked & ~(marks & DATAPATH_OWN_MARK);")]),
    "sums-for-everybody": ("transfer.c", "unit:own", "who never said that he takes unfinished checksums gets them", [
        ("pair->takes_sums = (kinds & DATAPATH_OWN_SUMS) != 0;", "pair->takes_sums = pair->opens_aes;")]),
    "sums-without-aes": ("transfer.c", "unit:own", "a datagram that is not sealed with AES is said to have one", [
        (".takes_sums = is_own && pair->takes_sums", ".takes_sums = pair->takes_sums")]),
    "sums-not-told": ("coalesce.c", "unit:coalesce", "a packet that came alone is handed on as if its checksum were finished", [
        ("    } else if (g->is_unfinished) {", "    } else if (g->pieces == 0) {")]),
    "sums-inverted": ("offload.c", "unit:offload", "an unfinished checksum is the pseudo head's sum complemented", [
        ("sum = datapath_checksum_fold(heads);", "sum = datapath_checksum_end(heads);")]),
    "aes-offered-for-ever": ("transfer.c", "unit:own", "a peer that has no AES is asked with every second's packet", [
        ("pair->offers < DATAPATH_OWN_TRIES && ", "")]),
    "aes-offered-once": ("transfer.c", "unit:own", "an offer that is lost is not made again", [
        ("((pair->offers == 0 && p->unanswered < DATAPATH_OWN_TRIES) || now.ms - p->offered_ms >= datapath_own_wait_ms(p->unanswered))",
         "pair->offers == 0")]),
    "aes-offered-alike": ("transfer.c", "unit:own", "who never answered an offer is offered it as often as anybody", [
        ("    p->unanswered += p->unanswered < UINT8_MAX;", "    p->unanswered = 1;")]),
    "aes-offer-is-data": ("transfer.c", "unit:own", "who says nothing to an offer is taken for silent", [
        ("send_now(d, now, peer, offer, sizeof offer, false, fx);", "send_now(d, now, peer, offer, sizeof offer, true, fx);")]),
    "aes-offer-came-as-data": ("transfer.c", "unit:own", "an offer is answered by a keepalive", [
        ("text_size > 0 && !is_offer, now.ms", "text_size > 0, now.ms")]),
    "aes-echo": ("transfer.c", "unit:own", "two nodes answer each other's answers for ever", [
        ("    if (is_offer && !has_heard) {", "    if (is_offer) {")]),
    "aes-unanswered": ("transfer.c", "unit:own", "who asks whether he was heard is not told", [
        ("    if (is_offer && !has_heard) {", "    if (is_offer && !has_heard && pair == NULL) {")]),
    "aes-offer-delivered": ("transfer.c", "worlds", "an offer is taken for a packet", [
        ("    if (text_size == 0 || is_offer) {", "    if (text_size == 0) {")]),
    "ids-the-same": ("offload.c", "unit:offload", "all segments have the first one's identification", [
        ("(uint16_t)(datapath_heads_get16(out + DATAPATH_HEADS_V4_ID) + index)", "datapath_heads_get16(out + DATAPATH_HEADS_V4_ID)")]),
    "pushes-each": ("offload.c", "unit:offload", "each segment pushes, and ends the stream", [
        ("    if (index + 1 < s->count) {", "    if (index > s->count) {")]),
    "ecn-said-often": ("offload.c", "unit:offload", "each segment says that the window was reduced", [
        ("    if (index > 0) {", "    if (index > s->count) {")]),
    "sum-of-zero": ("offload.c", "unit:offload", "a UDP checksum that comes to zero is sent as none", [
        ("        sum = UINT16_MAX; /* zero says", "        sum = 0; /* zero says")]),
    "heads-past-the-end": ("offload.c", "unit:offload", "a head that is longer than its packet is believed", [
        (" || s.transport + own >= size ||", " ||")]),
    "odd-byte": ("checksum.c", "unit:offload", "the last byte of an odd number counts as the lower half", [
        ("        uint8_t last[2] = {bytes[0], 0};", "        uint8_t last[2] = {0, bytes[0]};")]),
    "laundered": ("coalesce.c", "unit:coalesce", "a packet with a wrong checksum gets a right one", [
        ("    n.can_join = n.can_join && sum_holds(&n, packet, size, is_unfinished);", "    n.can_join = n.can_join && (sum_holds(&n, packet, size, is_unfinished) || n.can_join);")]),
    "over-gaps": ("coalesce.c", "unit:coalesce", "segments that do not follow each other are joined", [
        ("(n->is_udp || n->sequence == g->next_sequence)", "(n->is_udp || n->sequence >= g->next_sequence)")]),
    "longer-last": ("coalesce.c", "unit:coalesce", "a longer packet is joined", [
        ("n->payload_size <= g->each &&", "n->payload_size > 0 &&")]),
    "after-the-last": ("coalesce.c", "unit:coalesce", "packets follow a shorter one", [
        ("    g->is_closed = n->payload_size < g->each || ", "    g->is_closed = ")]),
    "overtaken": ("coalesce.c", "unit:coalesce", "what cannot be joined goes before what came before it", [
        ("        return DATAPATH_COALESCE_BLOCKED;\n    }\n    if (!n.can_join) {", "        return DATAPATH_COALESCE_ALONE;\n    }\n    if (!n.can_join) {")]),
    "other-options": ("coalesce.c", "unit:coalesce", "time stamps are those of the first segment", [
        ("                                n->head_size - n->transport - (DATAPATH_HEADS_TCP_WINDOW + 4)) == 0);", "                                2) == 0);")]),
    "first-flags": ("coalesce.c", "unit:coalesce", "the last segment's push is lost", [
        ("        t[DATAPATH_HEADS_TCP_FLAGS] = g->last_flags;", "        t[DATAPATH_HEADS_TCP_FLAGS] |= g->last_flags & 0x10;")]),
    "measured-once": ("ways.c", "unit:ways", "what a way carries is not measured anew when packets may be longer", [
        ("    if (way->pmtu.most != most_of(w)) {", "    if (false) {")]),
    "old-answers": ("ways.c", "unit:ways", "an answer to a ping of an earlier life makes a way", [
        ("    datapath_random_draw(&w->random, w->key, sizeof w->key);\n", "")]),
    "answers-unproven": ("ways.c", "unit:reflected", "who did not get a ping answers it, and packets go to whoever did", [
        ("s->epoch != word_of(w, peer, s->use, s->number, s->sent_ms) || ", "s->epoch == 0 || ")]),
    "one-word-for-all": ("ways.c", "unit:reflected", "who got one ping can answer any", [
        ("    const uint32_t ping[] = {w->way[peer].serial, use, number, sent_ms};", "    const uint32_t ping[] = {w->way[peer].serial, use, number & 0, sent_ms & 0};")]),
    "claims-shouted-at": ("path.c", "unit:reflected", "each call has ten pings sent to whomever a member names", [
        ("    if (place->kind != DATAPATH_PATH_LOCAL || place->is_shown) {", "    if (place->kind != DATAPATH_PATH_LOCAL || place->volleys < 100) {")]),
    "claims-given-up": ("path.c", "unit:path", "where a member says that he is he is not asked again", [
        (" || n % DATAPATH_PATH_CLAIMS_EVERY == 0;", ";"), ("(n & (n - 1)) == 0", "n == UINT32_MAX")]),
    "claims-unheard": ("path.c", "unit:path", "a ping from such a place is not asked back", [
        ("            p->place[i].punches += p->place[i].punches == 0;\n", "")]),
    "claims-never-seen": ("path.c", "unit:path", "nor is it asked as others are when a rendezvous sees him there", [
        ("        bool is_seen = p->place[i].kind == DATAPATH_PATH_LOCAL && ev->place_kind", "        bool is_seen = p->place[i].kind == DATAPATH_PATH_RELAY && ev->place_kind")]),
    "old-meeting": ("meet.c", "unit:meet", "a MEET that was said to an earlier life counts", [
        ("index == DATAPATH_WAYS_BELIEVED || s->life != w->config.life || !datapath_signal_take", "index == DATAPATH_WAYS_BELIEVED || !datapath_signal_take")]),
    "old-relaying": ("meet.c", "unit:meet", "a RELAYING that was said to an earlier life counts", [
        ("guest.epoch || s->life != w->config.life ||", "guest.epoch ||")]),
    "straggler": ("ways.c", "unit:ways", "what comes by a relay takes packets from the direct way", [
        ("    if (at->relay != 0 && has_direct(way)) {", "    if (at->relay != 0 && !way->is_active) {")]),
    "address-given-away": ("meet.c", "unit:meet", "a rendezvous takes an address from a peer of the operator's", [
        ("    return (way != NULL && way->introduced == said->index + 1) ||", "    return (way != NULL && (way->introduced == 0 || way->introduced == said->index + 1)) ||")]),
    "address-of-the-other": ("meet.c", "unit:meet", "a rendezvous takes an address from whom another brought", [
        ("    return (way != NULL && way->introduced == said->index + 1) ||", "    return (way != NULL && way->introduced != 0) ||")]),
    "refused-for-ever": ("meet.c", "unit:meet", "what was refused stays refused when it is nobody's", [
        ("        if (i != index && w->believe[i].is_refused) {", "        if (i == index && w->believe[i].is_refused) {")]),
    "gone-for-both": ("meet.c", "unit:meet", "who is gone from one rendezvous is gone, though another has him", [
        ("    if (way->named == 0) {", "    if (way->named != UINT32_MAX) {")]),
    "place-of-the-other": ("meet.c", "unit:meet", "where a member is says whoever spoke last", [
        ("if (m->places == 0 || (!is_meeting && !is_word(w, now.ms, way, index))) {", "(void)is_word(w, now.ms, way, index);\n    if (m->places == 0) {")]),
    "list-not-asked-for": ("guest.c", "unit:meet", "another's word is not asked for when it becomes the one that counts", [
        ("        g->sequence = 0;\n", "")]),
    "part-given-away": ("guide.c", "unit:meet", "a rendezvous takes a part of what the operator gave to a peer", [
        ("holder != peer && !may_lose(", "holder != peer && is_whole && !may_lose(")]),
    "own-whole-given-away": ("meet.c", "unit:meet", "a rendezvous loses all of its own prefix to a member", [
        ("(!is_whole && datapath_meet_index(", "(datapath_meet_index(")]),
    "neighbour-for-ever": ("neighbour.c", "unit:neighbour", "what was said once is answered for again and again", [
        ("    e->is_used = true;", "")]),
    "neighbour-any-word": ("neighbour.c", "unit:neighbour", "a frame says where another's hardware address is", [
        ("    w->says = !is_probe && memcmp(arp + ARP_SENDER_MAC, frame + FROM, MAC) == 0;", "    w->says = !is_probe;")]),
    "neighbour-no-sum": ("neighbour.c", "unit:neighbour", "a damaged advertisement is believed", [
        (" || sum_of(v6, length) != 0", "")]),
    "neighbour-probe-answered": ("neighbour.c", "unit:neighbour", "who looks whether an address is free hears us, not its owner", [
        ("op == ARP_ASKS && !is_probe &&", "op == ARP_ASKS &&")]),
    "neighbour-all-ways": ("neighbour.c", "unit:neighbour", "one peer's words push out all others'", [
        ("    return count >= DATAPATH_NEIGHBOUR_EACH ? his : oldest;", "    return count > DATAPATH_NEIGHBOUR_WAYS ? his : oldest;")]),
    "claimed-in-vain": ("ways.c", "unit:ways", "who was changed by hand is still the rendezvous'", [
        ("    way->introduced = 0;\n    way->prefixes = 0;\n", "")]),
    "claimed-where-he-was": ("ways.c", "unit:ways", "a place that the operator says is not asked while there is a way", [
        ("        learn(way, now.ms, datapath_guide_endpoint(w->core, peer), DATAPATH_PATH_FOUND);\n        datapath_ways_schedule(w, peer);\n    }\n}\n\nvoid datapath_ways_leave",
         "        (void)now;\n    }\n}\n\nvoid datapath_ways_leave")]),
    "never-deaf": ("ways.c", "unit:ways", "a peer that knows no signals is asked for ever", [
        ("    return way->heard_ms == 0 && way->introduced == 0 &&", "    return way->heard_ms == 1 && way->introduced == 0 &&")]),
    "deaf-without-a-place": ("ways.c", "unit:ways", "who has no address yet is taken for any WireGuard", [
        (" && has_place && !is_asked;", " && (has_place || !has_place) && !is_asked;")]),
    "deaf-for-an-hour": ("ways.c", "unit:ways", "who could not hear for two seconds is not asked for an hour", [
        ("way->deaf_each_ms == 0 ? DATAPATH_WAYS_DEAF_MS :", "way->deaf_each_ms == 0 ? DATAPATH_WAYS_DEAF_MS_MAX :")]),
    "signals-from-one": ("ways.c", "unit:ways", "who was removed and comes back takes what we say for a repetition", [
        (", .counter = w->said}", "}")]),
    "kept-for-ever": ("ways.c", "unit:ways", "each keeps a way for the other's pings", [
        ("    bool is_sought = (s->flags & DATAPATH_SIGNAL_IDLE) == 0;", "    bool is_sought = s->kind == DATAPATH_SIGNAL_PING;")]),
    "one-direction-forgotten": ("ways.c", "unit:ways", "who only hears forgets the way of who speaks", [
        ("is_sought ? now.ms : w->way[peer].used_ms;", "w->way[peer].used_ms;")]),
    "old-ping-believed": ("path.c", "unit:ways", "a recorded ping has ten sent to where it came from", [
        ("    if (!place->is_sure) {\n        return 1;\n    }\n    if (place->kind", "    if (place->kind")]),
    "old-ping-called": ("path.c", "unit:path", "… and one more at each call", [
        ("p->place[i].is_there && p->place[i].is_sure && !p->place[i].is_alive", "p->place[i].is_there && !p->place[i].is_alive")]),
    "numbers-end": ("path.c", "unit:path", "after 2^28 pings none is answered", [
        ("    if (((sequence - place->first) & SEQUENCES) >= ((place->last + 1 - place->first) & SEQUENCES)) {",
         "    if (sequence < place->first || sequence > place->last) {")]),
    "called-back-for-ever": ("path.c", "unit:path", "two whose calls take a second call each other on and on", [
        ("now_ms - p->called_ms >= p->call_each_ms / DATAPATH_PATH_BACK", "now_ms - p->called_ms >= 1000")]),
    "rendezvous-forgets": ("serve.c", "unit:ways", "a rendezvous does not know where its members are when it has packets for them", [
        ("    remember(w, now, peer);\n", "    (void)remember;\n")]),
    "remembered-once": ("serve.c", "unit:ways", "it goes where a member was first", [
        ("    if (e->state != DATAPATH_SIGNAL_HERE || (", "    if (e->state != DATAPATH_SIGNAL_HERE || way->places > 0 || (")]),
    "change-eaten": ("serve.c", "unit:ways", "a member's new address is not told of when he speaks first", [
        ("    if (refresh(w, peer)) {\n        datapath_roll_changed(&w->roll, peer);\n    }\n    datapath_roll_answer", "    (void)refresh(w, peer);\n    datapath_roll_answer")]),
    "gone-ignored": ("meet.c", "unit:ways", "who is no member any more stays a peer", [
        ("        if (is_known) {\n            lose(", "        if (is_known && w->believed == 0) {\n            lose(")]),
    "no-sweep": ("meet.c", "unit:ways", "who is not on a list of all stays a peer", [
        ("    b->wants_sweep = b->wants_sweep || is_whole;", "    b->wants_sweep = b->wants_sweep && is_whole;")]),
    "no-grace": ("meet.c", "unit:meet", "who is not on the first list of a new life is gone at once", [
        ("b->guest.is_full || now_ms < b->grace_ms) {", "b->guest.is_full) {")]),
    "empty-roll": ("serve.c", "unit:meet", "a new life of the rendezvous does not know its members before it hears them", [
        ("            datapath_roll_enter(&w->roll, peer, datapath_guide_key(w->core, peer));\n", "")]),
    "away-brought": ("meet.c", "unit:meet", "who was never there is brought", [
        ("    if (!is_known && m->state == DATAPATH_SIGNAL_AWAY) {", "    if (!is_known && m->state == DATAPATH_SIGNAL_GONE) {")]),
    "unpadded": ("ways.c", "unit:ways", "a packet is let through whose padding does not fit", [
        ("(way->pmtu.size - OVER) / DATAPATH_MESSAGE_PAD * DATAPATH_MESSAGE_PAD;", "way->pmtu.size - OVER;")]),
    "small-at-first": ("ways.c", "unit:ways", "a way of which nothing is known yet carries little", [
        ("    if (!way->is_measured || way->pmtu.size", "    if (way->pmtu.size")]),
    "never-measured": ("ways.c", "unit:ways", "what a way carries is never known", [
        ("    way->is_measured = way->is_measured ||", "    way->is_measured = way->is_measured &&")]),
    "nobody-called": ("serve.c", "unit:meet", "who is called is not told", [
        ("        introduce(w, other, &his, peer, fx);", "        (void)his;")]),
    "said-twice": ("signal.c", "unit:signal", "a signal is taken as often as it comes", [
        ("    if (behind >= DATAPATH_SIGNAL_WINDOW || (w->seen >> behind & 1) != 0) {", "    if (behind >= DATAPATH_SIGNAL_WINDOW) {")]),
    "earlier-life": ("signal.c", "unit:signal", "signals of an earlier life are taken", [
        ("    if (life < w->life) {\n        return false;\n    }\n", "")]),
    "who-changes": ("signal.c", "unit:signal", "who it is depends on the pre-shared key", [
        ("    memset(input + sizeof label + DATAPATH_NOISE_KEY, 0xff, DATAPATH_NOISE_KEY);\n", "")]),
    "any-epoch": ("roll.c", "unit:roll", "what was said to another life of the rendezvous binds", [
        ("bool is_heard = ask->epoch == r->epoch,", "bool is_heard = ask->epoch != 0 || r->epoch == 0,")]),
    "no-tomb": ("roll.c", "unit:roll", "nobody is told who is gone", [
        ("    append(r, at);\n    unlink_entry(r, peer);", "    unlink_entry(r, peer);")]),
    "long-walk": ("roll.c", "unit:roll", "a question has the rendezvous walk along its roll", [
        ("steps < DATAPATH_ROLL_STEPS; steps++", "steps < 8 * DATAPATH_ROLL_STEPS; steps++")]),
    "floor-forgotten": ("roll.c", "unit:roll", "who missed a removal that is forgotten is not told all", [
        ("        r->floor = tomb->change;\n", "")]),
    "longer-answer": ("roll.c", "unit:roll", "an answer is longer than its question", [
        ("size_t most = size < DATAPATH_SIGNAL_MOST ? size : DATAPATH_SIGNAL_MOST;", "size_t most = DATAPATH_SIGNAL_MOST;")]),
    "cursor-skips": ("roll.c", "unit:roll", "a page begins one member too late", [
        ("        *ret = r->entry[cursor].after;", "        *ret = r->entry[cursor].after == 0 ? 0 : r->entry[r->entry[cursor].after - 1].after;")]),
    "one-question": ("guest.c", "unit:roll", "a heartbeat that is lost costs ten seconds", [
        ("    g->due_ms = now_ms + g->wait_ms;", "    g->due_ms = now_ms + DATAPATH_GUEST_BEAT_MS;")]),
    "round-kept": ("guest.c", "unit:roll", "a list of all is not told from the one before", [
        ("        g->round++;\n", "")]),
    "any-answer": ("guest.c", "unit:roll", "an answer counts whatever it answers", [
        ("    if (g->question == 0 || news->question != g->question) {", "    if (g->question == 0 && news->question == 0) {")]),
    "silent-speaks": ("ways.c", "unit:ways", "who is to be silent answers pings", [
        ("    if (w->config.is_silent) {\n        return DATAPATH_WAYS_UNASKED;", "    if (w->config.is_silent && w->config.own == 77) {\n        return DATAPATH_WAYS_UNASKED;")]),
    "sent-anywhere": ("meet.c", "unit:meet", "a rendezvous sends others to themselves", [
        ("    m->places = datapath_message_keep_places(m->place, m->places,", "    (void)datapath_message_keep_places(m->place, 0,")]),
    "told-of-anywhere": ("roll.c", "unit:meet", "a member has others sent to themselves", [
        ("    cut.places = datapath_message_keep_places(cut.place, cut.places, from);\n", "")]),
    "called-for-nothing": ("serve.c", "unit:meet", "a call is answered with more than it has", [
        ("    if (size < DATAPATH_WAYS_CALL_SIZE) {", "    if (size < DATAPATH_SIGNAL_LEAST) {")]),
    "called-without-end": ("serve.c", "unit:meet", "a member calls as often as it likes", [
        ("    return asks >= THOUSAND;", "    return asks < UINT32_MAX;")]),
    "called-from-anywhere": ("serve.c", "unit:meet", "a member's call counts wherever it comes from", [
        (" && datapath_message_is_same(&mine, from) &&", " &&")]),
    "relay-unshown": ("relay.c", "unit:relay", "a relay sends to an address that nobody showed to be his", [
        (" || !other->is_shown) {", ") {")]),
    "relay-same-id": ("relay.c", "unit:relay", "whoever moves keeps his id, so that it is known where he is not", [
        ("!is_here(mine, now_ms) || !datapath_message_is_same(&mine->at, from))) {", "!is_here(mine, now_ms))) {")]),
    "relay-old-id": ("meet.c", "unit:meet", "packets go on by an id that the relay has taken back", [
        ("    if (is_by_it && at.relay != s->id) {", "    if (is_by_it && at.relay == 0) {")]),
    "complaint-turned": ("toolarge.c", "unit:toolarge", "a complaint goes to who did not send", [
        ("    memcpy(addresses, in->destination, in->address_size);\n    memcpy(addresses + in->address_size, in->source, in->address_size);",
         "    memcpy(addresses, in->source, in->address_size);\n    memcpy(addresses + in->address_size, in->destination, in->address_size);")]),
    "complaint-about-one": ("toolarge.c", "unit:toolarge", "a complaint is answered with one", [
        ("(size > head && (packet[head] == ECHO4 || packet[head] == ANSWER4));", "size > head;")]),
    "complaint-about-many": ("toolarge.c", "unit:toolarge", "what is for many and nobody's is answered", [
        ("return in.destination[0] < MANY4 && gets_one4", "return gets_one4")]),
    "any-echo": ("echo.c", "unit:echo", "an answer to somebody else's question is taken", [
        ("           memcmp(icmp + HEAD, token, DATAPATH_ECHO_TOKEN) == 0;", "           memcmp(icmp + HEAD, token, 0) == 0;")]),
    "frames-for-everybody": ("core.c", "unit:own", "who takes no frames any more gets some", [
        ("return p->unanswered < DATAPATH_OWN_TRIES ? DATAPATH_TAKES_FRAMES", "return p->is_used ? DATAPATH_TAKES_FRAMES")]),
    "frames-unasked": ("core.c", "unit:own", "a peer who was spoken to and said nothing of frames gets some", [
        ("    return p->numbers.session_wall_ns == 0 ? DATAPATH_TAKES_UNKNOWN", "    return p->numbers.session_wall_ns != 1 ? DATAPATH_TAKES_UNKNOWN")]),
    "frames-unsought": ("core.c", "unit:own", "frames have no way sought to a peer of whom nobody knows where he is", [
        ("    if (peer >= d->peers_max || !p->is_used) {\n        return DATAPATH_TAKES_NONE;", "    if (peer >= d->peers_max || !p->is_used || p->config.endpoint.port == 0) {\n        return DATAPATH_TAKES_NONE;")]),
    "frames-are-aes": ("transfer.c", "unit:own", "who takes frames is sealed for with AES", [
        ("d->own != NULL && (kinds & DATAPATH_OWN_AES) != 0;", "d->own != NULL && kinds != 0;")]),
    "frames-taken-by-all": ("transfer.c", "unit:own", "who offers no frames takes some", [
        ("    if ((d->kinds & DATAPATH_OWN_FRAMES) != 0 && datapath_pieces_is(text, size)) {", "    if (datapath_pieces_is(text, size)) {")]),
    "learned-from-groups": ("bridge.c", "unit:bridge", "a group address is somebody's", [
        ("    if (!ret->is_source) {", "    if (!ret->is_source && ret->from >> TAG_BITS == 0) {")]),
    "learned-from-none": ("bridge.c", "unit:bridge", "the address that is none is somebody's", [
        ("(frame[SOURCE] & 1) == 0 && ret->from >> TAG_BITS != 0;", "(frame[SOURCE] & 1) == 0;")]),
    "moved-at-once": ("bridge.c", "unit:bridge", "who says that he is another gets his frames", [
        ("now_ms - m->seen_ms < DATAPATH_BRIDGE_STILL_MS", "now_ms < m->seen_ms")]),
    "never-moved-here": ("bridge.c", "unit:bridge", "what speaks on the own side is at a peer still, and frames go round", [
        ("at != b->peers && now_ms", "now_ms")]),
    "never-aged": ("bridge.c", "unit:bridge", "an address is known for ever", [
        ("        if (m->key == key && now_ms - m->seen_ms >= DATAPATH_BRIDGE_AGE_MS) {", "        if (m->key == key && now_ms < m->seen_ms) {")]),
    "one-cable": ("bridge.c", "unit:bridge", "an address is the same in all VLANs", [
        ("        tag = get16(frame + TAG) & TAG_NUMBER;", "        tag = get16(frame + TAG) & 0;")]),
    "priority-learned": ("bridge.c", "unit:bridge", "an address is another one with each priority", [
        ("        tag = get16(frame + TAG) & TAG_NUMBER;", "        tag = get16(frame + TAG) & 0xffff;")]),
    "pause-passed": ("bridge.c", "unit:bridge", "flow control stops a port elsewhere", [
        ("    if (ret->type == TYPE_LINK) {", "    if (ret->type == 0) {")]),
    "no-share": ("bridge.c", "unit:bridge", "one peer fills the table", [
        ("    if (b->place[at].count < b->each) {", "    if (b->place[at].count < b->macs) {")]),
    "no-share-moved": ("bridge.c", "unit:bridge", "… with addresses of others", [
        ("            if (b->place[at].count >= b->each) {", "            if (b->place[at].count >= b->macs) {")]),
    "storm": ("bridge.c", "unit:bridge", "frames for all have no limit", [
        ("    if (p->tokens < TOKEN) {", "    if (p->tokens < TOKEN && b->peers == 0) {")]),
    "storm-of-peers": ("bridge.c", "unit:bridge", "… those of peers", [
        ("h.is_group && !may_flood(b, now_ms, peer)", "h.is_group && !may_flood(b, now_ms, peer) && size == 0")]),
    "goes-round": ("bridge.c", "unit:bridge", "a frame that goes round goes on", [
        ("    return ++r->times > DATAPATH_BRIDGE_AGAIN;", "    return ++r->times == 0;")]),
    "never-again": ("bridge.c", "unit:bridge", "what was said often is never passed on again", [
        ("    if (r->hash != hash || now_ms - r->since_ms >= DATAPATH_BRIDGE_AGAIN_MS) {", "    if (r->hash != hash) {")]),
    "known-to-all": ("bridge.c", "unit:bridge", "a frame for a known address goes to all", [
        ("    *ret_peer = m->at;\n    return DATAPATH_BRIDGE_ONE;", "    *ret_peer = m->at;\n    return DATAPATH_BRIDGE_ALL;")]),
    "hairpin": ("bridge.c", "unit:bridge", "what is between two of the own side goes out", [
        ("    if (m->at == b->peers) {\n        return DATAPATH_BRIDGE_HERE;", "    if (m->at == b->peers) {\n        return DATAPATH_BRIDGE_ALL;")]),
    "narrow-in-silence": ("pmtu.c", "unit:pmtu", "senders are told nothing before the last byte of a path's size is known", [
        ("    return !p->is_searching || p->failed > 1 || (p->failed == 1 && p->tries > 1);", "    return !p->is_searching;")]),
    "callers-stay": ("guide.c", "unit:ways", "a shield lets the signals of who was removed through", [
        ("        datapath_live_drop(d->callers,", "        if (false) datapath_live_drop(d->callers,")]),
    "callers-unknown": ("guide.c", "unit:ways", "a shield does not know the signals of peers", [
        ("        datapath_live_add(d->callers,", "        if (false) datapath_live_add(d->callers,")]),
    "moves-in-place-of-each-other": ("guide.c", "unit:meet", "of several that move in one step the last alone is asked again", [
        ("    p->initiated_ms = 0;\n    if (fx->sends", "    p->initiated_ms = 0;\n    datapath_effects_clear(fx);\n    if (fx->sends")]),
    "no-room-no-move": ("guide.c", "unit:meet", "for whom there is no room in a step waits for his next try", [
        ("    p->timers.retry_ms = now.ms;\n", "")]),
    "bomb": ("pieces.c", "unit:pieces", "one sender takes the room of all", [
        ("    if (most >= DATAPATH_PIECES_EACH) {", "    if (most >= DATAPATH_PIECES_FRAMES) {"),
        ("    if (most < DATAPATH_PIECES_EACH && ", "    if (most < DATAPATH_PIECES_FRAMES && ")]),
    "bomb-of-many": ("pieces.c", "unit:pieces", "when all room is taken the oldest goes, whoever has least", [
        ("            at = count > most ? i : at;\n            most = count > most ? count : most;", "            at = 0;\n            most = count > most ? count : most;")]),
    "never-late": ("pieces.c", "unit:pieces", "what is never whole is kept for ever", [
        ("now_ms - p->frame[0].begun_ms >= DATAPATH_PIECES_WAIT_MS", "now_ms < p->frame[0].begun_ms")]),
    "piece-of-anybody": ("pieces.c", "unit:pieces", "two senders make one frame", [
        ("p->frame[i - 1].id == said->id && p->frame[i - 1].peer == said->peer", "p->frame[i - 1].id == said->id")]),
    "piece-twice": ("pieces.c", "unit:pieces", "a piece that was there is taken again", [
        (" || (f->have >> index & 1) != 0) {", ") {")]),
    "piece-of-another-length": ("pieces.c", "unit:pieces", "pieces of two lengths make one frame", [
        ("f->size != said.size || f->each != said.each ||", "f->size != said.size ||")]),
    "piece-too-short": ("pieces.c", "unit:pieces", "a piece is read beyond its message", [
        ("    if (size - DATAPATH_PIECES_HEAD_PIECE < bytes) {", "    if (size < bytes) {")]),
    "frame-too-long": ("pieces.c", "unit:pieces", "a frame is longer than its room", [
        ("    if (said.size > p->most) {", "    if (said.size > p->most + 1) {")]),
    "tiny-pieces": ("pieces.c", "unit:pieces", "pieces may be as small as they like", [
        ("    if (said.each < DATAPATH_PIECES_LEAST || ", "    if (said.each == 0 || ")]),
    "large-messages-cut": ("large.c", "unit:large", "messages of UDP are cut into other messages", [
        ("    return !s->is_udp && (s->is_v6 ||", "    return (s->is_v6 ||")]),
    "large-ids-twice": ("large.c", "unit:large", "packets that may be fragmented get identifications that others have", [
        ("    return !s->is_udp && (s->is_v6 || (", "    return !s->is_udp && (s->is_v6 || true || (")]),
    "large-too-long": ("large.c", "unit:large", "what is cut anew does not fit either", [
        ("inner.segment_size = (uint16_t)(most - heads);", "inner.segment_size = (uint16_t)(most - l.all.head_size);")]),
    "large-sum-elsewhere": ("large.c", "unit:large", "the kernel finishes a checksum that is elsewhere", [
        ("    o->sum_start += (uint16_t)link;\n", "")]),
    "large-padding": ("large.c", "unit:large", "padding is joined as payload", [
        (" || head.size != size - link) {", ") {")]),
    "large-three-tags": ("large.c", "unit:large", "a frame is looked at behind more tags than it may have", [
        ("link <= DATAPATH_LARGE_LINK_MAX && link < size", "link < size")]),
    "large-link-unlike": ("coalesce.c", "unit:large", "frames of different stations become one", [
        ("memcmp(g->first - link, packet - link, link) == 0 &&", "(link == 0 || packet != NULL) &&")]),
    "random-key-given": ("random.c", "unit:random", "what is drawn is the next key", [
        ("memcpy(ret, stream + DATAPATH_RANDOM_SEED, size);", "memcpy(ret, stream, size < DATAPATH_RANDOM_SEED ? size : DATAPATH_RANDOM_SEED);")]),
    "begun-with-another": ("shake.c", "worlds", "a handshake begins without the responder's key", [
        ("sizeof prologue - 1, d->self.public);", "sizeof prologue - 1, d->self.secret);")]),
    "member-ground": ("kin.c", "unit:kin", "a lower id takes a member's address", [
        ("        (k->of[holder].keeps >> n & 1) == 0 && memcmp", "        memcmp")]),
    "member-first-come": ("kin.c", "unit:kin", "of two who are new whoever is told of first has the address", [
        ("    if (datapath_core_owner(core, p->ip", "    if (false && datapath_core_owner(core, p->ip")]),
    "member-higher": ("kin.c", "unit:kin", "of two who are new the higher id has the address", [
        ("k->of[holder].id, DATAPATH_KIN_ID) < 0 &&", "k->of[holder].id, DATAPATH_KIN_ID) > 0 &&")]),
    "member-settled-at-once": ("kin.c", "unit:kin", "an address is kept before the list is whole", [
        ("        one->has |= (uint32_t)allow(k, peer, i, &m->prefix[i]) << i;", "        one->has |= (uint32_t)allow(k, peer, i, &m->prefix[i]) << i;\n        one->keeps = one->has;")]),
    "member-gone-loses": ("kin.c", "unit:kin", "who is dead, or on no list, loses his address to a lower id", [
        ("        one->keeps = one->has;", "        one->keeps = one->gone_ms == 0 ? one->has : 0;")]),
    "member-left-stays": ("kin.c", "unit:kin", "who left is a peer until he counts as dead", [
        ("    if (m->has_left) {", "    if (m->has_left && k->count == UINT32_MAX) {")]),
    "member-dead-at-once": ("kin.c", "unit:kin", "who is dead is none any more at once", [
        ("now_ms - one->gone_ms >= DATAPATH_KIN_DEAD_MS &&", "now_ms >= one->gone_ms &&")]),
    "member-dead-for-ever": ("kin.c", "unit:kin", "who is dead is a peer for ever", [
        ("now_ms - one->gone_ms >= DATAPATH_KIN_DEAD_MS &&", "now_ms < one->gone_ms &&")]),
    "member-dead-anew": ("kin.c", "unit:kin", "each list in which he is dead begins his minute anew", [
        ("k->of[peer].gone_ms = k->of[peer].gone_ms == 0 ? now.ms : k->of[peer].gone_ms;", "k->of[peer].gone_ms = now.ms;")]),
    "member-lives-again": ("kin.c", "unit:kin", "who lives again is buried all the same", [
        ("    k->of[peer].gone_ms = 0;\n    follow", "    follow")]),
    "member-forgotten": ("kin.c", "unit:kin", "who is on no list stays", [
        ("one->round != k->round && one->gone_ms == 0", "one->round > k->round && one->gone_ms == 0")]),
    "member-page-buries": ("kin.c", "unit:kin", "who was on another page than the last is as dead", [
        ("    k->of[peer].round = k->round;\n", "    k->of[peer].round = k->round++;\n")]),
    "member-torn-list-buries": ("kin.c", "unit:kin", "who was not yet on a list that was never whole is gone", [
        ("        if (one->gone_ms != 0 && now_ms", "        if ((one->gone_ms != 0 || one->round != k->round) && now_ms")]),
    "member-born-dead": ("kin.c", "unit:kin", "who is dead becomes a peer", [
        ("    if (!is_there && !m->is_living) {", "    if (!is_there && m->has_left) {")]),
    "member-over-operator": ("kin.c", "unit:kin", "membership changes whom the operator named", [
        ("    if (is_there && !is_kin) {", "    if (is_there && !is_kin && k->round == UINT32_MAX) {")]),
    "member-takes-operators": ("kin.c", "unit:kin", "an address of the operator's goes to a member", [
        ("static bool may_lose_nothing(const void *context, uint32_t peer, bool is_whole)\n{\n    return false;", "static bool may_lose_nothing(const void *context, uint32_t peer, bool is_whole)\n{\n    return true;")]),
    "member-claimed-in-vain": ("kin.c", "unit:kin", "whom the operator names by hand membership takes away", [
        ("    if (datapath_kin_is(k, peer)) {\n        k->of[peer] =", "    if (k->ways == NULL) {\n        k->of[peer] =")]),
    "member-is-here": ("kin.c", "unit:kin", "a member has an address of this node", [
        ("    for (uint32_t i = 0; i < k->own_prefixes; i++) {", "    for (uint32_t i = 0; false; i++) {")]),
    "member-called-as-another": ("kin.c", "unit:kin", "a name goes to whoever came last", [
        ("    bool is_ours = his[0] == '\\0' ||", "    for (uint32_t i = 0; i < w->config.peers_max; i++) {\n        if (strcmp(w->labels.of[i].text, name) == 0 && i != peer) {\n            (void)datapath_ways_call(w, i, \"\", WORD);\n        }\n    }\n    bool is_ours = his[0] == '\\0' ||")]),
    "member-asks-once": ("kin.c", "unit:kin", "an address that was another's is not asked for again", [
        ("        one->has |= (uint32_t)allow(", "        one->has |= (one->lacked >> i & 1) != 0 ? 0 : (uint32_t)allow(")]),
    "member-told-each-time": ("kin.c", "unit:kin", "that an address is another's is said with each list", [
        ("    bool is_news = (lacks & ~one->lacked) != 0;", "    bool is_news = lacks != 0;")]),
    "pairs-pay": ("choice.c", "unit:choice", "`auto` takes a veth's peer its offloads", [
        ("    if (f->is_pair != 0) {", "    if (f->is_pair > 1) {")]),
    "joining-pays": ("choice.c", "unit:choice", "`auto` ends what joins packets that come", [
        ("    return f->joins[0] != '\\0' ?", "    return f->joins[0] == '?' ?")]),
    "losing-pays": ("choice.c", "unit:choice", "what went when XDP was hung is not missed", [
        ("    if (f->lost[0] != '\\0') {", "    if (f->lost[0] == '?') {")]),
    "hardly-pays": ("choice.c", "unit:choice", "whatever is cheaper, by however little, is chosen", [
        ("    return is_cheaper(f->past_ns, f->alone_ns) ?", "    return f->past_ns < f->alone_ns ?")]),
    "always-pays": ("choice.c", "unit:choice", "what costs more is chosen", [
        ("    return is_cheaper(f->past_ns, f->alone_ns) ?", "    return true ?")]),
    "nothing-is-cheap": ("choice.c", "unit:choice", "what did not leave cost nothing", [
        ("    if (f->past_ns == 0) {", "    if (false) {")]),
    "unmeasured-pays": ("choice.c", "unit:choice", "numbers that nobody measured count", [
        ("    if (f->took_us == 0 || f->alone_ns == 0) {", "    if (f->alone_ns == 0) {")]),
    "down-pays": ("choice.c", "unit:choice", "an interface by which nothing leaves is tried", [
        ("    if (f->took_us == 0 || f->alone_ns == 0) {", "    if (f->took_us == 0) {")]),
    "refused-trains-go": ("choice.c", "unit:choice", "trains that the kernel refuses are sent", [
        ("(f->train_ns > 0 || f->train_error != 0)", "f->train_ns > 0")]),
    "trains-that-cost-go": ("choice.c", "unit:choice", "trains go that save nothing", [
        ("    return !is_known || (f->train_ns > 0 && is_cheaper(f->train_ns, f->alone_ns));", "    return !is_known || f->train_ns > 0;")]),
    "by-name-is-a-guess": ("choice.c", "unit:choice", "a way by name is measured against others", [
        ("    if (wanted == DATAPATH_CHOICE_AUTO) {", "    if (wanted != DATAPATH_CHOICE_PLAIN) {")]),
    "member-stays-where-he-was": ("kin.c", "unit:kin", "who is somewhere else by membership is not sought there", [
        ("    if (m->at.port != 0 && !datapath_message_is_same(&one->at, &m->at)) {", "    if (m->at.port != 0 && one->at.port == 0) {")]),
}

CORE = ("aead", "agenda", "allowed", "bridge", "checksum", "choice", "coalesce", "cookie", "core", "echo", "effects", "guest", "guide", "hash", "index",
        "inner", "kin", "label", "large", "limit", "live", "meet", "message", "neighbour", "noise", "offload", "own", "path", "pieces", "pmtu", "point", "psk", "random", "relay", "replay", "roll",
        "serve", "session", "shake", "signal", "stamp", "timers", "toolarge", "transfer", "wait", "ways")
KITS = {"core": "core_kit.c", "own": "core_kit.c", "coalesce": "packet_kit.c", "offload": "packet_kit.c", "large": "packet_kit.c",
        "kin": "ways_kit.c", "meet": "ways_kit.c", "reflected": "ways_kit.c", "ways": "ways_kit.c"} # of unit tests
UNITS = sorted({p[1].removeprefix("unit:") for p in PLANTS.values() if p[1].startswith("unit:")})
SOURCES = [*(f"datapath/{c}.c" for c in CORE), "tests/sim/datapath/*.c", "tests/unit/datapath/*_kit.c",
           *(f"tests/unit/datapath/test_{u}.c" for u in UNITS), "tests/sim/world/[!t]*.c",
           *(f"common/base/{b}.c" for b in ("bytes", "err", "name", "rate", "rng"))]


def program(finder, _file, args):
    unit = finder.removeprefix("unit:") if finder.startswith("unit:") else None
    main = f"tests/unit/datapath/test_{unit}.c" if unit else "tests/sim/datapath/test_sim_datapath.c"
    other = "tests/sim/datapath" if unit else "tests/unit/datapath"

    def belongs(source):
        if os.path.basename(source).startswith("test_"):
            return source == main
        if unit and source.endswith("_kit.c"):
            return os.path.basename(source) == KITS.get(unit)
        return os.path.dirname(source) != other
    return belongs, [] if unit else ["--worlds", str(args.worlds)]


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "datapath", SOURCES, program, worlds=100, patience=60,
                           libraries=("-lsodium", "-lb2", "-lm")).main())
