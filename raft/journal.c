#include "raft/journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/past.h"
#include "raft/tree.h"

enum {
    ROOM_LEAST = 64,
    AHEAD = 3,         /* events between two steps of look_ahead: a line of memory takes about as long as one cools */
    AHEAD_BYTES = 384, /* of a record that are fetched ahead                                                        */
    LINE = 64,
};

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
static uint32_t cost(const struct raft_record *r)
{
    const struct raft_record *before = raft_record_in_memory(r->before);
    uint64_t sum = raft_record_is_delete(r) ? raft_record_cost(r) : 0;

    return (uint32_t)(before != NULL && !raft_record_is_delete(before) ? sum + raft_record_cost(before) : sum);
}

static enum err grow(struct raft_journal *j)
{
    uint64_t room = j->room > 0 ? j->room * 2 : ROOM_LEAST;
    struct raft_event_slot *ring = malloc(room * sizeof ring[0]);

    if (ring == NULL) {
        return ERR_NOMEM;
    }
    for (uint64_t i = j->freed; i < j->end; i++) {
        ring[i & (room - 1)] = *raft_journal_at(j, i);
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
    const struct raft_record *before = raft_record_in_memory(record->before);
    struct raft_event_slot slot = {raft_record_ref(record), (uint32_t)record->modified, cost(record)};

    assert((record->before & RAFT_RECORD_PAST) == 0 && record->modified >= j->freed_revision);
    assert(j->end == j->begin || raft_journal_revision(j, j->end - 1) <= record->modified);
    *raft_journal_at(j, j->end++) = slot;
    j->window_bytes += slot.cost;
    j->warm_bytes += before != NULL ? raft_record_cost(before) : 0;
    return ERR_OK;
}

bool raft_journal_is_full(const struct raft_journal *j)
{
    return j->end - j->begin > RAFT_JOURNAL_EVENTS || j->window_bytes > RAFT_JOURNAL_BYTES;
}

void raft_journal_compact(struct raft_journal *j, uint64_t revision)
{
    while (j->begin < j->end && raft_journal_revision(j, j->begin) <= revision) {
        uint64_t bytes = raft_journal_at(j, j->begin++)->cost;

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
    raft_journal_compact(j, raft_journal_revision(j, j->begin));
}

/* The event is forgotten: what was before it goes, and with the end of a key the key. Of one that is on disk itself
 * nothing is in memory. */
static uint64_t free_event(struct raft_journal *j, struct raft_record *r, struct raft_tree *tree)
{
    struct raft_record *before = raft_record_in_memory(r->before);
    uint64_t bytes = before != NULL ? raft_record_cost(before) : 0;

    assert(before == NULL || before->before == 0);
    assert(j->warm_bytes >= bytes);
    j->warm_bytes -= bytes;
    raft_record_free(before);
    r->before = 0;
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
    while (j->freed < j->begin && raft_journal_revision(j, j->freed) <= least) {
        struct raft_record *r = raft_record_in_memory(raft_journal_at(j, j->freed)->record);
        uint64_t revision = raft_journal_revision(j, j->freed++);

        bytes += r != NULL ? free_event(j, r, tree) : 0;
        j->freed_revision = revision;
    }
    j->cold = j->cold > j->freed ? j->cold : j->freed;
    return bytes;
}

/* ---- what is old goes to disk ---------------------------------------------------------------------- */

/* The first event in [low, end) of a revision that is not before `revision`. */
static uint64_t first_of(const struct raft_journal *j, uint64_t low, uint64_t revision)
{
    uint64_t high = j->end;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (raft_journal_revision(j, middle) < revision) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Mostly each revision has one event: then it is as far from the first event as its revision is from that one's. Asked at
 * every put, and seventeen looks into a ring of 1.6 MB otherwise. */
static bool guess(const struct raft_journal *j, uint64_t revision, uint64_t *ret_first)
{
    if (j->freed == j->end || raft_journal_revision(j, j->freed) > revision) {
        return false;
    }
    uint64_t at = j->freed + (revision - raft_journal_revision(j, j->freed));
    if (at >= j->end || raft_journal_revision(j, at) != revision) {
        return false; /* some before it have several */
    }
    assert(at == j->freed || raft_journal_revision(j, at - 1) < revision); /* none has none */
    *ret_first = at;
    return true;
}

/* What cools next was not touched for a thousand puts: by the time its turn comes, memory has brought it. First the record
 * of an event, then what it replaced, then the place in the ring of that one. */
static void look_ahead(const struct raft_journal *j)
{
    uint64_t number = j->cold + 3 * AHEAD;

    for (int step = 0; step < 3; step++, number -= AHEAD) {
        const struct raft_record *r = number < j->end ? raft_record_in_memory(raft_journal_at(j, number)->record) : NULL;
        const struct raft_record *before = step > 0 && r != NULL ? raft_record_in_memory(r->before) : NULL;
        uint64_t first;

        if (step == 0) {
            __builtin_prefetch(r);
        } else if (before == NULL) {
            continue;
        } else if (step == 1) {
            for (uint32_t at = 0; at < AHEAD_BYTES; at += LINE) {
                __builtin_prefetch((const uint8_t *)before + at);
            }
        } else if (before->modified > j->freed_revision && guess(j, before->modified, &first)) {
            __builtin_prefetch(raft_journal_at(j, first + before->part), 1);
        }
    }
}

/* The record of an event that was replaced leaves memory: the ring says where it is now. */
static void point_at(struct raft_journal *j, const struct raft_record *r, uint64_t ref)
{
    if (r->modified > j->freed_revision) {
        struct raft_event_slot *slot = raft_journal_at(j, raft_journal_number(j, r->modified, r->part));

        assert(slot->record == raft_record_ref(r));
        slot->record = ref;
    }
}

uint64_t raft_journal_cool(struct raft_journal *j, struct raft_past *past)
{
    uint64_t bytes = 0;

    raft_past_release(past, j->freed);
    while (j->warm_bytes > past->tuning.warm && j->cold < j->end) {
        struct raft_record *r = raft_record_in_memory(raft_journal_at(j, j->cold)->record);
        assert(r != NULL); /* it is replaced by a later event, if by any */
        look_ahead(j);
        struct raft_record *before = raft_record_in_memory(r->before);
        uint64_t ref;

        if (before != NULL && !raft_past_put(past, before, j->cold, &ref)) {
            break;
        }
        if (before != NULL) {
            j->warm_bytes -= raft_record_cost(before);
            bytes += raft_record_cost(before);
            point_at(j, before, ref);
            r->before = ref;
            raft_record_free(before);
        }
        j->cold++;
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
    uint64_t first = first_of(j, j->begin, revision);

    if (part == 0) {
        return first;
    }
    uint64_t after = first_of(j, first, revision + 1);
    return part < after - first ? first + part : after;
}

uint64_t raft_journal_number(const struct raft_journal *j, uint64_t revision, uint32_t part)
{
    uint64_t first;

    assert(revision > j->freed_revision);
    if (!guess(j, revision, &first)) {
        first = first_of(j, j->freed, revision);
    }
    return first + part; /* the changes of a revision stand together, from the first on */
}

uint32_t raft_journal_part(const struct raft_journal *j, uint64_t number)
{
    return (uint32_t)(number - first_of(j, j->begin, raft_journal_revision(j, number)));
}
