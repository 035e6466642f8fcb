#include "mycel/counter.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"

static int compare(const struct mycel_version *a, const struct mycel_version *b)
{
    if (a->stamp != b->stamp) {
        return a->stamp < b->stamp ? -1 : 1;
    }
    return a->writer < b->writer ? -1 : a->writer > b->writer;
}

enum err mycel_counter_set(struct mycel_counter *c, const struct mycel_version *set, int64_t start)
{
    if (compare(set, &c->set) <= 0) {
        return ERR_PRECONDITION;
    }
    memset(c, 0, sizeof *c);
    c->set = *set;
    c->start = start;
    return ERR_OK;
}

/* Where a writer stands, or would. */
static uint32_t place_of(const struct mycel_counter *c, uint32_t writer)
{
    uint32_t at = 0;

    while (at < c->count && c->slot[at].writer < writer) {
        at++;
    }
    return at;
}

/* 128 bits hold every sum of 64 writers. */
static __int128 exact(const struct mycel_counter *c)
{
    __int128 sum = c->start;

    for (uint32_t i = 0; i < c->count; i++) {
        sum += (__int128)c->slot[i].up - c->slot[i].down;
    }
    return sum;
}

enum err mycel_counter_add(struct mycel_counter *c, uint32_t writer, int64_t amount)
{
    uint32_t at = place_of(c, writer);
    bool is_known = at < c->count && c->slot[at].writer == writer;
    uint64_t size = amount < 0 ? -(uint64_t)amount : (uint64_t)amount;
    __int128 after = exact(c) + amount;

    if (amount == 0) {
        return ERR_OK;
    }
    if (after > INT64_MAX || after < INT64_MIN ||
        (is_known && size > UINT64_MAX - (amount < 0 ? c->slot[at].down : c->slot[at].up))) {
        return ERR_RANGE;
    }
    if (!is_known) {
        if (c->count == MYCEL_COUNTER_WRITERS_MAX) {
            return ERR_LIMIT;
        }
        memmove(&c->slot[at + 1], &c->slot[at], (c->count - at) * sizeof c->slot[0]);
        c->slot[at] = (struct mycel_counter_slot){.writer = writer};
        c->count++;
    }
    *(amount < 0 ? &c->slot[at].down : &c->slot[at].up) += size;
    return ERR_OK;
}

enum err mycel_counter_merge(struct mycel_counter *c, const struct mycel_counter *other)
{
    struct mycel_counter both = {.set = c->set, .start = c->start};
    int later = compare(&c->set, &other->set);

    if (later == 0 && c->start != other->start) { /* one writer set two numbers under one stamp: he must not */
        later = c->start < other->start ? -1 : 1;
    }
    if (later != 0) {
        *c = later < 0 ? *other : *c;
        return ERR_OK;
    }
    for (uint32_t i = 0, j = 0; i < c->count || j < other->count;) {
        bool is_mine = j == other->count || (i < c->count && c->slot[i].writer <= other->slot[j].writer);
        bool is_theirs = i == c->count || (j < other->count && other->slot[j].writer <= c->slot[i].writer);
        struct mycel_counter_slot slot = is_mine ? c->slot[i] : other->slot[j];
        if (is_mine && is_theirs) {
            slot.up = slot.up > other->slot[j].up ? slot.up : other->slot[j].up;
            slot.down = slot.down > other->slot[j].down ? slot.down : other->slot[j].down;
        }
        if (both.count == MYCEL_COUNTER_WRITERS_MAX) {
            return ERR_LIMIT;
        }
        both.slot[both.count++] = slot;
        i += is_mine;
        j += is_theirs;
    }
    *c = both;
    return ERR_OK;
}

int64_t mycel_counter_value(const struct mycel_counter *c)
{
    __int128 sum = exact(c);

    return sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}

size_t mycel_counter_write(const struct mycel_counter *c, uint8_t *bytes)
{
    uint8_t *at = bytes + MYCEL_COUNTER_HEAD;

    bytes_put_be64(bytes, c->set.stamp);
    bytes_put_be32(bytes + 8, c->set.writer);
    bytes_put_be64(bytes + 12, (uint64_t)c->start);
    for (uint32_t i = 0; i < c->count; i++, at += MYCEL_COUNTER_SLOT) {
        bytes_put_be32(at, c->slot[i].writer);
        bytes_put_be64(at + 4, c->slot[i].up);
        bytes_put_be64(at + 12, c->slot[i].down);
    }
    return (size_t)(at - bytes);
}

enum err mycel_counter_read(struct mycel_counter *ret, const uint8_t *bytes, size_t size)
{
    struct mycel_counter c = {0};

    if (size < MYCEL_COUNTER_HEAD || size > MYCEL_COUNTER_BYTES_MAX || (size - MYCEL_COUNTER_HEAD) % MYCEL_COUNTER_SLOT != 0) {
        return ERR_MALFORMED;
    }
    c.set = (struct mycel_version){.stamp = bytes_get_be64(bytes), .writer = bytes_get_be32(bytes + 8)};
    c.start = (int64_t)bytes_get_be64(bytes + 12);
    if (c.set.stamp == 0 && (c.set.writer != 0 || c.start != 0)) {
        return ERR_MALFORMED;
    }
    for (const uint8_t *at = bytes + MYCEL_COUNTER_HEAD; at < bytes + size; at += MYCEL_COUNTER_SLOT) {
        struct mycel_counter_slot s = {.writer = bytes_get_be32(at), .up = bytes_get_be64(at + 4), .down = bytes_get_be64(at + 12)};
        if ((s.up == 0 && s.down == 0) || (c.count > 0 && s.writer <= c.slot[c.count - 1].writer)) {
            return ERR_MALFORMED;
        }
        c.slot[c.count++] = s;
    }
    *ret = c;
    return ERR_OK;
}
