/* Who may begin a join just now: so many from one source, so many in all. Pure: time comes in. */
#ifndef CELL_ISSUER_GATE_H
#define CELL_ISSUER_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rate.h"

enum {
    ISSUER_GATE_SOURCES = 256,       /* remembered at once; the one that was quiet longest makes room */
    ISSUER_GATE_SOURCE_MOST = 10,    /* begun by one source in …                                      */
    ISSUER_GATE_SOURCE_MS = 10000,
    ISSUER_GATE_TOTAL_MOST = 100,    /* begun by all in a second: a few per cent of one processor      */
    ISSUER_GATE_ADDRESS = 16,        /* bytes: IPv6, or IPv4 mapped into it (RFC 4291, section 2.5.5.2) */
};

struct issuer_gate_source {
    uint8_t address[ISSUER_GATE_ADDRESS];
    struct rate rate;
    uint64_t last_us;
};

struct issuer_gate {
    struct rate total;
    struct issuer_gate_source source[ISSUER_GATE_SOURCES];
    uint32_t sources;
};

/* Whether `address` may begin one at now_us (monotonic). Of an IPv6 address the first 64 bits count: who has
 * one has them all. A source that is held back costs the others nothing. O(sources). */
bool issuer_gate_pass(struct issuer_gate *g, const uint8_t address[ISSUER_GATE_ADDRESS], uint64_t now_us);

#endif
