/* The wires between the nodes: how long a packet takes, and whether it arrives at all. Holds no packets
 * (queue.h does) and decides about each when it is sent and, for partitions, when it arrives. */
#ifndef CELL_TESTS_SIM_WORLD_NET_H
#define CELL_TESTS_SIM_WORLD_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/world/dice.h"

enum {
    NET_CUTS = 4,      /* partitions at one time */
    NET_CLOGS = 32,    /* clogged links at one time */
};

/* What a world draws about its wires; the calibration in draw.c. */
struct net_settings {
    uint64_t delay_least_us, delay_mean_us; /* one way: least of any link, mean of what comes on top */
    uint64_t spread_us;                     /* links differ by at most this */
    const float *rtt_ms;                    /* nodes * nodes measured round trips, or NULL: as above */
    uint32_t loss_ppm, duplicate_ppm;
    size_t size_max;                        /* bytes of a packet; longer ones are a fault of the sender */
};

/* One partition: who is on which side, and which way is cut. */
struct net_cut {
    bool is_on, is_one_way; /* one way: what leaves side false does not reach side true */
    uint64_t until_us;
    bool *side;             /* of each node */
};

struct net_clog {
    uint32_t from, to;
    uint64_t until_us;
};

struct net {
    struct net_settings set;
    uint32_t nodes;
    uint64_t salt;
    struct net_cut cut[NET_CUTS];
    struct net_clog clog[NET_CLOGS];
    uint64_t *stream_us;    /* arrival of the last piece of each stream; NULL: none was used */
    uint32_t *newest;       /* serial of the newest packet that arrived on each link */
    uint32_t serial;
};

void net_init(struct net *n, const struct net_settings *set, uint32_t nodes, uint64_t salt);
void net_fini(struct net *n);

/* When a packet sent now arrives, 1 us from now at the earliest. A clogged link holds it, and lets all go
 * when it opens. is_stream: not before what was sent earlier from `from` to `to`. */
uint64_t net_arrival_us(struct net *n, struct dice *d, uint32_t from, uint32_t to, uint64_t now_us,
                        bool is_stream);

/* Whether a partition stands between the two, in this direction. */
bool net_is_cut(const struct net *n, uint32_t from, uint32_t to);

/* Begin a partition until until_us. side: of each node; copied. Returns the cut's index, or NET_CUTS when
 * all are in use. Ended by net_heal. */
uint32_t net_cut(struct net *n, const bool *side, bool is_one_way, uint64_t until_us);
void net_heal(struct net *n, uint32_t cut);

/* Clog one direction of a link until until_us; false when too many are. Ends by itself. */
bool net_clog(struct net *n, uint32_t from, uint32_t to, uint64_t now_us, uint64_t until_us);

/* Everything is whole again; what was clogged is on its way. */
void net_calm(struct net *n);

/* Whether this packet arrives after one that was sent later on the same link. */
bool net_is_overtaken(struct net *n, uint32_t from, uint32_t to, uint32_t serial);

#endif
