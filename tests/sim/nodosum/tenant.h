/* The membership core as a tenant of the world, and the truth that its checkers compare it with. */
#ifndef CELL_TESTS_SIM_NODOSUM_TENANT_H
#define CELL_TESTS_SIM_NODOSUM_TENANT_H

#include "nodosum/core.h"
#include "nodosum/offers.h"
#include "tests/sim/world/world.h"

enum tenant_order {
    TENANT_LEAVE,
    TENANT_UPDATE,
    TENANT_OFFER,
    TENANT_VANISH, /* silent for good: as if the machine were gone; until the world crashes and restarts it */
    TENANT_ORDERS,   /* of those that are drawn */
    TENANT_PLACE,    /* it is elsewhere now: tenant_truth's `place` says where */
    TENANT_FORGE,    /* it tells others that one of them left, who did not say so */
};

enum { TENANT_LEAVES = 32 /* of one node: a world orders fewer */ };

/* One life of one node. */
struct tenant_seat {
    void *memory;
    struct nodosum *core;
    struct nodosum_id id;
    uint64_t revision;   /* of the newest event that was told */
    bool is_silent, is_leaving, has_left;
};

/* What is true of a node, whatever anybody believes. */
struct tenant_node {
    uint64_t incarnation_most;  /* of any life */
    uint64_t incarnation;       /* now */
    uint64_t begun_us;          /* … since then */
    uint64_t lives;
    bool has_gone;              /* left or vanished, and not started since */
    uint64_t gone_us;
    uint64_t left_of[TENANT_LEAVES]; /* incarnations in which it said that it leaves                     */
    uint32_t leaves;
    bool *believed;             /* [nodes] who lives, by the events it told */
    uint64_t *suspect_us;       /* [nodes] since when it is seen as suspect in one incarnation; 0: it is not */
    uint64_t *suspect_of;       /* [nodes] that incarnation */
    uint64_t believed_count;
    uint8_t offers[NODOSUM_OFFERS_BYTES]; /* what it offers, in this life                        */
    uint16_t offers_size;
    uint64_t offered_us;        /* … since then */
    uint64_t *spoke_us;         /* [nodes] when it last sent it a packet or had one of it; 0: never */
};

struct tenant_truth {
    struct tenant_node node[WORLD_NODES_MAX];
    uint32_t nodes;
    struct nodosum_tuning tuning;
    uint32_t seeds;
    uint32_t tables;             /* members a table is made for; 0: as many as there are nodes, and one */
    bool forgets;                /* a restart begins at incarnation 1: the node has lost all it knew      */
    uint64_t updates, offerings, forgeries;
    /* Where a node says that it is, for its next life and with each TENANT_PLACE: bytes, and their number (0: nowhere).
     * NULL: none says so. */
    size_t (*place)(struct world *w, uint32_t node, uint8_t out[NODOSUM_META_PLACE_MAX]);
    /* A round trip, or where a member says that it is. NULL: nobody wants to know. */
    void (*learned)(struct world *w, uint32_t node, const struct nodosum_rtt *rtt);
    uint64_t measured, heard;    /* of those */
    /* for whoever measures; may be NULL */
    void (*event)(struct world *w, uint32_t node, uint32_t about, enum nodosum_change change);
    /* sums over all lives, for floors and measurements */
    struct nodosum_counters sum;
    uint64_t joined, failed, went, updated, false_deaths;
};

extern const struct world_tenant tenant_nodosum;

/* A place that says whose it is, for `place`; check_step looks at what comes of it. */
size_t tenant_own_place(struct world *w, uint32_t node, uint8_t out[NODOSUM_META_PLACE_MAX]);

struct tenant_truth *tenant_truth(const struct world *w);
struct nodosum *tenant_core(const struct world *w, uint32_t node); /* NULL: it is down, silent or has left */

/* A node's id, and back; WORLD_NODES_MAX: nobody's. */
struct nodosum_id tenant_id(uint32_t node);
uint32_t tenant_of(const struct nodosum_id *id);

/* Whether a node said that it leaves in this incarnation. */
bool tenant_has_left(const struct world *w, uint32_t node, uint64_t incarnation);

/* Others that a node spoke with in the last `within_us`: each costs it a session. */
uint32_t tenant_sessions(const struct world *w, uint32_t node, uint64_t within_us);

/* Counters of all that run now and ran before. */
struct nodosum_counters tenant_sum(const struct world *w);

/* Run a step by hand: TENANT_LEAVE and the like of scripted worlds go through world_order. */
void tenant_begin_truth(struct world *w, uint32_t nodes);

#endif
