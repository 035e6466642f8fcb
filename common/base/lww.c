#include "common/base/lww.h"

#include <assert.h>
#include <string.h>

/* Total order of writes: < 0, 0, > 0. Without the bytes as the last resort two writes of one
 * replica under one stamp would leave each side with what it heard first. */
static int compare(const struct lww *a, const struct lww *b)
{
    if (a->stamp != b->stamp) {
        return a->stamp < b->stamp ? -1 : 1;
    }
    if (a->replica != b->replica) {
        return a->replica < b->replica ? -1 : 1;
    }
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    return memcmp(a->value, b->value, a->size);
}

enum err lww_set(struct lww *r, uint64_t stamp, uint64_t replica, const void *value, uint32_t size)
{
    struct lww write = {.stamp = stamp, .replica = replica, .size = size};

    assert(stamp > 0 && lww_is_valid(r));
    if (size > LWW_VALUE_MAX) {
        return ERR_LIMIT;
    }
    if (size > 0) {
        memcpy(write.value, value, size);
    }
    if (compare(&write, r) <= 0) {
        return ERR_PRECONDITION;
    }
    *r = write;
    return ERR_OK;
}

bool lww_merge(struct lww *r, const struct lww *other)
{
    assert(lww_is_valid(r) && lww_is_valid(other));
    if (compare(other, r) <= 0) {
        return false;
    }
    *r = *other;
    return true;
}

bool lww_is_valid(const struct lww *r)
{
    return r->size <= LWW_VALUE_MAX && (r->stamp > 0 || (r->replica == 0 && r->size == 0));
}
