/* The libraries that seal packets: each that is here gives libsodium's bytes, and the one that is asked for is taken. */
#include "datapath/engine.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "tests/support/check.h"

static const char *const names[DATAPATH_ENGINES] = {"libsodium", "openssl", "ipsec-mb"};
static struct datapath_engine g;

/* Under keys that take turns: what a library kept of one is no use for another. */
static void gives_the_same(const struct datapath_engine_kind *kind, const struct datapath_aead *sound, const char *what)
{
    const struct datapath_aead *a = kind->chosen;
    uint8_t key[2][32] = {{1}, {1, [31] = 1}}, text[100] = {2}, sealed[116], again[116], back[100];
    const uint64_t counter = UINT64_C(1) << 63 | UINT64_C(1) << 40;

    for (int i = 0; i < 6; i++) {
        const uint8_t *k = key[i % 3 % 2];
        sound->seal(NULL, k, counter, text, sizeof text, sealed);
        a->seal(a->context, k, counter, text, sizeof text, again);
        CHECK(memcmp(sealed, again, sizeof sealed) == 0, "%s seals %s", a->name, what);
        CHECK(a->open(a->context, k, counter, sealed, sizeof text, back) && memcmp(back, text, sizeof text) == 0,
              "%s opens %s", a->name, what);
        again[115] ^= 1;
        CHECK(!a->open(a->context, k, counter, again, sizeof text, back), "%s refuses %s", a->name, what);
        CHECK(!a->open(a->context, key[1 - i % 3 % 2], counter, sealed, sizeof text, back), "%s has two keys of %s", a->name, what);
        datapath_engine_forget(&g);
    }
    CHECK(datapath_aead_check(a, sound) == ERR_OK, "%s holds", a->name);
    for (int i = 0; i < DATAPATH_ENGINES; i++) {
        printf("%s, %s: %" PRIu64 " ns a packet\n", what, names[i], kind->packet_ns[i]);
    }
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    datapath_engine_close(&g);
    CHECK(datapath_engine_open(&g, "own", true) == ERR_UNSUPPORTED && g.usual.chosen == NULL, "another is not here");
    for (int i = 0; i < DATAPATH_ENGINES; i++) {
        enum err e = datapath_engine_open(&g, names[i], true);
        if (e == ERR_UNSUPPORTED && i == 2) {
            continue; /* of some processors */
        }
        REQUIRE(e == ERR_OK && strcmp(g.usual.chosen->name, names[i]) == 0 && g.faulty == 0, "%s", names[i]);
        gives_the_same(&g.usual, &datapath_aead_sodium, "ChaCha20");
        if (datapath_aead_has_aes()) {
            CHECK(g.own.packet_ns[i] > 0, "%s has AES", names[i]);
            CHECK(g.own.chosen == NULL || strcmp(g.own.chosen->name, names[i]) == 0, "the same library does both");
        }
        if (g.own.chosen != NULL) {
            gives_the_same(&g.own, &datapath_aead_aes, "AES");
        }
        datapath_engine_close(&g);
    }
    REQUIRE(datapath_engine_open(&g, "auto", true) == ERR_OK, "one of them");
    for (int i = 0; i < DATAPATH_ENGINES; i++) {
        CHECK(g.usual.aead[i].name == NULL || g.usual.packet_ns[i] >= g.usual.chosen_ns, "%s is not faster", names[i]);
    }
    CHECK(g.own.chosen == NULL || g.own.chosen_ns < g.usual.chosen_ns, "AES is there if it is faster");
    datapath_engine_close(&g);
    REQUIRE(datapath_engine_open(&g, "auto", false) == ERR_OK && g.own.chosen == NULL, "and if it is asked for");
    datapath_engine_forget(&g);
    datapath_engine_close(&g);
    return CHECK_RESULT();
}
