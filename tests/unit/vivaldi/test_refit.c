/* Claims about a refit: it goes where the round trips are explained, heights never get below 0, liars do not pull it away,
 * and what is no number never comes out. */
#include <math.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"
#include "vivaldi/peers.h"
#include "vivaldi/refit.h"

static struct vivaldi_coord coord_of(const float part[VIVALDI_REFIT_PARTS])
{
    struct vivaldi_coord c = {.height = part[VIVALDI_DIMS_MAX]};

    memcpy(c.at, part, sizeof c.at);
    return c;
}

static void any(struct rng *rng, uint32_t dims, float height, float part[VIVALDI_REFIT_PARTS])
{
    for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
        part[k] = k < dims ? ((float)rng_unit(rng) - 0.5f) * 200 : 0;
    }
    part[VIVALDI_DIMS_MAX] = height * (float)rng_unit(rng);
}

/* Round trips from `truth` to `count` places, the last `lies` of them to where nobody is. */
static void fill(struct rng *rng, const float truth[VIVALDI_REFIT_PARTS], uint32_t dims, uint32_t count, uint32_t lies,
                 struct vivaldi_refit *r)
{
    memset(r, 0, sizeof *r);
    for (uint32_t i = 0; i < (count + 3) / 4 * 4; i++) {
        float part[VIVALDI_REFIT_PARTS];
        any(rng, dims, truth[VIVALDI_DIMS_MAX] > 0 ? 10 : 0, part);
        struct vivaldi_coord self = coord_of(truth), c = coord_of(part);
        for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
            r->at[k][i] = i + lies >= count && k < dims ? part[k] * 50 : part[k];
        }
        r->rtt_ms[i] = i < count ? fmaxf(vivaldi_coord_rtt_ms(&self, &c), VIVALDI_RTT_MIN_MS) : 1;
        r->weight[i] = i < count ? 1 : 0;
    }
    r->count = count;
}

static float missed(const float a[VIVALDI_REFIT_PARTS], const float b[VIVALDI_REFIT_PARTS])
{
    float square = 0;

    for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
        square += (a[k] - b[k]) * (a[k] - b[k]);
    }
    return sqrtf(square);
}

/* Whether nearly all of the first `honest` round trips are predicted within 5 %: heights and distances may stand for each
 * other, so the place itself need not be the one that was drawn. */
static bool explained(const struct vivaldi_refit *r, const float self[VIVALDI_REFIT_PARTS], uint32_t honest)
{
    struct vivaldi_coord here = coord_of(self);
    uint32_t good = 0;

    for (uint32_t i = 0; i < honest; i++) {
        float part[VIVALDI_REFIT_PARTS];
        for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
            part[k] = r->at[k][i];
        }
        struct vivaldi_coord there = coord_of(part);
        good += fabsf(vivaldi_coord_rtt_ms(&here, &there) - r->rtt_ms[i]) <= 0.05f * r->rtt_ms[i];
    }
    return good * 10 >= honest * 9;
}

static void it_finds_the_place(void)
{
    static const struct {
        uint32_t dims, count, lies;
        float height;
        const char *why;
    } rows[] = {
        {3, 32, 0, 0, "three dimensions"},
        {7, 32, 0, 0, "seven"},
        {3, 32, 0, 20, "with heights"},
        {7, 32, 0, 20, "seven with heights"},
        {3, 13, 0, 0, "a number of round trips that four does not divide"},
        {3, 32, 6, 20, "a fifth are lies"},
        {7, 32, 6, 0, "a fifth are lies in seven dimensions"},
    };
    struct rng rng;
    struct vivaldi_refit r;

    rng_init(&rng, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t found = 0;
        for (uint32_t round = 0; round < 50; round++) {
            float truth[VIVALDI_REFIT_PARTS], self[VIVALDI_REFIT_PARTS];
            struct vivaldi_refit_way way = {.dims = rows[i].dims, .has_height = rows[i].height > 0, .error = 0.1f,
                                            .scale = 0.15f, .share = 0.7f, .fresh = 1};
            struct vivaldi_refit_curve curve = {0};
            any(&rng, rows[i].dims, rows[i].height, truth);
            any(&rng, rows[i].dims, rows[i].height, self);
            for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
                self[k] = truth[k] + 0.3f * (self[k] - truth[k]); /* a start from which no other valley is nearer */
            }
            fill(&rng, truth, rows[i].dims, rows[i].count, rows[i].lies, &r);
            for (uint32_t step = 0; step < 150; step++) {
                (void)vivaldi_refit_step(&r, &way, &curve, self);
            }
            found += explained(&r, self, rows[i].count - rows[i].lies);
        }
        CHECK(found >= 45, "%s: found %u of 50", rows[i].why, found);
    }
}

