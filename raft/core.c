#include "raft/core.h"

#include <assert.h>
#include <string.h>

#include "raft/topics.h"

enum {
    HEARTBEAT_US = 40000,       /* etcd 100,000: heartbeats here have a link of their own               */
    ELECTION_US = 200000,       /* five heartbeats; a closed link is noticed at once, this is for hangs  */
    UNCOMMITTED_BYTES = 64 << 20,
    TAIL = 10000,               /* etcd: SnapshotCatchUpEntries 5,000                                    */
};

struct raft_tuning raft_core_usual(void)
{
    return (struct raft_tuning){.heartbeat_us = HEARTBEAT_US, .election_us = ELECTION_US,
                                .uncommitted_bytes = UNCOMMITTED_BYTES, .tail = TAIL};
}

size_t raft_core_size(void)
{
    return sizeof(struct raft);
}

enum err raft_core_init(void *memory, const struct raft_setup *setup, struct raft **ret)
{
    struct raft *r = memory;
    const struct raft_tuning *t = &setup->tuning;

    if (setup->cluster == 0 || setup->self == 0 || t->heartbeat_us == 0 || t->election_us <= t->heartbeat_us ||
        (setup->snapshot == 0) != (setup->snapshot_term == 0) || setup->config.count > RAFT_MEMBERS_MAX) {
        return ERR_INVALID;
    }
    memset(r, 0, sizeof *r);
    r->setup = *setup;
    r->tuning = *t;
    r->self = setup->self;
    rng_init(&r->rng, setup->seed);
    r->vote = r->vote_stored = setup->vote;
    r->snapshot = r->commit = r->applied = r->stored = r->verified = setup->snapshot;
    r->snapshot_term = setup->snapshot_term;
    r->damaged_to = setup->damaged_to;
    r->read_number = rng_next(&r->rng);
    raft_log_init(&r->log, setup->snapshot, setup->snapshot_term);
    raft_member_set(r, setup->snapshot, &setup->config);
    r->config_told = setup->snapshot;
    *ret = r;
    return ERR_OK;
}

void raft_core_fini(struct raft *r)
{
    raft_log_fini(&r->log);
}

enum err raft_core_recover(struct raft *r, const struct raft_run *run)
{
    if (run->count == 0 || run->term == 0 || !raft_packet_run_ok(run)) {
        return ERR_DATA_LOSS;
    }
    if (!raft_log_reserve(&r->log)) {
        return ERR_NOMEM;
    }
    /* The first run may begin below the snapshot. Its first entry is then the base: its term is known, and
     * nothing is lost by not counting it as in the log. */
    bool is_below = r->log.count == 0 && r->log.base == r->snapshot && run->first <= r->snapshot;
    if (is_below) {
        raft_log_reset(&r->log, run->first, run->term);
    } else if (run->first != r->log.last + 1 || run->term < raft_log_last_term(&r->log)) {
        return ERR_DATA_LOSS;
    }
    uint32_t count = run->count - (uint32_t)is_below;
    if (count > 0) {
        raft_log_append(&r->log, count, run->term, run->size);
    }
    /* A configuration at or below the snapshot is in the snapshot, or an older one. */
    struct raft_entry e;
    struct raft_config c;
    uint32_t at = 0;
    for (uint64_t index = run->first; raft_packet_entry(run, &at, &e); index++) {
        if (e.kind == RAFT_ENTRY_CONFIG && index > r->snapshot) {
            if (raft_config_unpack(e.bytes, e.size, &c) != ERR_OK) {
                return ERR_DATA_LOSS;
            }
            raft_member_push(r, index, &c);
        }
    }
    r->stored = r->log.last;
    return ERR_OK;
}

static void begin(struct raft *r, uint64_t now_us, const struct raft_event *ev, struct raft_effects *fx)
{
    assert(now_us >= r->now_us);
    fx->count = 0;
    fx->first = 0;
    r->fx = fx;
    r->event = ev;
    r->now_us = now_us;
    r->has_room = raft_log_reserve(&r->log);
}

