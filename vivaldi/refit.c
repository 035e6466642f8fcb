#include "vivaldi/refit.h"

#include <assert.h>
#include <math.h>

#include "vivaldi/lanes.h"

enum {
    LANES = VIVALDI_LANES,
    GROUPS = VIVALDI_REFIT_MAX / LANES,
    PARTS = VIVALDI_REFIT_PARTS,
    HEIGHT = VIVALDI_DIMS_MAX,
};

#define CAUCHY 2.385f       /* 95 % as good as plain least squares when errors are normal (Holland and Welsch, table 1) */
#define DAMPING 1e-3f       /* of the whole curvature: few round trips leave directions that nothing is known of */
#define LOWERING 1e-3f      /* … by which heights tend to 0 where nothing speaks for them */
#define LEAST 1e-12f
#define FAR_MAX 1e12f
#define NEAREST_MS 1e-3f    /* points closer than that have no direction to each other */

/* What each round trip pulls with: how its prediction changes by each part, its weight, and how far it is off. */
struct pull {
    vivaldi_lanes by[PARTS][GROUPS];
    vivaldi_lanes weight[GROUPS];
    vivaldi_lanes off_ms[GROUPS];
};

/* Four round trips. With d the distance, h both heights, c how fast these fade and f = d d/(d d + c c h h) the prediction
 * is d + h f (vivaldi_coord_rtt_ms), which changes by 1 + 2 h f (1 - f)/d with d and by f (2 f - 1) with h. */
static void look_at(const struct vivaldi_refit *r, const struct vivaldi_refit_way *way, const float self[PARTS],
                    uint32_t group, struct pull *p)
{
    vivaldi_lanes square = vivaldi_lanes_all(NEAREST_MS * NEAREST_MS);

    for (uint32_t k = 0; k < way->dims; k++) {
        vivaldi_lanes away = self[k] - vivaldi_lanes_load(&r->at[k][group * LANES]);
        p->by[k][group] = away;
        square += away * away;
    }
    vivaldi_lanes d = vivaldi_lanes_root(square);
    vivaldi_lanes h = self[HEIGHT] + vivaldi_lanes_load(&r->at[HEIGHT][group * LANES]);
    vivaldi_lanes f = square / (square + VIVALDI_COORD_FADE * VIVALDI_COORD_FADE * h * h);
    vivaldi_lanes by_d = (1 + 2 * h * f * (1 - f) / d) / d;
    for (uint32_t k = 0; k < way->dims; k++) {
        p->by[k][group] *= by_d;
    }
    p->by[HEIGHT][group] = way->has_height ? f * (2 * f - 1) : vivaldi_lanes_all(0);
    p->off_ms[group] = vivaldi_lanes_load(&r->rtt_ms[group * LANES]) - d - h * f;
}

/* Look at all; *ret_above as vivaldi_refit_step returns it. */
static void look(const struct vivaldi_refit *r, const struct vivaldi_refit_way *way, const float self[PARTS],
                 uint32_t groups, struct pull *p, float *ret_above)
{
    vivaldi_lanes weights = vivaldi_lanes_all(0), above = vivaldi_lanes_all(0);
    const float tolerance = 1 / (CAUCHY * way->scale);

    for (uint32_t g = 0; g < groups; g++) {
        look_at(r, way, self, g, p);
        vivaldi_lanes rtt = vivaldi_lanes_load(&r->rtt_ms[g * LANES]), weight = vivaldi_lanes_load(&r->weight[g * LANES]);
        vivaldi_lanes ratio = p->off_ms[g] / rtt, share_of = rtt + way->near_ms;
        vivaldi_lanes doubt = p->off_ms[g] / share_of * tolerance; /* a neighbour that is far off by its own measure still pulls */
        weights += weight;
        above += vivaldi_lanes_where(vivaldi_lanes_size(ratio) > way->error, weight);
        /* Cauchy's weight: a liar far away pulls with next to nothing, and it needs nobody to be sure of that. */
        p->weight[g] = weight / ((1 + doubt * doubt) * share_of * share_of);
    }
    *ret_above = vivaldi_lanes_sum(above) / vivaldi_lanes_sum(weights);
}

