#include "raft/cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/frame.h"
#include "raft/le.h"

enum err raft_cache_open(struct raft_cache *c, uint32_t size)
{
    assert(size >= RAFT_CACHE_MIN && size <= 1u << 30);
    *c = (struct raft_cache){.size = size};
    /* In one piece, for its size straight from the kernel, and written before it is read: only what is used takes memory. */
    size_t ring = (size + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
    c->ring = malloc(ring + RAFT_CACHE_BLOCKS * sizeof *c->block);
    if (c->ring == NULL) {
        return ERR_NOMEM;
    }
    c->block = (struct raft_cache_block *)(c->ring + ring);
    return ERR_OK;
}

void raft_cache_close(struct raft_cache *c)
{
    free(c->ring);
    *c = (struct raft_cache){0};
}

static struct raft_cache_block *at(const struct raft_cache *c, uint32_t i)
{
    return &c->block[(c->oldest + i) % RAFT_CACHE_BLOCKS];
}

/* Whether a block has bytes in [start, end) of the ring. */
static bool is_over(const struct raft_cache_block *b, uint32_t start, uint32_t end)
{
    return b->start < end && start < b->end;
}

/* Whether somebody still reads a block, or is going to. */
static bool is_of_use(const struct raft_cache *c, const struct raft_cache_block *b)
{
    uint64_t read = c->pinned != 0 && c->pinned < c->needed ? c->pinned : c->needed;

    return b->ticket > c->done || (b->run.count > 0 && b->run.first + b->run.count > read);
}

/* Whether `size` bytes at the beginning, and all that is behind the newest block, are of no use. */
static bool can_begin_anew(const struct raft_cache *c, uint32_t size)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct raft_cache_block *b = at(c, i);

        if (b->start < c->used && !is_over(b, 0, size)) {
            return true; /* they are in the order of their age, and so are those in the way */
        }
        if (is_of_use(c, b)) {
            return false;
        }
    }
    return true;
}

bool raft_cache_is_long(const struct raft_cache *c)
{
    return c->used >= RAFT_CACHE_LAP;
}

void raft_cache_need(struct raft_cache *c, uint64_t index)
{
    c->needed = index;
}

uint64_t raft_cache_oldest(const struct raft_cache *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (at(c, i)->run.count > 0) {
            return at(c, i)->run.first;
        }
    }
    return UINT64_MAX;
}

uint8_t *raft_cache_reserve(struct raft_cache *c, uint32_t size)
{
    assert(size > 0 && size <= c->size / 2);
    uint32_t start = c->used, turns = 0;

    c->reserved = 0;
    if (size > c->size - start || (raft_cache_is_long(c) && can_begin_anew(c, size))) {
        start = 0; /* what is left at the end stays unused */
        turns = c->size - c->used;
    }
    /* Blocks stand in the ring in their order, so those in the way are the oldest. */
    while (c->count > 0) {
        struct raft_cache_block *b = at(c, 0);
        bool is_in_way = is_over(b, start, start + size) || (turns > 0 && b->start >= c->used) ||
                         c->count == RAFT_CACHE_BLOCKS;
        if (!is_in_way) {
            break;
        }
        bool is_read = c->pinned != 0 && b->run.count > 0 && b->run.first + b->run.count > c->pinned;
        if (b->ticket > c->done || is_read) {
            return NULL;
        }
        c->oldest = (c->oldest + 1) % RAFT_CACHE_BLOCKS;
        c->count--;
    }
    c->reserved = size;
    c->reserved_at = start;
    return c->ring + start;
}

void raft_cache_put(struct raft_cache *c, uint64_t first, uint64_t term, uint32_t count, uint32_t size, uint64_t ticket)
{
    assert(size <= c->reserved && count > 0 && c->count < RAFT_CACHE_BLOCKS);
    assert(c->count == 0 || at(c, c->count - 1)->ticket <= ticket);
    raft_cache_truncate(c, first);
    *at(c, c->count) = (struct raft_cache_block){
        .run = {.first = first, .term = term, .count = count, .size = size, .bytes = c->ring + c->reserved_at},
        .ticket = ticket,
        .start = c->reserved_at,
        .end = c->reserved_at + size,
    };
    c->count++;
    c->used = c->reserved_at + size;
    c->reserved = 0;
}

void raft_cache_pin(struct raft_cache *c, uint64_t index)
{
    c->pinned = index;
}

void raft_cache_written(struct raft_cache *c, uint64_t ticket)
{
    c->done = ticket > c->done ? ticket : c->done;
}

uint32_t raft_cache_bytes(const struct raft_run *run, uint64_t count)
{
    uint32_t used = 0;

    for (uint64_t i = 0; i < count; i++) {
        used += RAFT_ENTRY_HEAD + raft_le_get32(run->bytes + used);
    }
    return used;
}

void raft_cache_truncate(struct raft_cache *c, uint64_t first)
{
    for (uint32_t i = c->count; i > 0; i--) {
        struct raft_run *run = &at(c, i - 1)->run;
        if (run->count == 0) {
            continue; /* void already */
        }
        if (run->first + run->count <= first) {
            break;
        }
        uint64_t left = run->first < first ? first - run->first : 0;
        run->size = raft_cache_bytes(run, left);
        run->count = (uint32_t)left;
    }
}

/* Void blocks stand between others: their `first` is no order, so the search steps over them. */
static const struct raft_run *find_block(const struct raft_cache *c, uint64_t index)
{
    uint32_t low = 0, high = c->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2, probe = middle;
        while (probe > low && at(c, probe)->run.count == 0) {
            probe--;
        }
        const struct raft_run *run = &at(c, probe)->run;
        if (run->count == 0 || run->first + run->count <= index) {
            low = middle + 1; /* nothing in [low, middle] has it: what is void between has nothing */
        } else if (run->first > index) {
            high = probe;
        } else {
            return run;
        }
    }
    return NULL;
}

struct raft_run raft_cache_part(const struct raft_run *run, uint64_t index, uint32_t max_bytes)
{
    assert(index >= run->first && index < run->first + run->count);
    uint32_t before = raft_cache_bytes(run, index - run->first), used = 0, count = 0;
    uint32_t left = run->count - (uint32_t)(index - run->first);

    if (run->size - before <= max_bytes) {
        used = run->size - before;
        count = left;
    }
    while (count < left) {
        uint32_t entry = RAFT_ENTRY_HEAD + raft_le_get32(run->bytes + before + used);
        if (count > 0 && entry > max_bytes - (used < max_bytes ? used : max_bytes)) {
            break;
        }
        used += entry;
        count++;
    }
    return (struct raft_run){.first = index, .term = run->term, .count = count, .size = used, .bytes = run->bytes + before};
}

bool raft_cache_find(const struct raft_cache *c, uint64_t index, uint32_t max_bytes, struct raft_run *ret)
{
    const struct raft_run *run = find_block(c, index);

    if (run == NULL) {
        return false;
    }
    *ret = raft_cache_part(run, index, max_bytes);
    return true;
}
