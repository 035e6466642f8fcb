#include "nodosum/health.h"

#include <assert.h>

void nodosum_health_better(struct nodosum *n)
{
    n->health -= n->health > 0;
}

void nodosum_health_worse(struct nodosum *n)
{
    n->health += n->health < NODOSUM_HEALTH_MAX && !n->tuning.is_plain;
    assert(n->health <= NODOSUM_HEALTH_MAX);
}

uint64_t nodosum_health_scaled(const struct nodosum *n, uint64_t us)
{
    return us * (n->health + 1);
}

void nodosum_health_wake(struct nodosum *n)
{
    if (n->tuning.is_plain || n->promised_us == 0 ||
        n->now_us < n->promised_us + NODOSUM_LATE_MS * NODOSUM_MS) {
        return;
    }
    uint64_t late_us = n->now_us - n->promised_us;
    for (uint32_t i = 0; i < NODOSUM_SLOTS; i++) {
        if (n->slot[i].kind == NODOSUM_SLOT_PROBE || n->slot[i].kind == NODOSUM_SLOT_RELAY) {
            n->slot[i].second_us += late_us;
            n->slot[i].end_us += late_us;
        }
    }
    for (uint32_t i = 0; i < n->suspects; i++) {
        n->member[n->suspect[i]].due_us += late_us;
    }
    n->counters.lateness++;
    nodosum_health_worse(n);
}
