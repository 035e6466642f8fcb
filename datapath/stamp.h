/* Stamps of initiations: TAI64N, by which a recorded one is known. A clock that is wrong is no reason to be unheard for ever: what is
 * far ahead of every clock is not remembered, neither as said by a peer nor by ourselves.
 * Source: WireGuard, section 5.1; TAI64N: cr.yp.to/libtai/tai64.html. */
#ifndef CELL_DATAPATH_STAMP_H
#define CELL_DATAPATH_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/message.h"

enum {
    DATAPATH_STAMP_AHEAD_S = 86400,            /* more than clocks that are looked after differ, and any time zone */
    DATAPATH_STAMP_ABSURD_S = 10 * 365 * 86400, /* … than one that was forgotten does                             */
};

/* Nanoseconds since 1970; UINT64_MAX: later than can be said so. */
void datapath_stamp_write(uint64_t ns, uint8_t ret[DATAPATH_MESSAGE_TIME]);
uint64_t datapath_stamp_read(const uint8_t stamp[DATAPATH_MESSAGE_TIME]);

/* Whether `ns` is more than DATAPATH_STAMP_AHEAD_S ahead of our clock. A clock from before this was written knows nothing of
 * that: then only what no clock says for a century. */
bool datapath_stamp_is_ahead(uint64_t ns, uint64_t wall_ns);

/* Whether a peer who said `heard` last would be unheard by our clock's time if he said `stamp` and was believed: it is ahead of both.
 * Who has been ahead of us goes on there, as after our own clock was set back. */
bool datapath_stamp_is_refused(const uint8_t stamp[DATAPATH_MESSAGE_TIME], const uint8_t heard[DATAPATH_MESSAGE_TIME], uint64_t wall_ns);

/* What was remembered before, and is ahead of our clock by more than DATAPATH_STAMP_ABSURD_S, becomes now: all that was recorded
 * until now stays refused. */
void datapath_stamp_settle(uint8_t heard[DATAPATH_MESSAGE_TIME], uint64_t wall_ns);

#endif
