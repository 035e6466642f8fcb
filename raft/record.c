#include "raft/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { COST = 64 };

static_assert(offsetof(struct raft_record, bytes) == 39 && sizeof(struct raft_record) == 40,
              "a byte more in each record is 16 more from the allocator");

struct raft_record *raft_record_new(struct raft_bytes key, struct raft_bytes value, uint64_t lease_id)
{
    size_t lead = lease_id != 0 ? offsetof(struct raft_tether, record) : 0;
    uint8_t *at = malloc(lead + offsetof(struct raft_record, bytes) + key.size + value.size);

    assert(key.size <= RAFT_KEY_MAX && value.size <= RAFT_VALUE_MAX);
    if (at == NULL) {
        return NULL;
    }
    struct raft_record *r = (struct raft_record *)(at + lead);
    memset(r, 0, offsetof(struct raft_record, bytes));
    r->key_size = (uint16_t)key.size;
    r->value_size = value.size;
    memcpy(r->bytes, key.at, key.size);
    if (value.size > 0) {
        memcpy(r->bytes + key.size, value.at, value.size);
    }
    if (lease_id != 0) {
        struct raft_tether *t = (struct raft_tether *)at;

        r->flags = RAFT_RECORD_LEASED;
        t->prev = t->next = t;
        t->lease = NULL;
        t->lease_id = lease_id;
    }
    return r;
}

struct raft_tether *raft_record_tether(const struct raft_record *r)
{
    if ((r->flags & RAFT_RECORD_LEASED) == 0) {
        return NULL;
    }
    return (struct raft_tether *)((uint8_t *)r - offsetof(struct raft_tether, record));
}

uint64_t raft_record_lease(const struct raft_record *r)
{
    const struct raft_tether *t = raft_record_tether(r);

    return t != NULL ? t->lease_id : 0;
}

void raft_record_free(struct raft_record *r)
{
    if (r == NULL) {
        return;
    }
    struct raft_tether *t = raft_record_tether(r);
    assert(t == NULL || t->next == t); /* no lease points here any more */
    free(t != NULL ? (void *)t : (void *)r);
}

uint64_t raft_record_cost(const struct raft_record *r)
{
    return (uint64_t)COST + r->key_size + r->value_size;
}
