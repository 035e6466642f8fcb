/* Signed updates: read as written, nothing of it can differ, and a node never goes back. */
#include "common/node/update.h"

#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/unit/node/vectors.h"

static const uint8_t issuer_seed[NODE_SEED_LEN] = {1}, other_seed[NODE_SEED_LEN] = {9};
static uint8_t issuer[NODE_ID_LEN], node[NODE_ID_LEN];
static uint8_t bytes[UPDATE_MAX], again[UPDATE_MAX];

static struct update usual(void)
{
    struct update u = {.keys = 2, .epoch = {7, 6}, .key = {{0xa7}, {0xa6}}, .grace_s = 300, .crl = 3, .list = "list",
                       .list_size = 4, .certificate = "crt", .certificate_size = 3};

    memset(u.cluster_id, 0xc1, sizeof u.cluster_id);
    memcpy(u.node, node, sizeof u.node);
    return u;
}

static struct cluster known(uint32_t newest, uint32_t keys, uint32_t crl)
{
    struct cluster c = {.issuer = {1}, .keys = keys, .crl = crl};

    memset(c.id, 0xc1, sizeof c.id);
    for (uint32_t i = 0; i < keys; i++) {
        c.epoch[i] = newest - i;
        c.key[i][0] = (uint8_t)(0xa0 + newest - i);
    }
    return c;
}

static void derive(const uint8_t seed[NODE_SEED_LEN], uint8_t ret[NODE_ID_LEN])
{
    struct node_keys k;

    keys_derive(seed, &k);
    memcpy(ret, k.id, NODE_ID_LEN);
}

/* tests/vectors/update.hex, made by update.py beside it without our code. */
static void the_vector_reads_and_writes_the_same(void)
{
    char text[VECTOR_MAX];
    struct update u;
    size_t len = vector_read("update.hex", text), size = (len - 1) / 2;

    text[len - 1] = '\0';
    REQUIRE(bytes_from_hex(text, bytes, size), "hex");
    REQUIRE(update_read(bytes, size, issuer, &u) == ERR_OK, "the vector");
    CHECK(u.keys == 2 && u.epoch[0] == 7 && u.epoch[1] == 6 && u.grace_s == 300 && u.crl == 3, "numbers");
    CHECK(u.list_size == 4 && memcmp(u.list, "list", 4) == 0 && u.certificate_size == 3, "texts");
    u = usual();
    CHECK(update_write(&u, issuer_seed, again) == size && memcmp(again, bytes, size) == 0, "written to the same bytes");
}

static void nothing_of_it_may_differ(void)
{
    struct update u = usual(), got = {.keys = 77};
    uint8_t other[NODE_ID_LEN];
    size_t size = update_write(&u, issuer_seed, bytes);

    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(update_read(bytes, size, issuer, &got) != ERR_OK, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++) {
        CHECK(update_read(bytes, cut, issuer, &got) != ERR_OK, "cut at %zu", cut);
    }
    derive(other_seed, other);
    CHECK(update_read(bytes, size, other, &got) == ERR_FORGED, "another's signature");
    bytes[8] = 2;
    CHECK(update_read(bytes, size, issuer, &got) == ERR_INCOMPATIBLE, "another version");
    CHECK(got.keys == 77, "nothing is written on error");
}

/* What the issuer's key has signed and is still none. */
static void what_is_signed_is_judged_too(void)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *why;
    } rows[] = {
        {57, 0, "no key"},
        {57, 3, "three keys"},
        {61, 6, "epochs that do not fall"},
        {130, 0xff, "a grace of years"},
        {141, 5, "a list longer than what is there"},
        {147, 4, "a certificate longer than what is there"},
        {147, 2, "a byte too many"},
    };
    struct update got;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct update u = usual();
        uint8_t digest[64], secret[crypto_sign_SECRETKEYBYTES], own[NODE_ID_LEN];
        crypto_generichash_state state;
        size_t size = update_write(&u, issuer_seed, bytes) - UPDATE_SIGNATURE;
        bytes[rows[i].at] = rows[i].value;
        (void)crypto_generichash_init(&state, NULL, 0, sizeof digest);
        (void)crypto_generichash_update(&state, (const uint8_t *)"cell update 1", sizeof "cell update 1");
        (void)crypto_generichash_update(&state, bytes, size);
        (void)crypto_generichash_final(&state, digest, sizeof digest);
        (void)crypto_sign_seed_keypair(own, secret, issuer_seed);
        (void)crypto_sign_detached(bytes + size, NULL, digest, sizeof digest, secret);
        CHECK(update_read(bytes, size + UPDATE_SIGNATURE, issuer, &got) == ERR_MALFORMED, "row %zu: %s", i, rows[i].why);
    }
}

static void the_largest_fits(void)
{
    static char list[UPDATE_CRL_MAX], certificate[UPDATE_CERTIFICATE_MAX];
    struct update u = usual(), got;

    memset(list, 'l', sizeof list);
    memset(certificate, 'c', sizeof certificate);
    u.list = list;
    u.list_size = sizeof list;
    u.certificate = certificate;
    u.certificate_size = sizeof certificate;
    size_t size = update_write(&u, issuer_seed, bytes);
    CHECK(size == UPDATE_MAX && update_read(bytes, size, issuer, &got) == ERR_OK, "%zu", size);
    CHECK(update_read(bytes, size + 1, issuer, &got) == ERR_MALFORMED, "one byte more");
}

