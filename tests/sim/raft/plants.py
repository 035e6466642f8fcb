#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the consensus core, and the drawn worlds or a scene must find it. A bug
that escapes, or whose place is no longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [--worlds N] [--jobs N] [NAME ...]
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, who finds it: drawn worlds or a scene by its number, what goes wrong,
#        [(text that is there once, what the bug makes of it)])
PLANTS = {
    "old-term-counted": ("replicate.c", "unit:core", "an entry of an earlier term is committed by counting (figure 3.7)", [
        ("    if (to <= r->commit || to < r->term_first) {", "    if (to <= r->commit) {"),
        ("    assert(raft_log_term(&r->log, to) == r->vote.term);\n", "")]),
    "rests-in-company": ("member.c", "unit:core", "a leader that was alone tells whoever comes that it is there when it looks next", [
        ("        raft_replicate_wake(r);\n", "        ;\n")]),
    "caught-up-long-ago": ("replicate.c", "unit:core", "whoever comes to a leader that was alone need only have what was there when it looked last", [
        ("    r->commit_marks[0] = r->commit_marks[1] = r->commit; ", "    ")]),
    "unstored-counted": ("replicate.c", "worlds", "a leader counts what is not on its disk", [
        ("offsetof(struct raft_peer, match), r->stored)", "offsetof(struct raft_peer, match), r->log.last)")]),
    "acknowledged-unstored": ("append.c", "worlds", "a follower acknowledges what is not on its disk", [
        ("    uint64_t match = raft_least(r->verified, r->stored);\n\n    if (r->role", "    uint64_t match = r->verified;\n\n    if (r->role"),
        ("    if (raft_least(r->verified, r->stored) >= raft_least(last, r->verified)) {", "    {")]),
    "vote-unstored": ("vote.c", "worlds", "a vote is answered before it is on disk", [
        ("    if (!raft_is_vote_durable(r)) {\n        return;\n    }\n    for (uint32_t i = 0; i < r->owes", "    for (uint32_t i = 0; i < r->owes")]),
    "asks-unstored": ("election.c", "worlds", "votes are asked for before the own is on disk", [
        ("    raft_out_store_vote(r);\n    raft_out_became(r);\n}\n\nstatic void win",
         "    raft_out_store_vote(r);\n    raft_out_became(r);\n    ask_all(r, (struct raft_message){.kind = RAFT_MESSAGE_VOTE_ASK});\n}\n\nstatic void win")]),
    "vote-forgotten": ("election.c", "worlds", "a later term is adopted and not stored", [
        ("        r->vote = (struct raft_vote){.term = term};\n        raft_out_store_vote(r);", "        r->vote = r->vote_stored = (struct raft_vote){.term = term};")]),
    "votes-twice": ("vote.c", "worlds", "a second candidate of a term gets a vote too", [
        ("m->term == r->vote.term && r->vote.voted_for == 0 &&", "m->term == r->vote.term && r->role != RAFT_LEADER &&")]),
    "any-log-wins": ("vote.c", "worlds", "a vote goes to a candidate with a shorter log", [
        ("r->vote.voted_for == 0 && is_up_to_date(r, m) && r->damaged_to == 0", "r->vote.voted_for == 0 && r->damaged_to == 0"),
        ("m->round > r->vote.term && is_up_to_date(r, m) &&", "m->round > r->vote.term &&")]),
    "length-alone": ("vote.c", "3 a longer", "logs are compared by length, not by term", [
        ("    return m->index_term > last_term || (m->index_term == last_term && m->index >= r->log.last);",
         "    (void)last_term;\n    return m->index >= r->log.last;")]),
    "half-is-enough": ("config.c", "worlds", "half of the voters are a majority", [
        ("    return yes > voters / 2;", "    return yes >= (voters + 1) / 2;")]),
    "all-rest": ("config.c", ["58 disks", "unit:config"], "all who follow are deaf while their disks work", [
        ("    return !raft_config_is_joint(c) && before + voters / 2 + 1 < there;", "    return !raft_config_is_joint(c) && before + 1 < there;")]),
    "one-too-many-rests": ("config.c", "unit:config", "one more is deaf than a leader can do without", [
        ("before + voters / 2 + 1 < there;", "before + voters / 2 < there;")]),
    "absent-answer": ("config.c", "unit:config", "who is not there is counted among those who answer", [
        ("before += votes & set >> k & is_before;", "before += votes & is_before;"), ("there += votes & set >> k;", "there += votes;")]),
    "one-half-of-a-joint": ("config.c", "unit:config", "in a joint configuration the new half alone decides", [
        ("    return voters > 0 && is_new && (outgoing == 0 || is_old);", "    (void)is_old;\n    return voters > 0 && is_new;")]),
    "no-joint": ("member.c", ["23", "worlds"], "voters change in one step, whatever the change", [
        ("    if (raft_config_voters_differ(raft_newest(r), target)) {", "    if (false) {"),
        ("    } else if (promoted(r, &next) && raft_config_join(raft_newest(r), &next, &joint) == ERR_OK) {\n        put_config(r, &joint);",
         "    } else if (promoted(r, &next)) {\n        (void)joint;\n        put_config(r, &next);")]),
    "change-before-own-term": ("member.c", ["28", "worlds"], "a configuration is left before it is committed", [
        ("raft_config_index(r) <= r->commit &&\n           r->commit >= r->term_first;", "raft_config_index(r) <= r->log.last;")]),
    "change-not-taken-back": ("member.c", "26", "a configuration that was overwritten stays in force", [
        ("    while (r->slots > 1 && raft_config_index(r) >= first) {\n        r->slots--;\n    }", "    (void)first;")]),
    "prev-unchecked": ("append.c", "worlds", "entries are taken whatever is before them", [
        ("raft_log_term(&r->log, prev) != m->index_term) {", "prev > r->log.last) {")]),
    "conflict-kept": ("append.c", "worlds", "an entry that is there is kept, of whatever term", [
        ("    uint64_t same = raft_log_same_until(&r->log, run.first, last, run.term);",
         "    uint64_t same = r->log.last < last ? r->log.last : last;")]),
    "old-message-truncates": ("append.c", "worlds", "whatever is behind a message's entries goes", [
        ("    if (same >= last) {\n        return ERR_OK;\n    }", "    if (same >= last) {\n        if (last < r->log.last && last >= r->commit) {\n            r->verified = last;\n            truncate(r, last + 1);\n        }\n        return ERR_OK;\n    }")]),
    "a-b-a": ("append.c", "unit:core", "what was stored before it was overwritten counts as stored", [
        ("    if (ev->epoch != r->epoch || ev->index <= r->stored || raft_log_term(&r->log, ev->index) != ev->term) {",
         "    if (ev->index <= r->stored || ev->index > r->log.last) {")]),
    "stored-for-ever": ("append.c", "worlds", "what is truncated counts as stored still", [
        ("    r->stored = raft_least(r->stored, first - 1);\n", "    r->stored = raft_least(r->stored, r->log.last + 1000);\n")]),
    "commit-unverified": ("append.c", "worlds", "a heartbeat commits what is not known to be the leader's", [
        ("    raft_append_commit(r, raft_least(m->commit, r->verified));\n    r->owed_heartbeat",
         "    r->verified = raft_most(r->verified, raft_least(m->commit, r->log.last));\n    raft_append_commit(r, raft_least(m->commit, r->verified));\n    r->owed_heartbeat")]),
    "stale-term-heard": ("core.c", "worlds", "a message of an earlier term is taken for one of this", [
        ("    if (m->term < r->vote.term && m->kind != RAFT_MESSAGE_PREVOTE_ANSWER) {", "    if (m->term + 1 < r->vote.term && m->kind != RAFT_MESSAGE_PREVOTE_ANSWER) {"),
        ("        raft_election_follow(r, m->term, m->from);", "        raft_election_follow(r, raft_most(m->term, r->vote.term), m->from);")]),
    "old-votes-counted": ("election.c", "worlds", "a vote of an earlier term counts", [
        ("r->role == RAFT_CANDIDATE && m->term == r->vote.term && raft", "r->role == RAFT_CANDIDATE && m->term <= r->vote.term && raft"),
        ("static bool has_won(const struct raft *r)\n{", "static bool has_won(const struct raft *r)\n{\n    if (r->role == RAFT_CANDIDATE && r->rng.word[0] % 4 == 0) {\n        return true;\n    }")]),
    "no-noop": ("replicate.c", ["33", "worlds"], "a new leader takes what it has for committed", [
        ("    r->term_first = raft_replicate_add_own(r, RAFT_ENTRY_NOOP, 0);", "    raft_replicate_add_own(r, RAFT_ENTRY_NOOP, 0);\n    r->term_first = r->commit;"),
        ("    assert(raft_log_term(&r->log, to) == r->vote.term);\n", "")]),
    "read-at-once": ("read.c", ["32", "worlds"], "a leader answers reads without asking anybody", [
        ("    if (knows_commit(r) && has_lease(r)) {", "    if (knows_commit(r)) {")]),
    "read-of-another-round": ("read.c", "unit:core", "a read is confirmed by a round that began before it", [
        ("        r->read[i].round = r->round + 1;\n        r->read[i].index = r->commit;", "        r->read[i].round = r->round == 0 ? 1 : r->round;\n        r->read[i].index = r->commit;")]),
    "lease-counted-from-the-answer": ("replicate.c", "unit:core", "a lease is counted from when the answer came", [
        ("    p->acked_us = raft_most(p->acked_us, m->sent_us);", "    p->acked_us = r->now_us;")]),
    "lease-for-ever": ("read.c", "34", "a lease does not end", [
        ("           r->now_us - raft_replicate_quorum_us(r) < lease_us;", "           lease_us > 0;")]),
    "lease-while-handing-over": ("read.c", "34", "a lease goes on though leadership was offered", [
        ("r->transfer_to == 0 && !r->is_lease_broken &&", "r->transfer_to == 0 &&")]),
    "no-check-quorum": ("replicate.c", "7", "a leader that nobody answers leads on", [
        ("> r->tuning.election_us + raft_election_patience_us(r)) {\n        raft_election_follow(r, r->vote.term, 0);\n        return;\n    }", "> r->tuning.election_us * 1000) {\n        return;\n    }")]),
    "no-prevote": ("election.c", "5", "who comes back has a higher term", [
        ("    if (r->tuning.has_no_prevote) {", "    if (!r->tuning.has_no_prevote) {")]),
    "votes-though-it-hears": ("vote.c", "8", "who hears a leader votes for another", [
        ("        if (!m->is_transfer && is_hearing(r)) {", "        if (false) {")]),
    "transfer-ignored": ("vote.c", "31", "who hears a leader does not vote though it asked for that", [
        ("        if (!m->is_transfer && is_hearing(r)) {", "        if (is_hearing(r)) {")]),
    "blames-others": ("election.c", "unit:core", "who was stopped takes that for the leader's silence", [
        ("    if (r->now_us - r->deadline_us > r->tuning.heartbeat_us) {", "    if (false) {")]),
    "loss-unseen": ("replicate.c", ["17", "unit:replicate", "worlds"], "what was lost is not sent again", [
        ("        r->counters.doubted++;\n        probe(r, p);", "        r->counters.doubted++;")]),
    "late-sent-again": ("replicate.c", "unit:replicate", "entries that are late go again", [
        ("p->is_probed || p->progress == RAFT_REPLICATE, &end", "false, &end")]),
    "late-is-lost": ("replicate.c", "unit:replicate", "entries that are late count as lost", [
        ("        r->counters.doubted++;\n        probe(r, p);", "        r->counters.doubted++;\n        raft_replicate_probe(r, p, p->received + 1);")]),
    "old-answers-believed": ("replicate.c", "unit:replicate", "what was said earlier counts though it comes later", [
        ("    return m->round <= p->round || (m->received < p->match && m->sent_us < p->match_us);", "    return m->round == 0 && p->round > 0;")]),
    "one-by-one": ("replicate.c", "unit:core", "a refused leader goes back one entry at a time", [
        ("    uint64_t next = raft_least(guess, m->round - 1) + 1;", "    uint64_t next = m->round + 0 * guess;")]),
    "no-bound": ("core.c", "19", "any number of bytes waits", [
        ("(waiting > 0 && waiting + ev->size > r->tuning.uncommitted_bytes)", "false")]),
    "removed-leads-on": ("member.c", "25", "a leader that is removed leads on", [
        ("    } else if (!raft_config_votes(raft_newest(r), r->self)) {", "    } else if (false) {")]),
    "learner-promoted-early": ("member.c", "27", "a learner becomes a voter however far it is behind", [
        ("    return id == r->self ||\n           (p != NULL &&", "    return p != NULL || id == r->self ||\n           (p != NULL &&")]),
    "not-in-its-own": ("election.c", "12", "one outside its newest configuration does not campaign", [
        ("    if (!votes && r->slots > 1 && raft_config_index(r) > r->commit) {", "    if (false) {")]),
    "removed-untold": ("vote.c", "10 a removed node on", "who was removed while it was away is told by nobody", [
        (".is_ok = yes, .round = m->round});\n    raft_member_asked(r, m->from);\n", ".is_ok = yes, .round = m->round});\n")]),
    "late-is-gone": ("election.c", "unit:core", "a leader that is late as often before is taken for gone", [
        ("    return raft_least(RAFT_LATE_TIMES * r->late_us, r->tuning.election_us);", "    return 0;")]),
    "damaged-and-removed": ("election.c", "disks:10 a removed", "a damaged member does not ask, and never hears that it was removed", [
        ("        ask_whether_removed(r);\n        return;", "        (void)ask_whether_removed;\n        return;")]),
    "removed-asks-on": ("election.c", "10 a removed node on", "who is told that it is removed campaigns all the same", [
        ("    if (r->removed_at > raft_config_index(r)) {", "    if (false) {")]),
    "removed-for-good": ("member.c", "10 a removed node on", "who is added again stays removed", [
        ("    if (index > r->removed_at && raft_config_find(c, r->self) != RAFT_MEMBERS_MAX) {", "    if (false) {"),
        ("    } else if (is_member && raft_config_index(r) > r->removed_at) {", "    } else if (false) {")]),
    "removed-by-the-past": ("member.c", "10 a removed node on", "word of a time before it was added again removes a member", [
        ("    if (!is_in || index <= raft_config_index(r) || index <= r->removed_at ||", "    if (!is_in ||")]),
    "snapshot-keeps-conflicts": ("snapshot.c", "unit:core", "a log that conflicts with a snapshot is kept", [
        ("    bool goes_on = raft_log_term(&r->log, ev->index) == ev->term;", "    bool goes_on = raft_log_term(&r->log, ev->index) != 0;")]),
    "snapshot-of-old": ("snapshot.c", "unit:core", "a snapshot older than the state replaces it", [
        ("    if (ev->index <= r->commit || r->role == RAFT_LEADER) {", "    if (r->role == RAFT_LEADER || ev->index <= r->log.base) {")]),
    "cut-too-far": ("snapshot.c", "worlds", "the log is cut behind its snapshot", [
        ("    uint64_t cut = raft_least(index, r->stored);", "    uint64_t cut = r->stored + r->tuning.tail;")]),
    "cut-off-for-good": ("snapshot.c", "worlds", "whoever is behind the log gets no snapshot a second time", [
        ("    p->progress = RAFT_IN_SNAPSHOT;\n    p->moved_us = r->now_us;\n    raft_out(", "    p->progress = RAFT_IN_SNAPSHOT;\n    p->moved_us = r->now_us;\n    if (r->counters.snapshots < 2)\n    raft_out(")]),

    # What is on disk, and what of it is believed.
    "older-vote-counts": ("ballot.c", "worlds", "the older of two votes on disk counts", [
        ("one.sequence > best.sequence ? one : best", "(best.sequence == 0 || one.sequence < best.sequence) ? one : best")]),
    "torn-batch-kept": ("wal_recover.c", "unit:wal", "what is left of a torn batch stays where the next one is written", [
        ("    } else if (end > at) {\n        *ret = ", "    } else if (end > at + 100000) {\n        *ret = ")]),
    "rot-taken-for-tear": ("wal_recover.c", "disks:52 the last", "what changed after it was whole is dropped as a torn batch", [
        ('        damaged(k, segment, at, "a frame was written whole and has changed since", ret);\n        return;\n', "        break;\n")]),
    "proof-not-looked-for": ("wal_recover.c", "unit:wal", "a later frame that says that more was durable is not asked", [
        ("        proves = proves || f.sequence - f.ahead > sequence;\n", "")]),
    "all-was-durable": ("wal.c", "worlds", "each frame says that all before it was durable", [
        ("    frame.ahead = (uint32_t)(frame.sequence - 1 - w->durable);", "    frame.ahead = 0;")]),
    "vote-in-one-place": ("ballot.c", "unit:ballot", "a vote is written once, and a bit of it that flips is a vote forgotten", [
        ("    memcpy(out + RAFT_BALLOT_BLOCK, out, RAFT_BALLOT_COPY);\n", "")]),
    "votes-take-no-turns": ("ballot.c", "unit:ballot", "a vote is written over the one before", [
        ("    return sequence % 2 == 0 ? 0 : RAFT_BALLOT_SLOT;", "    return 0 * (uint32_t)sequence;")]),
    "not-written-again": ("wal_recover.c", ["disks:53", "worlds"], "what a failed sync left in the cache is believed", [
        ("    ret->batch_segment = k.batch_segment;", "    ret->batch_segment = 0;")]),
    "overwritten-goes-on": ("wal_recover.c", "unit:wal", "what a later frame made void is in the log still", [
        ("    w->last = f->first + f->count - 1;\n    w->last_term", "    w->last = f->first + f->count - 1 > w->last ? f->first + f->count - 1 : w->last;\n    w->last_term")]),
    "retired-too-early": ("places.c", "worlds", "a segment goes that has entries behind the cut", [
        ("    uint64_t needed = p->place[count > 0 ? count - 1 : 0].segment;", "    uint64_t needed = p->place[p->count - 1].segment;")]),
    "no-base-after-install": ("wal.c", "unit:wal", "a log that begins anew is said to have what was before", [
        ("        w->base = w->last = base;\n        w->base_term = w->last_term = base_term;", "        w->last = base;\n        w->last_term = base_term;")]),
    "index-of-before": ("kv.c", "worlds", "a store in whose place a snapshot came keeps its own index", [
        ("    kv->applied = kv->time_ms = 0;", "    kv->time_ms = 0;")]),
    # Clocks, leases, sessions, watches.
    "stopped-time-counts": ("lessor.c", "disks:50 a leader", "the time for which a leader was stopped ends leases", [
        ("    uint64_t gap_most_us = (uint64_t)RAFT_LESSOR_GAP_MS * 1000;", "    uint64_t gap_most_us = UINT64_MAX;")]),
    "clock-of-its-own": ("lessor.c", ["worlds", "disks:61"], "a new leader's clock is not the cluster's", [
        ("    l->time_us = applied_ms * 1000 > l->time_us ? applied_ms * 1000 : l->time_us;",
         "    l->time_us = (applied_ms * 1000 > l->time_us ? applied_ms * 1000 : l->time_us) + now_us % 5000000;")]),
    "clock-unheard": ("lessor.c", "disks:45", "nobody listens when the leader says how late it is", [
        ("    l->heard_ms = is_later ? time_ms : l->heard_ms;", "    l->heard_ms = 0 * is_later;")]),
    "clock-of-terms-before": ("lessor.c", "unit:session", "what a leader before the last one said counts, though the last one's clock began further back", [
        ("    uint64_t heard_ms = l->heard_term >= term_before ? l->heard_ms : 0;", "    uint64_t heard_ms = l->heard_ms + 0 * term_before;")]),
    "lease-anew-at-failover": ("lessor.c", "disks:50 what", "the cluster's clock is not in the log while nothing is written", [
        ("    return l->is_leading && has_any && l->time_us / 1000", "    return l->is_leading && has_any && l->time_us / 100000")]),
    "lease-renewed-in-vain": ("kv_apply.c", "worlds", "an end that was decided before a lease was renewed ends it", [
        ("    if (c->kind == RAFT_COMMAND_LEASE_EXPIRE && lease->stamp != c->stamp) {", "    if (c->kind == RAFT_COMMAND_LEASE_EXPIRE && lease->stamp > c->stamp + 1) {"),
        ("        lease->renewed_ms = kv->time_ms;\n", "")]),
    "lease-for-good": ("kv_apply.c", ["disks:45", "worlds"], "what ran out is never proposed again, and not looked for", [
        ("    kv->due_ms = UINT64_MAX;\n    for", "    kv->due_ms = UINT64_MAX / 2;\n    if (kv->time_ms > 3000) {\n        return 0;\n    }\n    for")]),
    "done-again": ("session.c", ["worlds", "disks:44"], "a request that is sent again is done again", [
        ("    if (at < s->count && s->kept[at]->sequence == once->sequence) {", "    if (at < s->count && s->kept[at]->sequence == once->sequence && s->stamp % 3 != 0) {")]),
    "answers-not-in-snapshots": ("image.c", ["worlds", "disks:44"], "a snapshot has no answers of sessions", [
        ("        add_answer(b, s->id, s->kept[i]);", "        if (s->kept[i]->sequence % 4 != 0) {\n            add_answer(b, s->id, s->kept[i]);\n        }")]),
    "watch-over-a-gap": ("watch.c", "worlds", "a watch goes on over what was compacted, as if nothing had been there", [
        ("    if (from <= j->compacted) {", "    if (from + 20 <= j->compacted) {")]),
    # What is old, on disk.
    "event-points-before": ("journal.c", ["unit:kv_model", "unit:past"], "an event's own record is on disk, and the ring has that of the one before", [
        ("        slot->record = ref;", "        slot->record = r->before != 0 ? r->before : ref;")]),
    "past-given-back-early": ("past.c", ["unit:past", "unit:kv_model"], "room of old values is given back while some are needed", [
        ("p->chunk[gone].last < freed) {", "p->chunk[gone].last < freed + 40) {")]),
    "past-batch-over-chunks": ("past.c", ["unit:past", "worlds"], "what is written at once begins in one chunk and ends in another", [
        ("    bool is_next = in_chunk == 0 || in_chunk + size", "    bool is_next = in_chunk + size")]),
    "past-never-given-back": ("past.c", "unit:past", "room of old values is never given back", [
        ("p->chunk[gone].last < freed) {", "p->chunk[gone].last < freed / 1000) {")]),
    "past-unchecked": ("past.c", "unit:past", "what is read back is believed", [
        ("        raft_le_get32(at) != bytes_crc32c(0, at + AT_VALUE_SIZE, record_size(at) - AT_VALUE_SIZE)) {", "        false) {")]),
    "past-checked-in-part": ("past.c", "worlds", "the check over an old record has neither key nor value", [
        ("        raft_le_get32(at) != bytes_crc32c(0, at + AT_VALUE_SIZE, record_size(at) - AT_VALUE_SIZE)) {",
         "        raft_le_get32(at) != bytes_crc32c(0, at + AT_VALUE_SIZE, RAFT_PAST_HEAD - AT_VALUE_SIZE)) {"),
        ("    raft_le_put32(at, bytes_crc32c(0, at + AT_VALUE_SIZE, size - AT_VALUE_SIZE));",
         "    raft_le_put32(at, bytes_crc32c(0, at + AT_VALUE_SIZE, RAFT_PAST_HEAD - AT_VALUE_SIZE + 0 * size));")]),
    "lost-is-passed": ("watch.c", "worlds", "a watcher is led past an event that cannot be read back", [
        ("            end_at(j, at, &seen);\n            seen.lost = seen.next;\n            e = ERR_OK;\n            break;", "            e = ERR_OK;\n            continue;")]),
    "past-misplaced": ("past.c", "unit:past", "a record that was put elsewhere is believed", [
        ("    return raft_le_get64(at + AT_PLACE) == place && raft", "    return place > 0 && raft")]),
    "past-followed-too-far": ("image.c", ["unit:kv_model", "worlds"], "what was before a forgotten event is looked for", [
        ("r->modified > i->compacted ? raft_chain_before", "true ? raft_chain_before")]),
    "past-lost-when-full": ("past.c", ["unit:past", "unit:kv_model", "worlds"], "a write that failed counts as done", [
        ("        p->patience = RAFT_PAST_PATIENCE;\n        return false;", "        p->patience = RAFT_PAST_PATIENCE;")]),
    "image-forgets-its-place": ("image.c", ["unit:kv_model", "worlds"], "an image goes on with the next key where a piece ended within one", [
        ("    i->has_next = i->next != NULL;", "    i->has_next = false;")]),
    "past-walked": ("chain.c", "unit:past", "a state long ago is looked for in all that came later", [
        ("if (links >= LINKS_PLAIN && r->modified", "if (links > UINT32_MAX && r->modified")]),
    "past-leaps-to-any-key": ("chain.c", ["unit:past", "unit:kv_model"], "the walk goes on at another key's event", [
        ("    if (raft_span_order(raft_record_key(found), raft_record_key(r)) != 0) {", "    if (false) {")]),
    "sum-in-one-turn": ("image.c", "unit:past", "a hash is made of the whole store at once", [
        ("    enum err e = raft_image_next(&s->image, s->piece, sizeof s->piece, want, &size);", "    enum err e = raft_image_next(&s->image, s->piece, sizeof s->piece, want * sizeof s->piece, &size);")]),
    # Short cuts of the store.
    "marks-stay": ("tree.c", ["unit:tree", "unit:kv_model"], "a key that goes leaves its mark, and those behind it stand one off", [
        ("    memmove(&leaf->mark[at], &leaf->mark[at + 1], leaf->count - at - 1);\n", "")]),
    "mark-is-enough": ("tree.c", ["unit:tree", "unit:kv_model"], "whatever has the mark of a key is taken for it", [
        ("        if (raft_span_order(raft_record_key(*slot), key) == 0) {\n            return slot;\n        }", "        return slot;")]),
    "joined-unmarked": ("tree.c", "unit:tree", "what a leaf gets of its neighbour has no marks", [
        ("        memcpy(&left->mark[left->count], right->mark, right->count);\n", "")]),
    "guessed-is-right": ("journal.c", ["unit:kv_model", "unit:past"], "each revision is taken to have one event", [
        ("    if (at >= j->end || raft_journal_revision(j, at) != revision) {", "    if (at >= j->end) {")]),
    "no-rest": ("pace.c", "unit:pace", "one piece of a snapshot is made after the other, whatever else there is to do", [
        ("    p->next_us = ended_us + RAFT_PACE_REST * (ended_us - began_us);", "    p->next_us = ended_us;")]),
    "never-quiet": ("pace.c", "unit:pace", "whoever has nothing else to do rests all the same", [
        ("    return now_us - p->seen_us >= RAFT_PACE_QUIET_US;", "    return now_us - p->seen_us > UINT64_MAX / 2;")]),
    "watch-repeats": ("watch.c", "worlds", "a watch begins with the first change of a revision that it has seen in part", [
        ("raft_journal_seek(j, from, w->from_part)", "raft_journal_seek(j, from, 0)")]),
    # Members, and what brings them up.
    "waits-for-all": ("member.c", "24 nobody", "one that never comes keeps all others from being promoted", [
        ("        if ((c.member[i].flags & RAFT_PROMOTE) != 0 && has_caught_up(r, c.member[i].id)) {",
         "        if ((c.member[i].flags & RAFT_PROMOTE) != 0 && !has_caught_up(r, c.member[i].id)) {\n            return false;\n        }\n        if ((c.member[i].flags & RAFT_PROMOTE) != 0) {")]),
    "retired-at-once": ("member.c", "24 nobody", "a member leaves before its successor votes", [
        ("        if ((c.member[i].flags & RAFT_RETIRE) != 0 && is_replaced(&c, &c.member[i])) {", "        (void)is_replaced;\n        if ((c.member[i].flags & RAFT_RETIRE) != 0) {")]),
    "learners-count": ("config.c", ["unit:config", "worlds"], "a learner is one of those whose majority decides", [
        ("    bool is_new = has_majority(c, set, RAFT_VOTER, &voters);", "    bool is_new = has_majority(c, set, RAFT_VOTER | RAFT_LEARNER, &voters);")]),
    "damaged-votes": ("vote.c", ["worlds", "disks:"], "a member that has lost what it acknowledged votes", [
        ("m->term == r->vote.term && r->vote.voted_for == 0 && is_up_to_date(r, m) && r->damaged_to == 0", "m->term == r->vote.term && r->vote.voted_for == 0 && is_up_to_date(r, m)"),
        ("    bool yes = m->round > r->vote.term && is_up_to_date(r, m) && !is_hearing(r) && r->damaged_to == 0;", "    bool yes = m->round > r->vote.term && is_up_to_date(r, m) && !is_hearing(r);")]),
    "joint-left-early": ("member.c", ["worlds", "23", "unit:core"], "a joint configuration is left before both majorities have it", [
        ("    if (!may_change(r)) {\n        return;\n    }\n    if (raft_config_is_joint(raft_newest(r))) {",
         "    if (!may_change(r) && !(r->role == RAFT_LEADER && raft_config_is_joint(raft_newest(r)) && r->commit >= r->term_first)) {\n        return;\n    }\n    if (raft_config_is_joint(raft_newest(r))) {")]),
    "transfer-to-learner": ("transfer.c", "31", "leadership is handed to one without a vote", [
        ("peer == r->self || !raft_config_votes(raft_newest(r), peer) || raft", "peer == r->self || raft")]),
    "transfer-for-ever": ("transfer.c", ["31", "unit:core", "worlds"], "a leader waits for ever for one that is to take over", [
        ("    if (p == NULL || r->now_us >= r->transfer_us) {", "    if (p == NULL) {")]),
    "transfer-before-all": ("transfer.c", ["31", "unit:core", "worlds"], "whoever is to take over is told before it has everything", [
        ("    if (p != NULL && !r->is_transfer_sent && p->match == r->log.last) {", "    if (p != NULL && !r->is_transfer_sent) {")]),
    "verified-of-before": ("election.c", ["worlds", "unit:core"], "what was verified in a term before is taken for verified in this one", [
        ("        r->owed_heartbeat.kind = 0;\n        r->verified = r->commit; /* committed entries are in every later leader's log (3.6.3) */", "        r->owed_heartbeat.kind = 0;")]),
    "hint-too-high": ("append.c", ["unit:core", "unit:replicate", "worlds"], "a follower says that it has one entry more than it has", [
        ("        .kind = RAFT_MESSAGE_APPEND_ANSWER, .round = m->index, .index = hint,", "        .kind = RAFT_MESSAGE_APPEND_ANSWER, .round = m->index, .index = hint + (hint < r->log.last),")]),
    "skips-too-far": ("replicate.c", ["unit:core", "unit:replicate", "worlds"], "a leader goes back one entry less than it must", [
        ("    uint64_t next = raft_least(guess, m->round - 1) + 1;", "    uint64_t next = raft_least(guess, m->round - 1) + 2;")]),
    "starts-committed": ("core.c", ["worlds", "unit:core"], "whoever starts takes all of its log for committed", [
        ("void raft_core_start(struct raft *r, uint64_t now_us, struct raft_effects *fx)\n{", "void raft_core_start(struct raft *r, uint64_t now_us, struct raft_effects *fx)\n{\n    r->commit = r->verified = r->log.last;")]),

    # Images: what a member has that got a snapshot.
    "untied-in-images": ("image_load.c", ["unit:kv_model", "worlds"], "keys of a snapshot do not end with their lease", [
        ("    if (lease != NULL) {\n        raft_lease_tie(lease, r);\n    }\n", "")]),
    "leases-anew-in-images": ("image_load.c", ["unit:kv_model", "unit:session", "worlds"], "a lease of a snapshot begins anew", [
        ("raft_lease_grant(&kv->leases, id, ttl_ms, renewed_ms);", "raft_lease_grant(&kv->leases, id, ttl_ms, kv->time_ms);")]),
    "stamps-not-in-images": ("image_load.c", ["unit:kv_model", "unit:session", "worlds"], "a lease of a snapshot was never renewed", [
        ("    raft_lease_find(&kv->leases, id)->stamp = raft_le_get64(at + 16);\n", "")]),
    "acknowledged-not-in-images": ("image_load.c", ["unit:kv_model", "unit:session", "worlds"], "a session of a snapshot has acknowledged nothing", [
        ("    s->acknowledged = raft_le_get64(at + 24);\n", "")]),
    "restored-numbers-again": ("kv_apply.c", "unit:kv", "a session gets a number that a restore has brought", [
        ("        ret->number = next_id(kv, &kv->sessions.map);", "        ret->number = kv->applied;")]),
    "leases-overflow": ("kv_txn.c", "unit:kv", "a transaction puts more keys to a lease than an image may have", [
        ("            more.puts++;", "            more.puts += 0;")]),

    # Edges of what is forgotten, and of sessions.
    "watch-at-the-edge": ("watch.c", ["worlds", "unit:kv_model", "unit:session"], "a watch from the last revision that is forgotten goes on behind it", [
        ("    if (from <= j->compacted) {", "    if (from < j->compacted) {")]),
    "read-at-the-edge": ("kv_range.c", ["unit:kv_model", "worlds"], "what was before the oldest moment that is kept can be read", [
        ("revision < kv->journal.compacted)) {", "revision + 1 < kv->journal.compacted)) {")]),
    "ends-in-use": ("session.c", "unit:session", "the end of a session that was decided before it was used ends it", [
        ("    s->used_ms = now_ms;\n    s->stamp++;", "    s->used_ms = now_ms;")]),
    "keeps-no-lease": ("kv.c", ["unit:kv", "unit:kv_model"], "a value that is changed alone loses its lease", [
        ("(was_live ? raft_record_lease(old) : 0) : put->lease;", "0 : put->lease;")]),
}

