/* Who may begin a join: rates of one source and of all, and what counts as one source. */
#include "issuer/gate.h"

#include <string.h>

#include "tests/support/check.h"

enum {
    PERIOD_US = ISSUER_GATE_SOURCE_MS * 1000,
};

static struct issuer_gate g; /* zeros: nobody came yet */

static const uint8_t *v4(uint32_t number)
{
    static uint8_t address[ISSUER_GATE_ADDRESS] = {[10] = 0xff, [11] = 0xff};

    memcpy(address + 12, &number, 4);
    return address;
}

static const uint8_t *v6(uint32_t network, uint32_t host)
{
    static uint8_t address[ISSUER_GATE_ADDRESS] = {0x20, 0x01};

    memcpy(address + 4, &network, 4);
    memcpy(address + 12, &host, 4);
    return address;
}

static void one_source_has_a_rate(void)
{
    uint64_t now_us = 1000000;

    memset(&g, 0, sizeof g);
    for (int i = 0; i < ISSUER_GATE_SOURCE_MOST; i++) {
        CHECK(issuer_gate_pass(&g, v4(1), now_us), "number %d", i);
    }
    CHECK(!issuer_gate_pass(&g, v4(1), now_us), "one more");
    CHECK(issuer_gate_pass(&g, v4(2), now_us), "another source pays nothing for it");
    CHECK(!issuer_gate_pass(&g, v4(1), now_us + PERIOD_US - 1), "a moment before the time is over");
    CHECK(issuer_gate_pass(&g, v4(1), now_us + PERIOD_US), "then again");
}

static void a_network_is_one_source(void)
{
    memset(&g, 0, sizeof g);
    for (uint32_t i = 0; i < ISSUER_GATE_SOURCE_MOST; i++) {
        CHECK(issuer_gate_pass(&g, v6(7, i), 1), "host %u", i);
    }
    CHECK(!issuer_gate_pass(&g, v6(7, 99), 1), "another address of the same /64");
    CHECK(issuer_gate_pass(&g, v6(8, 99), 1), "another network");
    for (uint32_t i = 0; i < ISSUER_GATE_SOURCE_MOST + 5; i++) {
        CHECK(issuer_gate_pass(&g, v4(i), 1), "IPv4 addresses are sources each: %u", i);
    }
}

static void all_together_have_a_rate(void)
{
    memset(&g, 0, sizeof g);
    for (uint32_t i = 0; i < ISSUER_GATE_TOTAL_MOST; i++) {
        CHECK(issuer_gate_pass(&g, v4(i), 5), "source %u", i);
    }
    CHECK(!issuer_gate_pass(&g, v4(5000), 5), "one more");
    CHECK(!issuer_gate_pass(&g, v4(5001), 1000004), "a moment before the second is over");
    CHECK(issuer_gate_pass(&g, v4(5001), 1000005), "then again");
}

/* More sources than are remembered: the quietest is forgotten, one that keeps coming is not. */
static void the_quietest_makes_room(void)
{
    uint64_t now_us = 1;

    memset(&g, 0, sizeof g);
    for (int i = 0; i < ISSUER_GATE_SOURCE_MOST; i++) {
        CHECK(issuer_gate_pass(&g, v4(1), now_us), "number %d", i);
    }
    for (uint32_t i = 0; i < 4 * ISSUER_GATE_SOURCES; i++) {
        now_us += 2000; /* 500 a second: past the rate of all, but each is a source that came */
        (void)issuer_gate_pass(&g, v4(100 + i), now_us);
        CHECK(!issuer_gate_pass(&g, v4(1), now_us), "still held back after %u others", i + 1);
    }
    CHECK(g.sources == ISSUER_GATE_SOURCES, "no more are remembered than there is room for");
}

int main(void)
{
    one_source_has_a_rate();
    a_network_is_one_source();
    all_together_have_a_rate();
    the_quietest_makes_room();
    return CHECK_RESULT();
}
