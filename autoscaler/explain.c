#include "autoscaler/explain.h"

#include <inttypes.h>

#include "common/base/bytes.h"

void autoscaler_explain_add(struct autoscaler_explain *e, const struct autoscaler_record *r)
{
    const struct autoscaler_record *last = autoscaler_explain_back(e, 0);

    if (last != NULL && r->from == r->to && r->limit == last->limit && r->signal == last->signal && r->doubted == last->doubted &&
        r->trust == last->trust && r->replaced == last->replaced) {
        return;
    }
    e->record[e->count % AUTOSCALER_EXPLAIN_KEPT] = *r;
    e->count++;
}

const struct autoscaler_record *autoscaler_explain_back(const struct autoscaler_explain *e, uint64_t back)
{
    return back < e->count && back < AUTOSCALER_EXPLAIN_KEPT ? &e->record[(e->count - 1 - back) % AUTOSCALER_EXPLAIN_KEPT] : NULL;
}

static void add_rule(struct bytes_text *t, const struct autoscaler_rules_reason *why)
{
    bytes_text_add(t, " (learned rule: most of %u s, %.0f %% more%s; work of %.1f, %u for who waits, %u held)", why->window_s,
                   100 * why->margin, why->is_ahead ? ", looking ahead" : "", why->most, why->queue, why->held);
}

void autoscaler_explain_line(const struct autoscaler_record *r, char out[AUTOSCALER_EXPLAIN_LINE_SIZE])
{
#define X(constant, text) text,
    static const char *const limits[] = {AUTOSCALER_EXPLAIN_LIMITS(X)};
#undef X
    struct bytes_text t;

    bytes_text_init(&t, out, AUTOSCALER_EXPLAIN_LINE_SIZE);
    bytes_text_add(&t, "%" PRIu64 " %u -> %u", r->wall_s, r->from, r->to);
    if (r->signal >= 0) {
        bytes_text_add(&t, ": %s%s%s %.4g %s, target %.4g, wants %u", autoscaler_policy_kind_name(r->kind), r->name[0] != '\0' ? " " : "",
                       r->name, r->value, autoscaler_policy_kind_unit(r->kind), r->target, r->wish);
        if (r->kind == AUTOSCALER_POLICY_ARRIVALS) {
            add_rule(&t, &r->rules);
        }
    }
    if (r->limit != AUTOSCALER_EXPLAIN_NONE) {
        bytes_text_add(&t, "; %s", (size_t)r->limit < ARRAY_LEN(limits) ? limits[r->limit] : "?");
    }
    if (r->doubted >= 0) {
        bytes_text_add(&t, "; %s %.4g %s, target %.4g: %s", autoscaler_policy_kind_name(r->doubted_kind), r->doubted_value,
                       autoscaler_policy_kind_unit(r->doubted_kind), r->doubted_target, autoscaler_signal_trust_text(r->trust));
    }
    if (r->replaced > 0) {
        bytes_text_add(&t, "; %u not ready in time, not counted", r->replaced);
    }
}
