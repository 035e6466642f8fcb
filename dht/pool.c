#include "dht/pool.h"

#include <assert.h>
#include <string.h>

void dht_pool_init(struct dht_pool *p, void *rows, size_t stride, uint32_t most)
{
    assert(stride >= sizeof p->vacant && most < UINT16_MAX);
    *p = (struct dht_pool){.base = rows, .stride = stride, .most = most};
}

uint16_t dht_pool_take(struct dht_pool *p)
{
    if (p->vacant == 0) {
        assert(p->touched < p->most);
        return (uint16_t)p->touched++;
    }
    uint16_t index = (uint16_t)(p->vacant - 1);
    memcpy(&p->vacant, p->base + p->stride * index, sizeof p->vacant);
    return index;
}

void dht_pool_give(struct dht_pool *p, uint16_t index)
{
    assert(index < p->touched);
    memcpy(p->base + p->stride * index, &p->vacant, sizeof p->vacant);
    p->vacant = (uint16_t)(index + 1);
}
