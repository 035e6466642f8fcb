#include "raft/chain.h"

#include <assert.h>

enum err raft_chain_load(struct raft_chain *c, uint64_t ref, const struct raft_record **ret)
{
    struct raft_record *loaded = NULL;

    if ((ref & RAFT_RECORD_PAST) == 0) {
        *ret = raft_record_in_memory(ref);
        return ERR_OK;
    }
    assert(c->past != NULL);
    enum err e = raft_past_get(c->past, ref, &loaded);
    if (e != ERR_OK) {
        return e;
    }
    raft_record_free(c->loaded);
    c->loaded = loaded;
    c->loads++;
    *ret = loaded;
    return ERR_OK;
}

enum err raft_chain_before(struct raft_chain *c, const struct raft_record *r, const struct raft_record **ret)
{
    /* What it points to is there as long as its own event is, and nobody has a reason to look further. */
    assert(r->before == 0 || r->modified > c->journal->freed_revision);
    if (r->before == 0) {
        *ret = NULL;
        return ERR_OK;
    }
    return raft_chain_load(c, r->before, ret);
}

enum err raft_chain_at(struct raft_chain *c, const struct raft_record *newest, uint64_t revision, const struct raft_record **ret)
{
    const struct raft_record *r = newest;

    while (r != NULL && r->modified > revision) {
        enum err e = raft_chain_before(c, r, &r);
        if (e != ERR_OK) {
            return e;
        }
    }
    *ret = r != NULL && !raft_record_is_delete(r) ? r : NULL;
    return ERR_OK;
}

enum err raft_chain_show(struct raft_chain *c, const struct raft_record *r)
{
    return r != NULL && r == c->loaded ? raft_past_show(c->past, take_ptr(&c->loaded)) : ERR_OK;
}

void raft_chain_fini(struct raft_chain *c)
{
    raft_record_free(c->loaded);
    c->loaded = NULL;
}
