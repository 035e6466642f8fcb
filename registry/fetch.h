/* How much is taken from the other side, and for how long: a document comes to its end in bounded bytes and time, or is given up. */
#ifndef CELL_REGISTRY_FETCH_H
#define CELL_REGISTRY_FETCH_H

#include <stdint.h>

#include "registry/fault.h"

enum {
    REGISTRY_FETCH_GRACE_MS = 30 * 1000,   /* to connect and begin                         */
    REGISTRY_FETCH_RATE = 4 * 1024,        /* bytes a second behind that: a bad telephone  */
};

struct registry_fetch {
    uint64_t size_max, got;
    uint64_t begun_ms;
};

/* size_max: bytes that what is fetched can have, from what is signed above it, or its kind's limit (roles.h). */
void registry_fetch_init(struct registry_fetch *f, uint64_t size_max, uint64_t now_ms);

/* `more` bytes have come, or 0: time has passed. NONE; TOO_LARGE: more than there can be; TOO_SLOW: less than REGISTRY_FETCH_RATE since
 * the grace. The end of what is fetched is so no later than registry_fetch_end_ms. now_ms may stand still, not go back. */
enum registry_fault registry_fetch_step(struct registry_fetch *f, uint64_t more, uint64_t now_ms) MUST_CHECK;

/* When it is given up if nothing more comes: when to look again. */
uint64_t registry_fetch_end_ms(const struct registry_fetch *f);

#endif
