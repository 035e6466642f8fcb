/* What a caller decides about its requests: who gets each one, whether and when it is tried again,
 * and how it ends. Event in, effects out: no clock, socket, randomness or memory of its own.
 *
 * A request ends exactly once, at its deadline at the latest. One that is not marked idempotent is
 * sent once and never again, unless the callee said that it did nothing (NOT_LEADER, or a batch it
 * refused unread); one that was surely not sent may go elsewhere.
 *
 * Sources: Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog 2015): full jitter;
 * budget.h, breaker.h. */
#ifndef CELL_COMMON_CLIENT_CLIENT_H
#define CELL_COMMON_CLIENT_CLIENT_H

#include "common/base/err.h"
#include "common/client/balance.h"

enum {
    CLIENT_RETRIES_MAX = 3,       /* of one request                                             */
    CLIENT_BACKOFF_FIRST_MS = 20, /* before the first of them at most; doubles                  */
    CLIENT_BACKOFF_MAX_MS = 1000,
    CLIENT_CONNECT_MS = 1000,     /* without a connection: somebody else is tried, and the wait
                                   * counts as a failure                                        */
    CLIENT_HASTY_MS = 250,        /* the same for who would rather know than wait               */
    CLIENT_MOVES_MAX = 64,        /* of a request that was not sent: every instance once        */
    CLIENT_EFFECTS_MAX = 4,       /* of one step                                                */
};

/* Where requests of one name go. */
struct client_target {
    struct balance_list list;
    struct budget budget;
    struct rng rng;
};

enum client_phase {
    CLIENT_NEW,
    CLIENT_PARKED,  /* no endpoint is known yet              */
    CLIENT_QUEUED,  /* an endpoint has it, it is not sent    */
    CLIENT_SENT,    /* the callee may have done it           */
    CLIENT_WAITING, /* for its next try                      */
    CLIENT_ENDED,
};

/* One request. Zero-initialised but for the first four. */
struct client_ask {
    uint64_t deadline_ms;  /* nothing happens to it later                                */
    bool is_idempotent;    /* may be done twice                                          */
    bool is_hasty;         /* rather UNAVAILABLE than waiting for a connection           */
    enum balance way;
    enum client_phase phase;
    struct balance_endpoint *endpoint; /* has it (QUEUED, SENT); else NULL               */
    const struct balance_endpoint *failed; /* had it last and failed; compared, never read */
    uint64_t due_ms;       /* step CLIENT_EV_DUE then                                    */
    uint32_t epoch;        /* of the breaker when the endpoint got it                    */
    uint32_t sends;
    uint8_t retries;
    uint8_t moves;
    uint32_t probe;        /* of that breaker; 0: it is none                             */
    bool has_followed;     /* a hint                                                     */
    bool has_parts;        /* some of its answer has been handed on: it cannot begin anew */
};

enum client_event_kind {
    CLIENT_EV_ASKED,     /* NEW: what it is given to follows; PARKED: there are endpoints now   */
    CLIENT_EV_NOBODY,    /* PARKED: there will be none, because of `e`                          */
    CLIENT_EV_SENT,      /* QUEUED: handed to the connection                                    */
    CLIENT_EV_UNSENT,    /* SENT: the callee refused the batch unread, it waits to be sent again */
    CLIENT_EV_PART,      /* SENT: a part of the answer                                          */
    CLIENT_EV_ANSWERED,  /* SENT: the answer, `e`                                               */
    CLIENT_EV_RETURNED,  /* SENT: nobody there has begun with it, and nobody will: it waits for
                          * other endpoints                                                    */
    CLIENT_EV_LOST,      /* QUEUED, SENT: the connection is gone                                */
    CLIENT_EV_UNLISTED,  /* QUEUED: the name no longer stands for this endpoint                 */
    CLIENT_EV_SHUT,      /* QUEUED: the breaker has opened (CLIENT_FX_SHUT)                     */
    CLIENT_EV_DUE,       /* any: due_ms has come                                                */
    CLIENT_EV_CANCELLED, /* any: the caller no longer wants it                                  */
};

struct client_event {
    enum client_event_kind kind;
    struct client_ask *ask;
    uint64_t now_ms;
    enum err e;
    uint32_t retry_after_ms; /* of an answer; 0: not said. Any value is borne                 */
    struct balance_endpoint *hint; /* of NOT_LEADER: the endpoint it names; NULL: none known  */
};

enum client_effect_kind {
    CLIENT_FX_PARK,   /* keep it and find out whom the name stands for                        */
    CLIENT_FX_GIVE,   /* put it into `endpoint`'s queue                                       */
    CLIENT_FX_WAIT,   /* keep it until due_ms                                                 */
    CLIENT_FX_RECALL, /* take it out of `endpoint`'s queue or, sent, tell the callee to stop  */
    CLIENT_FX_END,    /* tell the caller `e`                                                  */
    CLIENT_FX_SHUT,   /* step CLIENT_EV_SHUT for whatever `endpoint` has and has not sent     */
};

struct client_effect {
    enum client_effect_kind kind;
    struct client_ask *ask;            /* not of SHUT                          */
    struct balance_endpoint *endpoint; /* of GIVE, RECALL, SHUT                */
    bool was_sent;                     /* of RECALL                            */
    enum err e;                        /* of END                               */
    const char *why;                   /* of END; NULL: as the answer explains */
};

/* To be performed in this order. */
struct client_effects {
    struct client_effect item[CLIENT_EFFECTS_MAX];
    uint32_t count;
};

/* An empty target; seed: any number, another for every process. */
void client_init(struct client_target *t, uint64_t seed);

/* The connection of `e` changed. After DOWN, step CLIENT_EV_LOST for what it has. */
void client_line(struct balance_endpoint *e, enum balance_line line);

/* Take `ev` in and say what is to be done. The kinds name the phases they are possible in. */
void client_step(struct client_target *t, const struct client_event *ev, struct client_effects *fx);

#endif
