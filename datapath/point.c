#include "datapath/point.h"

#include <sodium.h>
#include <string.h>

#ifdef __SIZEOF_INT128__

/* An element of the field of 2^255 - 19 in five limbs of 51 bits, or a little more. */
enum {
    LIMBS = 5,
    BITS = 51,
};
#define MASK ((UINT64_C(1) << BITS) - 1)

__extension__ typedef unsigned __int128 wide;

static uint64_t get64(const uint8_t *at)
{
    uint64_t v = 0;

    for (int i = 7; i >= 0; i--) {
        v = v << 8 | at[i];
    }
    return v;
}

static void field_get(const uint8_t bytes[DATAPATH_POINT_SIZE], uint64_t ret[LIMBS])
{
    ret[0] = get64(bytes) & MASK;
    ret[1] = get64(bytes + 6) >> 3 & MASK;
    ret[2] = get64(bytes + 12) >> 6 & MASK;
    ret[3] = get64(bytes + 19) >> 1 & MASK;
    ret[4] = get64(bytes + 24) >> 12 & MASK; /* without the sign of x, which no map needs */
}

/* Limbs below 2^52, to the one number below 2^255 - 19. */
static void field_put(const uint64_t a[LIMBS], uint8_t ret[DATAPATH_POINT_SIZE])
{
    uint64_t t[LIMBS], carry = 19;

    memcpy(t, a, sizeof t);
    for (int i = 0; i < LIMBS; i++) {
        t[(i + 1) % LIMBS] += (i == LIMBS - 1 ? 19 : 1) * (t[i] >> BITS);
        t[i] &= MASK;
    }
    /* It is below twice the prime now. Adding 19 carries out of the top if it is not below the prime, which is taken off then. */
    for (int i = 0; i < LIMBS; i++) {
        carry = (t[i] + carry) >> BITS;
    }
    carry *= 19;
    for (int i = 0; i < LIMBS; i++) {
        t[i] += carry;
        carry = t[i] >> BITS;
        t[i] &= MASK;
    }
    const uint64_t word[4] = {t[0] | t[1] << 51, t[1] >> 13 | t[2] << 38, t[2] >> 26 | t[3] << 25, t[3] >> 39 | t[4] << 12};
    for (int i = 0; i < DATAPATH_POINT_SIZE; i++) {
        ret[i] = (uint8_t)(word[i / 8] >> 8 * (i % 8));
    }
}

/* Sums of products to limbs again. Carries of all five are taken at once, and then what they made too large: one after the
 * other they would be most of the time of a squaring. For factors whose limbs are below 2^53 the sums are below 2^113, what
 * is carried out of the last one, which has no 19 in it, below 2^58, and the limbs made here below 2^51 + 2^16. */
static inline void settle(wide t0, wide t1, wide t2, wide t3, wide t4, uint64_t ret[LIMBS])
{
    uint64_t r0 = ((uint64_t)t0 & MASK) + 19 * (uint64_t)(t4 >> BITS), r1 = ((uint64_t)t1 & MASK) + (uint64_t)(t0 >> BITS);
    uint64_t r2 = ((uint64_t)t2 & MASK) + (uint64_t)(t1 >> BITS), r3 = ((uint64_t)t3 & MASK) + (uint64_t)(t2 >> BITS);
    uint64_t r4 = ((uint64_t)t4 & MASK) + (uint64_t)(t3 >> BITS);

    ret[0] = (r0 & MASK) + 19 * (r4 >> BITS);
    ret[1] = (r1 & MASK) + (r0 >> BITS);
    ret[2] = (r2 & MASK) + (r1 >> BITS);
    ret[3] = (r3 & MASK) + (r2 >> BITS);
    ret[4] = (r4 & MASK) + (r3 >> BITS);
}

