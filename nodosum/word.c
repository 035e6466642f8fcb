#include "nodosum/word.h"

#include <string.h>

#include "nodosum/gossip.h"
#include "nodosum/merge.h"
#include "nodosum/out.h"
#include "nodosum/push.h"

bool nodosum_word_holds(struct nodosum *n, const struct nodosum_message *m)
{
    uint64_t held;

    if (!rate_pass(&n->word_rate, NODOSUM_WORD_RATE, (uint64_t)1000 * NODOSUM_MS, n->now_us, &held)) {
        n->counters.held++;
        return false;
    }
    bool is_said = n->words.is_said(n->words.keys, &m->id, m->kind == NODOSUM_PACKET_LIVES, m->incarnation, m->word);
    n->counters.forged += !is_said;
    return is_said;
}

void nodosum_word_add(const struct nodosum_member *m, struct nodosum_packet *p)
{
    struct nodosum_message r = {.kind = NODOSUM_PACKET_LIVES, .id = m->id, .incarnation = m->sworn};

    if (m->sworn != 0) {
        memcpy(r.word, m->word, sizeof r.word);
        (void)nodosum_packet_add(p, &r); /* it is told again */
    }
}

bool nodosum_word_doubts(struct nodosum *n, uint16_t from, uint16_t index, const struct nodosum_message *m)
{
    const struct nodosum_member *k = &n->member[index];
    uint64_t held;

    if (from == index || m->incarnation <= k->incarnation || m->incarnation - k->incarnation <= NODOSUM_WORD_LEAP) {
        return false;
    }
    n->counters.doubted++;
    if (!rate_pass(&n->doubt_rate, NODOSUM_WORD_DOUBTS, (uint64_t)1000 * NODOSUM_MS, n->now_us, &held)) {
        return true;
    }
    if (k->sworn != 0) {
        nodosum_merge_tell(n, from, index);
    }
    nodosum_merge_tell(n, index, index);
    struct nodosum_packet *p = nodosum_out_to(n, index);
    if (p != NULL) {
        (void)nodosum_packet_add(p, m); /* an empty packet has room */
    }
    return true;
}

/* ---- of this node ----------------------------------------------------------------------------------- */

static bool is_due(const struct nodosum *n, uint64_t last_us)
{
    return last_us == 0 || n->now_us - last_us >= (uint64_t)NODOSUM_WORD_GAP_MS * NODOSUM_MS;
}

uint64_t nodosum_word_reach(const struct nodosum *n)
{
    return is_due(n, n->leapt_us) ? NODOSUM_WORD_LEAP : NODOSUM_WORD_NEAR;
}

/* In an incarnation that nothing was said of. */
static bool swear(struct nodosum *n)
{
    struct nodosum_member *self = &n->member[NODOSUM_SELF];

    if (n->is_leaving || self->incarnation == NODOSUM_INCARNATION_MAX || !is_due(n, n->swore_us)) {
        return false;
    }
    self->sworn = ++self->incarnation;
    n->swore_us = n->now_us;
    n->words.say(n->words.keys, true, self->sworn, self->word);
    nodosum_gossip_news(n, NODOSUM_SELF);
    nodosum_push_news(n, NODOSUM_SELF);
    return true;
}

static bool is_far(const struct nodosum *n)
{
    const struct nodosum_member *self = &n->member[NODOSUM_SELF];

    return self->incarnation - (self->sworn != 0 ? self->sworn : n->begun) > NODOSUM_WORD_LEAP / 2;
}

void nodosum_word_went(struct nodosum *n, uint64_t before)
{
    if (n->member[NODOSUM_SELF].incarnation - before > NODOSUM_WORD_NEAR) {
        n->leapt_us = n->now_us;
    }
    if (is_far(n)) {
        (void)swear(n);
    }
}

bool nodosum_word_insist(struct nodosum *n, uint16_t from)
{
    bool is_new = (n->member[NODOSUM_SELF].sworn == 0 || is_far(n)) && swear(n);

    if (n->member[NODOSUM_SELF].sworn != 0) {
        nodosum_merge_tell(n, from, NODOSUM_SELF);
    }
    return is_new;
}
