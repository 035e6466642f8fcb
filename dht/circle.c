#include "dht/circle.h"

#include <assert.h>

#include "dht/id.h"

void dht_circle_init(struct dht_circle *c, struct dht_circle_member *member, uint32_t most)
{
    *c = (struct dht_circle){.member = member, .most = most, .due_us = UINT64_MAX};
}

static struct dht_circle_member *find(struct dht_circle *c, const struct dht_node *node)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (dht_id_same_node(&c->member[i].who.node, node)) {
            return &c->member[i];
        }
    }
    return NULL;
}

static bool is_same_address(const struct dht_address *a, const struct dht_address *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool dht_circle_say(struct dht_circle *c, uint64_t now_us, const struct dht_contact *who, uint32_t mark)
{
    struct dht_circle_member *m = find(c, &who->node);

    if (m == NULL && c->count == c->most) {
        return false;
    }
    if (m == NULL) {
        m = &c->member[c->count++];
        *m = (struct dht_circle_member){.who = *who, .next_us = now_us, .gap_us = DHT_CIRCLE_AGAIN_US};
    } else if (!is_same_address(&m->who.at, &who->at)) { /* it moved: it is asked there, so that both know */
        m->who.at = who->at;
        c->in -= m->is_in;
        m->is_in = false;
        m->next_us = now_us;
        m->gap_us = DHT_CIRCLE_AGAIN_US;
    }
    m->mark = mark;
    if (!m->is_in && m->next_us < c->due_us) {
        c->due_us = m->next_us;
    }
    return true;
}

bool dht_circle_heard(struct dht_circle *c, const struct dht_node *node)
{
    struct dht_circle_member *m = c->in < c->count ? find(c, node) : NULL;

    if (m == NULL || m->is_in) {
        return false;
    }
    m->is_in = true;
    c->in++;
    c->due_us = c->in == c->count ? UINT64_MAX : c->due_us;
    return true;
}

static void take_out(struct dht_circle *c, struct dht_circle_member *m)
{
    c->in -= m->is_in;
    *m = c->member[--c->count];
    assert(c->in <= c->count);
}

bool dht_circle_gone(struct dht_circle *c, const struct dht_node *node)
{
    struct dht_circle_member *m = find(c, node);

    if (m == NULL) {
        return false;
    }
    take_out(c, m);
    return true;
}

bool dht_circle_unnamed(struct dht_circle *c, uint32_t mark, struct dht_contact *ret)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->member[i].mark != mark) {
            *ret = c->member[i].who;
            take_out(c, &c->member[i]);
            return true;
        }
    }
    return false;
}

uint32_t dht_circle_ask(struct dht_circle *c, uint64_t now_us, struct dht_contact to[DHT_CIRCLE_BATCH])
{
    uint32_t count = 0;
    uint64_t next_us = UINT64_MAX;

    if (now_us < c->due_us) {
        return 0;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        struct dht_circle_member *m = &c->member[i];
        if (m->is_in) {
            continue;
        }
        if (m->next_us <= now_us && count < DHT_CIRCLE_BATCH) {
            to[count++] = m->who;
            m->next_us = now_us + m->gap_us;
            m->gap_us = 2 * m->gap_us < DHT_CIRCLE_AGAIN_MOST_US ? 2 * m->gap_us : DHT_CIRCLE_AGAIN_MOST_US;
        }
        next_us = m->next_us < next_us ? m->next_us : next_us;
    }
    c->due_us = next_us == UINT64_MAX || next_us > now_us + DHT_CIRCLE_PACE_US ? next_us : now_us + DHT_CIRCLE_PACE_US;
    return count;
}
