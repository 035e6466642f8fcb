#include "gateway/choice.h"

#include <assert.h>
#include <string.h>

enum {
    SUCCESS_ONE = 1000,
    SUCCESS_SHARE = 8,       /* of the last call in it: one in so many               */
    COST_UNKNOWN_US = 50000, /* of who was never measured: tried when others are slow */
};

/* ---- what is known of one ---------------------------------------------------------------------- */

uint32_t gateway_choice_measured_us(const struct gateway_candidate *k, uint64_t now_ms)
{
    uint32_t sorted[GATEWAY_CHOICE_SAMPLES];
    uint32_t count = k->samples < GATEWAY_CHOICE_SAMPLES ? k->samples : GATEWAY_CHOICE_SAMPLES;

    if (count == 0 || now_ms - k->sampled_ms > GATEWAY_CHOICE_FRESH_MS) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;
        while (at > 0 && sorted[at - 1] > k->sample_us[i]) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = k->sample_us[i];
    }
    return sorted[count / 2];
}

uint32_t gateway_choice_way_us(const struct gateway_candidate *k)
{
    uint32_t count = k->samples < GATEWAY_CHOICE_SAMPLES ? k->samples : GATEWAY_CHOICE_SAMPLES, least_us = UINT32_MAX;

    for (uint32_t i = 0; i < count; i++) {
        least_us = k->sample_us[i] < least_us ? k->sample_us[i] : least_us;
    }
    bool is_shown = count > 0 && k->said.latency_us > 0 && (uint64_t)k->said.latency_us * GATEWAY_CHOICE_WAY_PARTS <= least_us;
    return is_shown ? least_us - k->said.latency_us : 0;
}

uint32_t gateway_choice_latency_us(const struct gateway_candidate *k, uint64_t now_ms)
{
    uint32_t measured_us = gateway_choice_measured_us(k, now_ms);

    if (measured_us > 0) {
        return measured_us;
    }
    uint32_t rtt_us = k->said.rtt_us != 0 ? k->said.rtt_us : k->estimated_us;
    return rtt_us == 0 ? 0 : rtt_us + k->said.latency_us;
}

uint32_t gateway_choice_score(const struct gateway_candidate *k)
{
    return (k->said.score * k->success + SUCCESS_ONE / 2) / SUCCESS_ONE;
}

/* Time over score: who fails half of the time takes twice as long. */
static uint64_t cost_of(const struct gateway_candidate *k, uint64_t now_ms)
{
    uint64_t us = gateway_choice_latency_us(k, now_ms);
    uint32_t score = gateway_choice_score(k);

    return (us > 0 ? us : COST_UNKNOWN_US) * GATEWAY_CHOICE_SCORE_ONE / (score > 0 ? score : 1);
}

void gateway_choice_took(struct gateway_candidate *k, uint64_t took_us, uint64_t now_ms)
{
    uint64_t us = took_us > 0 ? took_us : 1;

    k->sample_us[k->samples % GATEWAY_CHOICE_SAMPLES] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    /* Never back to few: the ring stays full. */
    k->samples = k->samples == 2 * GATEWAY_CHOICE_SAMPLES - 1 ? GATEWAY_CHOICE_SAMPLES : k->samples + 1;
    k->sampled_ms = now_ms;
    k->success += (SUCCESS_ONE - k->success + SUCCESS_SHARE - 1) / SUCCESS_SHARE;
    k->rest_ms = 0;
    k->rest_until_ms = 0;
    assert(k->success <= SUCCESS_ONE);
}

void gateway_choice_failed(struct gateway_candidate *k, uint64_t now_ms)
{
    k->success -= k->success / SUCCESS_SHARE;
    if (now_ms < k->rest_until_ms) {
        return; /* of those that were on their way together the first one says it all */
    }
    k->rest_ms = k->rest_ms == 0 ? GATEWAY_CHOICE_REST_MS : 2 * k->rest_ms;
    k->rest_ms = k->rest_ms < GATEWAY_CHOICE_REST_MAX_MS ? k->rest_ms : GATEWAY_CHOICE_REST_MAX_MS;
    k->rest_until_ms = now_ms + k->rest_ms;
}

/* ---- all of them ------------------------------------------------------------------------------- */

uint32_t gateway_choice_find(const struct gateway_choice *c, const char *node)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (strcmp(c->item[i].said.node, node) == 0) {
            return i;
        }
    }
    return GATEWAY_CHOICE_NONE;
}

static bool is_offered(const struct gateway_offer *offer, uint32_t count, const char *node)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(offer[i].node, node) == 0) {
            return true;
        }
    }
    return false;
}

void gateway_choice_learn(struct gateway_choice *c, const struct gateway_offer *offer, uint32_t count)
{
    uint32_t kept = 0, most = count < GATEWAY_CHOICE_MAX ? count : GATEWAY_CHOICE_MAX;

    for (uint32_t i = 0; i < c->count; i++) {
        if (is_offered(offer, most, c->item[i].said.node)) {
            c->item[kept++] = c->item[i];
        }
    }
    c->count = kept;
    for (uint32_t i = 0; i < most; i++) {
        uint32_t at = gateway_choice_find(c, offer[i].node);
        if (at == GATEWAY_CHOICE_NONE) {
            at = c->count++;
            c->item[at] = (struct gateway_candidate){.success = SUCCESS_ONE};
        }
        c->item[at].said = offer[i];
        assert(c->count <= GATEWAY_CHOICE_MAX);
    }
}

/* 0 is best: alive, suspected, left alone. */
static int class_of(const struct gateway_candidate *k, uint64_t now_ms)
{
    return now_ms < k->rest_until_ms ? 2 : k->said.is_alive ? 0 : 1;
}

uint32_t gateway_choice_pick(struct gateway_choice *c, const bool is_tried[GATEWAY_CHOICE_MAX], uint64_t now_ms)
{
    uint64_t least = UINT64_MAX;
    int class = 3;

    for (uint32_t i = 0; i < c->count; i++) {
        int own = class_of(&c->item[i], now_ms);
        uint64_t cost = cost_of(&c->item[i], now_ms);
        if (!is_tried[i] && (own < class || (own == class && cost < least))) {
            class = own;
            least = cost;
        }
    }
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t at = (c->turn + i) % c->count;
        const struct gateway_candidate *k = &c->item[at];
        if (!is_tried[at] && class_of(k, now_ms) == class &&
            cost_of(k, now_ms) <= least + least * GATEWAY_CHOICE_ALIKE_PERCENT / 100) {
            c->turn = at + 1;
            return at;
        }
    }
    return GATEWAY_CHOICE_NONE;
}
