#include "nodosum/gossip.h"

#include <assert.h>
#include <string.h>

#include "nodosum/fingers.h"
#include "nodosum/out.h"
#include "nodosum/table.h"
#include "nodosum/word.h"

enum { TRIES = 8 /* pieces that do not fit before a packet counts as full */ };

uint32_t nodosum_gossip_times(uint32_t members)
{
    uint32_t digits = 1; /* log10(members + 1), rounded up */

    for (uint64_t power = 10; power < (uint64_t)members + 1; power *= 10) {
        digits++;
    }
    assert(NODOSUM_SENDS_FACTOR * digits <= NODOSUM_LEVELS);
    return NODOSUM_SENDS_FACTOR * digits;
}

static void unlink_news(struct nodosum *n, uint16_t index)
{
    struct nodosum_member *m = &n->member[index];
    struct nodosum_level *l = &n->level[m->level];

    *(m->before == NODOSUM_NOBODY ? &l->first : &n->member[m->before].after) = m->after;
    *(m->after == NODOSUM_NOBODY ? &l->last : &n->member[m->after].before) = m->before;
    l->count--;
    m->level = NODOSUM_LEVELS;
    n->hot--;
}

static void link_news(struct nodosum *n, uint16_t index, uint8_t level)
{
    struct nodosum_member *m = &n->member[index];
    struct nodosum_level *l = &n->level[level];

    m->level = level;
    m->before = l->count == 0 ? NODOSUM_NOBODY : l->last;
    m->after = NODOSUM_NOBODY;
    *(l->count == 0 ? &l->first : &n->member[l->last].after) = index;
    l->last = index;
    l->count++;
    n->hot++;
}

void nodosum_gossip_drop(struct nodosum *n, uint16_t index)
{
    if (n->member[index].level < NODOSUM_LEVELS) {
        unlink_news(n, index);
    }
}

void nodosum_gossip_news(struct nodosum *n, uint16_t index)
{
    uint64_t round_us = (uint64_t)n->tuning.gossip_ms * NODOSUM_MS;

    nodosum_gossip_drop(n, index);
    n->member[index].pushed = 0;
    link_news(n, index, 0);
    if (n->gossip_us == 0) {
        /* Soon, but not all at the same moment, and never more often than in rounds. */
        uint64_t soon_us = n->now_us + rng_below(&n->rng, round_us / 4 + 1);
        n->gossip_us = soon_us > n->gossiped_us + round_us ? soon_us : n->gossiped_us + round_us;
    }
}

static bool add_state(struct nodosum *n, uint16_t index, struct nodosum_packet *p)
{
    const struct nodosum_member *m = &n->member[index];
    struct nodosum_message r;

    r.id = m->id;
    r.incarnation = m->incarnation;
    switch ((enum nodosum_state)m->state) {
    case NODOSUM_ALIVE:
        return !m->is_stale && nodosum_packet_add_alive(p, &m->id, m->incarnation, &m->about);
    case NODOSUM_SUSPECT:
        r.kind = NODOSUM_PACKET_SUSPECT;
        r.count = m->accusers;
        for (uint32_t i = 0; i < m->accusers; i++) {
            r.accuser[i] = m->accuser[i];
        }
        break;
    case NODOSUM_DEAD:
        r.kind = NODOSUM_PACKET_DEAD;
        r.accuser[0] = n->member[NODOSUM_SELF].short_id;
        break;
    case NODOSUM_LEFT:
        r.kind = NODOSUM_PACKET_LEFT;
        memcpy(r.word, m->word, sizeof r.word);
        break;
    }
    return nodosum_packet_add(p, &r);
}

bool nodosum_gossip_add(struct nodosum *n, uint16_t index, struct nodosum_packet *p)
{
    uint16_t before = p->size;

    nodosum_word_add(&n->member[index], p); /* first, so that the other is believed */
    if (add_state(n, index, p)) {
        return true;
    }
    p->size = before;
    return add_state(n, index, p);
}

void nodosum_gossip_fill(struct nodosum *n, uint16_t to, struct nodosum_packet *p)
{
    uint32_t times = nodosum_gossip_times(n->living);
    uint32_t waiting[NODOSUM_LEVELS], refused = 0;
    bool is_told = false;

    if (to != NODOSUM_NOBODY && !n->tuning.is_plain &&
        (n->member[to].state == NODOSUM_SUSPECT || n->member[to].state == NODOSUM_DEAD)) {
        is_told = nodosum_gossip_add(n, to, p);
    }
    for (uint32_t l = 0; l < NODOSUM_LEVELS; l++) {
        waiting[l] = n->level[l].count; /* what is told now moves on and must not be met again */
    }
    for (uint32_t l = 0; l < NODOSUM_LEVELS; l++) {
        uint16_t index = n->level[l].first;
        for (uint32_t i = 0; i < waiting[l]; i++) {
            uint16_t after = n->member[index].after;
            bool fits = (is_told && index == to) || nodosum_gossip_add(n, index, p);
            if (fits || n->member[index].is_stale || l >= times) {
                unlink_news(n, index);
                if (fits && l + 1 < times) {
                    link_news(n, index, (uint8_t)(l + 1));
                }
            } else if (++refused == TRIES) {
                return;
            }
            index = after;
        }
    }
}

void nodosum_gossip_clock(struct nodosum *n)
{
    uint16_t to[NODOSUM_FANOUT];
    uint64_t round_us = (uint64_t)n->tuning.gossip_ms * NODOSUM_MS;

    if (n->gossip_us == 0 || n->now_us < n->gossip_us) {
        return;
    }
    uint32_t count = n->tuning.is_plain ? nodosum_table_draw(n, NODOSUM_FANOUT, NODOSUM_NOBODY, to)
                                        : nodosum_fingers_draw(n, NODOSUM_FANOUT, NODOSUM_NOBODY, to);
    for (uint32_t i = 0; i < count && n->hot > 0; i++) {
        struct nodosum_packet *p = nodosum_out_to(n, to[i]);
        if (p != NULL) {
            nodosum_gossip_fill(n, to[i], p);
        }
    }
    n->gossiped_us = n->now_us;
    /* Alone it keeps its news for whoever comes. */
    n->gossip_us = n->hot > 0 && count > 0 ? n->now_us + round_us : 0;
    assert(n->gossip_us == 0 || n->gossip_us > n->now_us);
}
