/* The handshake against a published vector, and every bit of it. */
#include "common/node/noise.h"

#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/support/check.h"

/* Cacophony's vector of Noise_NKpsk0_25519_ChaChaPoly_BLAKE2b (haskell-cryptography/cacophony,
 * vectors/cacophony.txt). */
static const char prologue[] = "4a6f686e2047616c74";
static const char psk_hex[] = "54686973206973206d7920417573747269616e20706572737065637469766521";
static const char ephemeral_hex[2][65] = {"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
                                          "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"};
static const char static_public[] = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
static const char static_secret[] = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
static const char final_hash[] = "a32c665fae82ea979751627b098c45e755574719a147af4bd6bb92a790dc6dc6"
                                 "4b33f09424aa7d21ae70c46207b5d103c7150cdc6df02dc2aa470c76647da0e0";
static const struct {
    const char *payload, *sealed;
} messages[] = {
    {"4c756477696720766f6e204d69736573",
     "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c794432c362f61a0162a93280a9e1c53edb8c"
     "e7487fd12a4d1731495a24051a5afca8"},
    {"4d757272617920526f746862617264",
     "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088430e8d0924ed6525d4045188c3b225604c"
     "254ac2d8d33a8a3b0c7f5eb1975ba4"},
    {"462e20412e20486179656b", "4781e2a7bef65e0ae3da3508cf44a8b7a92880077b8e73afaef494"},
    {"4361726c204d656e676572", "f14b1feb6ff970fc3993f1c2383f33fa48138bfc5aa2ee89e40107"},
    {"4a65616e2d426170746973746520536179", "4ab72fba875b34dbc38da46b09fe1ad4d72faeb3514180d39a57b6cf22d646fcfa"},
    {"457567656e2042f6686d20766f6e2042617765726b",
     "1ca4c48531c304d8d1472124d5e082e29332d9527a743ac875b3bea0fb372f1d08168561b1"},
};

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t size = strlen(hex) / 2;

    REQUIRE(bytes_from_hex(hex, out, size), "%s", hex);
    return size;
}

static void begin(struct noise *c, struct noise *a)
{
    uint8_t said[64], psk[NOISE_KEY], key[NOISE_KEY], ephemeral[2][NOISE_KEY];
    size_t size = from_hex(prologue, said);

    from_hex(psk_hex, psk);
    from_hex(static_public, key);
    from_hex(ephemeral_hex[0], ephemeral[0]);
    from_hex(ephemeral_hex[1], ephemeral[1]);
    noise_init(c, true, said, size, psk, key, ephemeral[0]);
    noise_init(a, false, said, size, psk, key, ephemeral[1]);
}

static void check_sealed(size_t index, const uint8_t *bytes, size_t size)
{
    uint8_t expected[128];

    CHECK(from_hex(messages[index].sealed, expected) == size && memcmp(expected, bytes, size) == 0, "message %zu",
          index);
}

static void the_vector_holds(void)
{
    struct noise c, a;
    struct noise_cipher send[2], receive[2];
    uint8_t text[64], out[128], back[64], secret[NOISE_KEY], hash[NOISE_HASH];

    begin(&c, &a);
    from_hex(static_secret, secret);
    size_t size = from_hex(messages[0].payload, text);
    REQUIRE(noise_write(&c, text, size, out) == ERR_OK, "the first message");
    check_sealed(0, out, size + NOISE_MESSAGE);
    REQUIRE(noise_read_first(&a, secret, out, size + NOISE_MESSAGE, back) == ERR_OK, "is read");
    CHECK(memcmp(back, text, size) == 0, "with its payload");
    size = from_hex(messages[1].payload, text);
    REQUIRE(noise_write(&a, text, size, out) == ERR_OK, "the second");
    check_sealed(1, out, size + NOISE_MESSAGE);
    REQUIRE(noise_read_second(&c, out, size + NOISE_MESSAGE, back) == ERR_OK, "is read");
    CHECK(memcmp(back, text, size) == 0, "with its payload");
    from_hex(final_hash, hash);
    CHECK(memcmp(c.hash, hash, sizeof hash) == 0 && memcmp(a.hash, hash, sizeof hash) == 0, "one hash");
    noise_split(&c, &send[0], &receive[0]);
    noise_split(&a, &send[1], &receive[1]);
    for (size_t i = 2; i < ARRAY_LEN(messages); i++) {
        size = from_hex(messages[i].payload, text);
        noise_seal(&send[i % 2], text, size, out);
        check_sealed(i, out, size + NOISE_TAG);
        REQUIRE(noise_open(&receive[1 - i % 2], out, size + NOISE_TAG, back) == ERR_OK, "message %zu", i);
        CHECK(memcmp(back, text, size) == 0, "message %zu", i);
        CHECK(noise_open(&receive[1 - i % 2], out, size + NOISE_TAG, back) == ERR_FORGED, "message %zu twice", i);
    }
    CHECK(noise_open(&receive[0], out, NOISE_TAG - 1, back) == ERR_MALFORMED, "shorter than a tag");
}

