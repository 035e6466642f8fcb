#include "nodosum/push.h"

#include <assert.h>

#include "nodosum/fingers.h"
#include "nodosum/gossip.h"
#include "nodosum/out.h"

/* Ids after this member on the ring, up to that one, less one. */
static uint64_t span(const struct nodosum *n, uint64_t last)
{
    return last - n->member[NODOSUM_SELF].short_id - 1;
}

static uint64_t id_of(const struct nodosum *n, uint16_t index)
{
    return n->member[index].short_id;
}

/* How many of these fit one packet beside a PUSH, and that packet in *p. */
static uint32_t fill(struct nodosum *n, const uint16_t *index, uint32_t count, uint64_t last, struct nodosum_packet *p)
{
    struct nodosum_message push = {.kind = NODOSUM_PACKET_PUSH, .last = last};
    uint32_t put = 0;

    (void)nodosum_packet_add(p, &push); /* an empty packet has room */
    while (put < count && nodosum_gossip_add(n, index[put], p)) {
        put++;
    }
    return put;
}

/* Hand out the part of the ring up to `last`, the largest piece first: it has the longest way to go. Returns how many
 * of these were told, the first ones: as many as fit one packet. */
static uint32_t hand_out(struct nodosum *n, const uint16_t *index, uint32_t count, uint64_t last)
{
    uint64_t most = span(n, last), end = last;
    uint32_t fingers = 0, put = 0;

    while (nodosum_fingers_after(n, fingers) != NODOSUM_NOBODY &&
           span(n, id_of(n, nodosum_fingers_after(n, fingers))) <= most) {
        fingers++;
    }
    for (uint32_t i = fingers; i > 0; i--) {
        uint16_t to = nodosum_fingers_after(n, i - 1);
        struct nodosum_packet *p = nodosum_out_to(n, to);
        put = p == NULL ? put : fill(n, index, count, end, p);
        end = id_of(n, to) - 1;
    }
    return put;
}

void nodosum_push_news(struct nodosum *n, uint16_t index)
{
    if (n->tuning.is_plain || n->pushes == NODOSUM_PUSH_MAX) {
        return;
    }
    nodosum_push_drop(n, index);
    n->push[n->pushes++] = index;
    if (n->push_us == 0) {
        uint64_t next_us = n->pushed_us + (uint64_t)NODOSUM_PUSH_GAP_MS * NODOSUM_MS;
        n->push_us = n->pushed_us == 0 || next_us < n->now_us ? n->now_us : next_us;
    }
}

static void remove_at(struct nodosum *n, uint32_t at)
{
    n->pushes--;
    for (uint32_t i = at; i < n->pushes; i++) {
        n->push[i] = n->push[i + 1]; /* in the order in which it became known */
    }
}

void nodosum_push_drop(struct nodosum *n, uint16_t index)
{
    for (uint32_t i = n->pushes; i > 0; i--) {
        if (n->push[i - 1] == index) {
            remove_at(n, i - 1);
        }
    }
}

void nodosum_push_clock(struct nodosum *n)
{
    uint64_t last = id_of(n, NODOSUM_SELF) - 1; /* all around */

    if (n->push_us == 0 || n->now_us < n->push_us) {
        return;
    }
    uint32_t told = hand_out(n, n->push, n->pushes, last);
    /* What cannot be told, an incarnation that was only heard of or anything when nobody is there, is no news. */
    told = told == 0 && n->pushes > 0 ? 1 : told;
    for (uint32_t i = 0; i < told; i++) {
        n->member[n->push[0]].pushed = UINT64_MAX;
        remove_at(n, 0);
    }
    n->pushed_us = n->now_us;
    n->push_us = n->pushes == 0 ? 0 : n->now_us + (uint64_t)NODOSUM_PUSH_GAP_MS * NODOSUM_MS;
}

static bool holds(const struct nodosum_member *k, const struct nodosum_message *m)
{
    static const enum nodosum_state says[] = {[NODOSUM_PACKET_ALIVE] = NODOSUM_ALIVE,
                                              [NODOSUM_PACKET_SUSPECT] = NODOSUM_SUSPECT,
                                              [NODOSUM_PACKET_DEAD] = NODOSUM_DEAD,
                                              [NODOSUM_PACKET_LEFT] = NODOSUM_LEFT};

    return k->incarnation == m->incarnation && k->state == says[m->kind];
}

/* Several who know it first push it at one time, so it may come more than once: for a smaller part of the ring than
 * it went on to from here already it need not go again, for a larger part it must. A part that ends here is empty. */
bool nodosum_push_is_due(const struct nodosum *n, uint16_t index, const struct nodosum_message *m, uint64_t last)
{
    const struct nodosum_member *k = &n->member[index];

    return index != NODOSUM_SELF && last != id_of(n, NODOSUM_SELF) && holds(k, m) && span(n, last) > k->pushed;
}

void nodosum_push_pass(struct nodosum *n, const uint16_t *index, uint32_t count, uint64_t last)
{
    for (uint32_t i = 0; i < count; i++) {
        n->member[index[i]].pushed = span(n, last);
    }
    uint32_t told = hand_out(n, index, count, last);
    assert(told <= count);
    (void)told; /* they came in one packet, so they fit one; a suspicion may have grown, and then gossip has the last */
}
