#include "mycel/ghost.h"

#include <assert.h>
#include <string.h>

enum {
    WAYS = MYCEL_GHOST_WAYS,
    SETS_MIN = 8, /* few evicted ones are spread too unevenly over few sets */
};

static uint32_t sets_of(uint32_t entries)
{
    uint64_t sets = ((uint64_t)entries * 9 / 8 + WAYS - 1) / WAYS;

    sets += sets % 2; /* a multiple of 64 bytes */
    return sets < SETS_MIN ? SETS_MIN : (uint32_t)sets;
}

size_t mycel_ghost_bytes(uint32_t entries)
{
    return (size_t)sets_of(entries) * WAYS * sizeof(uint32_t);
}

void mycel_ghost_init(struct mycel_ghost *g, void *memory, uint32_t entries)
{
    *g = (struct mycel_ghost){.row = memory, .sets = sets_of(entries)};
    memset(memory, 0, mycel_ghost_bytes(entries));
}

static uint32_t *set_of(const struct mycel_ghost *g, uint64_t hash)
{
    return g->row + (size_t)(((hash >> 32) * g->sets) >> 32) * WAYS;
}

/* Never 0. */
static uint32_t mark_of(uint64_t hash)
{
    return (uint32_t)(hash & 0xffff) | 1;
}

void mycel_ghost_add(struct mycel_ghost *g, uint64_t hash, uint32_t clock)
{
    uint32_t *set = set_of(g, hash), oldest = 0, age = 0;

    for (uint32_t way = 0; way < WAYS; way++) {
        if (set[way] == 0 || set[way] >> 16 == mark_of(hash)) {
            oldest = way;
            break;
        }
        uint32_t this = (uint16_t)(clock - set[way]);
        if (this >= age) {
            oldest = way;
            age = this;
        }
    }
    set[oldest] = mark_of(hash) << 16 | (uint16_t)clock;
}

bool mycel_ghost_take(struct mycel_ghost *g, uint64_t hash, uint32_t clock, uint32_t window)
{
    uint32_t *set = set_of(g, hash);

    assert(window < 1u << 15);
    for (uint32_t way = 0; way < WAYS; way++) {
        if (set[way] >> 16 == mark_of(hash) && set[way] != 0) {
            bool is_young = (uint16_t)(clock - set[way]) <= window;
            set[way] = 0;
            return is_young;
        }
    }
    return false;
}
