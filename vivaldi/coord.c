#include "vivaldi/coord.h"

#include <math.h>
#include <string.h>

#include "vivaldi/lanes.h"

enum {
    PART_BYTES = 3,
    AT_PARTS = 2,
    UNITS_PER_MS = 500,       /* of 2 us: 24 bits reach 16 s */
    ERROR_UNITS = 40000,
    ERROR_UNITS_MAX = 60000,  /* VIVALDI_COORD_ERROR_MAX */
    PART_SIGN = 1 << 23,
};

#define LEAST_SQUARE 1e-12f /* so that nothing is divided by 0 where two are at one place */

static bool is_side(float part, float least)
{
    return part >= least && part <= VIVALDI_COORD_SIDE_MAX; /* no comparison with NaN holds */
}

bool vivaldi_coord_is_valid(const struct vivaldi_coord *c)
{
    for (uint32_t i = 0; i < VIVALDI_DIMS_MAX; i++) {
        if (!is_side(c->at[i], -VIVALDI_COORD_SIDE_MAX)) {
            return false;
        }
    }
    return is_side(c->height, 0) && c->error >= 0 && c->error <= VIVALDI_COORD_ERROR_MAX;
}

static float distance(const struct vivaldi_coord *a, const struct vivaldi_coord *b)
{
    float sum = 0;

    for (uint32_t i = 0; i < VIVALDI_DIMS_MAX; i++) {
        float d = a->at[i] - b->at[i];
        sum += d * d;
    }
    return sqrtf(sum);
}

float vivaldi_coord_rtt_ms(const struct vivaldi_coord *a, const struct vivaldi_coord *b)
{
    float d = distance(a, b), h = a->height + b->height, fade = VIVALDI_COORD_FADE * h;

    return d > 0 ? d + h * d * d / (d * d + fade * fade + LEAST_SQUARE) : 0;
}

float vivaldi_coord_moved_ms(const struct vivaldi_coord *a, const struct vivaldi_coord *b)
{
    return distance(a, b) + fabsf(a->height - b->height);
}

/* Parts of four coordinates side by side. */
static vivaldi_lanes part(const struct vivaldi_coord *c, uint32_t i)
{
    return (vivaldi_lanes){c[0].at[i], c[1].at[i], c[2].at[i], c[3].at[i]};
}

void vivaldi_coord_rtts_ms(const struct vivaldi_coord *from, const struct vivaldi_coord *to, size_t count, float *ret)
{
    size_t i = 0;

    for (; i + VIVALDI_LANES <= count; i += VIVALDI_LANES) {
        const struct vivaldi_coord *four = &to[i];
        vivaldi_lanes sum = vivaldi_lanes_all(LEAST_SQUARE);
        for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
            vivaldi_lanes d = from->at[k] - part(four, k);
            sum += d * d;
        }
        vivaldi_lanes d = vivaldi_lanes_root(sum);
        vivaldi_lanes h = from->height + (vivaldi_lanes){four[0].height, four[1].height, four[2].height, four[3].height};
        d += h * sum / (sum + VIVALDI_COORD_FADE * VIVALDI_COORD_FADE * h * h);
        memcpy(&ret[i], &d, sizeof d);
    }
    for (; i < count; i++) {
        ret[i] = vivaldi_coord_rtt_ms(from, &to[i]);
    }
}

/* ---- on the wire ----------------------------------------------------------------------------------- */

static void put_part(uint8_t out[PART_BYTES], float ms)
{
    int32_t units = (int32_t)lrintf(ms * UNITS_PER_MS);

    out[0] = (uint8_t)((uint32_t)units >> 16);
    out[1] = (uint8_t)((uint32_t)units >> 8);
    out[2] = (uint8_t)units;
}

static float get_part(const uint8_t in[PART_BYTES])
{
    int32_t units = in[0] << 16 | in[1] << 8 | in[2];

    units = (units ^ PART_SIGN) - PART_SIGN;
    return (float)units / UNITS_PER_MS;
}

size_t vivaldi_coord_pack(const struct vivaldi_coord *c, uint32_t dims, uint8_t out[VIVALDI_COORD_BYTES])
{
    uint8_t *to = out + AT_PARTS;
    uint32_t error = (uint32_t)lrintf(c->error * ERROR_UNITS);

    out[0] = VIVALDI_COORD_VERSION;
    out[1] = (uint8_t)dims;
    for (uint32_t i = 0; i < dims; i++, to += PART_BYTES) {
        put_part(to, c->at[i]);
    }
    put_part(to, c->height);
    to[PART_BYTES] = (uint8_t)(error >> 8);
    to[PART_BYTES + 1] = (uint8_t)error;
    return (size_t)(to + PART_BYTES + 2 - out);
}

enum err vivaldi_coord_unpack(const uint8_t *bytes, size_t size, struct vivaldi_coord *ret)
{
    struct vivaldi_coord c = {0};

    if (size < AT_PARTS || bytes[0] != VIVALDI_COORD_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    uint32_t dims = bytes[1];
    if (dims == 0 || dims > VIVALDI_DIMS_MAX || size != AT_PARTS + PART_BYTES * (dims + 1) + 2) {
        return ERR_MALFORMED;
    }
    bytes += AT_PARTS;
    for (uint32_t i = 0; i < dims; i++, bytes += PART_BYTES) {
        c.at[i] = get_part(bytes);
    }
    c.height = get_part(bytes);
    uint32_t error = (uint32_t)bytes[PART_BYTES] << 8 | bytes[PART_BYTES + 1];
    c.error = (float)error / ERROR_UNITS;
    if (error > ERROR_UNITS_MAX || !vivaldi_coord_is_valid(&c)) {
        return ERR_MALFORMED;
    }
    *ret = c;
    return ERR_OK;
}
