/* Requests of unknown outcome that need not be looked at: each doubles the work of the search, and most of them wrote something
 * that nobody ever saw. */
#include <stdlib.h>

#include "tests/linear/check.h"

static uint32_t greatest_value(const struct history *h)
{
    uint32_t most = 0;

    for (size_t i = 0; i < h->count; i++) {
        for (size_t k = 0; k < HISTORY_STEPS_MAX; k++) {
            const struct history_op *op = &h->op[i];
            most = op->compare[k].value > most ? op->compare[k].value : most;
            most = op->step[0][k].value > most ? op->step[0][k].value : most;
            most = op->step[1][k].value > most ? op->step[1][k].value : most;
        }
    }
    return most;
}

/* Values that somebody read or expected. */
static void note_seen(const struct history *h, bool *seen)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct history_op *op = &h->op[i];
        for (size_t k = 0; k < op->compares; k++) {
            seen[op->compare[k].value] = true;
        }
        for (size_t b = 0; b < 2 && op->outcome == HISTORY_OK; b++) {
            for (size_t k = 0; k < (b == 0 ? op->success : op->failure); k++) {
                seen[op->step[b][k].value] = seen[op->step[b][k].value] || op->step[b][k].kind == HISTORY_GET;
            }
        }
    }
}

static bool reads(const struct history_op *op, uint32_t key)
{
    for (size_t k = 0; k < op->failure; k++) {
        if (op->step[1][k].kind == HISTORY_GET && op->step[1][k].key == key) {
            return true;
        }
    }
    return false;
}

/* Whether a request tells or does something because a value was another than it expected, without reading that value: then a
 * write that nobody read may have mattered. */
static bool is_blind(const struct history_op *op)
{
    bool writes = false;

    for (size_t k = 0; k < op->failure; k++) {
        writes = writes || op->step[1][k].kind != HISTORY_GET;
    }
    if (op->outcome != HISTORY_OK) {
        return op->outcome == HISTORY_UNKNOWN && op->compares > 0 && writes;
    }
    for (size_t k = 0; k < op->compares && !op->succeeded; k++) {
        if (!reads(op, op->compare[k].key)) {
            return true;
        }
    }
    return false;
}

static bool writes_unseen_alone(const struct history_op *op, const bool *seen)
{
    for (size_t b = 0; b < 2; b++) {
        for (size_t k = 0; k < (b == 0 ? op->success : op->failure); k++) {
            const struct history_step *s = &op->step[b][k];
            if (s->kind == HISTORY_DELETE || (s->kind == HISTORY_PUT && seen[s->value])) {
                return false;
            }
        }
    }
    return true;
}

void check_idle(const struct history *h, bool *ret_idle)
{
    bool *seen = calloc((size_t)greatest_value(h) + 1, sizeof seen[0]);
    bool has_blind = seen == NULL;

    for (size_t i = 0; i < h->count && !has_blind; i++) {
        has_blind = is_blind(&h->op[i]);
    }
    if (!has_blind) {
        note_seen(h, seen);
    }
    for (size_t i = 0; i < h->count; i++) {
        ret_idle[i] = !has_blind && h->op[i].outcome == HISTORY_UNKNOWN && writes_unseen_alone(&h->op[i], seen);
    }
    free(seen);
}
