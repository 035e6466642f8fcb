#include "common/base/hlc.h"

#include <assert.h>

uint64_t hlc_next(uint64_t *last, uint64_t wall_ms)
{
    assert(wall_ms <= HLC_MS_MAX && *last < UINT64_MAX);
    uint64_t wall = wall_ms << HLC_COUNT_BITS;

    /* The paper's two cases in one number: the count carries into the milliseconds by itself. */
    uint64_t next = wall > *last ? wall : *last + 1;
    assert(next > *last);
    *last = next;
    return next;
}

enum err hlc_heard(uint64_t *last, uint64_t stamp, uint64_t wall_ms, uint64_t ahead_ms_max)
{
    assert(wall_ms <= HLC_MS_MAX);
    uint64_t room_ms = HLC_MS_MAX - wall_ms;
    uint64_t most_ms = wall_ms + (ahead_ms_max < room_ms ? ahead_ms_max : room_ms);

    if (hlc_ms(stamp) > most_ms) {
        return ERR_RANGE;
    }
    if (stamp > *last) {
        *last = stamp;
    }
    return ERR_OK;
}

uint64_t hlc_ms(uint64_t stamp)
{
    return stamp >> HLC_COUNT_BITS;
}
