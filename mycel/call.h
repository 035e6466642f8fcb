/* One call of a client as its coordinator sees it: which replicas are asked, when another one is, when enough have answered, who has to be
 * told a later copy, and for whom a copy is kept elsewhere. A step machine: events in, effects out, in their order; no clock, no I/O,
 * nothing is allocated.
 *
 * Sources: DeCandia and others, "Dynamo: Amazon's highly available key-value store", SOSP 2007, sections 4.5 to 4.7 (quorums, hinted
 * hand-off, read repair); Dean, Barroso, "The tail at scale", CACM 56(2), 2013 (hedged requests). */
#ifndef CELL_MYCEL_CALL_H
#define CELL_MYCEL_CALL_H

#include "mycel/place.h"
#include "mycel/version.h"

enum {
    MYCEL_CALL_TARGETS_MAX = MYCEL_PLACE_REPLICAS_MAX,
    MYCEL_CALL_HEDGE_MS = 30,      /* who has not answered by then has another one asked: a reader waits for less than
                                      100 ms though the first one has just died                                       */
    MYCEL_CALL_EFFECTS_MAX = 2 * MYCEL_CALL_TARGETS_MAX + 1,
};

enum mycel_call_need {
    MYCEL_CALL_ONE,
    MYCEL_CALL_QUORUM,  /* more than half of the replicas */
    MYCEL_CALL_ALL,
};

enum mycel_call_event_kind {
    MYCEL_CALL_EV_ANSWER,  /* from: a read's copy (stamp 0: there is none), or a write is there   */
    MYCEL_CALL_EV_UNSURE,  /* from: began empty and does not have everything yet: no opinion; a write
                              is there, and does not count: sync.h                               */
    MYCEL_CALL_EV_FAILED,  /* from: refused, or is dead                                           */
    MYCEL_CALL_EV_CLOCK,   /* time passed                                                         */
};

struct mycel_call_event {
    enum mycel_call_event_kind kind;
    uint64_t now_ms;                   /* monotonic */
    uint8_t from;
    struct mycel_version_copy copy;    /* of a read's answer; its bytes are borrowed until the call is over */
    uint64_t left_ms;                  /* of the copy's life; UINT64_MAX: for ever */
};

enum mycel_call_effect_kind {
    MYCEL_CALL_FX_ASK,     /* to: the read, or the write                                        */
    MYCEL_CALL_FX_DONE,    /* the client is told: error, and of a read that is OK `copy`        */
    MYCEL_CALL_FX_REPAIR,  /* to: is told `copy`, which is later than his                       */
    MYCEL_CALL_FX_HINT,    /* the write is kept for `to`, who has not taken it                  */
    MYCEL_CALL_FX_OVER,    /* nothing more is going to come of it                               */
};

struct mycel_call_effect {
    enum mycel_call_effect_kind kind;
    uint8_t to;
    enum err error;
    struct mycel_version_copy copy;
    uint64_t left_ms;  /* of its life, by now; 0: it is over */
};

struct mycel_call_effects {
    uint8_t count;
    struct mycel_call_effect item[MYCEL_CALL_EFFECTS_MAX];
};

enum mycel_call_state {
    MYCEL_CALL_NOT_ASKED,
    MYCEL_CALL_ASKED,
    MYCEL_CALL_ANSWERED,
    MYCEL_CALL_NO_OPINION, /* unsure, failed, or out of time */
};

struct mycel_call {
    bool is_write, is_done, is_over;
    uint8_t targets, need;     /* replicas, the primary first; answers without which the client waits */
    uint64_t hedge_at_ms, deadline_ms;
    enum mycel_call_state state[MYCEL_CALL_TARGETS_MAX];
    struct mycel_version_copy copy[MYCEL_CALL_TARGETS_MAX];
    uint64_t end_ms[MYCEL_CALL_TARGETS_MAX];  /* of their lives */
};

/* A call to `targets` (1 to MYCEL_CALL_TARGETS_MAX) replicas begins; timeout_ms > 0. Fills `fx` afresh, as mycel_call_step does. */
void mycel_call_start(struct mycel_call *c, bool is_write, enum mycel_call_need need, uint8_t targets, uint64_t now_ms, uint32_t timeout_ms,
                      struct mycel_call_effects *fx);

/* An answer that nobody waits for (another time, or not asked) changes nothing. FAILED is to be said of whoever dies while the call is not
 * over, though he has answered. Of a read whose answers are "nothing" with need ONE the
 * others are asked, too: the first one may have begun empty. DONE is said once, with ERR_OK, ERR_NOT_FOUND (a read: nothing, or a
 * tombstone), ERR_UNAVAILABLE (too many cannot answer) or ERR_TIMEOUT; a write that was not OK may be there or not. OVER comes last. */
void mycel_call_step(struct mycel_call *c, const struct mycel_call_event *ev, struct mycel_call_effects *fx);

/* When EV_CLOCK is due; UINT64_MAX: the call is over. */
uint64_t mycel_call_due_ms(const struct mycel_call *c);

#endif
