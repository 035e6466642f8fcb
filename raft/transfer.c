/* Handing over (thesis, 3.10): the leader takes no more proposals, brings the other up to date, and tells it to
 * campaign at once. */
#include "raft/topics.h"

/* The voter that has most. */
static uint64_t best(const struct raft *r)
{
    uint64_t id = 0, match = 0;

    for (uint32_t i = 0; i < r->peers; i++) {
        const struct raft_peer *p = &r->peer[i];
        if (p->is_linked && p->match >= match && p->progress != RAFT_IN_SNAPSHOT &&
            raft_config_votes(raft_newest(r), p->id)) {
            id = p->id;
            match = p->match;
        }
    }
    return id;
}

enum err raft_transfer_wanted(struct raft *r, uint64_t peer)
{
    if (r->role != RAFT_LEADER) {
        return ERR_NOT_LEADER;
    }
    if (r->transfer_to != 0) {
        return ERR_UNAVAILABLE;
    }
    peer = peer == 0 ? best(r) : peer;
    if (peer == r->self || !raft_config_votes(raft_newest(r), peer) || raft_replicate_find(r, peer) == NULL) {
        return ERR_INVALID;
    }
    r->transfer_to = peer;
    r->transfer_us = r->now_us + r->tuning.election_us;
    r->is_transfer_sent = false;
    struct raft_peer *p = raft_replicate_find(r, peer);
    if (p->match < r->log.last && p->progress == RAFT_REPLICATE) {
        raft_replicate_probe(r, p, p->match + 1); /* something may be lost: there is no time to find out */
        raft_replicate_peer(r, p);
    }
    raft_transfer_advance(r);
    return ERR_OK;
}

static void tell(struct raft *r)
{
    /* From here on the other may campaign at any time, and others will vote though they hear this leader. */
    r->is_transfer_sent = r->is_lease_broken = true;
    raft_out_send(r, r->transfer_to, (struct raft_message){.kind = RAFT_MESSAGE_TRANSFER});
}

void raft_transfer_advance(struct raft *r)
{
    const struct raft_peer *p = r->transfer_to == 0 ? NULL : raft_replicate_find(r, r->transfer_to);

    if (p != NULL && !r->is_transfer_sent && p->match == r->log.last) {
        tell(r);
    }
}

void raft_transfer_clock(struct raft *r)
{
    const struct raft_peer *p = r->transfer_to == 0 ? NULL : raft_replicate_find(r, r->transfer_to);

    if (r->transfer_to == 0) {
        return;
    }
    if (p == NULL || r->now_us >= r->transfer_us) {
        raft_transfer_end(r, false); /* section 3.10: it did not happen within an election timeout */
    } else if (r->is_transfer_sent) {
        tell(r); /* the first may be lost */
    }
}

void raft_transfer_end(struct raft *r, bool is_ok)
{
    if (r->transfer_to != 0) {
        r->transfer_to = 0;
        raft_out(r, RAFT_FX_TRANSFERRED)->is_ok = is_ok;
    }
}

void raft_transfer_asked(struct raft *r, const struct raft_message *m)
{
    if (r->role == RAFT_FOLLOWER && r->leader == m->from && raft_config_votes(raft_newest(r), r->self) &&
        raft_election_may(r)) {
        raft_election_campaign(r, true);
    }
}