static void end(struct raft *r)
{
    struct raft_effects *fx = r->fx;

    /* Figure 3.2, and what the thesis says of each of these. */
    assert(r->log.base <= r->commit && r->commit <= r->log.last && r->stored <= r->log.last);
    assert(r->log.base <= r->snapshot && r->snapshot <= r->commit);
    assert(r->commit <= r->verified && r->verified <= r->log.last && raft_log_last_term(&r->log) <= r->vote.term);
    assert(r->role != RAFT_LEADER || (r->leader == r->self && raft_is_vote_durable(r)));
    assert(r->role != RAFT_CANDIDATE || r->vote.voted_for == r->self);
    fx->due_us = raft_least(r->role == RAFT_LEADER ? r->heartbeat_us : r->deadline_us, raft_read_due_us(r));
    fx->leader = r->leader;
    r->fx = NULL;
    r->event = NULL;
}

void raft_core_start(struct raft *r, uint64_t now_us, struct raft_effects *fx)
{
    begin(r, now_us, NULL, fx);
    if (r->log.last < r->snapshot) { /* a log that ends below the snapshot is of no use */
        raft_log_reset(&r->log, r->snapshot, r->snapshot_term);
        r->stored = r->snapshot;
    }
    /* Whoever has entries of a term has known that term: its vote in it may be lost, so it has none to give. */
    if (r->vote.term < raft_log_last_term(&r->log)) {
        r->vote = (struct raft_vote){.term = raft_log_last_term(&r->log), .voted_for = r->self};
        raft_out_store_vote(r);
    }
    r->told.term = r->vote.term;
    r->heard_us = r->tuning.has_lease ? now_us : 0;
    raft_election_draw(r);
    raft_election_reset(r);
    const struct raft_config *c = raft_newest(r);
    if (raft_election_may(r) && c->count == 1) {
        r->deadline_us = now_us; /* alone: nobody to wait for */
    }
    end(r);
}

/* ---- messages -------------------------------------------------------------------------------------------- */

static bool is_of_leader(enum raft_message_kind kind)
{
    return kind == RAFT_MESSAGE_APPEND || kind == RAFT_MESSAGE_HEARTBEAT || kind == RAFT_MESSAGE_SNAPSHOT ||
           kind == RAFT_MESSAGE_TRANSFER || kind == RAFT_MESSAGE_CLOCK;
}

/* Whether the message is to be looked at further: terms (section 3.3). */
static bool takes_term(struct raft *r, const struct raft_message *m)
{
    bool has_own_rule = m->kind == RAFT_MESSAGE_PREVOTE_ASK || m->kind == RAFT_MESSAGE_VOTE_ASK ||
                        m->kind == RAFT_MESSAGE_READ_ASK || m->kind == RAFT_MESSAGE_READ_ANSWER ||
                        m->kind == RAFT_MESSAGE_REMOVED;

    if (has_own_rule) {
        return true;
    }
    if (m->term < r->vote.term && m->kind != RAFT_MESSAGE_PREVOTE_ANSWER) { /* which is given in any term */
        r->counters.stale++;
        if (is_of_leader(m->kind) && raft_is_vote_durable(r)) {
            /* It learns that there is a later term; without this a member that has one could never be led
             * again where nobody campaigns. */
            raft_out_send(r, m->from, (struct raft_message){.kind = RAFT_MESSAGE_APPEND_ANSWER});
        }
        return false;
    }
    if (is_of_leader(m->kind)) {
        if (r->role == RAFT_LEADER && m->term == r->vote.term) {
            r->counters.strange++; /* election safety (3.4) says there is no other */
            return false;
        }
        raft_election_follow(r, m->term, m->from);
    } else if (m->term > r->vote.term) {
        raft_election_follow(r, m->term, 0);
    }
    return true;
}

