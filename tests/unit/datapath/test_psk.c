/* Pre-shared keys: lengths tell the fields apart, every field matters, a pair's key is the pair's. */
#include "datapath/psk.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/check.h"

static enum err of(const char *cluster, const char *secret, const char *context, uint8_t ret[DATAPATH_PSK_SIZE])
{
    struct datapath_psk_field f[3] = {{cluster, strlen(cluster)}, {secret, strlen(secret)}, {context, strlen(context)}};

    return datapath_psk_cluster(&f[0], &f[1], &f[2], ret);
}

static const struct {
    const char *cluster, *secret, *context, *why;
} rows[] = {
    {"a:b", "c", "", "the fields of the first row"},
    {"a", "b:c", "", "the same characters, cut elsewhere (DAT-2)"},
    {"a:b", "c", "x", "another context"},
    {"", "a:bc", "", "an empty field is one"},
};

static void fields_are_told_apart(void)
{
    uint8_t key[ARRAY_LEN(rows)][DATAPATH_PSK_SIZE], again[DATAPATH_PSK_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        REQUIRE(of(rows[i].cluster, rows[i].secret, rows[i].context, key[i]) == ERR_OK, "%s", rows[i].why);
        for (size_t k = 0; k < i; k++) {
            CHECK(memcmp(key[i], key[k], DATAPATH_PSK_SIZE) != 0, "rows %zu and %zu: %s", k, i, rows[i].why);
        }
    }
    REQUIRE(of("a:b", "c", "", again) == ERR_OK, "again");
    CHECK(memcmp(key[0], again, sizeof again) == 0, "the same fields give the same key");
}

static void lengths_are_bounded(void)
{
    static char text[DATAPATH_PSK_FIELD_MAX + 1];
    const struct datapath_psk_field full = {text, DATAPATH_PSK_FIELD_MAX}, over = {text, DATAPATH_PSK_FIELD_MAX + 1};
    const struct datapath_psk_field empty = {NULL, 0};
    uint8_t key[DATAPATH_PSK_SIZE] = {7}, before[DATAPATH_PSK_SIZE] = {7};

    CHECK(datapath_psk_cluster(&over, &full, &full, key) == ERR_INVALID, "a long cluster");
    CHECK(datapath_psk_cluster(&full, &over, &full, key) == ERR_INVALID, "a long secret");
    CHECK(datapath_psk_cluster(&full, &full, &over, key) == ERR_INVALID, "a long context");
    CHECK(datapath_psk_cluster(&full, &empty, &full, key) == ERR_INVALID, "no secret");
    CHECK(memcmp(key, before, sizeof key) == 0, "untouched");
    CHECK(datapath_psk_cluster(&full, &full, &full, key) == ERR_OK, "all of the greatest length");
}

static void a_pair_has_its_own(void)
{
    static const uint8_t cluster[DATAPATH_PSK_SIZE] = {1}, other[DATAPATH_PSK_SIZE] = {2};
    static const uint8_t a[32] = {3}, b[32] = {4}, c[32] = {5};
    uint8_t ab[32], ba[32], ac[32], cb[32], foreign[32];

    datapath_psk_pair(cluster, a, b, ab);
    datapath_psk_pair(cluster, b, a, ba);
    datapath_psk_pair(cluster, a, c, ac);
    datapath_psk_pair(cluster, c, b, cb);
    datapath_psk_pair(other, a, b, foreign);
    CHECK(memcmp(ab, ba, 32) == 0, "the same for both");
    CHECK(memcmp(ab, ac, 32) != 0 && memcmp(ab, cb, 32) != 0 && memcmp(ac, cb, 32) != 0, "another for each pair");
    CHECK(memcmp(ab, foreign, 32) != 0, "and for each cluster");
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    fields_are_told_apart();
    lengths_are_bounded();
    a_pair_has_its_own();
    return CHECK_RESULT();
}