/* Each row: what a node knows, what it is told, and what it knows then. */
static const struct {
    uint32_t epoch, keys, crl;                  /* known */
    uint32_t new_epoch, new_keys, new_crl;      /* told  */
    bool has_list, has_certificate;
    enum err e;
    bool is_news;
    uint32_t then_keys;
    const char *why;
} merges[] = {
    {1, 1, 0, 2, 2, 0, false, false, ERR_OK, true, 2, "the next epoch"},
    {1, 1, 0, 4, 2, 0, false, false, ERR_OK, true, 2, "it was away for some"},
    {1, 1, 0, 2, 1, 0, false, false, ERR_OK, true, 1, "the one before is over already"},
    {2, 2, 0, 2, 2, 0, false, false, ERR_OK, false, 2, "the same again is no news"},
    {2, 2, 0, 2, 1, 0, false, false, ERR_OK, true, 1, "the one before ends"},
    {2, 1, 0, 2, 2, 0, false, false, ERR_OK, false, 1, "… and does not come back"},
    {2, 1, 0, 1, 1, 0, false, false, ERR_ABORTED, false, 1, "an older epoch"},
    {2, 1, 3, 2, 1, 2, true, false, ERR_ABORTED, false, 1, "an older list"},
    {2, 1, 3, 3, 1, 2, true, false, ERR_ABORTED, false, 1, "… with a newer key"},
    {2, 1, 3, 1, 1, 4, true, false, ERR_ABORTED, false, 1, "a newer list with an older key"},
    {2, 1, 3, 2, 1, 4, true, false, ERR_OK, true, 1, "a newer list"},
    {2, 1, 3, 2, 1, 4, false, false, ERR_MALFORMED, false, 1, "a newer list that is left out"},
    {2, 1, 3, 2, 1, 3, false, false, ERR_OK, false, 1, "the list that it has may be left out"},
    {2, 1, 3, 2, 1, 3, false, true, ERR_OK, true, 1, "a certificate is news"},
};

static void a_node_never_goes_back(void)
{
    for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
        struct cluster c = known(merges[i].epoch, merges[i].keys, merges[i].crl), before = c;
        struct cluster told = known(merges[i].new_epoch, merges[i].new_keys, merges[i].new_crl);
        struct update u = {.keys = told.keys, .grace_s = told.keys > 1 ? 9 : 0, .crl = told.crl, .list = "l",
                           .list_size = merges[i].has_list, .certificate = "c",
                           .certificate_size = merges[i].has_certificate};
        bool is_news = false;
        memcpy(u.epoch, told.epoch, sizeof u.epoch);
        memcpy(u.key, told.key, sizeof u.key);
        memcpy(u.cluster_id, told.id, sizeof u.cluster_id);
        memcpy(u.node, node, sizeof u.node);
        enum err e = update_merge(&u, node, &c, &is_news);
        CHECK(e == merges[i].e && is_news == merges[i].is_news, "row %zu: %s: %s", i, merges[i].why, err_name(e));
        CHECK(c.keys == merges[i].then_keys && (c.grace_s == 9) == (c.keys > 1 && e == ERR_OK && u.keys > 1), "row %zu: %s", i,
              merges[i].why);
        CHECK(e == ERR_OK || memcmp(&before, &c, sizeof c) == 0, "row %zu: nothing changes", i);
    }
}

static void what_is_for_another_is_not_taken(void)
{
    struct cluster c = known(6, 1, 3), before = c;
    struct update u = usual();
    uint8_t other[NODE_ID_LEN] = {3};
    bool is_news;

    CHECK(update_merge(&u, other, &c, &is_news) == ERR_DENIED, "for another node");
    u.cluster_id[0] ^= 1;
    CHECK(update_merge(&u, node, &c, &is_news) == ERR_DENIED, "of another cluster");
    u = usual();
    u.key[1][5] = 1;
    CHECK(update_merge(&u, node, &c, &is_news) == ERR_ABORTED, "another key of an epoch that is known");
    CHECK(memcmp(&before, &c, sizeof c) == 0, "nothing changes");
    u = usual();
    REQUIRE(update_merge(&u, node, &c, &is_news) == ERR_OK && c.grace_s == 300, "a rotation gives it time");
    u.grace_s = 10;
    CHECK(update_merge(&u, node, &c, &is_news) == ERR_OK && c.grace_s == 10, "which may become less");
    u.grace_s = 200;
    CHECK(update_merge(&u, node, &c, &is_news) == ERR_OK && c.grace_s == 10, "and not more");
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    derive(issuer_seed, issuer);
    derive((const uint8_t[NODE_SEED_LEN]){2}, node);
    the_vector_reads_and_writes_the_same();
    nothing_of_it_may_differ();
    what_is_signed_is_judged_too();
    the_largest_fits();
    a_node_never_goes_back();
    what_is_for_another_is_not_taken();
    return CHECK_RESULT();
}
