#include "autoscaler/choice.h"

#include <assert.h>
#include <math.h>

enum { ZONES = AUTOSCALER_CHOICE_ZONES_MAX };

static double load_of(const struct autoscaler_candidate *c)
{
    return isnan(c->load) ? INFINITY : c->load;
}

/* Whether a goes before b; in_zone: how many are ready in each. */
static bool goes_before(const struct autoscaler_candidate *a, const struct autoscaler_candidate *b, const uint32_t *in_zone)
{
    uint32_t zone_a = in_zone[a->zone % ZONES], zone_b = in_zone[b->zone % ZONES];
    double load_a = load_of(a), load_b = load_of(b);

    if (a->is_ready != b->is_ready) {
        return !a->is_ready;
    }
    if (a->revision != b->revision) {
        return a->revision < b->revision;
    }
    if (zone_a != zone_b) {
        return zone_a > zone_b;
    }
    if (load_a < load_b || load_a > load_b) {
        return load_a < load_b;
    }
    return a->started_s != b->started_s ? a->started_s > b->started_s : a->id < b->id;
}

static bool is_chosen(const size_t *chosen, size_t count, size_t i)
{
    for (size_t k = 0; k < count; k++) {
        if (chosen[k] == i) {
            return true;
        }
    }
    return false;
}

size_t autoscaler_choice_pick(const struct autoscaler_candidate *candidate, size_t count, size_t few, size_t *ret_chosen)
{
    uint32_t in_zone[ZONES] = {0};
    size_t chosen = 0;

    for (size_t i = 0; i < count; i++) {
        in_zone[candidate[i].zone % ZONES] += candidate[i].is_ready && !candidate[i].is_draining;
    }
    while (chosen < few) {
        size_t best = count;
        for (size_t i = 0; i < count; i++) {
            bool is_one = !candidate[i].is_draining && (best == count || goes_before(&candidate[i], &candidate[best], in_zone));
            best = is_one && !is_chosen(ret_chosen, chosen, i) ? i : best;
        }
        if (best == count) {
            break;
        }
        in_zone[candidate[best].zone % ZONES] -= candidate[best].is_ready;
        ret_chosen[chosen++] = best;
    }
    assert(chosen <= count);
    return chosen;
}
