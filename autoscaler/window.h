/* A number each second, for an hour back: the most and the least of a time, and what it was. */
#ifndef CELL_AUTOSCALER_WINDOW_H
#define CELL_AUTOSCALER_WINDOW_H

#include <stdint.h>

#include "autoscaler/policy.h"

enum { AUTOSCALER_WINDOW_S = AUTOSCALER_POLICY_WINDOW_MAX_S };

struct autoscaler_window {
    uint16_t past[AUTOSCALER_WINDOW_S]; /* a ring; `next` is written next, the one before it is now */
    uint32_t next, count;
};

void autoscaler_window_push(struct autoscaler_window *w, uint16_t value);

/* Of the last `seconds` pushes, at most of those that there were; 1 or more pushes. seconds 0 counts as 1. Some ns for 16 seconds. */
uint16_t autoscaler_window_most(const struct autoscaler_window *w, uint32_t seconds);
uint16_t autoscaler_window_least(const struct autoscaler_window *w, uint32_t seconds);

/* What was pushed `seconds` before the last; the oldest that is known, if that is younger. */
uint16_t autoscaler_window_back(const struct autoscaler_window *w, uint32_t seconds);

#endif
