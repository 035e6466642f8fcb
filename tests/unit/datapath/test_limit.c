/* Budgets of handshakes: both sides of each. */
#include "datapath/limit.h"

#include <string.h>

#include "tests/support/check.h"

enum { START = 5000 };

static struct datapath_limit limit;

static struct datapath_endpoint v4(uint8_t last, uint16_t port)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = last}, .port = port};
}

static void begin(void)
{
    static const uint8_t key[DATAPATH_LIMIT_KEY] = {3};

    datapath_limit_init(&limit, key, START);
}

static void load_is_more_than_the_budget(void)
{
    begin();
    for (int i = 0; i < DATAPATH_LIMIT_BURST; i++) {
        CHECK(!datapath_limit_is_loaded(&limit, START), "handshake %d", i);
    }
    CHECK(datapath_limit_is_loaded(&limit, START), "one more");
    CHECK(datapath_limit_is_loaded(&limit, START + DATAPATH_LIMIT_LOAD_MS - 1), "it lasts");
    CHECK(!datapath_limit_is_loaded(&limit, START + DATAPATH_LIMIT_LOAD_MS), "and ends");
    begin();
    bool was_loaded = false;
    for (int i = 0; i < 10 * DATAPATH_LIMIT_RATE; i++) { /* the rate itself, for ten seconds */
        was_loaded |= datapath_limit_is_loaded(&limit, START + (uint64_t)i * 1000 / DATAPATH_LIMIT_RATE);
    }
    CHECK(!was_loaded, "the rate can be kept up");
}

static void an_address_has_its_own(void)
{
    struct datapath_endpoint a = v4(1, 1000), b = v4(2, 1000), other_port = v4(1, 1001);
    int allowed = 0;

    begin();
    for (int i = 0; i < DATAPATH_LIMIT_SOURCE_BURST; i++) {
        CHECK(datapath_limit_allows(&limit, i % 2 == 0 ? &a : &other_port, START), "handshake %d", i);
    }
    CHECK(!datapath_limit_allows(&limit, &a, START), "one more");
    CHECK(!datapath_limit_allows(&limit, &other_port, START), "from another port of it");
    CHECK(datapath_limit_allows(&limit, &b, START), "somebody else");
    CHECK(!datapath_limit_allows(&limit, &a, START + 1000 / DATAPATH_LIMIT_SOURCE_RATE - 1), "too early");
    CHECK(datapath_limit_allows(&limit, &a, START + 1000 / DATAPATH_LIMIT_SOURCE_RATE), "one is back");
    begin();
    for (int ms = 0; ms < 10000; ms++) {
        allowed += datapath_limit_allows(&limit, &a, START + (uint64_t)ms);
    }
    CHECK(allowed >= 10 * DATAPATH_LIMIT_SOURCE_RATE && allowed <= 10 * DATAPATH_LIMIT_SOURCE_RATE + 5, "%d", allowed);
    CHECK(datapath_limit_allows(&limit, &a, UINT64_MAX / 2), "after ages");
}

static void a_network_of_ipv6_is_one_source(void)
{
    struct datapath_endpoint a = {.ip = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, [15] = 1}, .port = 9};
    int allowed = 0, networks = 0;

    begin();
    for (int i = 0; i < 50; i++) {
        a.ip[15] = (uint8_t)i;
        allowed += datapath_limit_allows(&limit, &a, START);
    }
    CHECK(allowed == DATAPATH_LIMIT_SOURCE_BURST, "%d of one network", allowed);
    for (int i = 0; i < 50; i++) {
        a.ip[7] = (uint8_t)(10 + i);
        networks += datapath_limit_allows(&limit, &a, START);
    }
    CHECK(networks > 45, "%d of fifty networks", networks); /* two may share a slot */
}

int main(void)
{
    load_is_more_than_the_budget();
    an_address_has_its_own();
    a_network_of_ipv6_is_one_source();
    return CHECK_RESULT();
}
