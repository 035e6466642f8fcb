#include "datapath/wait.h"

#include <assert.h>
#include <string.h>

void datapath_wait_init(struct datapath_wait *w, uint8_t *memory, size_t room)
{
    *w = (struct datapath_wait){.bytes = memory, .room = room, .free = 1};
    for (uint32_t i = 0; i < DATAPATH_WAIT_MAX; i++) {
        w->next[i] = i + 1 < DATAPATH_WAIT_MAX ? i + 2 : 0;
    }
}

uint32_t datapath_wait_put(struct datapath_wait *w, struct datapath_wait_queue *q, const uint8_t *bytes, size_t size)
{
    uint32_t lost = 0;
    const uint8_t *oldest;
    size_t oldest_size;

    assert(size <= w->room);
    if (q->count == DATAPATH_WAIT_EACH || (w->free == 0 && q->count > 0)) {
        lost += datapath_wait_take(w, q, &oldest, &oldest_size);
    }
    if (w->free == 0) {
        return 1;
    }
    uint32_t place = w->free;
    w->free = w->next[place - 1];
    w->next[place - 1] = 0;
    w->size[place - 1] = (uint32_t)size;
    memcpy(w->bytes + (place - 1) * w->room, bytes, size);
    if (q->last != 0) {
        w->next[q->last - 1] = place;
    } else {
        q->first = place;
    }
    q->last = place;
    q->count++;
    return lost;
}

bool datapath_wait_take(struct datapath_wait *w, struct datapath_wait_queue *q, const uint8_t **ret_bytes,
                        size_t *ret_size)
{
    uint32_t place = q->first;

    if (place == 0) {
        return false;
    }
    q->first = w->next[place - 1];
    q->last = q->first == 0 ? 0 : q->last;
    q->count--;
    w->next[place - 1] = w->free;
    w->free = place;
    *ret_bytes = w->bytes + (place - 1) * w->room;
    *ret_size = w->size[place - 1];
    return true;
}
