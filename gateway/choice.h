/* Which node gets a request for a cell that several have. Pure: no clock, no I/O, no memory of its own.
 *
 * What membership says of a node (round trip, score, latency inside; where nobody measured the round trip, what network
 * coordinates predict) counts until this gateway has calls of its own to judge by: then the median of the last ones does,
 * caller to answer, for as long as they are fresh. A node that failed is left alone for a while that doubles. Those that
 * cost about the same take turns. */
#ifndef CELL_GATEWAY_CHOICE_H
#define CELL_GATEWAY_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/name.h"

enum {
    GATEWAY_CHOICE_MAX = 32,           /* nodes that are remembered for one cell: the best of them            */
    GATEWAY_CHOICE_SAMPLES = 32,       /* last calls to a node, for their median                              */
    GATEWAY_CHOICE_FRESH_MS = 30000,   /* how long they are believed: a node that was slow is tried again     */
    GATEWAY_CHOICE_REST_MS = 100,      /* a node that failed is left alone for; doubles …                     */
    GATEWAY_CHOICE_REST_MAX_MS = 10000,
    GATEWAY_CHOICE_SCORE_ONE = 100,    /* of who never fails                                                  */
    GATEWAY_CHOICE_ALIKE_PERCENT = 20, /* dearer than the cheapest by so much at most: takes turns with it    */
    GATEWAY_CHOICE_WAY_PARTS = 5,      /* of a call, one part of which may be the time inside: gateway_choice_way_us */
    GATEWAY_CHOICE_NONE = UINT32_MAX,
};

/* What membership says of one node. */
struct gateway_offer {
    char node[NAME_SIZE];
    bool is_alive;       /* else it is suspected           */
    uint32_t ready;      /* instances                      */
    uint32_t score;      /* 0 to GATEWAY_CHOICE_SCORE_ONE  */
    uint32_t latency_us; /* inside; 0: not known           */
    uint32_t rtt_us;     /* 0: not measured                */
};

struct gateway_candidate {
    struct gateway_offer said;
    uint32_t sample_us[GATEWAY_CHOICE_SAMPLES]; /* ring */
    uint32_t estimated_us;  /* the round trip, while nobody has measured it; 0: not known either */
    uint32_t samples;       /* so far           */
    uint64_t sampled_ms;    /* the last of them */
    uint32_t success;       /* of its calls, thousandths, the last ones count most */
    uint32_t rest_ms;       /* 0: it has not failed since it last answered         */
    uint64_t rest_until_ms;
};

struct gateway_choice {
    uint32_t count, turn;
    struct gateway_candidate item[GATEWAY_CHOICE_MAX];
};

/* These nodes and no others have it now. Of those that stay, what was seen of them is kept. count may be more than
 * GATEWAY_CHOICE_MAX: the first ones are taken. */
void gateway_choice_learn(struct gateway_choice *c, const struct gateway_offer *offer, uint32_t count);

/* The node for the next try; is_tried[i]: not that one. GATEWAY_CHOICE_NONE: there is none. Those that are left alone
 * come last, the suspected before them. */
uint32_t gateway_choice_pick(struct gateway_choice *c, const bool is_tried[GATEWAY_CHOICE_MAX], uint64_t now_ms);

uint32_t gateway_choice_find(const struct gateway_choice *c, const char *node); /* or GATEWAY_CHOICE_NONE */

/* It answered, after so long. */
void gateway_choice_took(struct gateway_candidate *k, uint64_t took_us, uint64_t now_ms);

/* It did not, or said that it cannot. */
void gateway_choice_failed(struct gateway_candidate *k, uint64_t now_ms);

/* Median of what was measured; 0: nothing, or not lately. */
uint32_t gateway_choice_measured_us(const struct gateway_candidate *k, uint64_t now_ms);

/* The round trip as the shortest of the last calls show it: without the time inside, and only where that is a fifth of it
 * at most. 0: they do not show it. */
uint32_t gateway_choice_way_us(const struct gateway_candidate *k);

/* What calls cost there: as measured, or as said; 0: nothing is known. */
uint32_t gateway_choice_latency_us(const struct gateway_candidate *k, uint64_t now_ms);

/* What it says of itself, less what fails on the way: 0 to GATEWAY_CHOICE_SCORE_ONE. */
uint32_t gateway_choice_score(const struct gateway_candidate *k);

#endif
