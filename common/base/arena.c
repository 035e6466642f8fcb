#include "common/base/arena.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ARENA_ALIGN = _Alignof(max_align_t),
    ARENA_BLOCK_FIRST = 1024,  /* holds a usual request; each of a thousand that wait has one */
    ARENA_BLOCK_MOST = 65536,  /* growth stops here: at most this much of the last is unused */
};

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes of data */
    size_t used;
    _Alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a, size_t limit_bytes)
{
    *a = (struct arena){.limit_bytes = limit_bytes};
}

/* Append a block for at least `need` bytes, twice the last one's size while that is sensible. What was made for one
 * huge thing says nothing of what comes behind it. */
static struct arena_block *grow(struct arena *a, size_t need)
{
    size_t size = ARENA_BLOCK_FIRST;

    if (a->last != NULL && a->last->size <= ARENA_BLOCK_MOST) {
        size = 2 * a->last->size < ARENA_BLOCK_MOST ? 2 * a->last->size : ARENA_BLOCK_MOST;
    }
    if (size < need) {
        size = need;
    }
    if (size > SIZE_MAX - sizeof(struct arena_block)) {
        return NULL;
    }
    struct arena_block *block = malloc(sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    *block = (struct arena_block){.size = size};
    if (a->last == NULL) {
        a->first = block;
    } else {
        a->last->next = block;
    }
    a->last = block;
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t need = size == 0 ? 1 : size; /* every result is a different address */

    assert(a->used_bytes <= a->limit_bytes);
    if (need > a->limit_bytes - a->used_bytes || need > SIZE_MAX - (ARENA_ALIGN - 1)) {
        return NULL;
    }
    need = (need + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;

    struct arena_block *block = a->last;
    if (block == NULL || need > block->size - block->used) {
        block = grow(a, need);
        if (block == NULL) {
            return NULL;
        }
    }
    void *at = block->data + block->used;
    block->used += need;
    /* The padding counts too, or a peer could take 16 times the limit byte by byte; the last
     * allocation that fits may end inside its padding. */
    size_t left = a->limit_bytes - a->used_bytes;
    a->used_bytes += need < left ? need : left;
    assert((uintptr_t)at % ARENA_ALIGN == 0);
    return at;
}

/* Free `block` and all that follow it. */
static void free_from(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_reset(struct arena *a)
{
    a->used_bytes = 0;
    /* A block made for one huge request must not stay with every idle caller. */
    if (a->first != NULL && a->first->size > ARENA_BLOCK_MOST) {
        free_from(a->first);
        a->first = NULL;
    }
    if (a->first != NULL) {
        free_from(a->first->next);
        a->first->next = NULL;
        a->first->used = 0;
    }
    a->last = a->first;
}

void arena_fini(struct arena *a)
{
    free_from(a->first);
    *a = (struct arena){.limit_bytes = a->limit_bytes};
}
