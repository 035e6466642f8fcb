/* Situations in which a swarm is measured, and what it must reach there. */
#ifndef CELL_TESTS_SIM_DHT_SCENE_H
#define CELL_TESTS_SIM_DHT_SCENE_H

#include "tests/sim/dht/swarm.h"

/* What the command line may change. */
struct scene_options {
    uint64_t seed;
    uint32_t nodes, ops; /* 0: the scene's own */
    const char *rtt;     /* "planet", a file of round trips, or NULL: 50 ms */
    uint32_t rtt_us;     /* instead of 50 ms; 0: these */
    uint32_t paths;      /* 0: the usual       */
    bool is_link;        /* all on one link of IPv6, with the cell's limits of what one host may have */
    bool is_drawn;       /* tables are drawn, not joined for, where nodes come near step by step */
    uint32_t together;   /* puts or gets at one time; 0: one */
    uint32_t minutes;    /* of churn; 0: the scene's own */
};

struct scene {
    const char *name;
    uint32_t nodes, ops;
    void (*play)(const struct scene_options *o);
};

/* Samples of one kind. */
struct sample {
    double *at;
    uint32_t count, room;
};

void sample_add(struct sample *s, double value);
double sample_at(struct sample *s, double quantile); /* sorts it; 0: there are none */
void sample_free(struct sample *s);

/* A claim; false ones are told, and the program fails. */
void scene_claim(bool holds, const char *format, ...) PRINTF_LIKE(2, 3);

/* All nodes up and each told of all; or joined one after another through one of those before, or drawn. */
void scene_whole(struct swarm *s, const struct scene_options *o, uint32_t nodes);
void scene_steps(struct swarm *s, const struct scene_options *o, uint32_t nodes);
void scene_open(struct swarm *s, const struct scene_options *o, uint32_t nodes);

/* Open, with the room that nodes have who know no more than Kademlia's buckets. */
void scene_room(struct swarm *s, const struct scene_options *o, uint32_t nodes);

/* `ops` puts and then as many gets of them, from drawn nodes, `together` at one time. What all nodes send when nobody asks is not
 * in the bytes where several are under way. */
struct measured {
    struct sample put_ms, get_ms, end_ms, hops; /* end: of gets, all of it */
    uint32_t puts, gets;                        /* that succeeded          */
    double asked_put, asked_get, bytes_put, bytes_get;
    double idle_bytes, idle_packets;            /* of a node, a second; several at one time alone */
};

void scene_measure(struct swarm *s, uint32_t ops, uint32_t together, struct measured *ret);
void scene_print(const char *what, struct measured *m, uint32_t ops);
void scene_free(struct measured *m);

/* What main returns; --only NAME --nodes N --ops N --seed N --rtt planet|FILE --paths N --together N
 * --minutes N --drawn --list. */
int scene_main(const struct scene *scenes, uint32_t count, int argc, char **argv);

#endif
