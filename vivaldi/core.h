/* Where this node is among others, by the round trips it measures: each is kept, and after each its point is fitted again
 * to a share of all that are kept. A step function: no clock, no I/O, no allocation, no randomness but its seed's.
 *
 * Sources: Dabek et al., "Vivaldi", SIGCOMM 2004; Ledlie, Gardner, Seltzer, "Network Coordinates in the Wild", NSDI 2007
 * (filters, stable coordinates, gravity, decay); Cox, Dabek, "Learning Euclidean coordinates for Internet hosts", 2002
 * (fitting to many at once). How it differs from the paper, and by what measure: README.md. */
#ifndef CELL_VIVALDI_CORE_H
#define CELL_VIVALDI_CORE_H

#include "common/base/rng.h"
#include "vivaldi/peers.h"
#include "vivaldi/refit.h"

enum {
    VIVALDI_STALE_S = 3600,   /* a round trip measured longer ago says less than the coordinates, and a place nothing */
    VIVALDI_OLD_S = 60,       /* where a member has told all that it is may be minutes old: what it said with a ping within
                               * this time is newer */
};

struct vivaldi_config {
    uint64_t self;            /* this node: of itself it takes nothing */
    uint64_t seed;
    uint32_t dims;            /* VIVALDI_DIMS to VIVALDI_DIMS_MAX */
    bool has_height;
    uint32_t peers_max;       /* 1 to VIVALDI_PEERS_MAX */
};

/* What was taken and what was refused, by reason. Never reset. */
struct vivaldi_counters {
    uint64_t samples, heard;          /* taken                                            */
    uint64_t bad_rtt, bad_coord;      /* out of range: refused, nothing changed            */
    uint64_t own;                     /* of this node itself                               */
    uint64_t moves;                   /* times that the stable coordinate followed the live one */
};

enum vivaldi_source {
    VIVALDI_UNKNOWN,      /* neither measured nor placed                                    */
    VIVALDI_PREDICTED,    /* by the coordinates                                             */
    VIVALDI_MEASURED,     /* by round trips of this very pair                               */
    VIVALDI_SELF,
};

struct vivaldi_estimate {
    enum vivaldi_source source;
    float rtt_ms;         /* 0: unknown, or itself */
    float confidence;     /* 0 to 1: 1 over 1 and the relative error that is to be expected; 0: unknown */
};

struct vivaldi {
    struct vivaldi_config config;
    struct rng rng;
    struct vivaldi_peers peers;
    struct vivaldi_coord live, stable;
    float usual_ms;       /* half of the round trips take no longer; 0: none was measured */
    float usual_error;    /* what the error has been of late  */
    float usual_apart;    /* half of the others say to be no further from where they tell all that they are: a share of round trips */
    uint32_t turns;       /* round trips since it last rose above that */
    float others;         /* how many of the round trips of late were others than the same member's before: a share */
    bool has_changed;     /* these were more than half at some time */
    uint32_t changed_s;   /* when they became that last: what was measured before is of another network */
    uint32_t cursor;      /* which of the peers is next to be fitted to */
    struct vivaldi_refit_curve curve;
    struct vivaldi_counters counters;
};

/* Bytes of memory for so many peers. */
size_t vivaldi_core_size(uint32_t peers_max);

/* Begin knowing nothing. memory: vivaldi_core_size(config->peers_max) bytes, aligned for any type, the core's until it is
 * given up. ERR_INVALID: a value of the config is out of its range. */
enum err vivaldi_core_init(struct vivaldi *v, const struct vivaldi_config *config, void *memory) MUST_CHECK;

/* A round trip to `id` took rtt_us, and it says to be at `c` (NULL: it did not say; what it said last holds).
 * now_s: monotonic seconds. ERR_INVALID: 0, longer than VIVALDI_RTT_MAX_MS, or to itself; ERR_MALFORMED: no valid
 * coordinate. Then nothing has changed but a counter. What is shorter than VIVALDI_RTT_MIN_MS counts as that. */
enum err vivaldi_core_sample(struct vivaldi *v, uint32_t now_s, uint64_t id, uint64_t rtt_us,
                             const struct vivaldi_coord *c) MUST_CHECK;

/* `id` says to be at `c` without having been measured. Kept for those that have been. Errors as above. */
enum err vivaldi_core_heard(struct vivaldi *v, uint32_t now_s, uint64_t id, const struct vivaldi_coord *c) MUST_CHECK;

/* `id` has told all that it is at `told`, valid; NULL: nowhere, or one this and one that. Who says to this node alone what it does
 * not tell all is doubted, and counts little: to be called with each round trip, after it, and now and then (VIVALDI_OLD_S), for a
 * liar may tell all what it says to one just while it says it. Where it is known to be comes from here, too, when that is news
 * (below). Nothing happens with one that was not measured. */
void vivaldi_core_told(struct vivaldi *v, uint32_t now_s, uint64_t id, const struct vivaldi_coord *told);

/* Continue at `c`, valid, as sure as that says, where half of the round trips took usual_ms: after a restart. Peers are as they
 * are. It moves as little as one that has been calm for long; should it be wrong by now, it finds out as that one does. */
void vivaldi_core_restore(struct vivaldi *v, const struct vivaldi_coord *c, float usual_ms);

/* Whether `c`, valid, which `id` has told all at some time, counts beside what is known of it: it was not heard within
 * VIVALDI_OLD_S where it is, and `c` is not what it said when it knew much less than it did then. */
bool vivaldi_core_is_news(const struct vivaldi *v, uint32_t now_s, uint64_t id, const struct vivaldi_coord *c);

/* A place that was not heard within VIVALDI_STALE_S is none any more, and who then was not measured for as long either is
 * forgotten: whoever has left, and is dead for longer than a network is cut apart. To be called once an hour at least, so that
 * no place's age begins anew (vivaldi_peers_age_s). */
void vivaldi_core_forget(struct vivaldi *v, uint32_t now_s);

/* How many peers count for half of what they would, or less, because of what they tell all. O(peers). */
uint32_t vivaldi_core_doubted(const struct vivaldi *v);

/* The round trip to `id`: measured if it was within VIVALDI_STALE_S, otherwise by where it is: at `c`, valid, or where it
 * said last (NULL). */
struct vivaldi_estimate vivaldi_core_estimate(const struct vivaldi *v, uint32_t now_s, uint64_t id,
                                              const struct vivaldi_coord *c);

/* The round trip between two that are elsewhere, both valid; unknown when one of them knows nothing (VIVALDI_COORD_ERROR_MAX). */
struct vivaldi_estimate vivaldi_core_predict(const struct vivaldi_coord *a, const struct vivaldi_coord *b);

/* Where it is: as fitted last (what is told to those who fit to it), and the same for those who act on changes: it moves
 * when the live one has gone far, and seldom. */
const struct vivaldi_coord *vivaldi_core_live(const struct vivaldi *v);
const struct vivaldi_coord *vivaldi_core_stable(const struct vivaldi *v);

#endif
