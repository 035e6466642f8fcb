/* Which of several instances is the nearest: by measured round trips where there are some, by coordinates otherwise. Pure. */
#ifndef CELL_VIVALDI_ROUTE_H
#define CELL_VIVALDI_ROUTE_H

#include "vivaldi/core.h"

enum {
    VIVALDI_ROUTE_MAX = 256,          /* candidates ordered at once                                          */
    VIVALDI_ROUTE_VERIFY = 3,         /* of the first so many those are measured that are only predicted: the best of the
                                       * coordinates' three, by one probe each, is 1.03 times as far as need be */
    VIVALDI_ROUTE_SCORE_ONE = 100,    /* in full health                                                      */
    VIVALDI_ROUTE_LEAST_US = 100,     /* no call takes less: here and idle, but ill, is not for nothing       */
};

struct vivaldi_candidate {
    uint64_t id;                          /* of its node */
    bool has_coord;
    struct vivaldi_coord coord;           /* valid, where it says that it is */
    bool is_alive;                        /* false: suspected; comes after all that are alive */
    uint32_t score;                       /* 0 to VIVALDI_ROUTE_SCORE_ONE; 0 counts as 1 */
    uint32_t latency_us;                  /* inside: half of the calls take no longer; 0: not known */
};

struct vivaldi_choice {
    uint32_t candidate;                   /* index */
    struct vivaldi_estimate estimate;
    uint64_t cost_us;                     /* there, inside and back, over the score */
    bool is_doubted;                      /* among the first VIVALDI_ROUTE_VERIFY and not measured: worth a probe */
};

/* Order candidate[0..count) by cost and put the first k into ret, as seen from this node (source NULL) or from a node at
 * `source`, valid. Who was never placed counts as far as this node's median round trip. Returns how many there are:
 * the least of k, count and VIVALDI_ROUTE_MAX (further candidates are not looked at). Equal costs keep their order. */
uint32_t vivaldi_route_choose(const struct vivaldi *v, uint32_t now_s, const struct vivaldi_coord *source,
                              const struct vivaldi_candidate *candidate, uint32_t count, uint32_t k,
                              struct vivaldi_choice *ret);

#endif
