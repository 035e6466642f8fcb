/* Linearizable reads without the log (thesis, 6.4): a read is answered from the state at its index, once a quorum
 * has confirmed after the read began that the leader still leads. A confirmation belongs to the reads that
 * were there when its round began, and to no later one. */
#include <assert.h>
#include <string.h>

#include "raft/topics.h"

static void drop(struct raft *r, uint32_t i)
{
    r->reads--;
    memmove(&r->read[i], &r->read[i + 1], (r->reads - i) * sizeof r->read[0]);
}

static void ready(struct raft *r, const struct raft_read *read)
{
    if (read->asker != 0) {
        raft_out_send(r, read->asker, (struct raft_message){.kind = RAFT_MESSAGE_READ_ANSWER, .is_ok = true,
                                                            .index = read->index, .round = read->context});
        return;
    }
    struct raft_effect *e = raft_out(r, RAFT_FX_READ_READY);
    e->context = read->context;
    e->index = read->index;
}

static void fail(struct raft *r, const struct raft_read *read)
{
    if (read->asker != 0) {
        raft_out_send(r, read->asker,
                      (struct raft_message){.kind = RAFT_MESSAGE_READ_ANSWER, .round = read->context});
    } else {
        raft_out(r, RAFT_FX_READ_FAILED)->context = read->context;
    }
}

void raft_read_fail(struct raft *r)
{
    for (uint32_t i = 0; i < r->reads; i++) {
        fail(r, &r->read[i]);
    }
    r->reads = 0;
}

/* Section 6.4, 1: before the first commit of its term a leader does not know what is committed. */
static bool knows_commit(const struct raft *r)
{
    return r->commit >= r->term_first;
}

/* Section 6.4.1: while a quorum was heard so lately that it cannot have elected another. A member denies its vote
 * for election_us from when it heard, which is later than when it was sent to; a tenth is for clocks that
 * differ. Who was asked to take over may do so at any time from then on. */
static bool has_lease(const struct raft *r)
{
    uint64_t lease_us = r->tuning.election_us - r->tuning.election_us / 10;

    return r->tuning.has_lease && r->transfer_to == 0 && !r->is_lease_broken &&
           r->now_us - raft_replicate_quorum_us(r) < lease_us;
}

/* Answer what is confirmed, and begin the next round when none is under way and reads wait for one. */
void raft_read_advance(struct raft *r)
{
    uint64_t confirmed = raft_replicate_quorum_round(r);
    bool is_under_way = false, is_waiting = false;

    if (r->role != RAFT_LEADER || r->reads == 0 || !knows_commit(r)) {
        return;
    }
    for (uint32_t i = 0; i < r->reads;) {
        if (r->read[i].round != 0 && r->read[i].round <= confirmed) {
            ready(r, &r->read[i]);
            drop(r, i);
            continue;
        }
        is_under_way |= r->read[i].round != 0;
        is_waiting |= r->read[i].round == 0;
        i++;
    }
    if (is_under_way || !is_waiting) {
        return;
    }
    for (uint32_t i = 0; i < r->reads; i++) {
        r->read[i].round = r->round + 1;
        r->read[i].index = r->commit;
    }
    raft_replicate_heartbeats(r);
    if (raft_replicate_quorum_round(r) == r->round) { /* alone */
        raft_read_advance(r);
    }
}

static void add(struct raft *r, struct raft_read read)
{
    if (knows_commit(r) && has_lease(r)) {
        read.index = r->commit;
        ready(r, &read);
        return;
    }
    r->read[r->reads++] = read;
    raft_read_advance(r);
}

enum err raft_read_wanted(struct raft *r, uint64_t context)
{
    if (r->role != RAFT_LEADER && r->leader == 0) {
        return ERR_NOT_LEADER;
    }
    if (r->reads == RAFT_READS_MAX) {
        return ERR_LIMIT;
    }
    if (r->role == RAFT_LEADER) {
        add(r, (struct raft_read){.context = context});
        return ERR_OK;
    }
    /* Section 6.4: a follower asks the leader for the index. The number is never used again, in this life or
     * another (it begins at random): an answer can only be to this question. */
    struct raft_read read = {.context = context, .round = ++r->read_number, .is_forwarded = true,
                             .deadline_us = r->now_us + 2 * r->tuning.election_us};
    r->read[r->reads++] = read;
    raft_out_send(r, r->leader, (struct raft_message){.kind = RAFT_MESSAGE_READ_ASK, .round = read.round});
    return ERR_OK;
}

void raft_read_asked(struct raft *r, const struct raft_message *m)
{
    struct raft_read read = {.context = m->round, .asker = m->from};

    if (r->role != RAFT_LEADER || r->reads == RAFT_READS_MAX || raft_replicate_find(r, m->from) == NULL) {
        fail(r, &read);
        return;
    }
    add(r, read);
}

void raft_read_answered(struct raft *r, const struct raft_message *m)
{
    for (uint32_t i = 0; i < r->reads; i++) {
        struct raft_read read = r->read[i];
        if (read.is_forwarded && read.round == m->round) {
            drop(r, i);
            read.index = m->index;
            (m->is_ok ? ready : fail)(r, &read);
            return;
        }
    }
}

void raft_read_clock(struct raft *r)
{
    for (uint32_t i = 0; i < r->reads;) {
        struct raft_read read = r->read[i];
        if (read.is_forwarded && read.deadline_us <= r->now_us) {
            drop(r, i);
            fail(r, &read);
        } else {
            i++;
        }
    }
}

uint64_t raft_read_due_us(const struct raft *r)
{
    uint64_t due_us = UINT64_MAX;

    for (uint32_t i = 0; i < r->reads; i++) {
        if (r->read[i].is_forwarded) {
            due_us = raft_least(due_us, r->read[i].deadline_us);
        }
    }
    return due_us;
}
