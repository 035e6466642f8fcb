/* Answering those who want to lead (thesis, 3.4, 3.6.1, 4.2.3, 9.6). A server answers whoever asks, in its
 * configuration or not: its own may be older than the candidate's (section 4.1). */
#include "raft/topics.h"

/* Section 3.6.1: the log whose last entry is of the later term, or is longer in the same. */
static bool is_up_to_date(const struct raft *r, const struct raft_message *m)
{
    uint64_t last_term = raft_log_last_term(&r->log);

    return m->index_term > last_term || (m->index_term == last_term && m->index >= r->log.last);
}

/* Section 4.2.3: who hears a leader does not help to depose it. With leases this is what they rest on, so
 * it holds whatever else was heard, from the start of the process on, when it is not known what was. */
static bool is_hearing(const struct raft *r)
{
    if (r->role == RAFT_LEADER) {
        uint64_t heard_us = raft_most(raft_replicate_quorum_us(r), r->excused_us);
        return r->now_us - raft_least(heard_us, r->now_us) < r->tuning.election_us;
    }
    if (raft_election_is_unlinked(r) && !r->tuning.has_lease) {
        return false;
    }
    return r->heard_us != 0 && r->now_us - r->heard_us < r->tuning.election_us;
}

void raft_vote_pre_asked(struct raft *r, const struct raft_message *m)
{
    bool yes = m->round > r->vote.term && is_up_to_date(r, m) && !is_hearing(r) && r->damaged_to == 0;

    raft_out_send(r, m->from,
                  (struct raft_message){.kind = RAFT_MESSAGE_PREVOTE_ANSWER, .is_ok = yes, .round = m->round});
    raft_member_asked(r, m->from);
}

static void owe(struct raft *r, uint64_t to)
{
    for (uint32_t i = 0; i < r->owes; i++) {
        if (r->owed[i] == to) {
            return;
        }
    }
    if (r->owes < RAFT_MEMBERS_MAX) {
        r->owed[r->owes++] = to; /* others ask again: an answer may always be lost */
    }
}

void raft_vote_answer_owed(struct raft *r)
{
    if (!raft_is_vote_durable(r)) {
        return;
    }
    for (uint32_t i = 0; i < r->owes; i++) {
        raft_out_send(r, r->owed[i], (struct raft_message){.kind = RAFT_MESSAGE_VOTE_ANSWER,
                                                           .is_ok = r->vote.voted_for == r->owed[i]});
    }
    r->owes = 0;
}

void raft_vote_asked(struct raft *r, const struct raft_message *m)
{
    raft_member_asked(r, m->from); /* members without pre-vote ask this first */
    if (m->term > r->vote.term) {
        if (!m->is_transfer && is_hearing(r)) {
            r->counters.refused++; /* not even the term is adopted */
            return;
        }
        raft_election_follow(r, m->term, 0);
    }
    if (m->term == r->vote.term && r->vote.voted_for == 0 && is_up_to_date(r, m) && r->damaged_to == 0) {
        r->vote.voted_for = m->from;
        raft_out_store_vote(r);
        raft_election_reset(r); /* section 3.4: a granted vote restarts the timeout */
    }
    owe(r, m->from);
    raft_vote_answer_owed(r);
}
