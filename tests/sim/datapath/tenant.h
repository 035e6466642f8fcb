/* The overlay's core as a tenant of the world, somebody on the wire, and the truth that the checkers compare with. */
#ifndef CELL_TESTS_SIM_DATAPATH_TENANT_H
#define CELL_TESTS_SIM_DATAPATH_TENANT_H

#include "datapath/core.h"
#include "datapath/own.h"
#include "tests/sim/world/world.h"

enum {
    TENANT_NODES = 6,
    TENANT_PACKETS = 20000,  /* of one world     */
    TENANT_TAPE = 64,        /* datagrams that somebody on the wire keeps */
    TENANT_MTU = 600,
    TENANT_HEAD = 4,         /* ports, before a datagram in the world's packets */
    TENANT_IDS = 8,
};

enum tenant_order {
    TENANT_SEND,    /* a packet to another node: in the upper bits */
    TENANT_MOVE,    /* a NAT in front of the node gives it another port */
    TENANT_FORGE,   /* somebody sends a changed or a repeated datagram  */
    TENANT_FLOOD,   /* … or many initiations that are none              */
    TENANT_ORDERS,
};

/* An inner packet. */
struct tenant_packet {
    uint32_t from, to, size;
    uint32_t got;
    uint64_t sent_us;
};

/* A datagram that passed. */
struct tenant_taped {
    uint32_t from, to;
    uint16_t from_port;
    bool was_taken;
    size_t size;
    uint8_t bytes[DATAPATH_MESSAGE_HEAD + TENANT_MTU + 16];
};

/* Ids and counters that a node used towards another. */
struct tenant_nonces {
    uint32_t id[TENANT_IDS]; /* newest first */
    uint64_t counter;        /* of the last packet under the newest */
};

struct tenant_truth {
    struct datapath_pace pace;
    uint16_t port[TENANT_NODES];
    uint32_t persist_ms;  /* of all peers; only with it does who is called notice that his NAT forgot him */
    struct tenant_packet packet[TENANT_PACKETS];
    uint64_t packets;
    struct tenant_taped tape[TENANT_TAPE];
    uint64_t taped;
    struct tenant_nonces nonce[TENANT_NODES][TENANT_NODES];
    uint64_t lives[TENANT_NODES];
    bool has_own[TENANT_NODES]; /* AES */
    uint64_t sure_us; /* packets sent from then on are owed */
    /* for floors */
    uint64_t got, marked, moves, forged, replayed, flooded, sessions, verdict[DATAPATH_VERDICTS];
};

/* One life of one node. */
struct tenant_seat {
    void *memory;
    struct datapath *core;
    uint32_t peer[TENANT_NODES];
};

extern const struct world_tenant tenant_datapath;

struct tenant_truth *tenant_truth(const struct world *w);
struct tenant_seat *tenant_seat(const struct world *w, uint32_t node); /* NULL: it is down */
void tenant_begin_truth(struct world *w);

#endif
