#include "common/base/rate.h"

#include <assert.h>

bool rate_pass(struct rate *r, uint32_t most, uint64_t period_us, uint64_t now_us,
               uint64_t *ret_held)
{
    assert(most >= 1 && period_us >= 1);
    assert(r->used <= most);
    /* A clock that went back (it must not) makes the difference wrap to a huge one: that opens a
     * window rather than closing one for ever. */
    if (r->used == 0 || now_us - r->start_us >= period_us) {
        r->start_us = now_us;
        r->used = 0;
    }
    if (r->used == most) {
        r->held++;
        return false;
    }
    r->used++;
    *ret_held = r->held;
    r->held = 0;
    return true;
}
