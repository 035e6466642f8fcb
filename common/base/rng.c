#include "common/base/rng.h"

#include <assert.h>

static uint64_t rotate_left(uint64_t x, unsigned by)
{
    assert(by > 0 && by < 64);
    return (x << by) | (x >> (64 - by));
}

/* splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): spreads
 * a seed so that similar seeds give unrelated streams and the state is never all zero. */
static uint64_t spread(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_init(struct rng *r, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        r->word[i] = spread(&seed);
    }
    assert((r->word[0] | r->word[1] | r->word[2] | r->word[3]) != 0);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *w = r->word;
    uint64_t result = rotate_left(w[1] * 5, 7) * 9;
    uint64_t t = w[1] << 17;

    w[2] ^= w[0];
    w[3] ^= w[1];
    w[1] ^= w[2];
    w[0] ^= w[3];
    w[2] ^= t;
    w[3] = rotate_left(w[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    assert(bound > 0);
    /* Drawing again below 2^64 mod bound leaves a range that bound divides. At worst every second
     * draw is taken, so the loop ends after two turns on average. */
    uint64_t reject = -bound % bound;
    uint64_t x;
    do {
        x = rng_next(r);
    } while (x < reject);
    return x % bound;
}

double rng_unit(struct rng *r)
{
    /* 53 bits: all a double's fraction holds, so 1.0 is never reached by rounding. */
    return (double)(rng_next(r) >> 11) * 0x1.0p-53;
}
