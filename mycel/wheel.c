#include "mycel/wheel.h"

#include <assert.h>
#include <string.h>

enum {
    SLOTS = MYCEL_WHEEL_SLOTS,
    BITS = 6,                 /* of an end, that choose a slot of a level */
    NONE = MYCEL_HEAP_NONE,
};

#define IS_SLOT (1u << 31) /* prev of the first one of a slot: which slot */

void mycel_wheel_init(struct mycel_wheel *w, const struct mycel_heap *heap, uint64_t now_ms,
                      struct mycel_wheel_node *(*node)(const struct mycel_heap *heap, uint32_t block),
                      uint64_t (*end_ms)(const struct mycel_heap *heap, uint32_t block))
{
    memset(w, 0, sizeof *w);
    w->heap = heap;
    w->at_ms = now_ms;
    w->node = node;
    w->end_ms = end_ms;
}

static uint32_t slot_of(const struct mycel_wheel *w, uint64_t end_ms)
{
    uint64_t end = end_ms > w->at_ms ? end_ms : w->at_ms, apart = end ^ w->at_ms;
    uint32_t level = apart == 0 ? 0 : (63 - (uint32_t)__builtin_clzll(apart)) / BITS;

    assert(level < MYCEL_WHEEL_LEVELS);
    return level * SLOTS + (uint32_t)(end >> (level * BITS) & (SLOTS - 1));
}

void mycel_wheel_add(struct mycel_wheel *w, uint32_t block)
{
    uint32_t slot = slot_of(w, w->end_ms(w->heap, block));
    struct mycel_wheel_node *n = w->node(w->heap, block);

    *n = (struct mycel_wheel_node){.next = w->first[slot], .prev = IS_SLOT | slot};
    if (n->next != NONE) {
        w->node(w->heap, n->next)->prev = block;
    }
    w->first[slot] = block;
    w->used[slot / SLOTS] |= UINT64_C(1) << (slot % SLOTS);
    w->count++;
}

void mycel_wheel_remove(struct mycel_wheel *w, uint32_t block)
{
    struct mycel_wheel_node *n = w->node(w->heap, block);

    if (n->next != NONE) {
        w->node(w->heap, n->next)->prev = n->prev;
    }
    if ((n->prev & IS_SLOT) == 0) {
        w->node(w->heap, n->prev)->next = n->next;
    } else {
        uint32_t slot = n->prev & ~IS_SLOT;
        w->first[slot] = n->next;
        if (n->next == NONE) {
            w->used[slot / SLOTS] &= ~(UINT64_C(1) << (slot % SLOTS));
        }
    }
    assert(w->count > 0);
    w->count--;
}

/* The slot whose turn it is, and when it begins: what stands where we are goes down before anything else is looked at. */
static uint32_t next_slot(const struct mycel_wheel *w, uint64_t *ret_ms)
{
    for (uint32_t level = MYCEL_WHEEL_LEVELS - 1; level > 0; level--) {
        uint32_t here = (uint32_t)(w->at_ms >> (level * BITS) & (SLOTS - 1));
        if ((w->used[level] >> here & 1) != 0) {
            *ret_ms = w->at_ms;
            return level * SLOTS + here;
        }
    }
    for (uint32_t level = 0; level < MYCEL_WHEEL_LEVELS; level++) {
        if (w->used[level] != 0) {
            uint32_t slot = (uint32_t)__builtin_ctzll(w->used[level]); /* none stands before at_ms */
            uint64_t span = UINT64_C(1) << (level * BITS);
            *ret_ms = (w->at_ms & ~(span * SLOTS - 1)) + slot * span;
            return level * SLOTS + slot;
        }
    }
    *ret_ms = UINT64_MAX;
    return 0;
}

uint64_t mycel_wheel_due_ms(const struct mycel_wheel *w)
{
    uint64_t ms;

    next_slot(w, &ms);
    return ms;
}

uint32_t mycel_wheel_over(struct mycel_wheel *w, uint64_t now_ms, uint32_t *work)
{
    while (*work > 0) {
        uint64_t begins;
        uint32_t slot = next_slot(w, &begins);
        if (begins > now_ms) {
            w->at_ms = now_ms > w->at_ms ? now_ms : w->at_ms;
            return NONE;
        }
        w->at_ms = begins;
        uint32_t block = w->first[slot];
        (*work)--;
        if (slot < SLOTS) {
            return block;
        }
        mycel_wheel_remove(w, block);
        mycel_wheel_add(w, block); /* one level down, or several */
    }
    return NONE;
}
