/* Two or three cores and the wire between them, for tests that say what happens in which order. */
#ifndef CELL_TESTS_UNIT_DATAPATH_CORE_KIT_H
#define CELL_TESTS_UNIT_DATAPATH_CORE_KIT_H

#include "datapath/core.h"
#include "datapath/live.h"

enum { KIT_NODES = 3, KIT_WIRE = 64, KIT_MTU = 1420, KIT_ROOM = 1500, KIT_PEERS = 4 };

struct kit_datagram {
    uint32_t from, to;
    struct datapath_endpoint at;  /* where it comes from */
    size_t size;
    uint8_t bytes[KIT_ROOM];
};

struct kit_node {
    void *memory;
    struct datapath *core;
    struct datapath_config config;
    struct datapath_endpoint at;
    struct datapath_live live;    /* what a shield would let through: kit_inject holds it to that … */
    struct datapath_shield_set set[KIT_PEERS]; /* … and kit_end to nothing                         */
    struct datapath_live callers; /* … and by what numbers it would know peers: likewise           */
    struct datapath_shield_set callers_set[KIT_PEERS];
    uint32_t peer[KIT_NODES];     /* numbers of the others */
    uint32_t got;                 /* inner packets         */
    uint8_t last[KIT_ROOM];
    size_t last_size;
    uint32_t notes[4];
    enum datapath_verdict verdict; /* of the last datagram or packet */
    bool has_heard;
};

struct kit {
    struct kit_node node[KIT_NODES];
    struct datapath_time now;
    struct datapath_effects fx;
    uint32_t wire;
    struct kit_datagram datagram[KIT_WIRE];
};

/* All know each other; node i has 10.0.0.(i+1)/32 and fd00::(i+1)/128. psk: of all pairs. */
void kit_begin(struct kit *k, const uint8_t psk[32]);
void kit_end(struct kit *k);

/* Node i begins anew, with the same key and the stamps that its shell kept, or without them. */
void kit_restart(struct kit *k, uint32_t node, bool has_kept);

/* An IPv4 packet of `size` bytes from node a to b; returns the verdict, the datagram is on the wire. */
enum datapath_verdict kit_send(struct kit *k, uint32_t a, uint32_t b, size_t size);
/* … or a frame, to a peer. */
enum datapath_verdict kit_send_frame(struct kit *k, uint32_t a, uint32_t b, const uint8_t *text, size_t size);
size_t kit_packet(uint8_t *out, uint32_t a, uint32_t b, size_t size);

/* Deliver the oldest datagram, or all until the wire is empty; or lose them. */
enum datapath_verdict kit_deliver(struct kit *k);
void kit_settle(struct kit *k);
void kit_lose(struct kit *k);
void kit_drop(struct kit *k); /* the oldest alone */

/* A copy of these bytes to `to`, as if from there. */
enum datapath_verdict kit_inject(struct kit *k, uint32_t to, const struct datapath_endpoint *at, const uint8_t *bytes,
                                 size_t size);

/* ms pass; clocks are looked at whenever they say so, and what they send is delivered (or lost). */
void kit_pass(struct kit *k, uint64_t ms, bool is_lossy);

/* ms pass at once: what is due then goes onto the wire. Returns in how many ms something is due. */
uint64_t kit_tick(struct kit *k, uint64_t ms);

struct datapath_view kit_view(const struct kit *k, uint32_t node, uint32_t of);

#endif
