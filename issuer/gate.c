#include "issuer/gate.h"

#include <assert.h>
#include <string.h>

enum {
    PREFIX = 8, /* bytes of an IPv6 address that one network has */
    SECOND_US = 1000000,
};

static void name_source(const uint8_t address[ISSUER_GATE_ADDRESS], uint8_t out[ISSUER_GATE_ADDRESS])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    memcpy(out, address, ISSUER_GATE_ADDRESS);
    if (memcmp(address, mapped, sizeof mapped) != 0) {
        memset(out + PREFIX, 0, ISSUER_GATE_ADDRESS - PREFIX);
    }
}

static struct issuer_gate_source *find_source(struct issuer_gate *g, const uint8_t name[ISSUER_GATE_ADDRESS])
{
    struct issuer_gate_source *quietest = &g->source[0];

    for (uint32_t i = 0; i < g->sources; i++) {
        if (memcmp(g->source[i].address, name, ISSUER_GATE_ADDRESS) == 0) {
            return &g->source[i];
        }
        if (g->source[i].last_us < quietest->last_us) {
            quietest = &g->source[i];
        }
    }
    assert(g->sources <= ISSUER_GATE_SOURCES);
    struct issuer_gate_source *fresh = g->sources < ISSUER_GATE_SOURCES ? &g->source[g->sources++] : quietest;
    *fresh = (struct issuer_gate_source){0};
    memcpy(fresh->address, name, ISSUER_GATE_ADDRESS);
    return fresh;
}

bool issuer_gate_pass(struct issuer_gate *g, const uint8_t address[ISSUER_GATE_ADDRESS], uint64_t now_us)
{
    uint8_t name[ISSUER_GATE_ADDRESS];
    uint64_t held = 0;

    name_source(address, name);
    struct issuer_gate_source *source = find_source(g, name);
    source->last_us = now_us;
    return rate_pass(&source->rate, ISSUER_GATE_SOURCE_MOST, (uint64_t)ISSUER_GATE_SOURCE_MS * 1000, now_us, &held) &&
           rate_pass(&g->total, ISSUER_GATE_TOTAL_MOST, SECOND_US, now_us, &held);
}
