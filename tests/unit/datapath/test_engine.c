/* The libraries that seal packets: each that is here gives libsodium's bytes, and the one that is asked for is taken. */
#include "datapath/engine.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "tests/support/check.h"

int main(void)
{
    static const char *const names[DATAPATH_ENGINES] = {"libsodium", "openssl", "ipsec-mb"};
    struct datapath_engine g = {.manager = NULL};
    uint8_t key[32] = {1}, text[100] = {2}, sealed[116], again[116], back[100];

    REQUIRE(sodium_init() >= 0, "libsodium");
    datapath_engine_close(&g);
    CHECK(datapath_engine_open(&g, "own") == ERR_UNSUPPORTED && g.chosen == NULL, "another is not here");
    datapath_aead_sodium.seal(NULL, key, UINT64_C(1) << 40, text, sizeof text, sealed);
    for (int i = 0; i < DATAPATH_ENGINES; i++) {
        enum err e = datapath_engine_open(&g, names[i]);
        if (e == ERR_UNSUPPORTED && i == 2) {
            continue; /* of some processors */
        }
        REQUIRE(e == ERR_OK && strcmp(g.chosen->name, names[i]) == 0 && g.faulty == 0, "%s", names[i]);
        const struct datapath_aead *a = g.chosen;
        a->seal(a->context, key, UINT64_C(1) << 40, text, sizeof text, again);
        CHECK(memcmp(sealed, again, sizeof sealed) == 0, "%s seals", names[i]);
        CHECK(a->open(a->context, key, UINT64_C(1) << 40, sealed, sizeof text, back) && memcmp(back, text, sizeof text) == 0,
              "%s opens", names[i]);
        again[115] ^= 1;
        CHECK(!a->open(a->context, key, UINT64_C(1) << 40, again, sizeof text, back), "%s refuses", names[i]);
        CHECK(datapath_aead_check(a) == ERR_OK, "%s holds", names[i]);
        printf("%s: %" PRIu64 " ns a packet\n", names[i], g.packet_ns[i]);
        datapath_engine_close(&g);
    }
    REQUIRE(datapath_engine_open(&g, "auto") == ERR_OK, "one of them");
    for (int i = 0; i < DATAPATH_ENGINES; i++) {
        CHECK(g.aead[i].name == NULL || g.packet_ns[i] >= g.packet_ns[g.chosen - g.aead], "%s is not faster", names[i]);
    }
    datapath_engine_close(&g);
    return CHECK_RESULT();
}
