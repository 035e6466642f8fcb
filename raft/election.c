/* Who leads: timeouts, pre-vote, candidacy (thesis, 3.4, 9.6; check-quorum 6.2). */
#include <assert.h>

#include "raft/topics.h"

void raft_election_draw(struct raft *r)
{
    /* Section 3.4: from an interval as long as its least value, so that one candidate is mostly alone. */
    r->timeout_us = r->tuning.election_us + rng_below(&r->rng, r->tuning.election_us);
}

void raft_election_reset(struct raft *r)
{
    r->deadline_us = r->now_us + r->timeout_us + raft_election_patience_us(r);
}

/* What is late where processors or networks are busy is late again and again, and is no reason to look for another
 * leader, who would be late as well. A timeout that is short where nothing is late may so be borne everywhere. What
 * votes and leases rest on is the least of it, which stays as it is. */
void raft_election_late(struct raft *r, uint64_t late_us)
{
    r->late_us = raft_most(late_us, r->late_us - r->late_us / RAFT_LATE_DECAY);
}

uint64_t raft_election_patience_us(const struct raft *r)
{
    return raft_least(RAFT_LATE_TIMES * r->late_us, r->tuning.election_us);
}

/* A server outside its newest configuration may be the only one that can bring it to be committed (4.2.2), so
 * the one before counts as long as it is not. */
bool raft_election_may(const struct raft *r)
{
    if (r->damaged_to != 0) {
        return false; /* section 3.2 of Protocol-Aware Recovery: no leader with a hole in its log */
    }
    if (r->removed_at > raft_config_index(r)) {
        return false; /* a newer configuration than any here is committed without it: the others need it for nothing */
    }
    bool votes = raft_config_votes(raft_newest(r), r->self);
    if (!votes && r->slots > 1 && raft_config_index(r) > r->commit) {
        votes = raft_config_votes(&r->slot[r->slots - 2].config, r->self);
    }
    return votes;
}

/* What a leader has and a follower has not ends here. */
static void stop_leading(struct raft *r)
{
    r->counters.stepped_down++;
    raft_transfer_end(r, true);
    raft_snapshot_stop(r);
    r->heard_us = 0;
    raft_election_reset(r);
}

bool raft_election_is_unlinked(const struct raft *r)
{
    for (uint32_t i = 0; i < r->peers; i++) {
        if (r->peer[i].id == r->leader) {
            return !r->peer[i].is_linked;
        }
    }
    return false;
}

void raft_election_follow(struct raft *r, uint64_t term, uint64_t leader)
{
    bool was_leader = r->role == RAFT_LEADER;

    assert(term >= r->vote.term);
    if (was_leader) {
        stop_leading(r);
    }
    if (was_leader || leader != r->leader || term > r->vote.term) {
        raft_read_fail(r);
        r->beat_us = 0;
    }
    if (term > r->vote.term) {
        /* Section 3.3: a later term is adopted, and stored before anything is said in it. */
        r->vote = (struct raft_vote){.term = term};
        raft_out_store_vote(r);
        r->owes = 0;
        r->owes_ack = false;
        r->owed_heartbeat.kind = 0;
        r->verified = r->commit; /* committed entries are in every later leader's log (3.6.3) */
        r->acked = 0;
        raft_election_draw(r);
        /* With leases whoever heard a leader denies others its vote all the same: see vote.c. */
        r->heard_us = r->tuning.has_lease ? r->heard_us : 0;
    }
    r->role = RAFT_FOLLOWER;
    r->leader = leader;
    if (leader != 0) {
        /* Over a closed link nothing more is said: this was under way when it closed. */
        bool is_late = r->hint_tries > 0 && raft_election_is_unlinked(r);
        r->hint_tries = is_late ? r->hint_tries : 0;
        r->heard_us = r->now_us;
        uint64_t before_us = r->deadline_us;
        raft_election_reset(r);
        r->deadline_us = is_late ? raft_least(before_us, r->deadline_us) : r->deadline_us;
    }
    raft_out_became(r);
}

/* ---- candidacy --------------------------------------------------------------------------------------- */

/* Whether those who granted, and itself if it is one of them, are a quorum. */
static bool has_won(const struct raft *r)
{
    const struct raft_config *c = raft_newest(r);
    uint32_t set = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        bool yes = c->member[i].id == r->self;
        for (uint32_t k = 0; k < r->peers; k++) {
            yes |= r->peer[k].id == c->member[i].id && r->peer[k].is_granted;
        }
        set |= (uint32_t)yes << i;
    }
    return raft_config_is_quorum(c, set);
}

static void ask_all(struct raft *r, struct raft_message m)
{
    m.index = r->log.last;
    m.index_term = raft_log_last_term(&r->log);
    for (uint32_t i = 0; i < r->peers; i++) {
        if (raft_config_votes(raft_newest(r), r->peer[i].id)) {
            raft_out_send(r, r->peer[i].id, m);
        }
    }
}

static void begin(struct raft *r, enum raft_role role)
{
    r->role = role;
    r->leader = 0;
    r->heard_us = r->tuning.has_lease ? r->heard_us : 0;
    raft_read_fail(r);
    for (uint32_t i = 0; i < r->peers; i++) {
        r->peer[i].is_granted = false;
    }
    raft_election_draw(r);
    raft_election_reset(r);
}

/* Whoever learns of a closed link at the same time as others waits in a row with them, or all would ask at once and
 * each vote for itself. */
static uint64_t stagger_us(struct raft *r, uint64_t gone)
{
    const struct raft_config *c = raft_newest(r);
    uint64_t place = 0;

    for (uint32_t i = 0; i < c->count && c->member[i].id < r->self; i++) {
        place += c->member[i].id != gone && (c->member[i].flags & (RAFT_VOTER | RAFT_OUTGOING)) != 0;
    }
    return (place % RAFT_STAGGER_PLACES) * RAFT_STAGGER_US + rng_below(&r->rng, RAFT_STAGGER_US / 2);
}