/* The normal equations h x = g, damped; the lower half of h. */
static void assemble(const struct pull *p, uint32_t groups, float height, float h[PARTS][PARTS], float g[PARTS])
{
    float trace = LEAST;

    for (uint32_t k = 0; k < PARTS; k++) {
        vivaldi_lanes pulls = vivaldi_lanes_all(0), weighed[GROUPS];
        for (uint32_t i = 0; i < groups; i++) {
            weighed[i] = p->weight[i] * p->by[k][i];
            pulls += weighed[i] * p->off_ms[i];
        }
        g[k] = vivaldi_lanes_sum(pulls);
        for (uint32_t l = 0; l <= k; l++) {
            vivaldi_lanes both = vivaldi_lanes_all(0);
            for (uint32_t i = 0; i < groups; i++) {
                both += weighed[i] * p->by[l][i];
            }
            h[k][l] = vivaldi_lanes_sum(both);
        }
        trace += h[k][k];
    }
    h[HEIGHT][HEIGHT] += LOWERING * trace;
    g[HEIGHT] -= LOWERING * trace * height;
    for (uint32_t k = 0; k < PARTS; k++) {
        h[k][k] += DAMPING * trace; /* unused parts have nothing else, and g = 0: they do not move */
    }
}

/* The step is solved with the curvature of many steps, and as much of this one's as it goes of its way. With this one's
 * alone it leans towards where few round trips happen to say little, and all that averaging does not take out again: the
 * 90th percentile of errors was a tenth more. With none of this one's a neighbour, which is rare and steep, overshoots. */
static void average(const struct vivaldi_refit_way *way, struct vivaldi_refit_curve *curve, float h[PARTS][PARTS])
{
    for (uint32_t k = 0; k < PARTS; k++) {
        for (uint32_t l = 0; l <= k; l++) {
            curve->of[k][l] += way->fresh * (h[k][l] - curve->of[k][l]);
            h[k][l] = curve->of[k][l] + way->share * (h[k][l] - curve->of[k][l]);
        }
    }
}

/* Solve in place by Cholesky: x in g. The height, which is the last, is not lowered by more than `height`, and the others
 * follow from the height that is left: when they were solved with a height below 0 and that was cut off afterwards, they
 * made up for it in every step, and whole worlds blew up. */
static void solve(float h[PARTS][PARTS], float g[PARTS], float height)
{
    float pivots[PARTS];

    for (uint32_t k = 0; k < PARTS; k++) {
        for (uint32_t j = 0; j < k; j++) {
            for (uint32_t i = k; i < PARTS; i++) {
                h[i][k] -= h[i][j] * h[k][j];
            }
        }
        pivots[k] = 1 / sqrtf(h[k][k] > LEAST * LEAST ? h[k][k] : LEAST * LEAST);
        for (uint32_t i = k; i < PARTS; i++) {
            h[i][k] *= pivots[k];
        }
    }
    for (uint32_t k = 0; k < PARTS; k++) {
        for (uint32_t j = 0; j < k; j++) {
            g[k] -= h[k][j] * g[j];
        }
        g[k] *= pivots[k];
    }
    for (uint32_t k = PARTS; k-- > 0;) {
        for (uint32_t j = k + 1; j < PARTS; j++) {
            g[k] -= h[j][k] * g[j];
        }
        g[k] *= pivots[k];
        g[HEIGHT] = g[HEIGHT] < -height ? -height : g[HEIGHT];
    }
}

float vivaldi_refit_step(const struct vivaldi_refit *r, const struct vivaldi_refit_way *way,
                         struct vivaldi_refit_curve *curve, float self[VIVALDI_REFIT_PARTS])
{
    uint32_t groups = (r->count + LANES - 1) / LANES;
    struct pull p;
    float h[PARTS][PARTS], g[PARTS], above, square = 0, farthest = 0;

    assert(r->count >= 1 && r->count <= VIVALDI_REFIT_MAX && way->dims <= VIVALDI_DIMS_MAX && way->scale > 0 && way->fresh > 0);
    memset(p.by, 0, sizeof p.by);
    look(r, way, self, groups, &p, &above);
    assemble(&p, groups, self[HEIGHT], h, g);
    average(way, curve, h);
    solve(h, g, self[HEIGHT]);
    for (uint32_t i = 0; i < r->count; i++) {
        farthest = r->rtt_ms[i] > farthest ? r->rtt_ms[i] : farthest;
    }
    for (uint32_t k = 0; k < PARTS; k++) {
        square += g[k] * g[k];
    }
    float far = sqrtf(square); /* nothing that was measured explains a step longer than itself */
    if (!(far <= FAR_MAX)) {
        return above; /* the system says nothing, or is no number */
    }
    float share = far > farthest ? way->share * farthest / far : way->share;
    for (uint32_t k = 0; k < PARTS; k++) {
        self[k] += share * g[k];
    }
    self[HEIGHT] = self[HEIGHT] < 0 ? 0 : self[HEIGHT];
    return above;
}
