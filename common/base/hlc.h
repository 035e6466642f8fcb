/* A hybrid clock: stamps that are near the wall clock and yet always later than everything this
 * side has seen, so that "later" never contradicts "because of". Pure: the wall clock is an
 * argument.
 *
 * Source: Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks", OPODIS 2014,
 * figure 5; packed into 64 bits as its section 6 proposes. */
#ifndef CELL_COMMON_BASE_HLC_H
#define CELL_COMMON_BASE_HLC_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    HLC_COUNT_BITS = 16 /* events within a millisecond; more of them borrow from the next one */
};

/* The largest wall clock a stamp can hold, in ms since 1970: the year 10889. */
#define HLC_MS_MAX ((UINT64_C(1) << (64 - HLC_COUNT_BITS)) - 2)

/* A stamp is milliseconds << HLC_COUNT_BITS | count: stamps compare as numbers. 0 is before every
 * stamp. */

/* The stamp of an event here at `wall_ms` (<= HLC_MS_MAX): later than *last, which becomes it. A
 * wall clock that went back does no harm. */
uint64_t hlc_next(uint64_t *last, uint64_t wall_ms);

/* Note a stamp that came from elsewhere: the next one made here will be later.
 * Returns ERR_OK, or ERR_RANGE when it is more than ahead_ms_max in the future of wall_ms (<=
 * HLC_MS_MAX): such a clock is wrong, and believing it would drag every clock along. On errors
 * *last is unchanged. */
enum err hlc_heard(uint64_t *last, uint64_t stamp, uint64_t wall_ms, uint64_t ahead_ms_max)
    MUST_CHECK;

/* Its part that is wall clock, ms. */
uint64_t hlc_ms(uint64_t stamp);

#endif
