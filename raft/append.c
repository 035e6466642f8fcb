/* A follower's side of replication (thesis, 3.5 and figure 3.1: AppendEntries; 10.2.1: what it says is durable). */
#include <assert.h>

#include "raft/topics.h"

/* Section 3.5: how far this log is the leader's, as far as it is on disk. Before the term is durable nothing is
 * said in it. */
void raft_append_acknowledge(struct raft *r)
{
    uint64_t match = raft_least(r->verified, r->stored);

    if (r->role != RAFT_FOLLOWER || r->leader == 0 || !raft_is_vote_durable(r)) {
        return;
    }
    if (r->owed_heartbeat.kind != 0) {
        struct raft_message m = r->owed_heartbeat;
        r->owed_heartbeat.kind = 0;
        m.match = match;
        m.received = r->verified;
        raft_out_send(r, r->leader, m);
    }
    if (r->owes_ack || match > r->acked) {
        raft_out_send(r, r->leader, (struct raft_message){.kind = RAFT_MESSAGE_APPEND_ANSWER, .is_ok = true,
                                                          .match = match, .received = r->verified});
        r->acked = match;
        r->owes_ack = false;
    }
}

/* The log does not have what comes before the entries. The hint lets the leader skip a whole term (section 3.5,
 * "the protocol can be optimized"): all behind `index` is of terms that the leader's log cannot have before
 * the refused one. */
static void refuse(struct raft *r, const struct raft_message *m)
{
    uint64_t hint = raft_log_find(&r->log, raft_least(m->index, r->log.last), m->index_term);

    r->counters.refused++;
    if (raft_is_vote_durable(r)) {
        raft_out_send(r, r->leader, (struct raft_message){
            .kind = RAFT_MESSAGE_APPEND_ANSWER, .round = m->index, .index = hint,
            .index_term = raft_log_term(&r->log, hint), .match = raft_least(r->verified, r->stored),
            .received = r->verified});
    }
}

/* Take `skip` entries off the front of a run. */
static struct raft_run behind(struct raft_run run, uint64_t skip)
{
    struct raft_entry e;
    uint32_t at = 0;

    assert(skip <= run.count);
    for (uint64_t i = 0; i < skip; i++) {
        bool is_there = raft_packet_entry(&run, &at, &e);
        assert(is_there); /* the packet was read whole */
        (void)is_there;
    }
    run.first += skip;
    run.count -= (uint32_t)skip;
    run.bytes += at;
    run.size -= at;
    return run;
}

static void truncate(struct raft *r, uint64_t first)
{
    assert(first > r->commit); /* leader completeness (3.6.3): what is committed is never taken back */
    raft_log_truncate(&r->log, first);
    raft_member_truncate(r, first);
    r->epoch++;
    r->stored = raft_least(r->stored, first - 1);
    struct raft_effect *e = raft_out(r, RAFT_FX_TRUNCATE);
    e->index = first;
    e->epoch = r->epoch;
}

/* Figure 3.1, AppendEntries 3 and 4: an entry that conflicts takes all behind it with it; what is there already is
 * left alone, for the message may be an old one. */
static enum err take(struct raft *r, struct raft_run run)
{
    uint64_t last = run.first + run.count - 1;
    uint64_t same = raft_log_same_until(&r->log, run.first, last, run.term);

    if (same >= last) {
        return ERR_OK;
    }
    if (raft_log_term(&r->log, same) > run.term || same < r->commit ||
        (same < r->log.last && !raft_member_can_truncate(r, same + 1))) {
        return ERR_FAULT;
    }
    run = behind(run, same + 1 - run.first);
    enum err e = raft_member_scan(r, &run, false);
    if (e != ERR_OK) {
        return e;
    }
    if (same < r->log.last) {
        truncate(r, same + 1);
    }
    raft_log_append(&r->log, run.count, run.term, run.size);
    struct raft_effect *fx = raft_out(r, RAFT_FX_APPEND);
    fx->run = run;
    fx->source = RAFT_SOURCE_MESSAGE;
    fx->epoch = r->epoch;
    return raft_member_scan(r, &run, true);
}

enum err raft_append_taken(struct raft *r, const struct raft_message *m)
{
    struct raft_run run = m->run;
    uint64_t prev = m->index, last = m->index + run.count;

    if (!r->has_room) {
        return ERR_NOMEM;
    }
    if (prev > r->commit && raft_log_term(&r->log, prev) != m->index_term) {
        if (prev <= r->verified) {
            return ERR_FAULT; /* two leaders in one term, or a leader that changed its log */
        }
        refuse(r, m);
        return ERR_OK;
    }
    /* What is committed agrees with every leader's log (3.6.3), in the log or below it. */
    if (last > r->commit) {
        if (prev < r->commit) {
            run = behind(run, r->commit - prev);
        }
        if (run.count > 0) {
            enum err e = take(r, run);
            if (e != ERR_OK) {
                return e;
            }
        }
        r->verified = raft_most(r->verified, last);
    }
    raft_append_commit(r, raft_least(m->commit, r->verified));
    r->owes_ack = true;
    /* Entries that are not on disk yet are acknowledged when they are, and all before with them. */
    if (raft_least(r->verified, r->stored) >= raft_least(last, r->verified)) {
        raft_append_acknowledge(r);
    }
    return ERR_OK;
}

void raft_append_heartbeat(struct raft *r, const struct raft_message *m)
{
    uint64_t since_us = r->beat_us == 0 ? 0 : r->now_us - r->beat_us;

    r->beat_us = r->now_us;
    raft_election_late(r, since_us > r->tuning.heartbeat_us ? since_us - r->tuning.heartbeat_us : 0);
    /* Only what is known to be the leader's can be committed by its word. */
    raft_append_commit(r, raft_least(m->commit, r->verified));
    r->owed_heartbeat = (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT_ANSWER, .round = m->round,
                                              .sent_us = m->sent_us};
    raft_append_acknowledge(r);
}

void raft_append_stored(struct raft *r, const struct raft_event *ev)
{
    /* Of an earlier epoch: part of it may have been overwritten since. The APPEND that follows a TRUNCATE says
     * what is so in this one. The term is looked at too: it costs nothing. */
    if (ev->epoch != r->epoch || ev->index <= r->stored || raft_log_term(&r->log, ev->index) != ev->term) {
        r->counters.stale++;
        return;
    }
    r->stored = ev->index;
    if (r->role == RAFT_LEADER) {
        raft_replicate_commit(r);
    } else {
        raft_append_acknowledge(r);
    }
    raft_append_repaired(r);
}

void raft_append_commit(struct raft *r, uint64_t to)
{
    if (to <= r->commit) {
        return;
    }
    assert(to <= r->log.last);
    r->commit = to;
    raft_out(r, RAFT_FX_COMMIT)->index = to;
    raft_member_committed(r);
    raft_append_repaired(r);
}

/* A damaged log is whole again when it has all that it may once have acknowledged, and an entry committed in the
 * term of today's leader, behind all that was committed before (3.6.3). */
void raft_append_repaired(struct raft *r)
{
    if (r->damaged_to != 0 && raft_least(r->verified, r->stored) >= raft_most(r->damaged_to, r->commit) &&
        raft_log_term(&r->log, r->commit) == r->vote.term) {
        r->damaged_to = 0;
        raft_out(r, RAFT_FX_REPAIRED);
    }
}