/* Round trips that no place explains, a few at each step: where it ends, on average, is where all of them together would have
 * it. With each step's own curvature it is further from there. */
static void few_at_a_time_are_as_good_as_all(void)
{
    enum { ALL = 32, FEW = 4, STEPS = 20000 };
    struct vivaldi_refit all, few = {.count = FEW};
    struct vivaldi_refit_way way = {.dims = 3, .error = 0.1f, .scale = 0.3f, .share = 0.5f, .fresh = 1};
    struct rng rng;
    double own = 0, averaged = 0;

    rng_init(&rng, 5);
    for (uint32_t round = 0; round < 10; round++) {
        float truth[VIVALDI_REFIT_PARTS], best[VIVALDI_REFIT_PARTS];
        struct vivaldi_refit_curve curve = {0};
        any(&rng, 3, 0, truth);
        fill(&rng, truth, 3, ALL, 0, &all);
        for (uint32_t i = 0; i < ALL; i++) {
            all.rtt_ms[i] *= 0.7f + 0.6f * (float)rng_unit(&rng);
        }
        memcpy(best, truth, sizeof best);
        for (uint32_t step = 0; step < 200; step++) {
            (void)vivaldi_refit_step(&all, &way, &curve, best);
        }
        for (uint32_t is_averaged = 0; is_averaged < 2; is_averaged++) {
            struct vivaldi_refit_way slow = way;
            float self[VIVALDI_REFIT_PARTS], mean[VIVALDI_REFIT_PARTS] = {0};
            memcpy(self, best, sizeof self);
            slow.share = 0.01f;
            for (uint32_t step = 0; step < STEPS; step++) {
                slow.fresh = is_averaged && step > 0 ? 0.05f : 1;
                for (uint32_t i = 0; i < FEW; i++) {
                    uint32_t from = (uint32_t)rng_below(&rng, ALL);
                    for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
                        few.at[k][i] = all.at[k][from];
                    }
                    few.rtt_ms[i] = all.rtt_ms[from];
                    few.weight[i] = 1;
                }
                (void)vivaldi_refit_step(&few, &slow, &curve, self);
                for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
                    mean[k] += self[k] / STEPS;
                }
            }
            *(is_averaged ? &averaged : &own) += (double)missed(mean, best) / 10;
        }
    }
    CHECK(averaged < 0.5 * own, "%.3f ms off on average, %.3f with each step's own curvature", averaged, own);
}

static void it_says_how_many_are_off(void)
{
    struct rng rng;
    struct vivaldi_refit r;
    float truth[VIVALDI_REFIT_PARTS], self[VIVALDI_REFIT_PARTS];
    struct vivaldi_refit_curve curve = {0};
    struct vivaldi_refit_way way = {.dims = 3, .error = 0.05f, .scale = 0.1f, .share = 0.01f, .fresh = 1};

    rng_init(&rng, 2);
    any(&rng, 3, 0, truth);
    fill(&rng, truth, 3, 30, 0, &r);
    memcpy(self, truth, sizeof self);
    CHECK(vivaldi_refit_step(&r, &way, &curve, self) == 0, "at the place itself nothing is off");
    for (uint32_t i = 0; i < 10; i++) {
        r.rtt_ms[i] *= 1.2f;
    }
    memcpy(self, truth, sizeof self);
    CHECK(fabsf(vivaldi_refit_step(&r, &way, &curve, self) - 1 / 3.0f) < 1e-5f, "ten of thirty are");
    r.weight[0] = 21;
    memcpy(self, truth, sizeof self);
    CHECK(fabsf(vivaldi_refit_step(&r, &way, &curve, self) - 30 / 50.0f) < 1e-5f, "by weight");
}

