#include "tests/sim/world/queue.h"

#include <stdlib.h>

static bool is_before(const struct queue_item *a, const struct queue_item *b)
{
    if (a->at_us != b->at_us) {
        return a->at_us < b->at_us;
    }
    return a->is_urgent != b->is_urgent ? a->is_urgent : a->seq < b->seq;
}

void queue_put(struct queue *q, const struct queue_item *item)
{
    if (q->count == q->room) {
        q->room = q->room == 0 ? 1024 : 2 * q->room;
        q->heap = realloc(q->heap, q->room * sizeof *q->heap);
        if (q->heap == NULL) {
            abort();
        }
    }
    struct queue_item new = *item;
    new.seq = q->seq++;
    uint32_t at = q->count++;
    while (at > 0 && is_before(&new, &q->heap[(at - 1) / 2])) {
        q->heap[at] = q->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    q->heap[at] = new;
}

bool queue_take(struct queue *q, struct queue_item *ret)
{
    if (q->count == 0) {
        return false;
    }
    *ret = q->heap[0];
    struct queue_item last = q->heap[--q->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= q->count) {
            break;
        }
        if (child + 1 < q->count && is_before(&q->heap[child + 1], &q->heap[child])) {
            child++;
        }
        if (!is_before(&q->heap[child], &last)) {
            break;
        }
        q->heap[at] = q->heap[child];
        at = child;
    }
    q->heap[at] = last; /* an empty heap still has the room */
    return true;
}

void queue_fini(struct queue *q)
{
    free(q->heap);
    *q = (struct queue){0};
}
