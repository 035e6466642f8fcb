/* What a service needed at the same time of yesterday and of the same day a week ago: a floor for times in which nothing is known, if
 * it has told the last hours well. The shape is that of the past, the level today's.
 *
 * Source: Holt, Winters, "Forecasting sales by exponentially weighted moving averages", 1960 (shape by season, times level); here the
 * season is the last one alone, so that a day that was unlike others is gone in a week. */
#ifndef CELL_AUTOSCALER_SEASON_H
#define CELL_AUTOSCALER_SEASON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AUTOSCALER_SEASON_SLOT_S = 300,
    AUTOSCALER_SEASON_DAY = 288,        /* slots                                                                 */
    AUTOSCALER_SEASON_WEEK = 7 * AUTOSCALER_SEASON_DAY,
    AUTOSCALER_SEASON_LEVEL = 6,        /* slots by which the level is taken                                      */
    AUTOSCALER_SEASON_JUDGED = 24,      /* … and by which it is judged how well it would have been foretold       */
    AUTOSCALER_SEASON_AHEAD = 3,        /* … from so many slots before                                            */
    AUTOSCALER_SEASON_BLIND_MAX = 36,   /* slots for which a word of it is good after the last that was seen      */
    AUTOSCALER_SEASON_SLOTS = AUTOSCALER_SEASON_WEEK + AUTOSCALER_SEASON_LEVEL + AUTOSCALER_SEASON_JUDGED + AUTOSCALER_SEASON_AHEAD +
                              AUTOSCALER_SEASON_BLIND_MAX,
    AUTOSCALER_SEASON_UNKNOWN = UINT16_MAX,
    AUTOSCALER_SEASON_PARTS = 4,        /* a slot's value is in quarters of an instance */
};

#define AUTOSCALER_SEASON_ERROR_MAX 0.5f /* of what was needed, on average: who is further off says nothing */

/* Zeroed to begin. */
struct autoscaler_season {
    uint64_t slot;          /* that is seen now, since 1970            */
    double sum;             /* of its seconds, instances               */
    uint32_t seen_s;
    uint32_t lag;           /* slots back that tell best; 0: none does */
    uint64_t judged;        /* the slot behind which that was found    */
    float level, error;     /* of now by then; off by how much of late */
    uint16_t past[AUTOSCALER_SEASON_SLOTS]; /* by slot, modulo; in quarters */
    bool is_begun;
};

/* A second has passed in which `instances` were needed; is_known false: nobody knows. Seconds that were missed are not known, a
 * clock that went back by more than a slot begins anew. O(1); some us at the end of a slot. */
void autoscaler_season_step(struct autoscaler_season *s, uint64_t wall_s, uint32_t instances, bool is_known);

/* How many may be needed at wall_s, now or soon: as the past had it, on today's level, and as much more as it was off of late; 0: it
 * does not say. */
uint32_t autoscaler_season_floor(const struct autoscaler_season *s, uint64_t wall_s);

/* After `slot` and `past` were filled from elsewhere: find the rest again. */
void autoscaler_season_resume(struct autoscaler_season *s);

#endif
