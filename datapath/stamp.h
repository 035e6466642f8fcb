/* Stamps of initiations: TAI64N, by which a recorded one is known. Each must be above all that its sender said before; but a clock that
 * was wrong once is no reason to be unheard until that time comes, so what is far ahead of our own clock is remembered apart.
 * Source: WireGuard, section 5.1; TAI64N: cr.yp.to/libtai/tai64.html. */
#ifndef CELL_DATAPATH_STAMP_H
#define CELL_DATAPATH_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/message.h"

enum {
    DATAPATH_STAMP_FAR_S = 86400,  /* more than clocks that are looked after differ, and any time zone */
    DATAPATH_STAMP_NEAR_S = 3600,  /* what was far ahead once, and is within this, may be said again   */
};

/* The newest stamp of a peer, and the newest of those that were far ahead of our clock when they came; zeros: none. */
struct datapath_heard {
    uint8_t said[DATAPATH_MESSAGE_TIME];
    uint8_t ahead[DATAPATH_MESSAGE_TIME];
};

/* Nanoseconds since 1970. */
void datapath_stamp_write(uint64_t ns, uint8_t ret[DATAPATH_MESSAGE_TIME]);

/* Whether it is new by our clock, and then remembered. Whoever's clock goes on is always heard, whatever it shows and whatever ours does;
 * whoever's was ahead and is right again, too. What was heard once is not heard again, but for stamps that were far ahead, not the newest
 * of them, and have come within DATAPATH_STAMP_NEAR_S since: once each. */
bool datapath_stamp_take(struct datapath_heard *heard, const uint8_t stamp[DATAPATH_MESSAGE_TIME], uint64_t wall_ns);

/* The newest of both, of each kind. */
void datapath_stamp_join(struct datapath_heard *heard, const struct datapath_heard *other);

#endif
