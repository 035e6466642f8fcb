#include "raft/chain.h"

#include <assert.h>

#include "common/base/rng.h"
#include "raft/span.h"

enum { LINKS_PLAIN = 16 }; /* followed before it is worth a look elsewhere: most keys have fewer */

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

/* From `r` to any of the events between a revision and it, if it is of the same key. What cannot be read there is nothing
 * that was asked for. */
static const struct raft_record *leap(struct raft_chain *c, const struct raft_record *r, uint64_t revision, struct rng *rng)
{
    const struct raft_journal *j = c->journal;
    uint64_t low = raft_journal_number(j, revision + 1, 0), high = raft_journal_number(j, r->modified, r->part);

    if (low >= high) {
        return r;
    }
    uint64_t ref = raft_journal_at(j, low + rng_below(rng, high - low))->record;
    const struct raft_record *found = raft_record_in_memory(ref);
    struct raft_record *loaded = NULL;

    if (found == NULL) {
        c->loads++;
        if (raft_past_get(c->past, ref, &loaded) != ERR_OK) {
            return r;
        }
        found = loaded;
    }
    if (raft_span_order(raft_record_key(found), raft_record_key(r)) != 0) {
        raft_record_free(loaded);
        return r;
    }
    if (loaded != NULL) {
        raft_record_free(c->loaded);
        c->loaded = loaded;
    }
    return found;
}

enum err raft_chain_to(struct raft_chain *c, const struct raft_record *newest, uint64_t revision, const struct raft_record **ret)
{
    const struct raft_record *r = newest;
    struct rng rng;

    for (uint64_t links = 0; r != NULL && r->modified > revision; links++) {
        if (links == LINKS_PLAIN) {
            rng_init(&rng, revision);
        }
        if (links >= LINKS_PLAIN && r->modified > c->journal->freed_revision) {
            r = leap(c, r, revision, &rng);
        }
        enum err e = raft_chain_before(c, r, &r);
        if (e != ERR_OK) {
            return e;
        }
    }
    *ret = r;
    return ERR_OK;
}

enum err raft_chain_at(struct raft_chain *c, const struct raft_record *newest, uint64_t revision, const struct raft_record **ret)
{
    const struct raft_record *r;
    enum err e = raft_chain_to(c, newest, revision, &r);

    if (e == ERR_OK) {
        *ret = r != NULL && !raft_record_is_delete(r) ? r : NULL;
    }
    return e;
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
