/* A leader's side of replication (thesis, 3.5, 3.6.2, 10.2.1). */
#include "raft/topics.h"

#include <assert.h>
#include <string.h>

struct raft_peer *raft_replicate_find(struct raft *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->peers; i++) {
        if (r->peer[i].id == id) {
            return &r->peer[i];
        }
    }
    return NULL;
}

/* ---- sending ----------------------------------------------------------------------------------------- */

/* What follows on entry next - 1, or nothing but the question whether it has that. */
static void send_append(struct raft *r, struct raft_peer *p, bool is_question, uint64_t *ret_end, uint64_t *ret_size)
{
    uint64_t end = p->next - 1, size = 0;
    struct raft_message m = {.kind = RAFT_MESSAGE_APPEND, .index = p->next - 1,
                             .index_term = raft_log_term(&r->log, p->next - 1), .commit = r->commit};

    if (!is_question && p->next <= r->log.last) {
        end = raft_log_run_end(&r->log, p->next, RAFT_MESSAGE_BYTES, &size);
        m.run = (struct raft_run){.first = p->next, .term = raft_log_term(&r->log, p->next),
                                  .count = (uint32_t)(end + 1 - p->next)};
    }
    raft_out_send(r, p->id, m);
    *ret_end = end;
    *ret_size = size;
}

/* Begin anew from `next`: what was sent counts as lost. */
void raft_replicate_probe(struct raft *r, struct raft_peer *p, uint64_t next)
{
    r->counters.probes++;
    p->progress = RAFT_PROBE;
    p->next = next;
    p->flights = 0;
    p->flight_bytes = 0;
    p->is_probed = false;
    p->probe_us = r->now_us;
    p->patience_us = r->tuning.heartbeat_us;
}

/* One message that says where the logs agree. Entries go with the first one, which mostly is answered; what is said again
 * has none: behind entries that are late, and not lost, the same entries would be later still. Behind them it waits, too,
 * and is asked less and less often. */
static void probe(struct raft *r, struct raft_peer *p)
{
    uint64_t end, size;

    if (r->now_us < p->probe_us || r->fx->count + RAFT_SENDS_RESERVE >= RAFT_EFFECTS_MAX) {
        return;
    }
    send_append(r, p, p->is_probed || p->progress == RAFT_REPLICATE, &end, &size);
    p->is_probed = true;
    p->probe_us = r->now_us + p->patience_us;
    p->patience_us = raft_least(2 * p->patience_us, RAFT_PROBE_TIMES * r->tuning.heartbeat_us);
}

static void moved(struct raft *r, struct raft_peer *p)
{
    p->moved_us = r->now_us;
    p->patience_us = r->tuning.heartbeat_us;
}

void raft_replicate_peer(struct raft *r, struct raft_peer *p)
{
    uint64_t end, size;

    if (p->progress == RAFT_IN_SNAPSHOT || (p->progress == RAFT_PROBE && r->now_us < p->probe_us)) {
        return;
    }
    if (p->next <= r->log.base) {
        raft_snapshot_send(r, p);
        return;
    }
    if (p->progress == RAFT_PROBE) {
        probe(r, p);
        return;
    }
    while (p->is_linked && p->next <= r->log.last && p->flights < RAFT_WINDOW && p->flight_bytes < RAFT_WINDOW_BYTES &&
           r->fx->count + RAFT_SENDS_RESERVE < RAFT_EFFECTS_MAX) {
        if (p->flights == 0) {
            moved(r, p);
        }
        send_append(r, p, false, &end, &size);
        p->flight[(p->flight_from + p->flights++) % RAFT_WINDOW] = (struct raft_flight){.last = end, .bytes = size};
        p->flight_bytes += size;
        p->next = end + 1; /* section 10.2.1: pipelining, on trust */
    }
}

void raft_replicate_all(struct raft *r)
{
    for (uint32_t i = 0; i < r->peers; i++) {
        raft_replicate_peer(r, &r->peer[i]);
    }
}

void raft_replicate_heartbeats(struct raft *r)
{
    r->round++;
    for (uint32_t i = 0; i < r->peers; i++) {
        raft_out_send(r, r->peer[i].id, (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT, .commit = r->commit,
                                                              .round = r->round, .sent_us = r->now_us});
    }
}

/* ---- leading ------------------------------------------------------------------------------------------- */

uint64_t raft_replicate_add(struct raft *r, uint32_t count, uint32_t size, enum raft_source source)
{
    uint64_t first = r->log.last + 1;

    raft_log_append(&r->log, count, r->vote.term, size);
    r->verified = r->log.last;
    struct raft_effect *e = raft_out(r, RAFT_FX_APPEND);
    e->run = (struct raft_run){.first = first, .term = r->vote.term, .count = count, .size = size,
                               .bytes = source == RAFT_SOURCE_CORE ? r->bytes : NULL};
    e->source = source;
    e->epoch = r->epoch;
    return first;
}

