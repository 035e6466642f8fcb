/* Claims about addresses that follow from ids. */
#include "common/node/inner.h"

#include <arpa/inet.h>
#include <string.h>

#include "tests/support/check.h"

enum { IDS = 2000 };

static const struct {
    const char *ip;
    uint8_t bits;
    bool is_network;
} rows[] = {
    {"10.9.0.0", 16, true},
    {"10.9.0.0", 24, true},   /* eight bits are left */
    {"10.9.0.0", 25, false},  /* seven               */
    {"10.9.0.0", 32, false},
    {"10.9.0.1", 16, false},
    {"10.64.0.0", 10, true},
    {"10.96.0.0", 10, false}, /* a bit behind the tenth */
    {"0.0.0.0", 0, true},
    {"fd09::", 64, true},
    {"fd09::", 120, true},
    {"fd09::", 121, false},
    {"fd09::1", 64, false},
};

static void networks_have_nothing_behind_their_bits(void)
{
    uint8_t ip[16];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool is_v6 = strchr(rows[i].ip, ':') != NULL;
        REQUIRE(inet_pton(is_v6 ? AF_INET6 : AF_INET, rows[i].ip, ip) == 1, "%s", rows[i].ip);
        CHECK(inner_is_network(ip, is_v6 ? 16 : 4, rows[i].bits) == rows[i].is_network, "%s/%u", rows[i].ip, rows[i].bits);
    }
}

/* Each is in its network, is another id's only by chance, and is the same each time. Of 8 bits all 254 come up. */
static void addresses_follow_from_ids(void)
{
    static const uint8_t v4[4] = {10, 64}, small[4] = {10, 9}, v6[16] = {0xfd, 9};
    uint8_t at[4], again[4], at6[16], id[NODE_ID_LEN] = {1};
    bool is_met[256] = {false};
    int met = 0;

    for (uint32_t i = 0; i < IDS; i++) {
        memcpy(id + 4, &i, sizeof i);
        inner_derive(id, v4, 4, 10, at);
        inner_derive(id, v4, 4, 10, again);
        CHECK(at[0] == 10 && at[1] >> 6 == 1 && memcmp(at, again, 4) == 0, "in its network");
        inner_derive(id, v6, 16, 64, at6);
        CHECK(memcmp(at6, v6, 8) == 0, "of IPv6, too");
        inner_derive(id, small, 4, 24, at);
        CHECK(at[3] != 0 && at[3] != 255 && memcmp(at, small, 3) == 0, "neither the network nor all of it");
        met += !is_met[at[3]];
        is_met[at[3]] = true;
    }
    CHECK(met == 254, "%d of 254", met);
}

/* Nodes of different versions agree: these are also what another BLAKE2b makes (of Python). */
static void they_stay_what_they_were(void)
{
    static const uint8_t id[NODE_ID_LEN] = {1, 2, 3}, net[4] = {10, 64}, net6[16] = {0xfd, 9};
    uint8_t at[4], at6[16];
    char text[INET_ADDRSTRLEN], text6[INET6_ADDRSTRLEN];

    inner_derive(id, net, 4, 10, at);
    inner_derive(id, net6, 16, 64, at6);
    (void)inet_ntop(AF_INET, at, text, sizeof text);
    (void)inet_ntop(AF_INET6, at6, text6, sizeof text6);
    CHECK(strcmp(text, "10.120.207.163") == 0 && strcmp(text6, "fd09::e537:b105:e9aa:b4b4") == 0, "%s %s", text, text6);
}

int main(void)
{
    networks_have_nothing_behind_their_bits();
    addresses_follow_from_ids();
    they_stay_what_they_were();
    return CHECK_RESULT();
}
