#include <assert.h>

#include "datapath/state.h"

/* Not all of it: the bytes are many, and each step of a packet passes here. */
void datapath_effects_clear(struct datapath_effects *fx)
{
    fx->sends = fx->notes = fx->used = 0;
    fx->due_ms = UINT64_MAX;
    fx->has_heard = fx->is_unfinished = false;
}

uint8_t *datapath_effects_room(struct datapath_effects *fx, size_t size)
{
    assert(fx->sends < DATAPATH_SENDS_MAX && fx->used + size <= DATAPATH_BYTES_MAX);
    return fx->bytes + fx->used;
}

void datapath_effects_send(struct datapath_effects *fx, const struct datapath_endpoint *to, uint32_t peer, size_t size)
{
    assert(to->port != 0 && fx->sends < DATAPATH_SENDS_MAX && fx->used + size <= DATAPATH_BYTES_MAX);
    fx->send[fx->sends++] = (struct datapath_send){.to = *to, .at = fx->used, .size = (uint32_t)size, .peer = peer};
    fx->used += (uint32_t)size;
}

void datapath_effects_note(struct datapath_effects *fx, enum datapath_note_kind kind, uint32_t peer)
{
    assert(fx->notes < DATAPATH_NOTES_MAX);
    fx->note[fx->notes++] = (struct datapath_note){.kind = kind, .peer = peer};
}
