/* When a peer is spoken to without anybody asking: handshakes again, keepalives, a new handshake when nothing comes
 * back, the end of keys. Steps in virtual time; what is due is performed by the caller, who tells it here.
 * Source: Donenfeld, "WireGuard", NDSS 2017, sections 6.2 to 6.5. */
#ifndef CELL_DATAPATH_TIMERS_H
#define CELL_DATAPATH_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/pace.h"

/* Times are monotonic ms at which something is due; 0: never. */
struct datapath_timers {
    uint64_t retry_ms;       /* the handshake that is going on is tried again          */
    uint64_t give_up_ms;     /* … no more from here on                                 */
    uint64_t keepalive_ms;   /* we received and sent nothing since                     */
    bool again;              /* … and received more after that was set                 */
    uint64_t silence_ms;     /* we sent and heard nothing since                        */
    uint64_t erase_ms;       /* keys are wiped                                         */
    uint64_t persistent_ms;  /* a keepalive that keeps the way through a NAT open      */
    uint32_t persistent_every_ms; /* 0: none                                           */
};

enum datapath_timers_due {
    DATAPATH_DUE_NOTHING,
    DATAPATH_DUE_RETRY,     /* send the initiation again                                          */
    DATAPATH_DUE_GIVE_UP,   /* nobody answers: what waits is dropped, the handshake forgotten     */
    DATAPATH_DUE_KEEPALIVE,
    DATAPATH_DUE_SILENCE,   /* begin a new handshake, if none is going on                         */
    DATAPATH_DUE_ERASE,
};

/* What happened. jitter_ms: drawn, 0 to pace->jitter_ms - 1. */
void datapath_timers_begun(struct datapath_timers *t, const struct datapath_pace *pace, uint64_t now_ms);
void datapath_timers_initiated(struct datapath_timers *t, const struct datapath_pace *pace, uint32_t jitter_ms,
                               uint64_t now_ms);
void datapath_timers_derived(struct datapath_timers *t, const struct datapath_pace *pace, uint64_t now_ms);
void datapath_timers_completed(struct datapath_timers *t); /* both sides have the session: no more tries */
void datapath_timers_sent(struct datapath_timers *t, const struct datapath_pace *pace, bool is_data,
                          uint32_t jitter_ms, uint64_t now_ms);
void datapath_timers_received(struct datapath_timers *t, const struct datapath_pace *pace, bool is_data,
                              uint64_t now_ms);

/* The next thing that is due, taken off; DATAPATH_DUE_NOTHING: no more. */
enum datapath_timers_due datapath_timers_next(struct datapath_timers *t, const struct datapath_pace *pace,
                                              uint64_t now_ms);

/* When that is; UINT64_MAX: not before something happens. */
uint64_t datapath_timers_when_ms(const struct datapath_timers *t);

/* A keepalive every so many ms, from now on; 0: none. */
void datapath_timers_persist(struct datapath_timers *t, uint32_t every_ms, uint64_t now_ms);

#endif
