#include "tests/sim/vivaldi/plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define C_ERROR 0.25
#define C_COORD 0.25
#define ERROR_MAX 1.5
#define HEIGHT_MIN_MS 0.01
#define ZERO_MS 1e-3

void plain_init(struct plain *p, uint32_t peers)
{
    *p = (struct plain){.c = {.height = HEIGHT_MIN_MS, .error = ERROR_MAX},
                        .last = calloc((size_t)peers * PLAIN_FILTER, sizeof *p->last)};
    if (p->last == NULL) {
        abort();
    }
}

void plain_free(struct plain *p)
{
    free(p->last);
    p->last = NULL;
}

static double raw_ms(const struct plain_coord *a, const struct plain_coord *b)
{
    double square = 0;

    for (int k = 0; k < PLAIN_DIMS; k++) {
        square += (a->at[k] - b->at[k]) * (a->at[k] - b->at[k]);
    }
    return sqrt(square) + a->height + b->height;
}

double plain_rtt_ms(const struct plain_coord *a, const struct plain_coord *b)
{
    double raw = raw_ms(a, b), adjusted = raw + a->adjustment + b->adjustment;

    return adjusted > 0 ? adjusted : raw;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static double filter(struct plain *p, uint32_t peer, double rtt_ms)
{
    float *last = p->last + (size_t)peer * PLAIN_FILTER, sorted[PLAIN_FILTER];
    int count = 0;

    memmove(last + 1, last, (PLAIN_FILTER - 1) * sizeof *last);
    last[0] = (float)rtt_ms;
    while (count < PLAIN_FILTER && last[count] > 0) {
        sorted[count] = last[count];
        count++;
    }
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return sorted[count / 2];
}

static void push(struct plain *p, struct rng *rng, const struct plain_coord *c, double force)
{
    double to[PLAIN_DIMS], square = 0;

    for (int k = 0; k < PLAIN_DIMS; k++) {
        to[k] = p->c.at[k] - c->at[k];
        square += to[k] * to[k];
    }
    double length = sqrt(square);
    bool is_apart = length > ZERO_MS;
    for (int k = 0; k < PLAIN_DIMS && !is_apart; k++) {
        to[k] = rng_unit(rng) - 0.5;
    }
    for (int k = 0; k < PLAIN_DIMS; k++) {
        p->c.at[k] += force * to[k] / (is_apart ? length : 1);
    }
    if (is_apart) {
        p->c.height += (p->c.height + c->height) * force / length;
        p->c.height = p->c.height < HEIGHT_MIN_MS ? HEIGHT_MIN_MS : p->c.height;
    }
}

void plain_sample(struct plain *p, struct rng *rng, uint32_t peer, double rtt_ms, const struct plain_coord *c)
{
    double rtt = filter(p, peer, rtt_ms), sum = 0;
    double wrong = fabs(plain_rtt_ms(&p->c, c) - rtt) / rtt;
    double weight = p->c.error / (p->c.error + c->error + 1e-9);

    p->c.error = C_ERROR * weight * wrong + p->c.error * (1 - C_ERROR * weight);
    p->c.error = p->c.error > ERROR_MAX ? ERROR_MAX : p->c.error;
    push(p, rng, c, C_COORD * weight * (rtt - plain_rtt_ms(&p->c, c)));
    p->off[p->updates++ % PLAIN_WINDOW] = rtt - raw_ms(&p->c, c);
    for (int i = 0; i < PLAIN_WINDOW; i++) {
        sum += p->off[i];
    }
    p->c.adjustment = sum / (2 * PLAIN_WINDOW);
}
