/* Public keys by the Edwards curve are those of RFC 7748's ladder. Takes the source in, to reach the field's edges, which no
 * drawn key comes near. */
#include "datapath/point.c" /* NOLINT */

#include "common/base/bytes.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

enum {
    KEYS = 2000,
};

static void keys_are_the_librarys(void)
{
    struct rng rng;
    uint8_t secret[DATAPATH_POINT_SIZE], theirs[DATAPATH_POINT_SIZE], ours[DATAPATH_POINT_SIZE];

    rng_init(&rng, 1);
    for (int i = 0; i < KEYS; i++) {
        for (size_t k = 0; k < sizeof secret; k++) {
            secret[k] = i == 0 ? 0 : i == 1 ? 0xff : (uint8_t)rng_below(&rng, 256);
        }
        if (i > 1 && i < 258) { /* one bit of 256 set */
            memset(secret, 0, sizeof secret);
            secret[(i - 2) / 8] = (uint8_t)(1 << (i - 2) % 8);
        }
        REQUIRE(crypto_scalarmult_base(theirs, secret) == 0, "key %d", i);
        datapath_point_public(secret, ours);
        REQUIRE(memcmp(ours, theirs, sizeof ours) == 0, "key %d", i);
    }
}

static void the_vector_holds(void)
{
    uint8_t secret[DATAPATH_POINT_SIZE], expected[DATAPATH_POINT_SIZE], ours[DATAPATH_POINT_SIZE];

    REQUIRE(bytes_from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", secret, sizeof secret) &&
                bytes_from_hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", expected, sizeof expected), "hex");
    datapath_point_public(secret, ours);
    CHECK(memcmp(ours, expected, sizeof ours) == 0, "RFC 7748, section 6.1, Bob's");
    datapath_point_public(secret, secret);
    CHECK(memcmp(secret, expected, sizeof secret) == 0, "in place");
}

#ifdef __SIZEOF_INT128__
/* 2^255 - 19 + offset in full limbs. */
static void about_the_prime(int offset, uint64_t ret[LIMBS])
{
    for (int i = 0; i < LIMBS; i++) {
        ret[i] = MASK;
    }
    ret[0] = (uint64_t)((int64_t)MASK - 18 + offset);
}

static void numbers_are_below_the_prime(void)
{
    uint8_t bytes[DATAPATH_POINT_SIZE], expected[DATAPATH_POINT_SIZE];
    uint64_t a[LIMBS];

    for (int offset = -2; offset < 40; offset++) { /* 19 and more: above 2^255 */
        about_the_prime(offset, a);
        memset(expected, 0, sizeof expected);
        expected[0] = (uint8_t)offset;
        if (offset < 0) {
            memset(expected, 0xff, sizeof expected);
            expected[0] = (uint8_t)(0xed + offset);
            expected[31] = 0x7f;
        }
        field_put(a, bytes);
        CHECK(memcmp(bytes, expected, sizeof bytes) == 0, "the prime and %d", offset);
    }
    for (int i = 0; i < LIMBS; i++) {
        a[i] = MASK + (1 << 16); /* 2^255 - 1 and 2^16 in each limb */
    }
    field_put(a, bytes);
    field_get(bytes, a);
    const uint64_t limb[LIMBS] = {(1 << 16) + 18, 1 << 16, 1 << 16, 1 << 16, 1 << 16};
    CHECK(memcmp(a, limb, sizeof a) == 0, "limbs above 51 bits");
}

/* The largest limbs that the head of settle() speaks of, and small ones. */
static void inverses_are(void)
{
    const uint64_t one[LIMBS] = {1};
    struct rng rng;

    rng_init(&rng, 2);
    for (int round = 0; round < 200; round++) {
        uint64_t a[LIMBS], b[LIMBS], product[LIMBS];
        uint8_t bytes[DATAPATH_POINT_SIZE], expected[DATAPATH_POINT_SIZE];
        for (int i = 0; i < LIMBS; i++) {
            a[i] = round == 0 ? (UINT64_C(1) << 53) - 1 : round == 1 ? 2 : rng_next(&rng) >> 11;
        }
        invert(a, b);
        multiply(a, b, product);
        field_put(product, bytes);
        field_put(one, expected);
        CHECK(memcmp(bytes, expected, sizeof bytes) == 0, "round %d", round);
        multiply(a, a, product);
        square(a, 1, b);
        field_put(product, bytes);
        field_put(b, expected);
        CHECK(memcmp(bytes, expected, sizeof bytes) == 0, "round %d, squared", round);
    }
}
#endif

int main(void)
{
    keys_are_the_librarys();
    the_vector_holds();
#ifdef __SIZEOF_INT128__
    numbers_are_below_the_prime();
    inverses_are();
#endif
    return CHECK_RESULT();
}
