/* Compaction (thesis, 5.1) and bringing a member up by a snapshot (5.1, figure 5.3: InstallSnapshot). What is in a
 * snapshot, and its chunks, are the shell's. */
#include <assert.h>

#include "raft/topics.h"

/* ---- sending ----------------------------------------------------------------------------------------- */

void raft_snapshot_send(struct raft *r, struct raft_peer *p)
{
    if (r->now_us < p->probe_us) {
        return;
    }
    r->counters.snapshots++;
    p->progress = RAFT_IN_SNAPSHOT;
    p->moved_us = r->now_us;
    raft_out(r, RAFT_FX_SNAPSHOT_SEND)->peer = p->id;
}

void raft_snapshot_sent(struct raft *r, const struct raft_event *ev)
{
    struct raft_peer *p = raft_replicate_find(r, ev->peer);

    if (r->role != RAFT_LEADER || p == NULL || p->progress != RAFT_IN_SNAPSHOT) {
        return;
    }
    raft_replicate_probe(r, p, (ev->is_up ? raft_most(p->match, r->snapshot) : p->match) + 1);
    p->probe_us = r->now_us + r->tuning.heartbeat_us;
}

void raft_snapshot_clock(struct raft *r, struct raft_peer *p)
{
    if (p->progress == RAFT_IN_SNAPSHOT &&
        r->now_us - p->moved_us > RAFT_SNAPSHOT_TIMES * r->tuning.election_us) {
        raft_out(r, RAFT_FX_SNAPSHOT_ABORT)->peer = p->id;
        raft_replicate_probe(r, p, p->match + 1);
    }
}

void raft_snapshot_stop(struct raft *r)
{
    for (uint32_t i = 0; i < r->peers; i++) {
        if (r->peer[i].progress == RAFT_IN_SNAPSHOT) {
            r->peer[i].progress = RAFT_PROBE;
            raft_out(r, RAFT_FX_SNAPSHOT_ABORT)->peer = r->peer[i].id;
        }
    }
}

void raft_snapshot_answered(struct raft *r, const struct raft_message *m)
{
    struct raft_peer *p = raft_replicate_find(r, m->from);

    if (r->role == RAFT_LEADER && p != NULL && p->progress == RAFT_IN_SNAPSHOT) {
        struct raft_effect *e = raft_out(r, RAFT_FX_SNAPSHOT_MORE);
        p->moved_us = r->now_us;
        e->peer = m->from;
        e->index = m->round;
        e->is_ok = m->is_ok;
    }
}

/* ---- receiving ----------------------------------------------------------------------------------------- */

void raft_snapshot_chunk(struct raft *r, const struct raft_message *m)
{
    if (m->index <= r->commit) {
        r->owes_ack = true; /* all of that is here: the leader may go on with entries */
        raft_append_acknowledge(r);
        return;
    }
    /* A chunk that cannot be answered yet, for the term is not on disk, is left to come again. */
    if (raft_is_vote_durable(r)) {
        raft_out(r, RAFT_FX_SNAPSHOT_CHUNK);
    }
}

/* Figure 5.3, 6 to 8: a log that has the snapshot's last entry goes on behind it; any other is of no use. */
void raft_snapshot_received(struct raft *r, const struct raft_event *ev)
{
    bool goes_on = raft_log_term(&r->log, ev->index) == ev->term;

    if (ev->index <= r->commit || r->role == RAFT_LEADER) {
        raft_out(r, RAFT_FX_SNAPSHOT_ABORT);
        return;
    }
    r->stored = goes_on ? r->stored : raft_least(r->stored, r->commit);
    if (goes_on) {
        raft_log_cut(&r->log, ev->index);
    } else {
        raft_log_reset(&r->log, ev->index, ev->term);
        r->epoch++; /* nothing that was written before says anything about this log */
    }
    r->commit = r->applied = r->snapshot = ev->index;
    r->snapshot_term = ev->term;
    /* Committed, so in the log of every leader; behind it only what was verified in this term. */
    r->verified = goes_on ? raft_most(r->verified, ev->index) : ev->index;
    struct raft_effect *e = raft_out(r, RAFT_FX_SNAPSHOT_INSTALL);
    e->index = ev->index;
    e->term = ev->term;
    e->is_ok = goes_on;
    e->epoch = r->epoch;
    if (!goes_on || raft_config_index(r) <= ev->index) {
        raft_member_set(r, ev->index, ev->config);
        r->config_told = 0;
    }
    raft_member_committed(r);
}

void raft_snapshot_installed(struct raft *r, const struct raft_event *ev)
{
    if (ev->epoch != r->epoch || raft_log_term(&r->log, ev->index) != ev->term || ev->index <= r->stored) {
        return;
    }
    r->stored = ev->index;
    r->owes_ack = true;
    raft_append_acknowledge(r);
    raft_append_repaired(r);
}

/* ---- compaction ---------------------------------------------------------------------------------------- */

/* A member that lags by less than that is brought up by entries: they are fewer bytes than a snapshot of all there is, and
 * it need not be loaded. Who lags more is not waited for. */
static uint64_t keep_for_members(const struct raft *r, uint64_t cut)
{
    for (uint32_t i = 0; r->role == RAFT_LEADER && i < r->peers; i++) {
        uint64_t match = r->peer[i].match;
        if (match >= r->log.base && match < cut && raft_log_bytes_after(&r->log, match) <= r->tuning.kept_bytes) {
            cut = match;
        }
    }
    return cut;
}

void raft_snapshot_made(struct raft *r, uint64_t index)
{
    uint64_t term = raft_log_term(&r->log, index);

    if (index <= r->snapshot || index > r->commit || term == 0) {
        return;
    }
    r->snapshot = index;
    r->snapshot_term = term;
    /* Not past what is on disk, or the log would have a hole there after a crash. */
    uint64_t cut = raft_least(index, r->stored);
    cut = keep_for_members(r, cut > r->tuning.tail ? cut - r->tuning.tail : 0);
    if (cut > r->log.base) {
        raft_log_cut(&r->log, cut);
        raft_out(r, RAFT_FX_CUT)->index = cut;
    }
}