static void take_clock(struct raft *r, const struct raft_message *m)
{
    struct raft_effect *e = raft_out(r, RAFT_FX_CLOCK);

    e->term = m->term;
    e->context = m->round;
}

static enum err take_message(struct raft *r, const struct raft_message *m)
{
    if (m->from == r->self || m->from == 0) {
        return ERR_MALFORMED;
    }
    if (!takes_term(r, m)) {
        return ERR_OK;
    }
    switch (m->kind) {
    case RAFT_MESSAGE_PREVOTE_ASK:
        raft_vote_pre_asked(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_VOTE_ASK:
        raft_vote_asked(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_PREVOTE_ANSWER:
    case RAFT_MESSAGE_VOTE_ANSWER:
        raft_election_answered(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_APPEND:
        return raft_append_taken(r, m);
    case RAFT_MESSAGE_APPEND_ANSWER:
        return r->role == RAFT_LEADER ? raft_replicate_answered(r, m) : ERR_OK;
    case RAFT_MESSAGE_HEARTBEAT:
        raft_append_heartbeat(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_HEARTBEAT_ANSWER:
        return r->role == RAFT_LEADER ? raft_replicate_heard(r, m) : ERR_OK;
    case RAFT_MESSAGE_READ_ASK:
        raft_read_asked(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_READ_ANSWER:
        raft_read_answered(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_TRANSFER:
        raft_transfer_asked(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_SNAPSHOT:
        raft_snapshot_chunk(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_SNAPSHOT_ANSWER:
        raft_snapshot_answered(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_CLOCK:
        take_clock(r, m);
        return ERR_OK;
    case RAFT_MESSAGE_REMOVED:
        raft_member_told(r, m->index);
        return ERR_OK;
    }
    return ERR_MALFORMED;
}

/* ---- steps ----------------------------------------------------------------------------------------------- */

static enum err propose(struct raft *r, const struct raft_event *ev)
{
    if (r->role != RAFT_LEADER) {
        return ERR_NOT_LEADER;
    }
    if (r->transfer_to != 0) {
        return ERR_UNAVAILABLE; /* section 3.10, 1 */
    }
    if (!r->has_room) {
        return ERR_NOMEM;
    }
    if (ev->count == 0 || ev->size < (uint64_t)ev->count * RAFT_ENTRY_HEAD) {
        return ERR_INVALID;
    }
    uint64_t waiting = raft_log_bytes_after(&r->log, r->commit);
    if (ev->size > RAFT_RUN_MAX || (waiting > 0 && waiting + ev->size > r->tuning.uncommitted_bytes)) {
        return ERR_LIMIT;
    }
    r->fx->first = raft_replicate_add(r, ev->count, (uint32_t)ev->size, RAFT_SOURCE_PROPOSAL);
    raft_replicate_all(r); /* section 10.2.1: before it is on the own disk */
    return ERR_OK;
}

static void stall(struct raft *r, uint64_t us)
{
    r->excused_us = r->now_us;
    if (r->role != RAFT_LEADER) {
        r->deadline_us += raft_least(us, r->tuning.election_us);
    }
}

static void tick(struct raft *r)
{
    raft_read_clock(r);
    if (r->role == RAFT_LEADER) {
        raft_replicate_clock(r);
    } else {
        raft_election_clock(r);
    }
}

enum err raft_core_step(struct raft *r, uint64_t now_us, const struct raft_event *ev, struct raft_effects *fx)
{
    enum err e = ERR_OK;

    begin(r, now_us, ev, fx);
    switch (ev->kind) {
    case RAFT_EV_CLOCK:
        tick(r);
        break;
    case RAFT_EV_MESSAGE:
        e = take_message(r, ev->message);
        break;
    case RAFT_EV_PROPOSE:
        e = propose(r, ev);
        break;
    case RAFT_EV_READ:
        e = raft_read_wanted(r, ev->context);
        break;
    case RAFT_EV_STORED:
        raft_append_stored(r, ev);
        break;
    case RAFT_EV_VOTE_STORED:
        raft_election_vote_stored(r, &ev->vote);
        break;
    case RAFT_EV_APPLIED:
        r->applied = raft_most(r->applied, ev->index);
        break;
    case RAFT_EV_LINK:
        raft_election_link(r, ev->peer, ev->is_up);
        break;
    case RAFT_EV_TRANSFER:
        e = raft_transfer_wanted(r, ev->peer);
        break;
    case RAFT_EV_CHANGE:
        e = raft_member_change(r, ev->config);
        break;
    case RAFT_EV_SNAPSHOT_MADE:
        raft_snapshot_made(r, ev->index);
        break;
    case RAFT_EV_SNAPSHOT_SENT:
        raft_snapshot_sent(r, ev);
        break;
    case RAFT_EV_SNAPSHOT_RECEIVED:
        raft_snapshot_received(r, ev);
        break;
    case RAFT_EV_SNAPSHOT_INSTALLED:
        raft_snapshot_installed(r, ev);
        break;
    case RAFT_EV_STRANGER:
        if (ev->peer != r->self && ev->peer != 0) {
            raft_member_asked(r, ev->peer);
        }
        break;
    case RAFT_EV_STALL:
        stall(r, ev->size);
        break;
    }
    end(r);
    return e;
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

struct raft_view raft_core_view(const struct raft *r)
{
    return (struct raft_view){
        .role = r->role, .term = r->vote.term, .voted_for = r->vote.voted_for, .leader = r->leader,
        .base = r->log.base, .last = r->log.last, .last_term = raft_log_last_term(&r->log), .stored = r->stored,
        .commit = r->commit, .applied = r->applied, .snapshot = r->snapshot, .epoch = r->epoch,
        .uncommitted_bytes = raft_log_bytes_after(&r->log, r->commit), .config_index = raft_config_index(r),
        .config = raft_newest(r), .late_us = r->late_us, .is_damaged = r->damaged_to != 0, .is_transferring = r->transfer_to != 0,
        .is_removed = r->removed_at != 0, .is_asked = r->owes > 0,
        .counters = r->counters};
}

bool raft_core_may_rest(const struct raft *r)
{
    const struct raft_config *c = raft_newest(r);
    uint32_t set = 0;

    if (r->role == RAFT_LEADER) {
        return c->count == 1;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        bool is_there = c->member[i].id == r->self || c->member[i].id == r->leader;
        for (uint32_t k = 0; k < r->peers; k++) {
            is_there |= r->peer[k].id == c->member[i].id && r->peer[k].is_linked;
        }
        set |= (uint32_t)is_there << i;
    }
    return raft_config_may_rest(c, set, r->leader, r->self);
}

bool raft_core_is_removed(const struct raft *r)
{
    return r->removed_at != 0;
}

bool raft_core_peer(const struct raft *r, uint32_t i, struct raft_peer_view *ret)
{
    if (i >= r->peers) {
        return false;
    }
    const struct raft_peer *p = &r->peer[i];
    *ret = (struct raft_peer_view){.id = p->id, .match = p->match, .next = p->next, .heard_us = p->acked_us,
                                   .is_replicating = p->progress == RAFT_REPLICATE,
                                   .is_in_snapshot = p->progress == RAFT_IN_SNAPSHOT, .is_linked = p->is_linked};
    return true;
}

bool raft_core_term_of(const struct raft *r, uint64_t index, uint64_t *ret)
{
    if (index < r->log.base || index > r->log.last) {
        return false;
    }
    *ret = raft_log_term(&r->log, index);
    return true;
}

struct raft_message raft_core_chunk_answer(const struct raft *r, uint64_t index, uint64_t have_bytes, bool is_ok)
{
    return (struct raft_message){.kind = RAFT_MESSAGE_SNAPSHOT_ANSWER, .from = r->self, .to = r->leader,
                                 .term = r->vote.term, .index = index, .round = have_bytes, .is_ok = is_ok};
}