/* Others learn of the closed link a little later, and two may have asked at once all the same: try again soon, some
 * times. */
static void hurry(struct raft *r)
{
    if (r->hint_tries > 0) {
        r->hint_tries--;
        r->deadline_us = r->now_us + RAFT_STAGGER_PLACES * RAFT_STAGGER_US + 2 * stagger_us(r, 0);
    }
}

/* Section 9.6: ask first whether others would vote, without a new term. */
static void pre_campaign(struct raft *r)
{
    begin(r, RAFT_PRECANDIDATE);
    r->counters.prevotes++;
    hurry(r);
    raft_out_became(r);
    if (has_won(r)) {
        raft_election_campaign(r, false);
        return;
    }
    ask_all(r, (struct raft_message){.kind = RAFT_MESSAGE_PREVOTE_ASK, .round = r->vote.term + 1});
}

void raft_election_campaign(struct raft *r, bool is_transfer)
{
    begin(r, RAFT_CANDIDATE);
    r->counters.campaigns++;
    hurry(r);
    r->is_transfer = is_transfer;
    r->vote = (struct raft_vote){.term = r->vote.term + 1, .voted_for = r->self};
    r->owes = 0;
    r->owes_ack = false;
    r->owed_heartbeat.kind = 0;
    r->verified = r->commit;
    r->acked = 0;
    /* Nobody is asked before this is durable: after a crash it could ask in the same term for another log. */
    raft_out_store_vote(r);
    raft_out_became(r);
}

static void win(struct raft *r)
{
    if (has_won(r) && r->has_room) {
        raft_replicate_lead(r);
    }
}

void raft_election_vote_stored(struct raft *r, const struct raft_vote *vote)
{
    r->vote_stored = *vote;
    if (!raft_is_vote_durable(r)) {
        return;
    }
    if (r->role == RAFT_CANDIDATE) {
        ask_all(r, (struct raft_message){.kind = RAFT_MESSAGE_VOTE_ASK, .is_transfer = r->is_transfer});
        win(r); /* alone */
        return;
    }
    raft_vote_answer_owed(r);
    raft_append_acknowledge(r);
}

void raft_election_answered(struct raft *r, const struct raft_message *m)
{
    struct raft_peer *p = raft_replicate_find(r, m->from);
    bool is_pre = m->kind == RAFT_MESSAGE_PREVOTE_ANSWER;

    if (p == NULL || !m->is_ok) {
        return;
    }
    if (is_pre && r->role == RAFT_PRECANDIDATE && m->round == r->vote.term + 1) {
        p->is_granted = true;
        if (has_won(r)) {
            raft_election_campaign(r, false);
        }
    } else if (!is_pre && r->role == RAFT_CANDIDATE && m->term == r->vote.term && raft_is_vote_durable(r)) {
        p->is_granted = true;
        win(r);
    }
}

/* ---- time and links ------------------------------------------------------------------------------------ */

/* Whoever is damaged has no vote and asks for none: if it has been removed nobody brings it what it lost, and by asking for
 * votes it would have heard of that. So it asks as if for a term before all others, which nobody grants and anybody answers. */
static void ask_whether_removed(struct raft *r)
{
    if (r->damaged_to != 0 && r->removed_at <= raft_config_index(r)) {
        ask_all(r, (struct raft_message){.kind = RAFT_MESSAGE_PREVOTE_ASK, .round = 0});
    }
}

void raft_election_clock(struct raft *r)
{
    if (r->role == RAFT_LEADER || r->now_us < r->deadline_us) {
        return;
    }
    if (!raft_election_may(r)) {
        raft_election_reset(r);
        if (r->role != RAFT_FOLLOWER || r->leader != 0) {
            r->role = RAFT_FOLLOWER;
            r->leader = 0;
            raft_read_fail(r);
            raft_out_became(r);
        }
        ask_whether_removed(r);
        return;
    }
    if (r->now_us - r->deadline_us > r->tuning.heartbeat_us) {
        /* Woken late: this process did not run, and what the leader sent may wait to be read. */
        r->deadline_us = r->now_us + r->tuning.heartbeat_us;
        return;
    }
    if (r->tuning.has_no_prevote) {
        raft_election_campaign(r, false);
    } else {
        pre_campaign(r);
    }
}

/* A closed connection is a hint, not a proof: it makes a member ask soon, and vote when it is asked. With
 * leases it is nothing: a lease does not end because a connection does. */
void raft_election_link(struct raft *r, uint64_t peer, bool is_up)
{
    struct raft_peer *p = raft_replicate_find(r, peer);

    if (p != NULL) {
        p->is_linked = is_up;
        if (r->role == RAFT_LEADER && p->progress != RAFT_IN_SNAPSHOT) {
            raft_replicate_probe(r, p, raft_least(p->match, r->log.last) + 1);
            if (is_up) {
                raft_replicate_peer(r, p); /* whoever comes back has most to catch up with: not at the next heartbeat */
            }
        }
    }
    if (r->leader != peer || r->role != RAFT_FOLLOWER || r->tuning.has_lease || is_up || !raft_election_may(r)) {
        return;
    }
    /* Whoever has all that it knows the leader to have goes first. */
    bool lags = r->verified < r->log.last || r->stored < r->log.last;
    r->hint_tries = RAFT_HINT_TRIES;
    r->deadline_us = raft_least(r->deadline_us, r->now_us + RAFT_STAGGER_LEAST_US + stagger_us(r, peer) +
                                                    (lags ? RAFT_STAGGER_US : 0));
}
