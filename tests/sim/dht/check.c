/* What must hold in every world of lookups. */
#include <inttypes.h>

#include "tests/sim/dht/tenant.h"

enum {
    SECOND = 1000000,
    DRIFT_US = SECOND,               /* clocks go differently, and the publisher's way takes some */
    LATE_US = 60 * (uint64_t)SECOND, /* a stopped node cannot end what it wished                                */
};

/* A packet that is held on its way, or by a node that stopped, brings a life that was longer when it was sent: only what
 * is signed has an end that does not move with it. */
static bool is_prompt(const struct world *w)
{
    return w->set.clog_us == 0 && w->set.pause_us == 0 && !seeker_truth(w)->has_disks;
}

void seeker_check_found(struct world *w, uint32_t node, uint64_t wish, uint32_t value)
{
    struct seeker_truth *t = seeker_truth(w);

    if (wish == 0 || wish > t->wishes || value >= t->values || value != t->wish[wish - 1].value) {
        world_fail(w, "node %" PRIu32 " found for wish %" PRIu64 " what was not asked for: %" PRIu32, node, wish, value);
        return;
    }
    if (is_prompt(w) && w->now_us > t->value[value].end_us + DRIFT_US) {
        world_fail(w, "node %" PRIu32 " found value %" PRIu32 " %.3f s after its end", node, value,
                   (double)(w->now_us - t->value[value].end_us) / SECOND);
    }
    t->wish[wish - 1].has_found = true;
}

void seeker_check_ended(struct world *w, uint32_t node, uint64_t wish, enum err status)
{
    struct seeker_truth *t = seeker_truth(w);
    struct seeker_wish *is = wish == 0 || wish > t->wishes ? NULL : &t->wish[wish - 1];

    if (is == NULL || !is->is_open || is->node != node) {
        world_fail(w, "node %" PRIu32 " ends wish %" PRIu64 ", which it does not have", node, wish);
        return;
    }
    is->is_open = false;
    if (is->is_put) {
        t->puts_done += status == ERR_OK;
        t->value[is->value].is_acked = status == ERR_OK;
    } else {
        t->gets_found += status == ERR_OK;
        t->absent += status == ERR_NOT_FOUND;
        if ((status == ERR_OK) != is->has_found) {
            world_fail(w, "wish %" PRIu64 " ends with %s, and something was %sfound", wish, err_name(status),
                       is->has_found ? "" : "not ");
        }
    }
    t->timeouts += status == ERR_TIMEOUT;
    if (is->must_succeed && status != ERR_OK) {
        world_fail(w, "when nothing is wrong, a %s of node %" PRIu32 " ends with %s", is->is_put ? "put" : "get", node,
                   err_name(status));
    }
}

static void check_store(struct world *w, uint32_t node, const struct dht *core)
{
    const struct seeker_truth *t = seeker_truth(w);
    uint64_t now_us = seeker_stepped_us(w, node);

    for (uint32_t i = 0; i < dht_core_records(core); i++) {
        uint8_t bytes[DHT_RECORD_MAX];
        struct dht_record r;
        dht_core_look(core, i, bytes, &r);
        uint32_t value = seeker_value_of(&r);
        if (value >= t->values) {
            world_fail(w, "node %" PRIu32 " holds what nobody put", node);
        } else if (is_prompt(w) && now_us + (uint64_t)r.left_ms * 1000 > t->value[value].end_us + DRIFT_US) {
            world_fail(w, "node %" PRIu32 " would hold value %" PRIu32 " until %.3f s after its end", node, value,
                       (double)(now_us + (uint64_t)r.left_ms * 1000 - t->value[value].end_us) / SECOND);
        }
    }
}

void seeker_check_all(struct world *w)
{
    const struct seeker_truth *t = seeker_truth(w);

    for (uint32_t i = 0; i < t->wishes; i++) {
        if (t->wish[i].is_open && w->now_us > t->wish[i].begun_us + SEEKER_WISH_MS * 1000 + LATE_US) {
            world_fail(w, "wish %" PRIu32 " of node %" PRIu32 " does not end", i + 1, t->wish[i].node);
        }
    }
    for (uint32_t i = 0; i < w->set.nodes && !w->has_failed; i++) {
        const struct dht *core = seeker_core(w, i);
        if (core != NULL) {
            check_store(w, i, core);
        }
    }
}

void seeker_check_end(struct world *w)
{
    seeker_check_all(w);
}