uint64_t raft_replicate_add_own(struct raft *r, enum raft_entry_kind kind, uint32_t size)
{
    for (int i = 0; i < 4; i++) {
        r->bytes[i] = (uint8_t)(size >> (8 * i));
    }
    r->bytes[4] = (uint8_t)kind;
    return raft_replicate_add(r, 1, RAFT_ENTRY_HEAD + size, RAFT_SOURCE_CORE);
}

void raft_replicate_lead(struct raft *r)
{
    r->role = RAFT_LEADER;
    r->leader = r->self;
    r->counters.elected++;
    r->excused_us = r->now_us;
    r->is_lease_broken = false;
    r->transfer_to = 0;
    r->commit_marks[0] = r->commit_marks[1] = UINT64_MAX; /* nobody has caught up yet */
    for (uint32_t i = 0; i < r->peers; i++) {
        struct raft_peer *p = &r->peer[i];
        p->match = p->received = p->round = p->acked_us = p->match_us = 0;
        p->strange = 0;
        p->moved_us = r->now_us;
        raft_replicate_probe(r, p, r->log.last + 1);
    }
    raft_out_became(r);
    /* Section 6.4, 1: the first entry of the term commits what earlier terms left. */
    r->term_first = raft_replicate_add_own(r, RAFT_ENTRY_NOOP, 0);
    r->heartbeat_us = r->now_us + r->tuning.heartbeat_us;
    raft_replicate_heartbeats(r);
    raft_replicate_all(r);
    raft_replicate_commit(r);
}

/* Values of the members by their place in the newest configuration. own: of this one. */
static uint64_t quorum_of(const struct raft *r, size_t offset, uint64_t own)
{
    const struct raft_config *c = raft_newest(r);
    uint64_t value[RAFT_MEMBERS_MAX] = {0};

    for (uint32_t i = 0; i < c->count; i++) {
        value[i] = c->member[i].id == r->self ? own : 0;
        for (uint32_t k = 0; k < r->peers; k++) {
            if (r->peer[k].id == c->member[i].id) {
                memcpy(&value[i], (const uint8_t *)&r->peer[k] + offset, sizeof value[i]);
            }
        }
    }
    return raft_config_quorum_value(c, value);
}

uint64_t raft_replicate_quorum_us(const struct raft *r)
{
    return quorum_of(r, offsetof(struct raft_peer, acked_us), r->now_us);
}

uint64_t raft_replicate_quorum_round(const struct raft *r)
{
    return quorum_of(r, offsetof(struct raft_peer, round), r->round);
}

/* Section 3.6.2: only entries of the own term are committed by counting, the leader's own disk like any other
 * (10.2.1). */
