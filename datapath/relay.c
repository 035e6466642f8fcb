#include "datapath/relay.h"

#include <assert.h>
#include <string.h>

enum {
    ALIGN = 16,
    THOUSAND = 1000,
    NOWHERE = UINT32_MAX,
};

static size_t slots_at(uint32_t pairs)
{
    return (pairs * sizeof(struct datapath_relay_pair) + ALIGN - 1) / ALIGN * ALIGN;
}

size_t datapath_relay_size(uint32_t pairs)
{
    return slots_at(pairs) + datapath_index_slots(pairs) * sizeof(struct datapath_index_slot);
}

void datapath_relay_init(struct datapath_relay *r, void *memory, uint32_t pairs)
{
    assert(pairs > 0 && pairs <= DATAPATH_RELAY_PAIRS_MAX);
    memset(memory, 0, datapath_relay_size(pairs));
    *r = (struct datapath_relay){.pairs_max = pairs, .pair = memory};
    datapath_index_init(&r->index, (void *)((uint8_t *)memory + slots_at(pairs)), pairs);
}

static bool is_here(const struct datapath_relay_side *s, uint64_t now_ms)
{
    return s->has_asked && now_ms - s->asked_ms < DATAPATH_RELAY_KEEP_MS;
}

static void drop(struct datapath_relay *r, struct datapath_relay_pair *p)
{
    datapath_index_drop(&r->index, p->side[0].id);
    datapath_index_drop(&r->index, p->side[1].id);
    *p = (struct datapath_relay_pair){0};
    r->pairs--;
}

/* One look at all: the pair of these two, a place for one, and how many `who` has. Pairs that both have left go. */
static struct datapath_relay_pair *find(struct datapath_relay *r, uint64_t now_ms, uint32_t who, uint32_t with,
                                        struct datapath_relay_pair **ret_free, uint32_t *ret_has)
{
    struct datapath_relay_pair *found = NULL;

    *ret_free = NULL;
    *ret_has = 0;
    for (uint32_t i = 0; i < r->pairs_max; i++) {
        struct datapath_relay_pair *p = &r->pair[i];
        if (p->is_used && !is_here(&p->side[0], now_ms) && !is_here(&p->side[1], now_ms)) {
            drop(r, p);
        }
        if (!p->is_used) {
            *ret_free = *ret_free == NULL ? p : *ret_free;
            continue;
        }
        bool is_first = p->side[0].who == who, is_second = p->side[1].who == who;
        /* Who is asked for has not asked: that takes no place of his. */
        *ret_has += (is_first && p->side[0].has_asked) || (is_second && p->side[1].has_asked);
        if ((is_first && p->side[1].who == with) || (is_second && p->side[0].who == with)) {
            found = p;
        }
    }
    return found;
}

static struct datapath_relay_pair *begin(struct datapath_relay *r, struct datapath_relay_pair *p, uint64_t now_ms,
                                         uint32_t who, uint32_t with, struct datapath_random *random)
{
    uint32_t at = (uint32_t)(p - r->pair) * 2;

    *p = (struct datapath_relay_pair){.is_used = true, .side = {{.who = who}, {.who = with}}, .budget_ms = now_ms,
                                      .budget = (uint64_t)DATAPATH_RELAY_BURST * THOUSAND};
    p->side[0].id = datapath_index_add(&r->index, random, at);
    p->side[1].id = datapath_index_add(&r->index, random, at + 1);
    r->pairs++;
    return p;
}

enum err datapath_relay_ask(struct datapath_relay *r, uint64_t now_ms, uint32_t who, uint32_t with,
                            const struct datapath_endpoint *from, struct datapath_random *random,
                            struct datapath_relay_told *ret)
{
    struct datapath_relay_pair *place, *p;
    uint32_t has;

