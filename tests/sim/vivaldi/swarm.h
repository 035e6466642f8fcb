/* Nodes that measure each other, round by round: each asks one other, and both learn the round trip. Beside ours a plain
 * Vivaldi lives on the very same round trips. Everything is drawn from one seed.
 *
 * Or as in a cluster, where a round is one of membership's periods, a fifth of a second: who asks learns, and who is asked is
 * not drawn (nodosum/probe.c). */
#ifndef CELL_TESTS_SIM_VIVALDI_SWARM_H
#define CELL_TESTS_SIM_VIVALDI_SWARM_H

#include "tests/sim/vivaldi/places.h"
#include "tests/sim/vivaldi/plain.h"
#include "vivaldi/route.h"

enum {
    SWARM_CHOICES = 10,
    SWARM_ROUNDS_S = 5,
    SWARM_TRIALS = 4000,      /* choices that a table is about */
    SWARM_TRIALS_MANY = 40000 /* … and what is held to bounds: one neighbour that is missed can make a choice 400 times as far as
                               * need be, and of 4,000 that is 0.1 of the stretch */
};

enum swarm_way {
    SWARM_ANY,       /* anybody is asked */
    SWARM_CLUSTER,   /* as membership does it: the next on the ring and fingers by turns, some with places, now and then anybody */
    SWARM_TOLD,      /* the ring and fingers alone, and places only as they are told to all: as it was once */
};

/* What liars do: liars.c. */
enum swarm_lie {
    SWARM_LIE_FAR,        /* they are far away, somewhere, and quite sure of it                             */
    SWARM_LIE_FROG,       /* they move away slowly, and tell one half of the others the contrary of what the other half hears */
    SWARM_LIE_PULL,       /* each hears that they are where it pulls most, all on one side of it            */
    SWARM_LIE_ELSEWHERE,  /* they are where another one is, and quite sure of it                            */
    SWARM_LIE_HEIGHT,     /* they are where they are, but high up                                           */
    SWARM_LIE_HIGHEST,    /* … 1,000 ms, which only those beside them could believe                         */
    SWARM_LIE_DELAY,      /* they say the truth and take their time to answer half of the others            */
    SWARM_LIE_NEWCOMERS,  /* they say the truth to all but newcomers, who hear of a world in the mirror     */
    SWARM_LIE_JOINT,      /* all of them are 60 ms beside where they are, the same way: they agree with each other */
    SWARM_LIE_DRIFT,      /* … further with each round                                                      */
    SWARM_LIE_MIRROR,     /* all hear of a world in the mirror                                              */
    SWARM_LIE_CROWD,      /* all of them are where one honest node is                                       */
    SWARM_LIE_THIRD,      /* a third of the others hears that they are where it pulls most, the rest the truth */
    SWARM_LIE_LATER,      /* they say the truth for half of the time, and then pull                         */
    SWARM_LIE_WITHIN,     /* they pull by no more than is believed beside what they tell all                */
    SWARM_LIE_TURNS,      /* they pull, and tell all what they say to one just before they say it           */
    SWARM_LIE_HIDDEN,     /* they pull, and tell one this, one that, or nobody                              */
    SWARM_LIE_SLANDER,    /* they pull, and tell all something else in the names of the others, by turns    */
};

struct swarm_set {
    struct places *places;
    uint64_t seed;
    uint32_t rounds;
    bool has_noise;           /* 10 % jitter, and one in fifty takes 3 to 20 times as long                 */
    bool is_bad;              /* now and then a round trip or a coordinate that is none comes in            */
    uint32_t liars_per_cent;
    enum swarm_lie lie;
    uint32_t newcomers_round; /* a fifth of all begins anew after so many; 0: never */
    uint32_t longer_round;    /* all ways take LONGER_TIMES as long after so many; 0: never */
    uint32_t dims;
    bool has_height;
    uint32_t peers_max;
    uint32_t slice_rounds;    /* the network changes after so many; 0: never */
    bool has_plain;
    enum swarm_way way;
    void *trace;              /* a FILE that round trips are written to, for bench/external/serf_swarm.go; NULL: none */
};

struct swarm_errors {
    double p50, p90, p99;
};

/* How good a choice of one of ten is. */
struct swarm_choice {
    double first, third, stretch; /* the very nearest; the nearest is among the first three; how much further than need be */
    double within;                /* no more than 1.2 times as far as need be (VIV-2) */
};

struct swarm {
    struct swarm_set set;
    uint32_t nodes, round;
    struct rng rng, bad_rng;
    struct vivaldi *node;
    void **memory;
    struct plain *plain;
    bool *is_liar;
    struct vivaldi_coord *lie;
    struct plain_coord *plain_lie;
    double live_moved_ms, stable_moved_ms; /* sums of one round, all nodes */
    double updates;
    uint64_t refused;         /* by ours, of what was bad */
    uint32_t *ring, *at;      /* cluster.c: who is where on the ring, and where is who; NULL: none */
    struct vivaldi_coord *told; /* told.c: where each has told all that it is */
    uint32_t *told_round;     /* … and when; 0: never */
};

void swarm_init(struct swarm *s, const struct swarm_set *set);
void swarm_round(struct swarm *s);
void swarm_free(struct swarm *s);

/* Seconds of the nodes' clocks. */
uint32_t swarm_now_s(const struct swarm *s);

/* Node i asks j. has_places: both say where they are. */
void swarm_ask(struct swarm *s, uint32_t i, uint32_t j, bool has_places);

/* Write what a trace begins with: the nodes and the true round trips. */
void swarm_trace_begin(const struct swarm *s);

/* liars.c: where i says to `to` (none of them: to all) that it is; whether i learns; how much later it answers. */
struct vivaldi_coord liars_say(const struct swarm *s, uint32_t i, uint32_t to);
bool liars_learn(const struct swarm *s, uint32_t i);
double liars_delay_ms(const struct swarm *s, uint32_t i, uint32_t to);

/* … whether all hear the same of i, rather than one this and one that */
bool liars_tell(const struct swarm *s, uint32_t i);

/* told.c: tell all what is due; where i has told all that it is, or NULL; i looks where all the others have. */
void told_init(struct swarm *s);
void told_round(struct swarm *s);
void told_free(struct swarm *s);
const struct vivaldi_coord *told_by(const struct swarm *s, uint32_t i);
void told_look(struct swarm *s, uint32_t i);

/* cluster.c */
void cluster_init(struct swarm *s);
void cluster_round(struct swarm *s);
void cluster_free(struct swarm *s);

/* Relative errors over honest pairs (a sample of them where there are many): ours, and the plain ones'. */
struct swarm_errors swarm_look(const struct swarm *s);
struct swarm_errors swarm_look_plain(const struct swarm *s);

/* Choices of one of ten: by coordinates alone, by all that is known, the best of the first three by that when those that
 * never were are measured once (what Route answers), or the plain ones'. */
enum swarm_by { SWARM_BY_COORD, SWARM_BY_ALL, SWARM_BY_VERIFIED, SWARM_BY_PLAIN };
struct swarm_choice swarm_choose(const struct swarm *s, enum swarm_by by, uint32_t trials);

/* check.c: ends the program when something does not hold that always must. */
void check_round(const struct swarm *s);
void check_sample(const struct vivaldi *before, const struct vivaldi *after, uint64_t id, double rtt_us, bool is_good);

#endif
