/* What this node offers to the others: which of its exported cells have instances that are ready. The supervisor's
 * events say when that changes, its Resolve what it is now, nodosum.Offer tells it. */
#ifndef CELL_GATEWAY_OFFERS_H
#define CELL_GATEWAY_OFFERS_H

#include "common/run/cell.h"
#include "gateway/exports.h"

enum {
    GATEWAY_OFFERS_MAX = 32,         /* exports that are offered: as many as membership takes                       */
    GATEWAY_OFFERS_EVERY_MS = 2000,  /* scores and latencies are looked at, and all is said again; the first is from
                                      * heartbeats, which come every second                                         */
    GATEWAY_OFFERS_VALID_MS = 6000,  /* without that: a gateway that is gone offers nothing                         */
    GATEWAY_OFFERS_NAME_MAX = 64,    /* bytes of a name that the dht takes                                          */
    GATEWAY_OFFERS_POLL_MS = 20000,  /* of a long poll for events                                                   */
};

struct gateway_shell;
struct cell_watch;
struct cell_timer;

struct gateway_offered {
    char name[2 * NAME_SIZE];        /* "[namespace/]cell" */
    uint32_t ready, score, latency_us;
    bool is_asking, is_stale;        /* the supervisor is being asked; and is to be asked again then */
};

struct gateway_offers {
    struct gateway_offered item[GATEWAY_OFFERS_MAX];
    uint32_t count;
    struct cell_watch *events;
    struct cell_timer *timer;
    bool is_telling, is_news;        /* nodosum is being told; and there is something new since */
    bool is_announcing, is_stale;    /* the dht, likewise                                        */
};

/* Begin to look and to tell; nothing to do without exports. ERR_NOMEM. */
enum err gateway_offers_start(struct gateway_shell *s) MUST_CHECK;
void gateway_offers_stop(struct gateway_shell *s);

#endif
