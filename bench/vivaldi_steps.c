/* What coordinates cost: nanoseconds of CPU a step and a distance, ours and a plain Vivaldi's (tests/sim/vivaldi/plain.c).
 *
 *   vivaldi_steps update|distance|distances|plain-update|plain-distance COUNT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/rng.h"
#include "tests/sim/vivaldi/plain.h"
#include "vivaldi/core.h"

enum { PEERS = 256, ROUNDS_WARM = 20 };

static struct vivaldi_coord place[PEERS];
static struct plain_coord plain_place[PEERS];
static double rtt_ms[PEERS];
static volatile double sink; /* so that nothing is left out for want of use */

static double now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Places about the middle, and round trips that are a tenth off. */
static void draw(void)
{
    struct rng rng;

    rng_init(&rng, 1);
    for (int i = 0; i < PEERS; i++) {
        for (int k = 0; k < VIVALDI_DIMS_MAX; k++) {
            place[i].at[k] = (float)(200 * (rng_unit(&rng) - 0.5));
            plain_place[i].at[k] = place[i].at[k];
        }
        place[i].height = (float)(5 * rng_unit(&rng));
        plain_place[i].height = place[i].height;
        place[i].error = 0.1f;
        plain_place[i].error = 0.1;
        rtt_ms[i] = vivaldi_coord_rtt_ms(&place[0], &place[i]) * (0.9 + 0.2 * rng_unit(&rng)) + 1;
    }
}

static void update(long count)
{
    struct vivaldi v;
    struct vivaldi_config config = {.self = UINT64_MAX, .dims = VIVALDI_DIMS_MAX, .has_height = true, .peers_max = PEERS};

    if (vivaldi_core_init(&v, &config, malloc(vivaldi_core_size(PEERS))) != ERR_OK) {
        abort();
    }
    double begin = 0;
    for (long i = -ROUNDS_WARM * PEERS; i < count; i++) {
        begin = i == 0 ? now_ns() : begin;
        long p = (i + ROUNDS_WARM * PEERS) % PEERS;
        if (vivaldi_core_sample(&v, (uint32_t)(i / 100), (uint64_t)p, (uint64_t)(1000 * rtt_ms[p]), &place[p]) != ERR_OK) {
            abort();
        }
    }
    printf("%.2f\n", (now_ns() - begin) / (double)count);
    sink = v.live.at[0];
}

static void plain_update(long count)
{
    struct plain p;
    struct rng rng;
    double begin = 0;

    rng_init(&rng, 1);
    plain_init(&p, PEERS);
    for (long i = -ROUNDS_WARM * PEERS; i < count; i++) {
        begin = i == 0 ? now_ns() : begin;
        uint32_t who = (uint32_t)((i + ROUNDS_WARM * PEERS) % PEERS);
        plain_sample(&p, &rng, who, rtt_ms[who], &plain_place[who]);
    }
    printf("%.2f\n", (now_ns() - begin) / (double)count);
    sink = p.c.at[0];
}

/* by: 0 many at once, 1 one by one, 2 the plain ones. */
static void distance(long count, int by)
{
    float out[PEERS];
    double sum = 0, begin = now_ns();

    for (long i = 0; i < count; i += PEERS) {
        const int from = (int)(i / PEERS % PEERS);
        if (by == 0) {
            vivaldi_coord_rtts_ms(&place[from], place, PEERS, out);
            sum += out[i % 7];
            continue;
        }
        for (int k = 0; k < PEERS; k++) {
            sum += by == 1 ? vivaldi_coord_rtt_ms(&place[from], &place[k]) : plain_rtt_ms(&plain_place[from], &plain_place[k]);
        }
    }
    printf("%.2f\n", (now_ns() - begin) / (double)count);
    sink = sum;
}

int main(int argc, char **argv)
{
    long count = argc == 3 ? atol(argv[2]) : 0;

    if (count <= 0) {
        fprintf(stderr, "usage: vivaldi_steps update|distance|distances|plain-update|plain-distance COUNT\n");
        return 2;
    }
    draw();
    if (strcmp(argv[1], "update") == 0) {
        update(count);
    } else if (strcmp(argv[1], "plain-update") == 0) {
        plain_update(count);
    } else {
        distance(count, strcmp(argv[1], "distances") == 0 ? 0 : strcmp(argv[1], "distance") == 0 ? 1 : 2);
    }
    return 0;
}
