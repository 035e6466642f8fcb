#!/usr/bin/env python3
"""Planted bugs in cell-raft as it is shipped: each is built into a copy of the program, and the tests with real processes must
find it. By hand, for it takes minutes; the simulations have a list of their own. A bug whose place is no longer in the
source counts as escaped.

Usage: raft_plants.py --build DIR [--seconds N] [NAME ...]
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))

from support.variant import judge_pytest, plant, run_pytest, try_all # pylint: disable=wrong-import-position

HISTORIES = "test_raft_linear.py -k killed_and_stopped[3]"

# name: (file, what goes wrong, the tests that see it, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "no-sync": ("syncer.c", "the log is never synced", "test_raft_disks.py -k loss_of_power", [
        ("e == ERR_OK && fdatasync(y->segment_fd) != 0", "false")]),
    "all-wait": ("config.c", "all who follow wait for their disks", "test_raft_disks.py -k depose_nobody", [
        ("    return !raft_config_is_joint(c) && before + voters / 2 + 1 < there;", "    return !raft_config_is_joint(c) && before + 1 < there;")]),
    "sync-again": ("syncer.c", "a sync that failed is done again", "test_raft_disks.py -k sync_that_fails", [
        ("e == ERR_OK && fdatasync(y->segment_fd) != 0", "e == ERR_OK && fdatasync(y->segment_fd) != 0 && fdatasync(y->segment_fd) != 0")]),
    "alone-is-a-quorum": ("replicate.c", "a leader commits what it has on its own disk", "test_raft.py -k leader_alone", [
        ("uint64_t to = quorum_of(r, offsetof(struct raft_peer, match), r->stored);", "uint64_t to = r->stored;")]),
    "stale-leader": ("read.c", "a leader answers reads without asking whether it leads", "test_raft_partitions.py -k see_one_store", [
        ("    return r->tuning.has_lease && r->transfer_to == 0", "    return true || r->transfer_to == 0")]),
    "stale-follower": ("service_wait.c", "every read is answered from what this member has", HISTORIES, [
        ("if (freshness == CELL__RAFT__FRESHNESS__STALE) {", "if (freshness != CELL__RAFT__FRESHNESS__NOT_OLDER) {")]),
    "applied-twice": ("shell_apply.c", "each tenth command is applied twice", HISTORIES, [
        ("    enum err e = raft_kv_apply(&s->kv, index,", "    if (index % 10 == 0) {\n        (void)!raft_kv_apply(&s->kv, index, entry->bytes, entry->size, &answer);\n    }\n    enum err e = raft_kv_apply(&s->kv, index,")]),
    "applied-by-some": ("shell_apply.c", "a member skips a command while it does not lead", HISTORIES, [
        ("    if (entry->kind != RAFT_ENTRY_COMMAND) {", "    if (entry->kind != RAFT_ENTRY_COMMAND || (index % 40 == 0 && s->lead_index == 0)) {")]),
    "lost-is-refused": ("shell_ask.c", "who loses leadership says that what waits was not done", "test_raft.py -k leader_alone", [
        ("    end_uncommitted(s, e);\n    if (s->change", "    end_uncommitted(s, ERR_NOT_LEADER);\n    if (s->change")]),
    "session-forgotten": ("session.c", "a request that is sent again is done again", HISTORIES, [
        ("    if (at < s->count && s->kept[at]->sequence == once->sequence) {", "    if (false) {"),
        ("    assert(at == s->count || s->kept[at]->sequence != sequence);\n", "")]),
    "lease-early": ("lessor.c", "the clock of leases goes twice as fast", HISTORIES, [
        ("l->time_us += gap_us < gap_most_us ? gap_us : gap_most_us;", "l->time_us += 2 * gap_us;")]),
    "lease-for-ever": ("lessor.c", "the clock of leases stands", HISTORIES, [
        ("l->time_us += gap_us < gap_most_us ? gap_us : gap_most_us;", "l->time_us += 0 * gap_most_us;")]),
    "keep-ends-nothing": ("kv_apply.c", "a lease that is kept alive lives no longer for it", HISTORIES, [
        ("        lease->renewed_ms = kv->time_ms;\n        lease->stamp++;", "        lease->stamp++;")]),
    "watch-skips": ("watch.c", "a page of events ends behind the one that did not fit", HISTORIES, [
        ("    struct raft_seen seen = {.next = from > kv->revision ? from : kv->revision + 1,", "    struct raft_seen seen = {.next = from > kv->revision ? from : kv->revision + 1 + (kv->revision % 64 == 0),")]),
    "watch-repeats": ("watch.c", "a watch begins once more at the last event", HISTORIES, [
        ("    struct raft_seen seen = {.next = from > kv->revision ? from : kv->revision + 1,", "    struct raft_seen seen = {.next = from > kv->revision ? from : kv->revision + (kv->revision % 64 != 0),")]),
    "same-identity": ("found.c", "a member without its disk is who it was", "test_raft.py -k without_its_disk", [
        ("    struct raft_config alone = {0};\n\n    s->member = draw_id();", "    struct raft_config alone = {0};\n\n    s->member = 1000 + (uint64_t)s->settings.self[5];")]),
    "rot-believed": ("frame.c", "the bytes of entries are not compared with their check", "test_raft.py -k rot", [
        ("                    bytes_crc32c(0, body, f->size) == f->body_check;", "                    (void *)bytes_crc32c != NULL;")]),
    "owes-nothing": ("store_repair.c", "a member whose snapshot is rotten is taken for whole when it has lost all that it had", "test_raft.py -k rotten", [
        ("    owe(s, w->last);\n", "    (void)owe;\n")]),
    "rotten-for-ever": ("shell_snapshot.c", "a leader sends the same rotten snapshot again and again", "test_raft.py -k rotten", [
        ("    if (*sent_to(s, one->peer) != one->index ||", "    if (*sent_to(s, one->peer) != UINT64_MAX ||")]),
    "rot-in-place": ("shell_snapshot.c", "a rotten snapshot is taken for none there, and its place not cleared", "test_raft.py -k rotten", [
        ("    if (s->store.rotten_snapshot == 0) {", "    if (s->store.rotten_snapshot != 1) {")]),
    "removed-untold": ("member.c", "who was removed while it was away is not told", "test_raft.py -k old_disk", [
        ("    for (uint32_t i = r->slots; i > 0; i--) {\n        const struct raft_slot *s = &r->slot[i - 1];\n        if (raft_config_find(&s->config, id)", "    for (uint32_t i = 0; i > 0; i--) {\n        const struct raft_slot *s = &r->slot[i - 1];\n        if (raft_config_find(&s->config, id)")]),
    "removed-is-healthy": ("shell.c", "Health does not say that a member is removed", "test_raft.py -k old_disk", [
        ("    cell_set_trouble(s->cell, trouble[0] != '\\0' ? trouble : NULL);", "    (void)trouble;")]),
    "unmade-unsaid": ("shell_ask.c", "nobody is told that snapshots fail", "test_raft_store.py -k rot_there", [
        ("    return s->trouble[0] == '\\0' && s->snapshots.trouble != NULL ? s->snapshots.trouble : s->trouble;", "    return s->trouble;")]),
    "unmade-for-ever": ("shell_snapshot.c", "a snapshot that succeeds does not end the trouble about one that failed", "test_raft_store.py -k rot_there", [
        ("    n->is_making = n->is_ending = false;\n    n->trouble = NULL;", "    n->is_making = n->is_ending = false;")]),
    "watch-stuck": ("watch.c", "a watcher that comes to a rotten value is refused for ever", "test_raft_store.py -k rot_there", [
        ("            seen.lost = seen.next;\n            e = ERR_OK;", "            seen.lost = seen.next;")]),
    "rot-uncounted": ("shell_apply.c", "old values that rot are not counted", "test_raft_store.py -k rot_there", [
        ("(double)(past->rotten - s->told.rotten)", "0 * (double)past->rotten")]),
    "lease-unheard": ("lessor.c", "nobody listens when the leader says how late it is", "test_raft.py -k lease_keeps", [
        ("    l->heard_ms = is_later ? time_ms : l->heard_ms;", "    l->heard_ms = 0 * is_later;")]),
    "last-batch-dropped": ("wal_recover.c", "a whole last frame is taken for torn", "test_raft_hardships.py -k one_moment", [
        ("    *ret_body = bytes + RAFT_FRAME_HEAD;\n    return found;",
         "    struct raft_frame after;\n    uint32_t more;\n    const uint8_t *next = view(k, segment, at + whole, RAFT_FRAME_HEAD, &more);\n"
         "    if (found == RAFT_FRAME_WHOLE && ret->kind == RAFT_FRAME_ENTRIES && ret->sequence > 9 &&\n"
         "        raft_frame_look(&k->w->owner, next, more, at + whole, &after) != RAFT_FRAME_WHOLE) {\n        return RAFT_FRAME_TORN;\n    }\n"
         "    bytes = view(k, segment, at, whole, &size);\n    *ret_body = bytes + RAFT_FRAME_HEAD;\n    return found;")]),
    "loaded-beside": ("shell_install.c", "a snapshot is loaded, and the old store stays", "test_raft.py -k far_behind", [
        ("    s->kv = n->kv;\n    n->kv = old;", "    s->kv = old;")]),
    "time-that-is-set": ("common/run/loop.c", "time goes by the wall clock", "test_raft_hardships.py -k wall", [
        ("    (void)clock_gettime(CLOCK_MONOTONIC, &t);", "    (void)clock_gettime(CLOCK_REALTIME, &t);")]),
    "leases-by-the-wall": ("lessor.c", "leases go by the wall clock", "test_raft_hardships.py -k wall", [
        ("#include <assert.h>\n", "#include <assert.h>\n#include <time.h>\n"),
        ("        l->seen_us += gap_us;", "        l->seen_us += gap_us + 0 * gap_most_us;"),
        ("l->time_us += gap_us < gap_most_us ? gap_us : gap_most_us;", "l->time_us = (uint64_t)time(NULL) * 1000000;")]),
    "hangs-up-first": ("shell.c", "a leader that is told to end leaves the others to find out", "test_raft.py -k was_told_to", [
        ("        (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_TRANSFER});\n", "")]),
    "heartbeats-in-line": ("lane.c", "heartbeats go the way of entries", "test_raft.py -k way_of_their_own", [
        ("                           .is_urgent = lane->is_urgent,", "                           .is_urgent = false,")]),
    "no-greeting": ("peers.c", "whoever comes back says nothing", "test_raft.py -k was_away", [
        ("            raft_lane_greet(&s->peers.peer[i].lane[0]);", "            (void)raft_lane_greet;")]),
    "kept-away": ("peers.c", "entries that come before their segment are thrown away", "test_raft_disks.py -k made_slowly", [
        ("p->kept_count < RAFT_PEERS_KEPT &&", "false &&")]),
    "no-lock": ("store_open.c", "two processes use one directory", "test_raft.py -k second_process", [
        ("flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0", "s->lock_fd < 0")]),
    "read-one-early": ("shell_ask.c", "a read is answered one entry before its own", "test_raft_members.py -k just_acknowledged", [
        ("        if (p->index > s->applied) {", "        if (p->index > s->applied + 1) {")]),
    "compared-when-proposed": ("service.c", "what is compared is what there was when it was asked", "test_raft_store.py -k compare_at_once", [
        ("    raft_service_begin(v, &w, RAFT_COMMAND_TXN, &once);\n    e = raft_wire_cas(call, ask, &w);",
         "    const struct raft_record *there;\n    struct raft_bytes key = {ask->key.data, (uint32_t)ask->key.len};\n"
         "    if (!ask->deletes && raft_kv_get(raft_shell_kv(v->shell), key, 0, &there) == ERR_OK && ask->compares_value &&\n"
         "        raft_record_value(there).size == ask->expected.len && memcmp(raft_record_value(there).at, ask->expected.data, ask->expected.len) == 0) {\n"
         "        struct raft_op op = {.kind = RAFT_OP_PUT, .put = {.key = key, .value = {ask->value.data, (uint32_t)ask->value.len}}};\n"
         "        raft_service_begin(v, &w, RAFT_COMMAND_TXN, &once);\n        raft_command_txn(&w);\n"
         "        raft_command_op(&w, false, &op);\n        return raft_service_propose(v, call, request, &w, answer_cas);\n    }\n"
         "    raft_service_begin(v, &w, RAFT_COMMAND_TXN, &once);\n    e = raft_wire_cas(call, ask, &w);"),
        ("#include \"common/run/log.h\"\n", "#include \"common/run/log.h\"\n#include <string.h>\n")]),
    "successor-stays": ("config.c", "who should have come in the place of another, and was lost as well, keeps the next one out", "test_raft_members.py -k twice", [
        ("    if ((c->member[i].flags & RAFT_LEARNER) == 0) {", "    if (true) {")]),
    "any-directory": ("found.c", "the directory of another member is taken", "test_raft_members.py -k swapped", [
        ("        if (strcmp(s->settings.peer[i], contact) == 0 && !is_self(s, i)) {", "        if (strcmp(s->settings.peer[i], contact) == 0 && false) {")]),
    "followers-answer": ("service_members.c", "whoever follows says which members there are not", "test_raft_members.py -k leader_alone", [
        ("    if (ret->leader == 0 || ret->leader != ret->self) {", "    if (false) {")]),
    "transfer-unsaid": ("service_members.c", "who handed over does not say to whom", "test_raft_members.py -k hands_over", [
        ("    if (s.leader == 0 && !is_over) {", "    if (false) {")]),
    "removed-in-silence": ("service_watch.c", "who watches a member that was removed waits", "test_raft_members.py -k sends_callers_on", [
        ("    if (raft_shell_is_removed(w->v->shell)) {", "    if (false) {")]),
    "removed-names-nobody": ("shell_ask.c", "a removed member does not say whom to ask", "test_raft_members.py -k sends_callers_on", [
        ("    if (v.is_removed && v.config->count > 0) {", "    if (false) {")]),
    "backups-stay": ("service_backup.c", "a backup that was read keeps its place for a minute", "test_raft_store.py -k another_cluster", [
        ("        if (b->image.is_ended && (ended", "        if (false && (ended")]),
    "guests-unheard": ("peers.c", "a leader that is in no configuration here is not answered", "test_raft.py -k every_disk", [
        ("    struct raft_peer *peer = find(&s->peers, m.id);\n    if (peer == NULL) {", "    struct raft_peer *peer = find(&s->peers, m.id);\n    if (peer == NULL && raft_core_view(s->core).config->count == 0) {"),
        ("        s->peers.peer[i].is_member = false;", "        s->peers.peer[i].is_member = false;\n        s->peers.peer[i].is_gone |= s->peers.peer[i].id != 0 && raft_config_find(c, s->peers.peer[i].id) == RAFT_MEMBERS_MAX;")]),
}


def path_of(file):
    return file if "/" in file else f"raft/{file}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=float, default=6, help="of histories")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()

    def try_one(name):
        file, _, words, changes = PLANTS[name]
        return plant(args.build, path_of(file), "cell-raft", changes,
                     lambda place: judge_pytest(run_pytest(words, place, CELL_TEST_SECONDS=str(args.seconds)), words))
    return try_all(args.names or list(PLANTS), lambda name: PLANTS[name][1], try_one)


if __name__ == "__main__":
    sys.exit(main())
