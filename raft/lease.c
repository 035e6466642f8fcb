#include "raft/lease.h"

#include <assert.h>
#include <stdlib.h>

struct raft_lease *raft_lease_find(const struct raft_leases *l, uint64_t id)
{
    return raft_idmap_find(&l->map, id);
}

enum err raft_lease_grant(struct raft_leases *l, uint64_t id, uint32_t ttl_ms, uint64_t now_ms)
{
    assert(id != 0);
    if (raft_lease_find(l, id) != NULL) {
        return ERR_EXISTS;
    }
    if (l->map.count >= RAFT_LEASES_MAX) {
        return ERR_LIMIT;
    }
    struct raft_lease *lease = calloc(1, sizeof *lease);
    if (lease == NULL) {
        return ERR_NOMEM;
    }
    lease->id = id;
    lease->ttl_ms = ttl_ms;
    lease->renewed_ms = now_ms;
    lease->keys.prev = lease->keys.next = &lease->keys;
    enum err e = raft_idmap_add(&l->map, lease);
    if (e != ERR_OK) {
        free(lease);
    }
    return e;
}

void raft_lease_end(struct raft_leases *l, struct raft_lease *lease)
{
    assert(lease->key_count == 0 && lease->keys.next == &lease->keys);
    void *same = raft_idmap_remove(&l->map, lease->id);
    assert(same == lease);
    free(same);
}

void raft_lease_tie(struct raft_lease *lease, struct raft_record *record)
{
    struct raft_tether *t = raft_record_tether(record);

    assert(t != NULL && t->lease == NULL && t->lease_id == lease->id);
    t->lease = lease;
    t->prev = lease->keys.prev;
    t->next = &lease->keys;
    t->prev->next = t;
    t->next->prev = t;
    lease->key_count++;
}

void raft_lease_untie(struct raft_record *record)
{
    struct raft_tether *t = raft_record_tether(record);

    if (t == NULL || t->lease == NULL) {
        return;
    }
    assert(t->lease->key_count > 0);
    t->lease->key_count--;
    t->lease = NULL;
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->prev = t->next = t;
}

uint64_t raft_lease_deadline_ms(const struct raft_lease *lease)
{
    return lease->renewed_ms + lease->ttl_ms;
}

void raft_lease_clear(struct raft_leases *l)
{
    for (uint32_t i = 0; i < l->map.room; i++) {
        struct raft_lease *lease = l->map.slot[i];

        while (lease != NULL && lease->keys.next != &lease->keys) {
            raft_lease_untie(&lease->keys.next->record);
        }
        free(lease);
    }
    raft_idmap_clear(&l->map);
}
