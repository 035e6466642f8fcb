#include "mycel/version.h"

#include <assert.h>
#include <string.h>

#include "common/base/hlc.h"

int mycel_version_compare(const struct mycel_version_copy *a, const struct mycel_version_copy *b)
{
    if (a->version.stamp != b->version.stamp) {
        return a->version.stamp < b->version.stamp ? -1 : 1;
    }
    if (a->version.writer != b->version.writer) {
        return a->version.writer < b->version.writer ? -1 : 1;
    }
    if (a->is_tombstone != b->is_tombstone) {
        return a->is_tombstone ? 1 : -1;
    }
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    int by_bytes = a->size == 0 ? 0 : memcmp(a->bytes, b->bytes, a->size);
    return (by_bytes > 0) - (by_bytes < 0);
}

struct mycel_version mycel_version_next(struct mycel_version_clock *c, uint64_t wall_ms)
{
    return (struct mycel_version){.stamp = hlc_next(&c->last, wall_ms), .writer = c->writer};
}

enum err mycel_version_heard(struct mycel_version_clock *c, const struct mycel_version *v, uint64_t wall_ms)
{
    if (v->stamp == 0) {
        return ERR_INVALID;
    }
    enum err e = hlc_heard(&c->last, v->stamp, wall_ms, MYCEL_VERSION_AHEAD_MS);
    c->refused += e == ERR_RANGE;
    return e;
}

enum err mycel_version_expect(const struct mycel_version_copy *there, enum mycel_version_wish wish, const struct mycel_version *version)
{
    bool is_value = there->version.stamp != 0 && !there->is_tombstone;

    switch (wish) {
    case MYCEL_VERSION_ANY:
        return ERR_OK;
    case MYCEL_VERSION_NONE:
        return is_value ? ERR_EXISTS : ERR_OK;
    case MYCEL_VERSION_SOME:
        return is_value ? ERR_OK : ERR_NOT_FOUND;
    case MYCEL_VERSION_THIS:
        if (!is_value) {
            return ERR_NOT_FOUND;
        }
        return there->version.stamp == version->stamp && there->version.writer == version->writer ? ERR_OK : ERR_ABORTED;
    }
    return ERR_INVALID;
}

bool mycel_version_is_forgettable(const struct mycel_version *tombstone, bool all_have_it, uint64_t wall_ms)
{
    uint64_t made_ms = hlc_ms(tombstone->stamp);

    return all_have_it && wall_ms > made_ms && wall_ms - made_ms > MYCEL_VERSION_TOMBSTONE_MS + MYCEL_VERSION_AHEAD_MS;
}
