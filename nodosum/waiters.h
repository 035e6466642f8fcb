/* Requests that wait for something to happen: long polls and a leave that is being told. */
#ifndef CELL_NODOSUM_WAITERS_H
#define CELL_NODOSUM_WAITERS_H

#include "common/run/cell_call.h"

enum {
    NODOSUM_WAITERS_MAX = 64,       /* at one time: every cell of a node may watch; more are refused */
    NODOSUM_WAITERS_MS_MAX = 60000, /* a poll that waits longer is refused: it can simply ask again   */
    NODOSUM_WAITERS_SLACK_MS = 15,  /* an answer's way back, before the caller gives up               */
};

enum nodosum_waiting {
    NODOSUM_WAITING_NONE,
    NODOSUM_WAITING_WATCH,
    NODOSUM_WAITING_RTTS,
    NODOSUM_WAITING_LEAVE,
    NODOSUM_WAITING_KEYS,
};

struct nodosum_waiter {
    enum nodosum_waiting kind;
    struct cell_call *call;
    uint64_t after;  /* revision or sequence known to the caller */
    uint64_t due_ms; /* answered then, with nothing              */
};

struct nodosum_waiters {
    struct nodosum_waiter all[NODOSUM_WAITERS_MAX];
    /* Ends w->call. */
    void (*answer)(void *context, const struct nodosum_waiter *w);
    void *context;
};

/* Keep `call` until something newer than `after` happens or wait_ms have passed; returns ERR_LATER. ERR_LIMIT:
 * too many wait; ERR_INVALID: for too long. */
enum err nodosum_waiters_add(struct nodosum_waiters *w, enum nodosum_waiting kind, struct cell_call *call,
                             uint64_t after, uint32_t wait_ms) MUST_CHECK;

/* Answer those of a kind that know less than `last`. */
void nodosum_waiters_wake(struct nodosum_waiters *w, enum nodosum_waiting kind, uint64_t last);

/* Answer those whose time has come; when the next one's does (UINT64_MAX: never). */
uint64_t nodosum_waiters_clock(struct nodosum_waiters *w, uint64_t now_ms);

#endif
