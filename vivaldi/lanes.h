/* Four floats at once, with the vector types of the compiler: SSE2 where there is one, plain code elsewhere. */
#ifndef CELL_VIVALDI_LANES_H
#define CELL_VIVALDI_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { VIVALDI_LANES = 4 };

typedef float vivaldi_lanes __attribute__((vector_size(VIVALDI_LANES * sizeof(float))));
typedef int32_t vivaldi_masks __attribute__((vector_size(VIVALDI_LANES * sizeof(int32_t)))); /* what comparing gives */

static inline vivaldi_lanes vivaldi_lanes_load(const float *from)
{
    vivaldi_lanes v;

    memcpy(&v, from, sizeof v);
    return v;
}

static inline vivaldi_lanes vivaldi_lanes_all(float value)
{
    return (vivaldi_lanes){value, value, value, value};
}

static inline float vivaldi_lanes_sum(vivaldi_lanes v)
{
    return (v[0] + v[1]) + (v[2] + v[3]);
}

static inline vivaldi_lanes vivaldi_lanes_root(vivaldi_lanes v)
{
#ifdef __SSE__
    return __builtin_ia32_sqrtps(v); /* one by one they take a third of a refit's time */
#else
    return (vivaldi_lanes){sqrtf(v[0]), sqrtf(v[1]), sqrtf(v[2]), sqrtf(v[3])};
#endif
}

static inline vivaldi_lanes vivaldi_lanes_size(vivaldi_lanes v)
{
    return (vivaldi_lanes)((vivaldi_masks)v & INT32_MAX); /* the sign is a bit */
}

/* v where the mask is set, 0 elsewhere. */
static inline vivaldi_lanes vivaldi_lanes_where(vivaldi_masks mask, vivaldi_lanes v)
{
    return (vivaldi_lanes)(mask & (vivaldi_masks)v);
}

#endif
