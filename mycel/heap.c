#include "mycel/heap.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum {
    UNIT = MYCEL_HEAP_UNIT,
    NONE = MYCEL_HEAP_NONE,
    LEAST = 2,              /* units: a free block holds its size twice and two links */
    SIZE = (1 << MYCEL_HEAP_SIZE_BITS) - 1,
    FREE = 1 << 28,
    AFTER_FREE = 1 << 29,   /* the block before this one is free, and its size stands before this one */
};

static_assert(LEAST * UNIT >= 4 * sizeof(uint32_t), "a free block has room for what the heap keeps of it");

struct block {
    uint32_t word, next, prev;
};

static struct block *at(const struct mycel_heap *h, uint32_t block)
{
    return mycel_heap_at(h, block);
}

static uint32_t size_of(const struct mycel_heap *h, uint32_t block)
{
    return at(h, block)->word & SIZE;
}

/* The last word of a free block. */
static uint32_t *foot(const struct mycel_heap *h, uint32_t end)
{
    return (uint32_t *)at(h, end) - 1;
}

/* ---- classes ---------------------------------------------------------------------------------------- */

static void class_of(uint32_t units, uint32_t *first, uint32_t *second)
{
    *first = 31 - (uint32_t)__builtin_clz(units);
    *second = *first >= 4 ? (units >> (*first - 4)) & (MYCEL_HEAP_SECOND - 1) : (units << (4 - *first)) & (MYCEL_HEAP_SECOND - 1);
}

static void list(struct mycel_heap *h, uint32_t block, uint32_t units)
{
    uint32_t f, s;

    class_of(units, &f, &s);
    *at(h, block) = (struct block){.word = units | FREE | (at(h, block)->word & AFTER_FREE), .next = h->free[f][s]};
    *foot(h, block + units) = units;
    at(h, block + units)->word |= AFTER_FREE;
    if (h->free[f][s] != NONE) {
        at(h, h->free[f][s])->prev = block;
    }
    h->free[f][s] = block;
    h->classes |= 1u << f;
    h->parts[f] |= (uint16_t)(1u << s);
}

static void unlist(struct mycel_heap *h, uint32_t block)
{
    struct block *b = at(h, block);
    uint32_t f, s;

    class_of(b->word & SIZE, &f, &s);
    if (b->next != NONE) {
        at(h, b->next)->prev = b->prev;
    }
    if (b->prev != NONE) {
        at(h, b->prev)->next = b->next;
        return;
    }
    h->free[f][s] = b->next;
    if (b->next == NONE) {
        h->parts[f] &= (uint16_t)~(1u << s);
        h->classes &= h->parts[f] == 0 ? ~(1u << f) : ~0u;
    }
}

/* A free block of `units` or more: the first of a class all of whose are large enough. */
static uint32_t find(const struct mycel_heap *h, uint32_t units)
{
    uint32_t f, s, step = units >= MYCEL_HEAP_SECOND ? (1u << (31 - (uint32_t)__builtin_clz(units) - 4)) - 1 : 0;

    class_of(units + step, &f, &s);
    uint32_t parts = f < MYCEL_HEAP_FIRST ? h->parts[f] & (~0u << s) : 0;
    if (parts == 0) {
        uint32_t above = f + 1 < MYCEL_HEAP_FIRST ? h->classes & (~0u << (f + 1)) : 0;
        if (above == 0) {
            return NONE;
        }
        f = (uint32_t)__builtin_ctz(above);
        parts = h->parts[f];
    }
    return h->free[f][__builtin_ctz(parts)];
}

/* ---- blocks ----------------------------------------------------------------------------------------- */

void mycel_heap_init(struct mycel_heap *h, void *memory, size_t bytes)
{
    size_t units = bytes / UNIT, most = 1u << 31;

    memset(h, 0, sizeof *h);
    h->base = memory;
    h->units = (uint32_t)(units < most ? units : most);
    assert(h->units >= 2 * LEAST + 2);
    uint32_t last = h->units - 1, block = 1;
    at(h, block)->word = 0;
    while (block < last) { /* more than one block is that large only above 2 GiB */
        uint32_t room = last - block, part = room <= SIZE ? room : SIZE - LEAST;
        *(uint32_t *)at(h, block + part) = 0; /* the last one is in use for ever: nothing grows beyond it */
        list(h, block, part);
        block += part;
    }
}

uint32_t mycel_heap_take(struct mycel_heap *h, uint32_t bytes)
{
    uint32_t units = mycel_heap_units(bytes);

    assert(bytes > 0);
    uint32_t block = units <= SIZE ? find(h, units) : NONE;
    if (block == NONE) {
        return NONE;
    }
    uint32_t there = size_of(h, block), before = at(h, block)->word & AFTER_FREE;
    unlist(h, block);
    at(h, block + there)->word &= ~(uint32_t)AFTER_FREE;
    if (there - units >= LEAST) {
        at(h, block + units)->word = 0;
        list(h, block + units, there - units);
        there = units;
    }
    at(h, block)->word = there | before;
    h->taken += there;
    return block;
}

void mycel_heap_give(struct mycel_heap *h, uint32_t block)
{
    uint32_t units = size_of(h, block), word = at(h, block)->word, next = block + units;

    assert(block != NONE && (word & FREE) == 0 && units >= LEAST);
    h->taken -= units;
    if ((at(h, next)->word & FREE) != 0 && units + size_of(h, next) <= SIZE) {
        uint32_t more = size_of(h, next);
        unlist(h, next);
        units += more;
    }
    if ((word & AFTER_FREE) != 0 && units + *foot(h, block) <= SIZE) {
        uint32_t more = *foot(h, block);
        block -= more;
        unlist(h, block);
        units += more;
    }
    list(h, block, units);
}
