#include "common/base/gcounter.h"

#include <assert.h>
#include <string.h>

/* The index of `replica`, or of the first slot after where it would stand. */
static uint32_t place_of(const struct gcounter *c, uint64_t replica)
{
    uint32_t at = 0;

    while (at < c->count && c->slot[at].replica < replica) {
        at++;
    }
    return at;
}

enum err gcounter_add(struct gcounter *c, uint64_t replica, uint64_t amount)
{
    assert(gcounter_is_valid(c));
    /* No slot for nothing: a counter has one form only. */
    if (amount == 0) {
        return ERR_OK;
    }
    uint32_t at = place_of(c, replica);
    if (at < c->count && c->slot[at].replica == replica) {
        /* Refused rather than stuck at the end: what is added must show in the sum. */
        if (amount > UINT64_MAX - c->slot[at].added) {
            return ERR_RANGE;
        }
        c->slot[at].added += amount;
        return ERR_OK;
    }
    if (c->count == GCOUNTER_REPLICAS_MAX) {
        return ERR_LIMIT;
    }
    memmove(&c->slot[at + 1], &c->slot[at], (c->count - at) * sizeof c->slot[0]);
    c->slot[at] = (struct gcounter_slot){.replica = replica, .added = amount};
    c->count++;
    return ERR_OK;
}

enum err gcounter_merge(struct gcounter *c, const struct gcounter *other)
{
    struct gcounter both = {0};
    uint32_t a = 0, b = 0;

    assert(gcounter_is_valid(c) && gcounter_is_valid(other));
    while (a < c->count || b < other->count) {
        const struct gcounter_slot *mine = a < c->count ? &c->slot[a] : NULL;
        const struct gcounter_slot *theirs = b < other->count ? &other->slot[b] : NULL;
        if (both.count == GCOUNTER_REPLICAS_MAX) {
            return ERR_LIMIT;
        }
        struct gcounter_slot *to = &both.slot[both.count++];
        if (theirs == NULL || (mine != NULL && mine->replica < theirs->replica)) {
            *to = *mine;
            a++;
        } else if (mine == NULL || theirs->replica < mine->replica) {
            *to = *theirs;
            b++;
        } else {
            *to = mine->added > theirs->added ? *mine : *theirs;
            a++;
            b++;
        }
    }
    assert(both.count >= c->count && both.count >= other->count);
    *c = both;
    return ERR_OK;
}

uint64_t gcounter_value(const struct gcounter *c)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        if (__builtin_add_overflow(sum, c->slot[i].added, &sum)) {
            return UINT64_MAX;
        }
    }
    return sum;
}

bool gcounter_is_valid(const struct gcounter *c)
{
    if (c->count > GCOUNTER_REPLICAS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->slot[i].added == 0 || (i > 0 && c->slot[i].replica <= c->slot[i - 1].replica)) {
            return false;
        }
    }
    return true;
}