void raft_replicate_commit(struct raft *r)
{
    uint64_t to = quorum_of(r, offsetof(struct raft_peer, match), r->stored);

    if (to <= r->commit || to < r->term_first) {
        return;
    }
    assert(raft_log_term(&r->log, to) == r->vote.term);
    raft_append_commit(r, to);
    raft_read_advance(r);
    raft_member_advance(r);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static void note_match(struct raft *r, struct raft_peer *p, uint64_t match)
{
    if (match <= p->match) {
        return;
    }
    p->match = match;
    p->match_us = r->now_us;
    moved(r, p);
    p->strange = 0;
    while (p->flights > 0 && p->flight[p->flight_from].last <= match) {
        p->flight_bytes -= p->flight[p->flight_from].bytes;
        p->flight_from = (p->flight_from + 1) % RAFT_WINDOW;
        p->flights--;
    }
    p->next = raft_most(p->next, match + 1);
    if (p->progress == RAFT_IN_SNAPSHOT && match >= r->log.base) {
        raft_out(r, RAFT_FX_SNAPSHOT_ABORT)->peer = p->id; /* entries have overtaken it, or it is there */
        raft_replicate_probe(r, p, match + 1);
    }
    raft_replicate_commit(r);
}

/* It contradicts what this member said before, again and again: it lost something (a damaged log). Counting
 * less than there is is always safe. */
static void doubt(struct raft *r, struct raft_peer *p, uint64_t next)
{
    if (++p->strange < RAFT_STRANGE_MOST) {
        return;
    }
    p->strange = 0;
    p->match = 0;
    raft_replicate_probe(r, p, raft_most(raft_least(next, r->log.last + 1), 1));
    raft_replicate_peer(r, p);
}

static void refused(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
    if (p->progress == RAFT_IN_SNAPSHOT || m->round > r->log.last || m->index > m->round) {
        return;
    }
    if (m->round <= p->match) {
        doubt(r, p, m->index + 1);
        return;
    }
    if (p->progress == RAFT_PROBE && m->round != p->next - 1) {
        return; /* of an earlier probe */
    }
    /* Skip all entries of terms that the follower has not (section 3.5). */
    uint64_t guess = raft_log_find(&r->log, m->index, m->index_term);
    uint64_t next = raft_least(guess, m->round - 1) + 1;
    if (m->index < r->log.base) {
        next = m->index + 1; /* below what is here: a snapshot */
    }
    raft_replicate_probe(r, p, raft_most(next, p->match + 1));
    raft_replicate_peer(r, p);
}

enum err raft_replicate_answered(struct raft *r, const struct raft_message *m)
{
    struct raft_peer *p = raft_replicate_find(r, m->from);

    if (p == NULL) {
        r->counters.strange++;
        return ERR_OK;
    }
    if (m->match > r->log.last || m->received > r->log.last) {
        return ERR_FAULT; /* nobody can have more of this term than its leader */
    }
    p->is_linked = true;
    note_match(r, p, m->match);
    p = raft_replicate_find(r, m->from);
    if (r->role != RAFT_LEADER || p == NULL) {
        return ERR_OK; /* that committed its own removal, or this peer's */
    }
    if (!m->is_ok) {
        refused(r, p, m);
        return ERR_OK;
    }
    if (p->progress == RAFT_PROBE) {
        /* The log agrees so far: go on from there, on trust in what is received and not stored yet. */
        p->progress = RAFT_REPLICATE;
        p->next = raft_most(p->match, m->received) + 1;
        moved(r, p);
    }
    raft_replicate_peer(r, p);
    raft_transfer_advance(r);
    return ERR_OK;
}

/* Answers to heartbeats overtake each other, and those about entries, which come another way, overtake them: what says less
 * than is known may only be older. */
static bool is_overtaken(const struct raft_peer *p, const struct raft_message *m)
{
    return m->round <= p->round || (m->received < p->match && m->sent_us < p->match_us);
}

/* What was sent and did not arrive is found out by heartbeats: a follower that has less than was sent to it, and gets no
 * further, is asked whether it has the last of that. It comes to the question when it has taken all that is under way, and
 * refuses it when something is lost. */
static void look_for_loss(struct raft *r, struct raft_peer *p)
{
    if (p->progress != RAFT_REPLICATE) {
        return;
    }
    if (p->received < p->match) {
        /* It has begun a new life, or has lost something: it does not know yet that its log agrees. */
        raft_replicate_probe(r, p, p->match + 1);
    } else if (p->flights > 0 && p->received + 1 < p->next && p->next > r->log.base &&
               r->now_us - p->moved_us > r->tuning.election_us / 2) {
        r->counters.doubted++;
        probe(r, p);
    }
}

enum err raft_replicate_heard(struct raft *r, const struct raft_message *m)
{
    struct raft_peer *p = raft_replicate_find(r, m->from);

    if (p == NULL || m->sent_us > r->now_us || m->round > r->round || m->match > r->log.last ||
        m->received > r->log.last) {
        r->counters.strange++;
        return ERR_OK;
    }
    p->is_linked = true;
    raft_election_late(r, r->now_us - m->sent_us);
    bool is_news = !is_overtaken(p, m);
    p->acked_us = raft_most(p->acked_us, m->sent_us);
    p->round = raft_most(p->round, m->round);
    if (is_news && m->received > p->received) {
        moved(r, p);
    }
    p->received = is_news ? m->received : p->received;
    note_match(r, p, m->match);
    raft_read_advance(r);
    p = raft_replicate_find(r, m->from);
    if (r->role != RAFT_LEADER || p == NULL) {
        return ERR_OK;
    }
    if (is_news) {
        look_for_loss(r, p);
    }
    raft_replicate_peer(r, p);
    raft_transfer_advance(r);
    return ERR_OK;
}

void raft_replicate_wake(struct raft *r)
{
    r->heartbeat_us = raft_least(r->heartbeat_us, r->now_us + r->tuning.heartbeat_us);
    r->commit_marks[0] = r->commit_marks[1] = r->commit; /* those are of long ago, and whoever comes must have caught up now */
}

void raft_replicate_clock(struct raft *r)
{
    if (r->now_us < r->heartbeat_us) {
        return;
    }
    if (r->now_us - r->heartbeat_us > r->tuning.election_us / 2) {
        r->excused_us = r->now_us; /* it did not run: whoever was silent may have spoken */
    }
    /* Section 6.2: a leader that no quorum answers steps down, so that its clients look elsewhere. */
    uint64_t heard_us = raft_most(raft_replicate_quorum_us(r), r->excused_us);
    if (r->now_us - raft_least(heard_us, r->now_us) > r->tuning.election_us + raft_election_patience_us(r)) {
        raft_election_follow(r, r->vote.term, 0);
        return;
    }
    r->heartbeat_us = r->now_us + (r->peers > 0 ? r->tuning.heartbeat_us : RAFT_REST_US);
    raft_replicate_heartbeats(r);
    for (uint32_t i = 0; i < r->peers; i++) {
        raft_snapshot_clock(r, &r->peer[i]);
    }
    raft_replicate_all(r);
    raft_transfer_clock(r);
    raft_member_advance(r);
    r->commit_marks[1] = r->commit_marks[0];
    r->commit_marks[0] = r->commit;
}
