/* When things are over: a hierarchical timing wheel of eight levels of 64 slots, a millisecond to 2^48 of them. Adding and removing are
 * O(1); turning it is as much work as the caller allows at a time, and empty time costs nothing. The things are blocks of a heap.
 *
 * Source: Varghese, Lauck, "Hashed and hierarchical timing wheels", SOSP 1987, scheme 7. */
#ifndef CELL_MYCEL_WHEEL_H
#define CELL_MYCEL_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "mycel/heap.h"

enum {
    MYCEL_WHEEL_LEVELS = 8,
    MYCEL_WHEEL_SLOTS = 64,
};

#define MYCEL_WHEEL_MS_MAX ((UINT64_C(1) << 48) - 1)

/* What the wheel keeps of a thing, inside its block. */
struct mycel_wheel_node {
    uint32_t next, prev;
};

struct mycel_wheel {
    const struct mycel_heap *heap;
    uint64_t at_ms;     /* whatever was over before is gone */
    uint32_t count;
    uint64_t used[MYCEL_WHEEL_LEVELS];
    uint32_t first[MYCEL_WHEEL_LEVELS * MYCEL_WHEEL_SLOTS];
    /* Where in its block a thing's node stands (a multiple of 4), and when it is over. */
    struct mycel_wheel_node *(*node)(const struct mycel_heap *heap, uint32_t block);
    uint64_t (*end_ms)(const struct mycel_heap *heap, uint32_t block);
};

/* The wheel stands at now_ms (<= MYCEL_WHEEL_MS_MAX). heap and the two functions are borrowed. */
void mycel_wheel_init(struct mycel_wheel *w, const struct mycel_heap *heap, uint64_t now_ms,
                      struct mycel_wheel_node *(*node)(const struct mycel_heap *heap, uint32_t block),
                      uint64_t (*end_ms)(const struct mycel_heap *heap, uint32_t block));

/* A thing whose end (<= MYCEL_WHEEL_MS_MAX) is set. */
void mycel_wheel_add(struct mycel_wheel *w, uint32_t block);

/* … goes for another reason; its end may have been changed already. */
void mycel_wheel_remove(struct mycel_wheel *w, uint32_t block);

/* A thing that is over at now_ms, which the caller is to remove; MYCEL_HEAP_NONE: there is none, or the work that was allowed (*work, in
 * things that were looked at, counted down) is done. */
uint32_t mycel_wheel_over(struct mycel_wheel *w, uint64_t now_ms, uint32_t *work);

/* No thing is over before; UINT64_MAX: there is none. Not later than the first one's end. */
uint64_t mycel_wheel_due_ms(const struct mycel_wheel *w);

#endif
