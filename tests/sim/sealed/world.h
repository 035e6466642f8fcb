/* A few nodes with sealed datagrams, a wire that loses, doubles and delays, somebody on it who records, changes
 * and sends again, restarts, moves, rotations and clocks of any year: all from one seed. */
#ifndef CELL_TESTS_SIM_SEALED_WORLD_H
#define CELL_TESTS_SIM_SEALED_WORLD_H

#include "common/base/rng.h"
#include "common/node/sealed.h"
#include "common/node/sealed_state.h"

enum {
    WORLD_NODES_MAX = 5,
    WORLD_WIRE_MAX = 512,
    WORLD_RECORD_MAX = 1024,
    WORLD_PAYLOADS_MAX = 1 << 16,
    WORLD_NONCES_MAX = 1 << 17, /* a power of two */
    WORLD_PORTS_MAX = 4096,
    WORLD_ANYBODY = 255,        /* receiver: whoever is at the address */
};

struct datagram {
    uint64_t due_ms;
    uint8_t to; /* node */
    struct sealed_address from;
    size_t size;
    uint8_t bytes[SEALED_PACKET_MAX];
};

struct node {
    struct node_keys keys;
    struct sealed_address address;
    struct sealed *sealed;
    uint64_t offset_ms; /* of its clock */
    uint32_t life;
};

/* What was sent, and what became of it. */
struct payload {
    uint8_t sender;
    uint8_t receiver;
    uint8_t delivered;
};

struct world {
    uint64_t seed;
    struct rng rng;
    bool is_loud;
    bool is_quiet; /* nothing goes wrong any more */
    uint64_t now_ms;
    uint8_t nodes;
    uint32_t epoch; /* newest cluster key */
    /* One in so many; 0: never. */
    uint32_t lose, twice, restart, move, rotate, jump, attack;
    uint32_t delay_ms;
    uint32_t next_port;
    uint8_t owner[WORLD_PORTS_MAX]; /* of a port: whoever was ever there; every move is to a new one */
    struct node node[WORLD_NODES_MAX];
    uint32_t on_wire;
    struct datagram wire[WORLD_WIRE_MAX];
    uint64_t recorded;
    struct datagram record[WORLD_RECORD_MAX];
    uint32_t payloads;
    struct payload payload[WORLD_PAYLOADS_MAX];
    uint64_t nonces;
    uint64_t nonce[WORLD_NONCES_MAX];
    bool has_met[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* a payload arrived while it was quiet */
    const char *fault; /* what a checker found; NULL: nothing */
    /* Over all worlds: floors of what must have happened. */
    uint64_t delivered, attacked, restarts, rotations, moves, lost;
};

void world_init(struct world *w, uint64_t seed);
void world_fini(struct world *w);
/* One thing happens. */
void world_step(struct world *w);
/* Nothing goes wrong any more, everybody has the newest key, and everybody speaks with everybody. */
void world_rest(struct world *w);

/* ---- checkers: each says what it found in w->fault ------------------------------------------------ */

/* A payload arrived at `receiver`. */
void check_once(struct world *w, uint8_t receiver, const struct sealed_payload *p, const struct sealed_address *from);
/* A datagram leaves `sender`. */
void check_nonce(struct world *w, uint8_t sender, const uint8_t *bytes, size_t size);
/* At the end: everybody has met everybody. */
void check_progress(struct world *w);

#endif
