/* The cell around the core: its socket, clock, disk and the requests that wait. */
#ifndef CELL_NODOSUM_SHELL_H
#define CELL_NODOSUM_SHELL_H

#include "common/node/datagram.h"
#include "common/run/cell.h"
#include "nodosum/catalogue.h"
#include "nodosum/config.h"
#include "nodosum/core.h"
#include "nodosum/neighbours.h"
#include "nodosum/net.h"
#include "common/node/resolver.h"
#include "nodosum/store.h"
#include "nodosum/waiters.h"

enum {
    NODOSUM_SHELL_RTTS_MAX = 1024,      /* round trips kept for whoever asks late: some minutes of them      */
    NODOSUM_SHELL_MEASURE_MS = 10000,   /* between looks at the machine                                       */
    NODOSUM_SHELL_LOOK_MS = 2000,       /* between looks whether this node's address is another now           */
    NODOSUM_SHELL_FOUND_MAX = 32,       /* seeds known at once, of every source                               */
};

enum nodosum_source {
    NODOSUM_SOURCE_STATIC,
    NODOSUM_SOURCE_DNS,
    NODOSUM_SOURCE_LAN,
};

/* One place where somebody may be. */
struct nodosum_found {
    enum nodosum_source source;
    char text[SEEDS_TEXT_SIZE];
    bool has_address;                   /* false: a name that is not resolved */
    struct nodosum_address address;
};

struct nodosum_sample {
    struct nodosum_rtt rtt;
    uint64_t at_ms;
};

struct nodosum_shell {
    struct cell *cell;
    struct nodosum_settings settings;
    struct node_keys keys;
    struct nodosum_store store;
    int socket;                          /* until the datagrams have it; -1 */
    struct nodosum_net looking;          /* the same socket, and another one, to see where it sends from */
    struct nodosum_address self;
    struct datagram *datagram;
    void *memory;
    struct nodosum *core;                /* in memory */
    struct nodosum_effects fx;
    struct loop_timer *timer;
    uint64_t revision;                   /* of the newest event that watchers were woken for */
    uint64_t measure_ms, look_ms;
    struct nodosum_meta meta;            /* as told last */
    struct nodosum_catalogue catalogue;
    bool is_placed;                      /* a place waits to be told */
    uint64_t placed_ms;                  /* when one was told last; 0: never */
    uint8_t place_size, place[NODOSUM_META_PLACE_MAX];
    uint32_t epoch, crl;                 /* the highest that any living member has */
    uint64_t keys_seen;                  /* how often one of them rose             */
    struct nodosum_neighbours neighbours;
    struct resolver resolver;
    uint32_t founds;
    struct nodosum_found found[NODOSUM_SHELL_FOUND_MAX];
    uint64_t rtts;                       /* samples ever, places heard among them */
    struct nodosum_sample rtt[NODOSUM_SHELL_RTTS_MAX];
    struct nodosum_waiters waiters;
    uint64_t untaken;                    /* packets that the datagrams had no room for */
    struct cell_metric *metric_living, *metric_events, *metric_refused, *metric_health;
};

/* Hooks of the cell; state is a struct nodosum_shell. */
enum err nodosum_shell_open(struct cell *cell, void *state) MUST_CHECK;
enum err nodosum_shell_start(struct cell *cell, void *state) MUST_CHECK;
void nodosum_shell_granted(void *state, const char *name);
void nodosum_shell_stop(void *state);

/* Begin to leave; its end wakes who waits for it. Whether it is over already. */
bool nodosum_shell_leave(struct nodosum_shell *s);

/* What this node offers from now on. Errors: nodosum_catalogue_say. */
enum err nodosum_shell_offer(struct nodosum_shell *s, const struct nodosum_offers *offers, uint32_t valid_ms) MUST_CHECK;

/* Which keys this node has, told to all; then s->epoch and s->crl are up to date. */
void nodosum_shell_keys(struct nodosum_shell *s, uint32_t epoch, uint32_t crl);

/* Where this node is, as it goes with pings; and, unless that is all, told to everybody when it is time. size: 0 to
 * NODOSUM_META_PLACE_MAX. */
void nodosum_shell_place(struct nodosum_shell *s, const uint8_t *place, size_t size, bool is_for_pings);

/* Measure the round trip to a member now. Errors: nodosum_core_look. */
enum err nodosum_shell_look(struct nodosum_shell *s, const struct nodosum_id *id) MUST_CHECK;

/* What a source knows now replaces what it knew before. */
void nodosum_shell_seeds(struct nodosum_shell *s, enum nodosum_source source, const struct nodosum_found *found,
                         uint32_t count);

#endif
