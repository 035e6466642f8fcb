#include "raft/journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/tree.h"

enum { ROOM_LEAST = 64 };

void raft_journal_init(struct raft_journal *j)
{
    *j = (struct raft_journal){0};
    memset(j->pins, 0xff, sizeof j->pins);
}

void raft_journal_fini(struct raft_journal *j)
{
    free(j->ring);
    raft_journal_init(j);
}

/* What only the window keeps because of this event: the value before it, and the mark of an ended key itself. An ended
 * key before it costs nothing more: whether it is still there may depend on pins, and this may not. */
static uint64_t cost(const struct raft_record *r)
{
    uint64_t sum = raft_record_is_delete(r) ? raft_record_cost(r) : 0;

    return r->prev != NULL && !raft_record_is_delete(r->prev) ? sum + raft_record_cost(r->prev) : sum;
}

static enum err grow(struct raft_journal *j)
{
    uint64_t room = j->room > 0 ? j->room * 2 : ROOM_LEAST;
    struct raft_record **ring = malloc(room * sizeof ring[0]);

    if (ring == NULL) {
        return ERR_NOMEM;
    }
    for (uint64_t i = j->freed; i < j->end; i++) {
        ring[i & (room - 1)] = raft_journal_at(j, i);
    }
    free(j->ring);
    j->ring = ring;
    j->room = room;
    return ERR_OK;
}

enum err raft_journal_append(struct raft_journal *j, struct raft_record *record)
{
    if (j->end - j->freed == j->room && grow(j) != ERR_OK) {
        return ERR_NOMEM;
    }
    assert(j->end == j->begin || raft_journal_at(j, j->end - 1)->modified <= record->modified);
    j->ring[j->end++ & (j->room - 1)] = record;
    j->window_bytes += cost(record);
    return ERR_OK;
}

bool raft_journal_is_full(const struct raft_journal *j)
{
    return j->end - j->begin > RAFT_JOURNAL_EVENTS || j->window_bytes > RAFT_JOURNAL_BYTES;
}

void raft_journal_compact(struct raft_journal *j, uint64_t revision)
{
    while (j->begin < j->end && raft_journal_at(j, j->begin)->modified <= revision) {
        uint64_t bytes = cost(raft_journal_at(j, j->begin++));

        assert(j->window_bytes >= bytes);
        j->window_bytes -= bytes;
    }
    if (revision > j->compacted) {
        j->compacted = revision;
    }
}

void raft_journal_compact_oldest(struct raft_journal *j)
{
    assert(j->begin < j->end);
    raft_journal_compact(j, raft_journal_at(j, j->begin)->modified);
}

/* The event is forgotten: what was before it goes, and with the end of a key the key. */
static uint64_t free_event(struct raft_record *r, struct raft_tree *tree)
{
    uint64_t bytes = r->prev != NULL ? raft_record_cost(r->prev) : 0;

    assert(r->prev == NULL || r->prev->prev == NULL);
    raft_record_free(r->prev);
    r->prev = NULL;
    if (raft_record_is_delete(r) && (r->flags & RAFT_RECORD_OLD) == 0) {
        bytes += raft_record_cost(r);
        raft_tree_remove(tree, raft_record_key(r));
        raft_record_free(r);
    }
    return bytes;
}

uint64_t raft_journal_free(struct raft_journal *j, struct raft_tree *tree)
{
    uint64_t least = UINT64_MAX, bytes = 0;

    for (uint32_t i = 0; i < RAFT_PINS_MAX; i++) {
        least = j->pins[i] < least ? j->pins[i] : least;
    }
    /* Who reads at a revision needs no state before it: events up to it may go, later ones keep what they replaced. */
    while (j->freed < j->begin && raft_journal_at(j, j->freed)->modified <= least) {
        bytes += free_event(raft_journal_at(j, j->freed++), tree);
    }
    return bytes;
}

uint32_t raft_journal_pin(struct raft_journal *j, uint64_t revision)
{
    for (uint32_t i = 0; i < RAFT_PINS_MAX; i++) {
        if (j->pins[i] == UINT64_MAX) {
            j->pins[i] = revision;
            return i;
        }
    }
    return RAFT_PINS_MAX;
}

void raft_journal_unpin(struct raft_journal *j, uint32_t pin)
{
    assert(pin < RAFT_PINS_MAX && j->pins[pin] != UINT64_MAX);
    j->pins[pin] = UINT64_MAX;
}

uint64_t raft_journal_seek(const struct raft_journal *j, uint64_t revision, uint32_t part)
{
    uint64_t low = j->begin, high = j->end;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const struct raft_record *r = raft_journal_at(j, middle);

        if (r->modified < revision || (r->modified == revision && r->part < part)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
