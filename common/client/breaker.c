#include "common/client/breaker.h"

#include <assert.h>

bool breaker_admits(const struct breaker *b, uint64_t now_ms)
{
    switch (b->state) {
    case BREAKER_CLOSED:
        return true;
    case BREAKER_OPEN:
        return now_ms >= b->until_ms;
    case BREAKER_HALF_OPEN:
        return !b->is_probing || now_ms >= b->until_ms;
    }
    assert(false);
    return false;
}

uint32_t breaker_enter(struct breaker *b, uint64_t now_ms)
{
    assert(breaker_admits(b, now_ms));
    if (b->state == BREAKER_CLOSED) {
        return 0;
    }
    b->state = BREAKER_HALF_OPEN;
    b->is_probing = true;
    b->until_ms = now_ms + BREAKER_PROBE_MS;
    b->probe += b->probe == UINT32_MAX ? 2 : 1; /* 0 is nobody's */
    return b->probe;
}

/* Whether it is the one whose fate decides. */
static bool is_current(const struct breaker *b, uint32_t probe)
{
    assert(!b->is_probing || b->state == BREAKER_HALF_OPEN);
    return b->is_probing && probe == b->probe;
}

void breaker_answered(struct breaker *b, uint32_t probe)
{
    b->failures = 0;
    if (is_current(b, probe)) {
        b->is_probing = false;
    }
    if (b->is_probing) {
        return; /* a late answer to an old request: the probe under way is to decide */
    }
    b->state = BREAKER_CLOSED;
    b->trips = 0;
}

static void trip(struct breaker *b, uint64_t now_ms, struct rng *rng)
{
    uint64_t wait_ms = BREAKER_FIRST_MS;

    for (uint32_t i = 0; i < b->trips && wait_ms < BREAKER_MAX_MS; i++) {
        wait_ms *= 2;
    }
    wait_ms = wait_ms < BREAKER_MAX_MS ? wait_ms : BREAKER_MAX_MS;
    /* Half of it is drawn: callers that failed together do not come back together. */
    b->until_ms = now_ms + wait_ms / 2 + rng_below(rng, wait_ms / 2 + 1);
    b->state = BREAKER_OPEN;
    b->trips += b->trips < UINT32_MAX;
    b->failures = 0;
}

bool breaker_failed(struct breaker *b, uint32_t epoch, uint32_t probe, uint64_t now_ms, struct rng *rng)
{
    if (is_current(b, probe)) {
        b->is_probing = false;
        b->epoch++;
        trip(b, now_ms, rng);
        return true;
    }
    if (b->state != BREAKER_CLOSED || epoch != b->epoch) {
        return false;
    }
    b->epoch++;
    if (++b->failures < BREAKER_FAILURES) {
        return false;
    }
    trip(b, now_ms, rng);
    return true;
}

void breaker_left(struct breaker *b, uint32_t probe)
{
    if (is_current(b, probe)) {
        b->is_probing = false;
    }
}

void breaker_connected(struct breaker *b)
{
    if (b->state == BREAKER_OPEN && b->trips <= 1) {
        b->state = BREAKER_HALF_OPEN;
    }
}

void breaker_heard(struct breaker *b)
{
    if (b->state == BREAKER_OPEN) {
        b->state = BREAKER_HALF_OPEN;
    }
}

const char *breaker_name(const struct breaker *b)
{
    switch (b->state) {
    case BREAKER_CLOSED:
        return "closed";
    case BREAKER_OPEN:
        return "open";
    case BREAKER_HALF_OPEN:
        return "half-open";
    }
    assert(false);
    return "";
}