static void no_bit_may_differ(void)
{
    uint8_t first[NOISE_MESSAGE + 4], second[NOISE_MESSAGE + 4], secret[NOISE_KEY], back[8], zero[NOISE_MESSAGE] = {0};
    struct noise c, a, c2, a2;

    from_hex(static_secret, secret);
    begin(&c, &a);
    REQUIRE(noise_write(&c, (const uint8_t *)"abcd", 4, first) == ERR_OK, "first");
    for (size_t bit = 0; bit < 8 * sizeof first; bit++) {
        a2 = a;
        first[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(noise_read_first(&a2, secret, first, sizeof first, back) == ERR_FORGED, "first, bit %zu", bit);
        first[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    a2 = a;
    CHECK(noise_read_first(&a2, secret, first, NOISE_MESSAGE - 1, back) == ERR_MALFORMED, "too short");
    a2 = a;
    CHECK(noise_read_first(&a2, secret, zero, sizeof zero, back) == ERR_FORGED, "a key of small order");
    REQUIRE(noise_read_first(&a, secret, first, sizeof first, back) == ERR_OK, "the true one");
    REQUIRE(noise_write(&a, (const uint8_t *)"efgh", 4, second) == ERR_OK, "second");
    for (size_t bit = 0; bit < 8 * sizeof second; bit++) {
        c2 = c;
        second[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(noise_read_second(&c2, second, sizeof second, back) == ERR_FORGED, "second, bit %zu", bit);
        second[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* ---- IK ------------------------------------------------------------------------------------------------- */

/* The same source's Noise_IK_25519_ChaChaPoly_BLAKE2b: same prologue, ephemeral keys and acceptor. */
static const char ik_static[] = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char ik_hash[] = "1c8fa891cb414fedba6daa7c6f4ae0a6d98e5f9768cc9cecd27e805614943ee9"
                              "c8a1b27fbfb76dc197255c8aa69f6b4285c423840b8bedf45e652ca64f797d81";
static const struct {
    const char *payload, *sealed;
} ik_messages[] = {
    {"4c756477696720766f6e204d69736573",
     "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944ba83a447b38c83e327ad936929812f62"
     "4884847b7831e95e197b2f797088efdd2f88f1db7e1fb0e99c64419097af91cee64e470f4b6fcd9298ce0b56fe20f86e"
     "13bf70439c538e3602a7127af71a29cc"},
    {"4d757272617920526f746862617264",
     "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088439f069b267a06b3de3ecb1043bcb098e9"
     "af91d9c64748d998c7b47890871571"},
    {"462e20412e20486179656b", "cd54383060e7a28434cca27fb1cc524cfbabeb18181589df219d07"},
    {"4361726c204d656e676572", "a856d3bf0246bfc476c655009cd1ed677b8dcc5b349ae8ef2a05f2"},
    {"4a65616e2d426170746973746520536179", "49063084b2c51f098337cb8a13739ac848f907e67cfb2cc8a8b60586467aa02fc7"},
    {"457567656e2042f6686d20766f6e2042617765726b",
     "8b9709d23b47e4639df7678d7a21741eba4ef1e9c60383001c7435549c20f9d56f30e935d3"},
};

static void begin_ik(struct noise *c, struct noise *a)
{
    uint8_t said[64], key[NOISE_KEY], own[2][NOISE_KEY], ephemeral[2][NOISE_KEY];
    size_t size = from_hex(prologue, said);

    from_hex(static_public, key);
    from_hex(ik_static, own[0]);
    from_hex(static_secret, own[1]);
    from_hex(ephemeral_hex[0], ephemeral[0]);
    from_hex(ephemeral_hex[1], ephemeral[1]);
    noise_ik_init(c, true, said, size, own[0], key, ephemeral[0]);
    noise_ik_init(a, false, said, size, own[1], key, ephemeral[1]);
}

static void check_ik(size_t index, const uint8_t *bytes, size_t size)
{
    uint8_t expected[160];

    CHECK(from_hex(ik_messages[index].sealed, expected) == size && memcmp(expected, bytes, size) == 0,
          "IK, message %zu", index);
}

static void the_vector_of_ik_holds(void)
{
    struct noise c, a;
    struct noise_cipher send[2], receive[2];
    uint8_t text[64], out[160], back[64], hash[NOISE_HASH], own[NOISE_KEY], own_public[NOISE_KEY];

    begin_ik(&c, &a);
    size_t size = from_hex(ik_messages[0].payload, text);
    REQUIRE(noise_ik_write_first(&c, text, size, out) == ERR_OK, "the first message");
    check_ik(0, out, size + NOISE_IK_FIRST);
    REQUIRE(noise_ik_read_first(&a, out, size + NOISE_IK_FIRST, back) == ERR_OK, "is read");
    CHECK(memcmp(back, text, size) == 0, "with its payload");
    from_hex(ik_static, own);
    (void)crypto_scalarmult_base(own_public, own);
    CHECK(memcmp(a.peer, own_public, NOISE_KEY) == 0, "and whose it is");
    size = from_hex(ik_messages[1].payload, text);
    REQUIRE(noise_ik_write_second(&a, text, size, out) == ERR_OK, "the second");
    check_ik(1, out, size + NOISE_MESSAGE);
    REQUIRE(noise_ik_read_second(&c, out, size + NOISE_MESSAGE, back) == ERR_OK, "is read");
    CHECK(memcmp(back, text, size) == 0, "with its payload");
    from_hex(ik_hash, hash);
    CHECK(memcmp(c.hash, hash, sizeof hash) == 0 && memcmp(a.hash, hash, sizeof hash) == 0, "one hash");
    noise_split(&c, &send[0], &receive[0]);
    noise_split(&a, &send[1], &receive[1]);
    for (size_t i = 2; i < ARRAY_LEN(ik_messages); i++) {
        size = from_hex(ik_messages[i].payload, text);
        noise_seal(&send[i % 2], text, size, out);
        check_ik(i, out, size + NOISE_TAG);
        REQUIRE(noise_open(&receive[1 - i % 2], out, size + NOISE_TAG, back) == ERR_OK, "IK, message %zu", i);
    }
}

static void no_bit_of_ik_may_differ(void)
{
    uint8_t first[NOISE_IK_FIRST + 4], second[NOISE_MESSAGE + 4], back[8], zero[NOISE_IK_FIRST] = {0};
    uint8_t other[NOISE_KEY] = {9}, key[NOISE_KEY];
    struct noise c, a, c2, a2;

    begin_ik(&c, &a);
    REQUIRE(noise_ik_write_first(&c, (const uint8_t *)"abcd", 4, first) == ERR_OK, "first");
    for (size_t bit = 0; bit < 8 * sizeof first; bit++) {
        a2 = a;
        first[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(noise_ik_read_first(&a2, first, sizeof first, back) == ERR_FORGED, "IK, first, bit %zu", bit);
        first[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    a2 = a;
    CHECK(noise_ik_read_first(&a2, first, NOISE_IK_FIRST - 1, back) == ERR_MALFORMED, "too short");
    a2 = a;
    CHECK(noise_ik_read_first(&a2, zero, sizeof zero, back) == ERR_FORGED, "a key of small order");
    REQUIRE(noise_ik_read_first(&a, first, sizeof first, back) == ERR_OK, "the true one");
    REQUIRE(noise_ik_write_second(&a, (const uint8_t *)"efgh", 4, second) == ERR_OK, "second");
    for (size_t bit = 0; bit < 8 * sizeof second; bit++) {
        c2 = c;
        second[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(noise_ik_read_second(&c2, second, sizeof second, back) == ERR_FORGED, "IK, second, bit %zu", bit);
        second[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    /* Somebody else who plays the first message again cannot read the answer. */
    c2 = c;
    memcpy(c2.own, other, sizeof other);
    CHECK(noise_ik_read_second(&c2, second, sizeof second, back) == ERR_FORGED, "without the connector's static key");
    c2 = c;
    memcpy(c2.secret, other, sizeof other);
    CHECK(noise_ik_read_second(&c2, second, sizeof second, back) == ERR_FORGED, "without its ephemeral key");
    /* An acceptor with another key reads nothing. */
    (void)crypto_scalarmult_base(key, other);
    noise_ik_init(&a2, false, NULL, 0, other, key, other);
    CHECK(noise_ik_read_first(&a2, first, sizeof first, back) == ERR_FORGED, "another acceptor");
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    the_vector_holds();
    no_bit_may_differ();
    the_vector_of_ik_holds();
    no_bit_of_ik_may_differ();
    return CHECK_RESULT();
}