    if (who == with) {
        return ERR_INVALID;
    }
    p = find(r, now_ms, who, with, &place, &has);
    struct datapath_relay_side *mine = p == NULL ? NULL : &p->side[p->side[0].who == who ? 0 : 1];
    if ((mine == NULL || !mine->has_asked) && has >= DATAPATH_RELAY_EACH) {
        return ERR_LIMIT;
    }
    if (p == NULL && place == NULL) {
        return ERR_LIMIT;
    }
    if (p == NULL) {
        p = begin(r, place, now_ms, who, with, random);
        mine = &p->side[0];
    }
    struct datapath_relay_side *other = mine == &p->side[0] ? &p->side[1] : &p->side[0];
    if (mine->has_asked && (!is_here(mine, now_ms) || !datapath_message_is_same(&mine->at, from))) {
        /* The new id is said to where he asks from: only who hears it there has it. */
        datapath_index_drop(&r->index, mine->id);
        mine->id = datapath_index_add(&r->index, random, (uint32_t)(p - r->pair) * 2 + (mine == &p->side[1]));
        mine->is_shown = false;
    }
    mine->has_asked = true;
    mine->at = *from;
    mine->asked_ms = now_ms;
    *ret = (struct datapath_relay_told){.id = mine->id, .other_id = other->id, .is_whole = is_here(other, now_ms),
                                        .other = other->at};
    return ERR_OK;
}

void datapath_relay_forget(struct datapath_relay *r, uint32_t who)
{
    for (uint32_t i = 0; i < r->pairs_max; i++) {
        struct datapath_relay_pair *p = &r->pair[i];
        /* His number may be somebody else's soon: nothing of it stays. */
        if (p->is_used && (p->side[0].who == who || p->side[1].who == who)) {
            drop(r, p);
        }
    }
}

/* Take `size` bytes of a pair's budget. */
static bool take(struct datapath_relay_pair *p, uint64_t now_ms, uint32_t size)
{
    uint64_t passed_ms = now_ms - p->budget_ms, most = (uint64_t)DATAPATH_RELAY_BURST * THOUSAND;
    /* A second fills it, so the product cannot overflow. */
    uint64_t budget = passed_ms >= THOUSAND ? most : p->budget + passed_ms * DATAPATH_RELAY_RATE;

    p->budget_ms = now_ms;
    p->budget = budget > most ? most : budget;
    if (p->budget < (uint64_t)size * THOUSAND) {
        return false;
    }
    p->budget -= (uint64_t)size * THOUSAND;
    return true;
}

static enum datapath_relay_verdict judge(struct datapath_relay *r, uint64_t now_ms, const struct datapath_endpoint *from,
                                         uint32_t id, uint32_t size, struct datapath_relay_pair **ret, uint32_t *ret_side)
{
    uint32_t at = NOWHERE;

    if (!datapath_index_find(&r->index, id, &at)) {
        return DATAPATH_RELAY_STRANGER;
    }
    struct datapath_relay_pair *p = &r->pair[at / 2];
    struct datapath_relay_side *mine = &p->side[at % 2];
    const struct datapath_relay_side *other = &p->side[1 - at % 2];
    assert(p->is_used && mine->id == id);
    /* The first is not said to whoever guessed an id: he gets nothing, as in all cases. */
    if (!is_here(mine, now_ms) || !datapath_message_is_same(&mine->at, from)) {
        return DATAPATH_RELAY_ELSEWHERE;
    }
    mine->is_shown = true;
    if (!is_here(other, now_ms) || !other->is_shown) {
        return DATAPATH_RELAY_HALF;
    }
    if (!take(p, now_ms, size)) {
        return DATAPATH_RELAY_MUCH;
    }
    *ret = p;
    *ret_side = 1 - at % 2;
    return DATAPATH_RELAY_PASSED;
}

enum datapath_relay_verdict datapath_relay_pass(struct datapath_relay *r, uint64_t now_ms,
                                                const struct datapath_endpoint *from, uint32_t id, uint32_t size,
                                                struct datapath_endpoint *ret_to, uint32_t *ret_id)
{
    struct datapath_relay_pair *p;
    uint32_t side;
    enum datapath_relay_verdict v = judge(r, now_ms, from, id, size, &p, &side);

    r->verdict[v]++;
    if (v == DATAPATH_RELAY_PASSED) {
        p->passed_bytes += size;
        *ret_to = p->side[side].at;
        *ret_id = p->side[side].id;
    }
    return v;
}
