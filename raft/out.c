#include <assert.h>

#include "raft/topics.h"

struct raft_effect *raft_out(struct raft *r, enum raft_effect_kind kind)
{
    struct raft_effects *fx = r->fx;

    assert(fx->count < RAFT_EFFECTS_MAX);
    struct raft_effect *e = &fx->item[fx->count++];
    *e = (struct raft_effect){.kind = kind};
    return e;
}

void raft_out_send(struct raft *r, uint64_t to, struct raft_message m)
{
    assert(to != r->self && to != 0);
    m.from = r->self;
    m.to = to;
    m.term = r->vote.term;
    raft_out(r, RAFT_FX_SEND)->message = m;
}

void raft_out_store_vote(struct raft *r)
{
    raft_out(r, RAFT_FX_STORE_VOTE)->vote = r->vote;
}

void raft_out_became(struct raft *r)
{
    if (r->told.role == r->role && r->told.term == r->vote.term && r->told.leader == r->leader) {
        return;
    }
    struct raft_effect *e = raft_out(r, RAFT_FX_BECAME);
    e->role = r->told.role = r->role;
    e->term = r->told.term = r->vote.term;
    e->leader = r->told.leader = r->leader;
}