static void heights_stay_above_0(void)
{
    struct rng rng;
    struct vivaldi_refit r;

    rng_init(&rng, 3);
    for (uint32_t round = 0; round < 200; round++) {
        float truth[VIVALDI_REFIT_PARTS], self[VIVALDI_REFIT_PARTS];
        struct vivaldi_refit_way way = {.dims = 3, .has_height = true, .error = 0.1f, .scale = 0.15f, .share = 1, .fresh = 1};
        struct vivaldi_refit_curve curve = {0};
        any(&rng, 3, 10, truth);
        any(&rng, 3, 1, self);
        fill(&rng, truth, 3, 24, 0, &r);
        for (uint32_t i = 0; i < r.count; i++) {
            r.rtt_ms[i] *= 0.5f + 0.2f * (float)rng_unit(&rng); /* shorter than any place allows */
        }
        for (uint32_t step = 0; step < 20; step++) {
            float before[VIVALDI_REFIT_PARTS], longest = 0;
            memcpy(before, self, sizeof self);
            (void)vivaldi_refit_step(&r, &way, &curve, self);
            for (uint32_t i = 0; i < r.count; i++) {
                longest = fmaxf(longest, r.rtt_ms[i]);
            }
            CHECK(self[VIVALDI_DIMS_MAX] >= 0, "round %u: height %f", round, (double)self[VIVALDI_DIMS_MAX]);
            CHECK(missed(before, self) <= longest * 1.001f, "round %u: a step longer than anything measured", round);
        }
        CHECK(missed(self, (float[VIVALDI_REFIT_PARTS]){0}) < 1000, "round %u: it blew up", round);
    }
}

/* The ends of all ranges, all at once. */
static void it_stays_finite(void)
{
    static const float sides[] = {0, 1e-6f, -1, 100, 10000, -10000}, rtts[] = {0.05f, 1, 60000},
                       weights[] = {1e-6f, 1, 10};
    struct rng rng;
    struct vivaldi_refit_curve curve = {0}; /* one for all: whatever came before */
    struct vivaldi_refit r = {0};

    rng_init(&rng, 4);
    for (uint32_t round = 0; round < 20000; round++) {
        float self[VIVALDI_REFIT_PARTS];
        struct vivaldi_refit_way way = {.dims = 1 + (uint32_t)rng_below(&rng, VIVALDI_DIMS_MAX), .scale = 0.02f, .error = 0.001f,
                                        .has_height = rng_below(&rng, 2) == 0, .share = 1,
                                        .fresh = round % 3 == 0 ? 1 : 0.2f, .near_ms = round % 2 == 0 ? 0 : 1000};
        r.count = 1 + (uint32_t)rng_below(&rng, VIVALDI_REFIT_MAX);
        for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
            self[k] = k < way.dims ? sides[rng_below(&rng, ARRAY_LEN(sides))] : 0;
            for (uint32_t i = 0; i < VIVALDI_REFIT_MAX; i++) {
                r.at[k][i] = k < way.dims ? sides[rng_below(&rng, ARRAY_LEN(sides))] : 0;
            }
        }
        self[VIVALDI_DIMS_MAX] = fabsf(sides[rng_below(&rng, ARRAY_LEN(sides))]);
        for (uint32_t i = 0; i < VIVALDI_REFIT_MAX; i++) {
            r.at[VIVALDI_DIMS_MAX][i] = fabsf(sides[rng_below(&rng, ARRAY_LEN(sides))]);
            r.rtt_ms[i] = i < r.count ? rtts[rng_below(&rng, ARRAY_LEN(rtts))] : 1;
            r.weight[i] = i < r.count ? weights[rng_below(&rng, ARRAY_LEN(weights))] : 0;
        }
        float above = vivaldi_refit_step(&r, &way, &curve, self);
        CHECK(above >= 0 && above <= 1.0001f, "round %u: a share", round);
        for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
            CHECK(self[k] >= -80000 && self[k] <= 80000, "round %u: part %u is %f", round, k, (double)self[k]);
        }
    }
}

int main(void)
{
    it_finds_the_place();
    few_at_a_time_are_as_good_as_all();
    it_says_how_many_are_off();
    heights_stay_above_0();
    it_stays_finite();
    return CHECK_RESULT();
}
