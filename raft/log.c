#include "raft/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOM_FIRST = 64, /* marks: 4 MiB of log */
};

void raft_log_init(struct raft_log *l, uint64_t base, uint64_t base_term)
{
    *l = (struct raft_log){.base = base, .base_term = base_term, .last = base};
}

void raft_log_fini(struct raft_log *l)
{
    free(l->mark);
    *l = (struct raft_log){0};
}

bool raft_log_reserve(struct raft_log *l)
{
    if (l->from + l->count + RAFT_LOG_APPENDS <= l->room) {
        return true;
    }
    /* Cut marks leave a gap in front: where that is half of the room, moving is enough, and each mark is moved
     * at most once for each time that one was cut. */
    if (l->from > l->room / 2 + RAFT_LOG_APPENDS) {
        memmove(l->mark, l->mark + l->from, l->count * sizeof *l->mark);
        l->from = 0;
        return true;
    }
    uint32_t room = l->room == 0 ? ROOM_FIRST : 2 * l->room;
    struct raft_mark *mark = realloc(l->mark, room * sizeof *mark);
    if (mark == NULL) {
        return false;
    }
    l->mark = mark;
    l->room = room;
    return true;
}

static struct raft_mark *mark_at(const struct raft_log *l, uint32_t i)
{
    assert(i < l->count);
    return &l->mark[l->from + i];
}

/* The mark that has `index`, which is in the log. */
static uint32_t mark_of(const struct raft_log *l, uint64_t index)
{
    uint32_t least = 0, most = l->count - 1;

    assert(index > l->base && index <= l->last && l->count > 0);
    if (mark_at(l, most)->first <= index) {
        return most; /* nearly always */
    }
    while (least < most) {
        uint32_t middle = least + (most - least + 1) / 2;
        if (mark_at(l, middle)->first <= index) {
            least = middle;
        } else {
            most = middle - 1;
        }
    }
    return least;
}

static uint64_t end_of(const struct raft_log *l, uint32_t i)
{
    return i + 1 < l->count ? mark_at(l, i + 1)->first - 1 : l->last;
}

static uint64_t bytes_until(const struct raft_log *l, uint32_t i)
{
    return i + 1 < l->count ? mark_at(l, i + 1)->before : l->bytes;
}

void raft_log_append(struct raft_log *l, uint32_t count, uint64_t term, uint64_t size)
{
    struct raft_mark *newest = l->count > 0 ? mark_at(l, l->count - 1) : NULL;

    assert(count > 0 && term > 0 && term >= raft_log_last_term(l));
    if (newest == NULL || newest->term != term || l->bytes - newest->before + size > RAFT_LOG_GRAIN) {
        assert(l->from + l->count < l->room);
        l->mark[l->from + l->count++] = (struct raft_mark){.first = l->last + 1, .term = term, .before = l->bytes};
    }
    l->last += count;
    l->bytes += size;
}

void raft_log_truncate(struct raft_log *l, uint64_t first)
{
    assert(first > l->base && first <= l->last);
    uint32_t i = mark_of(l, first);
    l->bytes = bytes_until(l, i);
    l->last = first - 1;
    if (mark_at(l, i)->first == first) {
        l->bytes = mark_at(l, i)->before;
        l->count = i;
    } else {
        l->count = i + 1;
    }
}

void raft_log_cut(struct raft_log *l, uint64_t base)
{
    if (base <= l->base) {
        return;
    }
    assert(base <= l->last);
    uint32_t i = mark_of(l, base);
    l->base_term = mark_at(l, i)->term;
    l->base = base;
    if (end_of(l, i) == base) {
        i++;
    } else {
        mark_at(l, i)->first = base + 1;
    }
    l->from += i;
    l->count -= i;
}

void raft_log_reset(struct raft_log *l, uint64_t base, uint64_t base_term)
{
    l->base = l->last = base;
    l->base_term = base_term;
    l->from = l->count = 0;
    l->bytes = 0;
}

uint64_t raft_log_term(const struct raft_log *l, uint64_t index)
{
    if (index == l->base) {
        return l->base_term;
    }
    return index > l->base && index <= l->last ? mark_at(l, mark_of(l, index))->term : 0;
}

uint64_t raft_log_last_term(const struct raft_log *l)
{
    return l->count > 0 ? mark_at(l, l->count - 1)->term : l->base_term;
}

uint64_t raft_log_run_end(const struct raft_log *l, uint64_t first, uint64_t bytes_most, uint64_t *ret_size)
{
    uint32_t i = mark_of(l, first);
    uint64_t before = mark_at(l, i)->before, term = mark_at(l, i)->term;

    while (i + 1 < l->count && mark_at(l, i + 1)->term == term && bytes_until(l, i + 1) - before <= bytes_most) {
        i++;
    }
    *ret_size = bytes_until(l, i) - before;
    return end_of(l, i);
}

uint64_t raft_log_same_until(const struct raft_log *l, uint64_t first, uint64_t last, uint64_t term)
{
    uint64_t same = first - 1;

    assert(first > l->base);
    last = last < l->last ? last : l->last;
    if (first > last) {
        return same;
    }
    for (uint32_t i = mark_of(l, first); same < last && mark_at(l, i)->term == term; i++) {
        same = end_of(l, i);
        if (i + 1 == l->count) {
            break;
        }
    }
    return same < last ? same : last;
}

uint64_t raft_log_find(const struct raft_log *l, uint64_t index, uint64_t term)
{
    index = index < l->last ? index : l->last;
    if (index <= l->base) {
        return l->base;
    }
    for (uint32_t i = mark_of(l, index) + 1; i > 0; i--) {
        if (mark_at(l, i - 1)->term <= term) {
            uint64_t end = end_of(l, i - 1);
            return end < index ? end : index;
        }
    }
    return l->base;
}

uint64_t raft_log_bytes_after(const struct raft_log *l, uint64_t index)
{
    if (index >= l->last) {
        return 0;
    }
    index = index < l->base ? l->base : index;
    return l->bytes - mark_at(l, mark_of(l, index + 1))->before;
}
