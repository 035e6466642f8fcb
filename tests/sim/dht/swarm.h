/* Many lookup cores in one process and in virtual time, more of them than tests/sim/world holds: one heap of events, a
 * delay for each pair, loss, silence, and nodes that come and go. What happens follows from one seed. */
#ifndef CELL_TESTS_SIM_DHT_SWARM_H
#define CELL_TESTS_SIM_DHT_SWARM_H

#include "common/base/rng.h"
#include "dht/core.h"
#include "tests/sim/dht/distance.h"

enum {
    SWARM_MS = 1000,
    SWARM_S = 1000000,
    SWARM_WALL_S = 1800000000, /* the date at which worlds begin */
    SWARM_FOUND_MAX = 64,
};

enum swarm_state {
    SWARM_DOWN,
    SWARM_UP,
    SWARM_SILENT, /* runs no more, and nobody was told */
};

struct swarm_node {
    enum swarm_state state;
    uint32_t life;            /* each has another key, and so another id */
    bool is_hostile;          /* swarm.hostile answers for it            */
    void *memory;
    struct dht *core;
    uint64_t due_us;          /* of the event that is planned; 0: none   */
};

/* How a wish ended, and what it found. */
struct swarm_end {
    bool is_over;
    uint64_t begun_us, first_us, ended_us; /* first: its first record */
    struct dht_done done;
    uint32_t found;
    uint64_t seq;             /* highest of what was found               */
    uint8_t bytes[DHT_RECORD_MAX]; /* … and all of that one                */
    uint16_t size;
    uint32_t left_ms;
};

struct swarm;

/* One datagram on its way, or a timer. */
struct swarm_event {
    uint64_t at_us, order;
    uint32_t to, from, from_life;
    uint64_t to_key, from_key; /* 0: the node's own; else one of many that a hostile node has, see swarm_sybil */
    uint16_t size;
    uint8_t *bytes; /* NULL: a timer */
};

struct swarm {
    uint64_t seed, now_us, order;
    struct rng rng;
    struct distance distance;
    uint32_t loss_ppm, twice_ppm; /* of packets: lost; delivered a second time, later */
    struct dht_config config;  /* of each node; its key, seed and secret are filled in */
    uint32_t nodes;
    struct swarm_node *node;
    struct swarm_event *heap;
    uint32_t events, room;
    struct dht_effects fx;
    struct swarm_end *end;     /* of wishes 1 to `wishes` */
    uint32_t wishes, wishes_room;
    uint64_t packets, bytes, lost;
    bool is_link;              /* all have addresses of one private /64; else each one of another /24 */
    uint64_t key;              /* while a hostile node hears: which of its keys was spoken to */
    /* A packet for a hostile node; it may answer with swarm_send, under the same key. NULL: it is silent. */
    void (*hostile)(struct swarm *s, uint32_t node, uint32_t from, const uint8_t *bytes, size_t size);
};

/* nodes: all of them down. */
void swarm_init(struct swarm *s, uint64_t seed, uint32_t nodes, struct distance distance);
void swarm_fini(struct swarm *s);

/* Begin a life of a node, which knows nobody; end it. */
void swarm_start(struct swarm *s, uint32_t node);
void swarm_stop(struct swarm *s, uint32_t node, enum swarm_state state);

/* Let a node look at its clock. */
void swarm_wake(struct swarm *s, uint32_t node);

/* Tell a node what membership says of another. */
void swarm_tell(struct swarm *s, uint32_t node, uint32_t about, enum dht_member_state state);

/* Ask `via` for the way in. */
void swarm_join(struct swarm *s, uint32_t node, uint32_t via);
void swarm_until(struct swarm *s, uint64_t at_us);

struct dht_contact swarm_contact(const struct swarm *s, uint32_t node);
uint32_t swarm_of(const struct swarm *s, const struct dht_contact *who); /* nodes: nobody who lives */
uint32_t swarm_at(const struct dht_address *at);                        /* whoever is there        */

/* A hostile node under another key of its own. */
struct dht_contact swarm_sybil(const struct swarm *s, uint32_t node, uint64_t key);

/* Put a packet on the wire. */
void swarm_send(struct swarm *s, uint32_t from, uint32_t to, const uint8_t *bytes, size_t size);

/* Wishes; each returns its number, of swarm.end. */
uint32_t swarm_get(struct swarm *s, uint32_t node, const struct dht_id *key, uint32_t reads);
uint32_t swarm_put(struct swarm *s, uint32_t node, const struct dht_record *r, const uint64_t *expected);
uint32_t swarm_find(struct swarm *s, uint32_t node, const struct dht_id *target);

/* Run until a wish is over. */
const struct swarm_end *swarm_wait(struct swarm *s, uint32_t wish);

/* Whether a node that is not hostile holds a record of the key. */
bool swarm_holds(const struct swarm *s, uint32_t node, const struct dht_id *key);

/* Living nodes that hold a record of the key, copies on the way included. */
uint32_t swarm_holders(const struct swarm *s, const struct dht_id *key);

/* A living node that is not hostile, at random. */
uint32_t swarm_any(struct swarm *s);

/* A record with drawn bytes in `to`, or of an owner (1 to …) with a signature that swarm's nodes believe. */
void swarm_immutable(struct swarm *s, uint8_t *to, uint16_t size, uint32_t ttl_ms, struct dht_record *ret);
void swarm_signed(struct swarm *s, uint8_t to[DHT_OWNER_SIZE + DHT_SIGNATURE_SIZE], enum dht_record_kind kind,
                  uint32_t owner, const char *salt, const char *value, uint64_t seq, uint32_t ttl_ms,
                  struct dht_record *ret);

#endif