CORE = ("append", "config", "core", "election", "log", "member", "out", "packet", "read", "replicate", "snapshot",
        "transfer", "vote", "ballot", "frame", "places", "snapshot_form", "wal", "wal_recover", "answer", "command",
        "chain", "command_write", "idmap", "image", "image_load", "journal", "kv", "kv_apply", "kv_range", "kv_txn", "lease",
        "lessor", "pace", "past", "record", "session", "span", "tree", "watch")
SOURCES = [*(f"raft/{c}.c" for c in CORE), "tests/sim/raft/*.c", "tests/unit/raft/test_core.c", "tests/unit/raft/test_replicate.c", "tests/unit/raft/kit.c",
           "tests/unit/raft/test_config.c", "tests/unit/raft/test_wal.c", "tests/unit/raft/test_ballot.c",
           "tests/unit/raft/test_session.c", "tests/unit/raft/test_pace.c", "tests/unit/raft/test_past.c", "tests/unit/raft/test_tree.c", "tests/unit/raft/test_kv.c", "tests/unit/raft/test_kv_model.c",
           "tests/unit/raft/store_kit.c",
           "tests/support/past_disk.c", "tests/unit/raft/wal_kit.c", *(f"tests/linear/{l}.c" for l in ("check", "history", "idle")),
           "tests/sim/world/[!t]*.c", *(f"common/base/{b}.c" for b in ("bytes", "err", "rng"))]


def program(finder, _file, args):
    if finder.startswith("unit:"):
        main = f"tests/unit/raft/test_{finder.removeprefix('unit:')}.c"
        return lambda s: s == main or not (s.startswith(("tests/sim/", "tests/linear/")) or "/test_" in s), []
    number = re.match(r"\d+", finder)
    main = "test_sim_raft.c" if finder == "worlds" else "test_raft_disks.c" if finder.startswith("disks:") else (
        "test_raft_members.c" if number and 23 <= int(number[0]) <= 40 else "test_raft_scenes.c")

    def belongs(source):
        name = os.path.basename(source)
        return not source.startswith("tests/unit") and (not name.startswith("test_") or name == main) and (
            finder != "worlds" or name != "scene.c")
    return belongs, ["--worlds", str(args.worlds)] if finder == "worlds" else ["--only", finder.removeprefix("disks:")]


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "raft", SOURCES, program, worlds=1500, patience=60,
                           libraries=("-lm", "-ljansson", "-lsodium")).main())