static void multiply(const uint64_t a[LIMBS], const uint64_t b[LIMBS], uint64_t ret[LIMBS])
{
    const uint64_t a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4];
    const uint64_t b0 = b[0], b1 = b[1], b2 = b[2], b3 = b[3], b4 = b[4];
    const uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4; /* 2^255 is 19 */

    settle((wide)a0 * b0 + (wide)a1 * c4 + (wide)a2 * c3 + (wide)a3 * c2 + (wide)a4 * c1,
           (wide)a0 * b1 + (wide)a1 * b0 + (wide)a2 * c4 + (wide)a3 * c3 + (wide)a4 * c2,
           (wide)a0 * b2 + (wide)a1 * b1 + (wide)a2 * b0 + (wide)a3 * c4 + (wide)a4 * c3,
           (wide)a0 * b3 + (wide)a1 * b2 + (wide)a2 * b1 + (wide)a3 * b0 + (wide)a4 * c4,
           (wide)a0 * b4 + (wide)a1 * b3 + (wide)a2 * b2 + (wide)a3 * b1 + (wide)a4 * b0, ret);
}

/* `times` squarings, one after the other. */
static void square(const uint64_t a[LIMBS], int times, uint64_t ret[LIMBS])
{
    uint64_t r[LIMBS] = {a[0], a[1], a[2], a[3], a[4]};

    for (int i = 0; i < times; i++) {
        const uint64_t r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3], r4 = r[4];
        const uint64_t d0 = 2 * r0, d1 = 2 * r1, c3 = 19 * r3, c4 = 19 * r4, e4 = 38 * r4;
        settle((wide)r0 * r0 + (wide)e4 * r1 + (wide)(2 * r2) * c3, (wide)d0 * r1 + (wide)e4 * r2 + (wide)r3 * c3,
                (wide)d0 * r2 + (wide)r1 * r1 + (wide)e4 * r3, (wide)d0 * r3 + (wide)d1 * r2 + (wide)r4 * c4,
                (wide)d0 * r4 + (wide)d1 * r3 + (wide)r2 * r2, r);
    }
    memcpy(ret, r, sizeof r);
}

/* 1/z = z^(2^255 - 21), by Fermat: 254 squarings and 11 products, the same for every z. */
static void invert(const uint64_t z[LIMBS], uint64_t ret[LIMBS])
{
    uint64_t z2[LIMBS], z9[LIMBS], z11[LIMBS], e5[LIMBS], e10[LIMBS], e20[LIMBS], e50[LIMBS], e100[LIMBS], t[LIMBS];

    square(z, 1, z2);
    square(z2, 2, t);
    multiply(t, z, z9);
    multiply(z9, z2, z11);
    square(z11, 1, t);
    multiply(t, z9, e5); /* en: z^(2^n - 1) */
    square(e5, 5, t);
    multiply(t, e5, e10);
    square(e10, 10, t);
    multiply(t, e10, e20);
    square(e20, 20, t);
    multiply(t, e20, t);
    square(t, 10, t);
    multiply(t, e10, e50);
    square(e50, 50, t);
    multiply(t, e50, e100);
    square(e100, 100, t);
    multiply(t, e100, t);
    square(t, 50, t);
    multiply(t, e50, t);
    square(t, 5, t);
    multiply(t, z11, ret);
}

void datapath_point_public(const uint8_t secret[DATAPATH_POINT_SIZE], uint8_t ret[DATAPATH_POINT_SIZE])
{
    uint8_t bytes[DATAPATH_POINT_SIZE];
    uint64_t y[LIMBS], above[LIMBS], below[LIMBS];

    /* Fails for the neutral element, which a clamped number below the order does not lead to, and for a secret of
     * zeros, whose key it has made none the less. */
    (void)crypto_scalarmult_ed25519_base(bytes, secret);
    field_get(bytes, y);
    for (int i = 0; i < LIMBS; i++) {
        above[i] = y[i];
        below[i] = 2 * (MASK - (i == 0 ? 18 : 0)) - y[i]; /* twice the prime, so that no limb is below zero */
    }
    above[0]++;
    below[0]++;
    invert(below, below);
    multiply(above, below, y); /* u = (1 + y) / (1 - y) */
    field_put(y, ret);
}

#else

void datapath_point_public(const uint8_t secret[DATAPATH_POINT_SIZE], uint8_t ret[DATAPATH_POINT_SIZE])
{
    (void)crypto_scalarmult_base(ret, secret);
}

#endif
