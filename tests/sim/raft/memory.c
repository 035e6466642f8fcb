/* Entries in memory. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/raft/tenant.h"

static void push_one(struct quorum_seat *s, uint64_t term, const uint8_t *bytes, uint32_t size)
{
    if (s->items == s->room) {
        s->room = s->room == 0 ? 64 : 2 * s->room;
        s->item = realloc(s->item, s->room * sizeof *s->item);
        if (s->item == NULL) {
            abort();
        }
    }
    struct quorum_item *item = &s->item[s->items++];
    *item = (struct quorum_item){.term = term, .size = size, .bytes = malloc(size)};
    if (item->bytes == NULL) {
        abort();
    }
    memcpy(item->bytes, bytes, size);
}

void quorum_drop_from(struct quorum_seat *s, uint64_t first)
{
    while (s->items > 0 && s->base + s->items >= first) {
        free(s->item[--s->items].bytes);
    }
}

void quorum_cut(struct quorum_seat *s, uint64_t base)
{
    uint32_t gone = 0;

    while (gone < s->items && s->base + gone < base) {
        free(s->item[gone++].bytes);
    }
    s->items -= gone;
    s->base += gone;
    memmove(s->item, s->item + gone, s->items * sizeof *s->item);
}

void quorum_push(struct quorum_seat *s, const struct raft_run *run)
{
    struct raft_entry e;
    uint32_t at = 0;

    assert(run->first == s->base + s->items + 1);
    while (raft_packet_entry(run, &at, &e)) {
        push_one(s, run->term, e.bytes - RAFT_ENTRY_HEAD, e.size + RAFT_ENTRY_HEAD);
    }
}

void quorum_forget(struct quorum_seat *s, uint64_t base)
{
    quorum_drop_from(s, 0);
    s->base = base;
}

void quorum_recall(struct quorum_seat *s, const struct raft_run *run)
{
    /* The oldest segment's first frame says where the log begins now, and so does one that goes back behind that. */
    if (run->first <= s->base || (s->items == 0 && s->base == 0)) {
        quorum_forget(s, run->first - 1);
    }
    quorum_drop_from(s, run->first);
    quorum_push(s, run);
}

const struct quorum_item *quorum_item(const struct quorum_seat *s, uint64_t index)
{
    return index > s->base && index <= s->base + s->items ? &s->item[index - s->base - 1] : NULL;
}
