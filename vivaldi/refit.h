/* Where a point must be to explain the round trips to a few others: damped Gauss-Newton on relative errors (Levenberg
 * 1944), each weighed by how well it agrees with the rest (Holland and Welsch, "Robust regression using iteratively
 * reweighted least-squares", 1977), with the curvature of many steps together (Byrd, Hansen, Nocedal, Singer, "A stochastic
 * quasi-Newton method for large-scale optimization", SIAM J. Optim. 2016: curvature and gradient from other samples). Pure. */
#ifndef CELL_VIVALDI_REFIT_H
#define CELL_VIVALDI_REFIT_H

#include "vivaldi/coord.h"

enum {
    VIVALDI_REFIT_MAX = 32,                       /* round trips looked at together */
    VIVALDI_REFIT_PARTS = VIVALDI_DIMS_MAX + 1,   /* unknowns: sides and height     */
};

/* Round trips to places that are given, by columns, so that four are reckoned with at once. What is past `count` up to
 * the next multiple of four has weight 0 and rtt_ms 1. */
struct vivaldi_refit {
    float at[VIVALDI_REFIT_PARTS][VIVALDI_REFIT_MAX]; /* sides, then height, of each place */
    float rtt_ms[VIVALDI_REFIT_MAX];                  /* VIVALDI_RTT_MIN_MS or more */
    float weight[VIVALDI_REFIT_MAX];                  /* > 0: what each counts before looking at it */
    uint32_t count;
};

/* How steeply errors rise around the point, averaged over steps; the lower half. All 0 at first. */
struct vivaldi_refit_curve {
    float of[VIVALDI_REFIT_PARTS][VIVALDI_REFIT_PARTS];
};

/* How a step is done. */
struct vivaldi_refit_way {
    uint32_t dims;       /* sides in use, 1 to VIVALDI_DIMS_MAX                                  */
    bool has_height;
    float error;         /* relative error that half of them are thought to be below             */
    float scale;         /* > 0: relative error that is usual; what is much further off counts little */
    float share;         /* (0, 1]: how far to go of the whole way                               */
    float fresh;         /* (0, 1]: what this step's curvature counts in the average; 1: all     */
    float near_ms;       /* >= 0: errors are shares of the round trip and this, when the step weighs them */
};

/* Move `self` (sides and height) one step, by no more than the longest of the round trips, and take their curvature into
 * `curve`. Finite when `self` and `curve` were; height stays >= 0. Returns the share, by weight, of relative errors above way->error before the step. */
float vivaldi_refit_step(const struct vivaldi_refit *r, const struct vivaldi_refit_way *way,
                         struct vivaldi_refit_curve *curve, float self[VIVALDI_REFIT_PARTS]);

#endif
