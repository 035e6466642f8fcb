#include "datapath/timers.h"

#include <stddef.h>

enum {
    ERASE_FACTOR = 3, /* keys are wiped after three times the age at which nobody uses them: section 6.3 */
};

void datapath_timers_begun(struct datapath_timers *t, const struct datapath_pace *pace, uint64_t now_ms)
{
    t->give_up_ms = now_ms + pace->attempt_ms;
}

void datapath_timers_initiated(struct datapath_timers *t, const struct datapath_pace *pace, uint32_t jitter_ms,
                               uint64_t now_ms)
{
    t->retry_ms = now_ms + pace->retry_ms + jitter_ms;
}

void datapath_timers_completed(struct datapath_timers *t)
{
    t->retry_ms = 0;
    t->give_up_ms = 0;
}

void datapath_timers_derived(struct datapath_timers *t, const struct datapath_pace *pace, uint64_t now_ms)
{
    t->erase_ms = now_ms + ERASE_FACTOR * (uint64_t)pace->reject_ms;
}

void datapath_timers_sent(struct datapath_timers *t, const struct datapath_pace *pace, bool is_data,
                          uint32_t jitter_ms, uint64_t now_ms)
{
    if (is_data && t->silence_ms == 0) {
        t->silence_ms = now_ms + pace->keepalive_ms + pace->retry_ms + jitter_ms;
    }
    t->keepalive_ms = 0; /* anything that is sent says as much */
    t->again = false;
    if (t->persistent_every_ms > 0) {
        t->persistent_ms = now_ms + t->persistent_every_ms;
    }
}

void datapath_timers_received(struct datapath_timers *t, const struct datapath_pace *pace, bool is_data,
                              uint64_t now_ms)
{
    t->silence_ms = 0;
    if (is_data && t->keepalive_ms == 0) {
        t->keepalive_ms = now_ms + pace->keepalive_ms;
    } else if (is_data) {
        t->again = true;
    }
    if (t->persistent_every_ms > 0) {
        t->persistent_ms = now_ms + t->persistent_every_ms;
    }
}

static bool is_due(uint64_t *at_ms, uint64_t now_ms)
{
    if (*at_ms == 0 || now_ms < *at_ms) {
        return false;
    }
    *at_ms = 0;
    return true;
}

enum datapath_timers_due datapath_timers_next(struct datapath_timers *t, const struct datapath_pace *pace,
                                              uint64_t now_ms)
{
    /* Erasing comes first: keys that are too old must not be used for a keepalive that is due as well. */
    if (is_due(&t->erase_ms, now_ms)) {
        return DATAPATH_DUE_ERASE;
    }
    if (is_due(&t->retry_ms, now_ms)) {
        if (now_ms < t->give_up_ms) {
            return DATAPATH_DUE_RETRY;
        }
        t->give_up_ms = 0;
        t->keepalive_ms = 0;
        t->again = false;
        if (t->erase_ms == 0) {
            t->erase_ms = now_ms + ERASE_FACTOR * (uint64_t)pace->reject_ms;
        }
        return DATAPATH_DUE_GIVE_UP;
    }
    if (is_due(&t->keepalive_ms, now_ms)) {
        t->keepalive_ms = t->again ? now_ms + pace->keepalive_ms : 0;
        t->again = false;
        return DATAPATH_DUE_KEEPALIVE;
    }
    if (is_due(&t->persistent_ms, now_ms)) {
        t->persistent_ms = t->persistent_every_ms == 0 ? 0 : now_ms + t->persistent_every_ms;
        return DATAPATH_DUE_KEEPALIVE;
    }
    return is_due(&t->silence_ms, now_ms) ? DATAPATH_DUE_SILENCE : DATAPATH_DUE_NOTHING;
}

uint64_t datapath_timers_when_ms(const struct datapath_timers *t)
{
    const uint64_t all[] = {t->retry_ms, t->keepalive_ms, t->silence_ms, t->erase_ms, t->persistent_ms};
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        least = all[i] != 0 && all[i] < least ? all[i] : least;
    }
    return least;
}

void datapath_timers_persist(struct datapath_timers *t, uint32_t every_ms, uint64_t now_ms)
{
    t->persistent_every_ms = every_ms;
    t->persistent_ms = every_ms == 0 ? 0 : now_ms + every_ms;
}
