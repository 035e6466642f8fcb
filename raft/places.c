#include "raft/places.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void raft_places_fini(struct raft_places *p)
{
    free(p->place);
    *p = (struct raft_places){0};
}

/* How many places begin at or before entry `index`. */
static size_t count_up_to(const struct raft_places *p, uint64_t index)
{
    size_t low = 0, high = p->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->place[middle].first <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool has_room(struct raft_places *p)
{
    if (p->count < p->room) {
        return true;
    }
    size_t room = p->room == 0 ? 64 : 2 * p->room;
    struct raft_place *place = reallocarray(p->place, room, sizeof *place);
    if (place != NULL) {
        p->place = place;
        p->room = room;
    }
    return place != NULL;
}

enum err raft_places_add(struct raft_places *p, const struct raft_frame *f, uint64_t segment, uint32_t at)
{
    if (!has_room(p)) {
        return ERR_NOMEM;
    }
    bool is_new = f->kind != RAFT_FRAME_REPAIR && (p->count == 0 || f->kind == RAFT_FRAME_BASE);
    bool makes_void = !is_new && f->first <= p->last;

    if (is_new) {
        p->count = 0;
        p->base = f->first - 1;
    } else if (makes_void) {
        p->count = count_up_to(p, f->first - 1);
        p->base = f->first <= p->base ? f->first - 1 : p->base;
    }
    const struct raft_place *before = p->count > 0 ? &p->place[p->count - 1] : NULL;
    p->last = f->first + f->count - 1;
    /* A frame that makes void has a place of its own, so that no walk runs into what it made void. */
    if (before == NULL || makes_void || before->segment != segment || at - before->at >= RAFT_PLACES_STEP) {
        p->place[p->count++] = (struct raft_place){.first = f->first, .segment = segment, .at = at};
    }
    return ERR_OK;
}

bool raft_places_find(const struct raft_places *p, uint64_t index, struct raft_place *ret, uint64_t *ret_until)
{
    size_t count = count_up_to(p, index);

    if (index <= p->base || index > p->last || count == 0) {
        return false;
    }
    *ret = p->place[count - 1];
    *ret_until = count < p->count ? p->place[count].first : p->last + 1;
    return true;
}

uint64_t raft_places_cut(struct raft_places *p, uint64_t index)
{
    size_t count = count_up_to(p, index < p->last ? index + 1 : p->last), gone = 0;

    if (p->count == 0) {
        return 0;
    }
    uint64_t needed = p->place[count > 0 ? count - 1 : 0].segment;
    while (p->place[gone].segment < needed) {
        gone++;
    }
    if (gone > 0) {
        p->base = p->place[gone].first - 1;
        p->count -= gone;
        memmove(p->place, p->place + gone, p->count * sizeof *p->place);
    }
    return needed;
}
