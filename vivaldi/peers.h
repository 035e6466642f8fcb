/* Whom this node has measured: for each its last round trips and where it says it is. Bounded; who was measured longest
 * ago makes room. Pure; memory is the caller's. */
#ifndef CELL_VIVALDI_PEERS_H
#define CELL_VIVALDI_PEERS_H

#include "vivaldi/coord.h"

enum {
    VIVALDI_PEERS_MAX = 8191,    /* 13 bits of a link                                                      */
    VIVALDI_PEERS_SAMPLES = 4,   /* round trips remembered of each                                         */
    VIVALDI_PEERS_BYTES = 64,    /* memory a peer costs at most, its place in the index included           */
};

#define VIVALDI_RTT_MIN_MS 0.05f   /* below is the machine itself, and relative errors explode             */
#define VIVALDI_RTT_MAX_MS 60000.0f

/* One of them, 60 bytes. Round trips are floats without sign in 16 bits: 0.05 % off at most. */
struct vivaldi_peer {
    uint32_t id[2];
    float at[VIVALDI_DIMS_MAX];
    float height;
    uint16_t rtt[VIVALDI_PEERS_SAMPLES]; /* the newest first */
    uint16_t usual;       /* what they say together: vivaldi_peers_usual */
    uint8_t error;        /* as it claims, by its root; NOT_PLACED: it never said where it is */
    uint8_t doubt;        /* vivaldi_peers_doubt, by its root */
    uint32_t measured_s;  /* when the newest was taken */
    uint16_t heard_s;     /* when its coordinate was heard, modulo 65,536 */
    uint16_t link;        /* next of its chain + 1 in 13 bits, and how many round trips */
};

struct vivaldi_peers {
    struct vivaldi_peer *peer; /* [0, count) are in use, in no order */
    uint16_t *head;            /* of each chain: index + 1; 0: none  */
    uint32_t count, max, heads;
    uint64_t evicted;
};

/* Bytes of memory for `max` peers, 1 to VIVALDI_PEERS_MAX. */
size_t vivaldi_peers_size(uint32_t max);

/* memory: vivaldi_peers_size(max) bytes, aligned for any type; the table's until it is given up. */
void vivaldi_peers_init(struct vivaldi_peers *p, void *memory, uint32_t max);

/* The peer, or NULL. */
struct vivaldi_peer *vivaldi_peers_find(const struct vivaldi_peers *p, uint64_t id);

/* The peer, made if need be: in place of that of eight drawn (`spin`) which was measured longest ago, when all are taken.
 * A new one has no round trip and no place. */
struct vivaldi_peer *vivaldi_peers_make(struct vivaldi_peers *p, uint64_t id, uint32_t now_s, uint64_t spin);

/* Forget it; whether it was there. */
bool vivaldi_peers_drop(struct vivaldi_peers *p, uint64_t id);

/* One round trip more, VIVALDI_RTT_MIN_MS to VIVALDI_RTT_MAX_MS. */
void vivaldi_peers_sample(struct vivaldi_peer *peer, float rtt_ms, uint32_t now_s);

/* Its round trips so far say nothing of what comes now: they are forgotten with the next one, which must follow. */
void vivaldi_peers_again(struct vivaldi_peer *peer);

/* How many times as long as the longest of its round trips, or as short as the shortest, rtt_ms is; 1: neither, or there are none. */
float vivaldi_peers_other(const struct vivaldi_peer *peer, float rtt_ms);

/* What its round trips say together, ms. Of one: itself. Of two: their mean, or the smaller when the larger is half as
 * long again: rather a spike than the way. Of three and four: the second smallest (the 25th percentile from below; Ledlie,
 * Gardner, Seltzer, "Network Coordinates in the Wild", NSDI 2007, IV-A, found low percentiles of short windows best). */
float vivaldi_peers_usual(const struct vivaldi_peer *peer);

/* How many round trips are remembered, 0 to VIVALDI_PEERS_SAMPLES. */
uint32_t vivaldi_peers_samples(const struct vivaldi_peer *peer);

uint64_t vivaldi_peers_id(const struct vivaldi_peer *peer);

/* Where it says it is, and since when that is known. */
void vivaldi_peers_place(struct vivaldi_peer *peer, const struct vivaldi_coord *c, uint32_t now_s);
void vivaldi_peers_displace(struct vivaldi_peer *peer); /* it says so no more */
bool vivaldi_peers_is_placed(const struct vivaldi_peer *peer);
float vivaldi_peers_error(const struct vivaldi_peer *peer);

/* How far what it says to this node is from what it tells all, 0 to VIVALDI_COORD_ERROR_MAX: as was doubted last, or what is
 * left of what was before. */
void vivaldi_peers_doubt(struct vivaldi_peer *peer, float apart);
float vivaldi_peers_doubted(const struct vivaldi_peer *peer);
struct vivaldi_coord vivaldi_peers_coord(const struct vivaldi_peer *peer);

/* Seconds since its coordinate was heard; after 18 hours it begins anew: vivaldi_core_forget. */
uint32_t vivaldi_peers_age_s(const struct vivaldi_peer *peer, uint32_t now_s);

#endif
