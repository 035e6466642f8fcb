#include "datapath/rings.h"

enum {
    NEED_WAKEUP = 1, /* XDP_RING_NEED_WAKEUP */
};

/* One of the two numbers is ours alone; the other side's says, too, that what it did before is to be seen. */
uint32_t datapath_rings_ready(const struct datapath_ring *r)
{
    return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - __atomic_load_n(r->consumer, __ATOMIC_RELAXED);
}

uint32_t datapath_rings_room(const struct datapath_ring *r)
{
    uint32_t used = __atomic_load_n(r->producer, __ATOMIC_RELAXED) - __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);

    return used < r->size ? r->size - used : 0;
}

static uint32_t slot(const struct datapath_ring *r, const uint32_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED) & (r->size - 1);
}

static void advance(uint32_t *number)
{
    __atomic_store_n(number, __atomic_load_n(number, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
}

bool datapath_rings_give(struct datapath_ring *fill, uint64_t at)
{
    if (datapath_rings_room(fill) == 0) {
        return false;
    }
    ((uint64_t *)fill->entry)[slot(fill, fill->producer)] = at;
    advance(fill->producer);
    return true;
}

bool datapath_rings_send(struct datapath_ring *tx, const struct datapath_rings_frame *f)
{
    if (datapath_rings_room(tx) == 0) {
        return false;
    }
    ((struct datapath_rings_frame *)tx->entry)[slot(tx, tx->producer)] = *f;
    advance(tx->producer);
    return true;
}

bool datapath_rings_sent(struct datapath_ring *done, uint64_t *ret)
{
    if (datapath_rings_ready(done) == 0) {
        return false;
    }
    *ret = ((const uint64_t *)done->entry)[slot(done, done->consumer)];
    advance(done->consumer);
    return true;
}

bool datapath_rings_take(struct datapath_ring *rx, struct datapath_rings_frame *ret)
{
    if (datapath_rings_ready(rx) == 0) {
        return false;
    }
    *ret = ((const struct datapath_rings_frame *)rx->entry)[slot(rx, rx->consumer)];
    advance(rx->consumer);
    return true;
}

bool datapath_rings_sleeps(const struct datapath_ring *r)
{
    return (__atomic_load_n(r->flags, __ATOMIC_RELAXED) & NEED_WAKEUP) != 0;
}
