#include "nodosum/merge.h"

#include <assert.h>
#include <string.h>

#include "nodosum/events.h"
#include "nodosum/gossip.h"
#include "nodosum/health.h"
#include "nodosum/fingers.h"
#include "nodosum/out.h"
#include "nodosum/push.h"
#include "nodosum/suspect.h"
#include "nodosum/table.h"
#include "nodosum/word.h"

static bool is_same(const struct nodosum_about *a, const struct nodosum_about *b)
{
    return a->address.port == b->address.port &&
           memcmp(a->address.ip, b->address.ip, sizeof a->address.ip) == 0 && a->name_len == b->name_len &&
           memcmp(a->name, b->name, a->name_len) == 0 && a->meta_size == b->meta_size &&
           memcmp(a->meta, b->meta, a->meta_size) == 0 && a->offers_size == b->offers_size &&
           memcmp(a->offers, b->offers, a->offers_size) == 0;
}

/* Somebody says something of us that is not so, or speaks of an earlier life of ours. Only a higher
 * incarnation of our own overrides it (SWIM, 4.2). At the highest there is none: then it stays said, which
 * takes 2^53 refutations, for nobody makes us leap: word.h. */
static bool refute(struct nodosum *n, uint64_t heard)
{
    struct nodosum_member *self = &n->member[NODOSUM_SELF];
    uint64_t before = self->incarnation;

    if (heard < before || heard >= NODOSUM_INCARNATION_MAX || n->is_leaving) {
        return false;
    }
    self->incarnation = heard + 1;
    n->counters.refuted++;
    nodosum_gossip_news(n, NODOSUM_SELF);
    nodosum_push_news(n, NODOSUM_SELF);
    nodosum_word_went(n, before);
    return true;
}

/* It is known there in an incarnation that we never had: far above, which somebody made up or an earlier life of ours had; or so far
 * below that nobody believes the one that we have. */
static bool is_elsewhere(const struct nodosum *n, uint64_t heard)
{
    uint64_t ours = n->member[NODOSUM_SELF].incarnation;

    return heard > ours ? heard - ours > nodosum_word_reach(n) : ours - heard > NODOSUM_WORD_LEAP;
}

static bool merge_self(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    const struct nodosum_member *self = &n->member[NODOSUM_SELF];
    bool is_word = m->kind == NODOSUM_PACKET_LEFT || m->kind == NODOSUM_PACKET_LIVES;

    if (!is_word && !n->is_leaving && is_elsewhere(n, m->incarnation)) {
        return nodosum_word_insist(n, from);
    }
    if (m->kind == NODOSUM_PACKET_LIVES) { /* an earlier life of ours had more, and swore to it */
        return m->incarnation > self->incarnation && nodosum_word_holds(n, m) && refute(n, m->incarnation);
    }
    if (m->kind == NODOSUM_PACKET_ALIVE) {
        bool is_ours = m->incarnation == self->incarnation && is_same(&m->about, &self->about);
        return !is_ours && refute(n, m->incarnation);
    }
    if (m->incarnation < self->incarnation) {
        nodosum_merge_tell(n, from, NODOSUM_SELF); /* refuted long ago, and it did not hear of that */
        return false;
    }
    bool is_forged = m->kind == NODOSUM_PACKET_LEFT && !n->is_leaving && !nodosum_word_holds(n, m); /* nobody believes it */
    if (is_forged || !refute(n, m->incarnation)) {
        return false;
    }
    nodosum_merge_tell(n, from, NODOSUM_SELF);
    /* To be suspected is a sign that we answer late (Lifeguard, IV-A). */
    nodosum_health_worse(n);
    return true;
}

/* Somebody joined. Who hears that from itself tells all: it does not know them yet. */
static void joined(struct nodosum *n, uint16_t from, uint16_t index)
{
    nodosum_events_add(n, NODOSUM_JOINED, index);
    if ((from == index || from == NODOSUM_NOBODY) && !n->is_passing) {
        nodosum_push_news(n, index);
    }
}

static bool add(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    uint16_t index = nodosum_table_add(n, &m->id, m->incarnation, &m->about);

    if (index == NODOSUM_NOBODY) {
        n->counters.full++;
        return false;
    }
    nodosum_gossip_news(n, index);
    joined(n, from, index);
    return true;
}

static bool merge_alive(struct nodosum *n, uint16_t from, uint16_t index, const struct nodosum_message *m)
{
    struct nodosum_member *k = &n->member[index];
    bool was_living = nodosum_table_is_living(k);
    /* Of an incarnation that was only heard of, this is the first that says what it is. */
    bool fills = k->is_stale && m->incarnation == k->incarnation;

    bool is_other = !is_same(&k->about, &m->about);
    if (m->incarnation < k->incarnation || (m->incarnation == k->incarnation && !fills)) {
        if (m->incarnation == k->incarnation && is_other) {
            k->is_contested = true; /* who can say what is true does so, in another incarnation, unless it said both */
            nodosum_merge_conflict(n, index);
        }
        return false;
    }
    nodosum_table_describe(n, index, &m->about);
    k->is_stale = k->is_contested = false;
    if (m->incarnation > k->incarnation) {
        k->incarnation = m->incarnation;
        nodosum_table_set(n, index, NODOSUM_ALIVE);
    }
    nodosum_gossip_news(n, index);
    if (!was_living && nodosum_table_is_living(k)) {
        k->srtt_us = 0; /* it may have moved */
        joined(n, from, index);
    } else if (is_other && was_living) {
        nodosum_events_add(n, NODOSUM_UPDATED, index);
    }
    return true;
}

static void adopt_incarnation(struct nodosum_member *k, uint64_t incarnation)
{
    if (incarnation > k->incarnation) {
        k->incarnation = incarnation;
        k->is_stale = true;
    }
}

static bool merge_suspect(struct nodosum *n, uint16_t index, const struct nodosum_message *m)
{
    struct nodosum_member *k = &n->member[index];

    if (m->incarnation < k->incarnation || !nodosum_table_is_living(k)) {
        return false;
    }
    if (m->incarnation > k->incarnation && k->state == NODOSUM_SUSPECT) {
        nodosum_table_set(n, index, NODOSUM_ALIVE); /* that suspicion was refuted, and this is another */
    }
    adopt_incarnation(k, m->incarnation);
    return nodosum_suspect_heard(n, index, m->accuser, m->count);
}

static void end_member(struct nodosum *n, uint16_t index, enum nodosum_state state)
{
    struct nodosum_member *k = &n->member[index];
    bool was_living = nodosum_table_is_living(k);

    nodosum_table_set(n, index, state);
    if (was_living || state == NODOSUM_LEFT) {
        nodosum_events_add(n, state == NODOSUM_LEFT ? NODOSUM_WENT : NODOSUM_FAILED, index);
    }
    n->counters.died += state == NODOSUM_DEAD;
    nodosum_gossip_news(n, index);
}

static bool merge_end(struct nodosum *n, uint16_t index, const struct nodosum_message *m)
{
    struct nodosum_member *k = &n->member[index];
    enum nodosum_state state = m->kind == NODOSUM_PACKET_DEAD ? NODOSUM_DEAD : NODOSUM_LEFT;

    if (m->incarnation < k->incarnation || (m->incarnation == k->incarnation && k->state >= state) ||
        (state == NODOSUM_LEFT && !nodosum_word_holds(n, m))) {
        return false;
    }
    bool is_again = !nodosum_table_is_living(k) && k->state >= state; /* gone before, and gone again */
    adopt_incarnation(k, m->incarnation);
    if (state == NODOSUM_LEFT) {
        memcpy(k->word, m->word, sizeof k->word);
        k->sworn = 0; /* it was there */
    }
    if (is_again) {
        nodosum_table_set(n, index, state); /* who left and died in a later life: its word is of the former one */
        return false;
    }
    end_member(n, index, state);
    return true;
}

/* It lives, as it says itself: what was said of it in an incarnation further above than a leap was a lie. What it is besides comes
 * with its ALIVE. */
static bool merge_lives(struct nodosum *n, uint16_t from, uint16_t index, const struct nodosum_message *m)
{
    struct nodosum_member *k = &n->member[index];
    bool was_living = nodosum_table_is_living(k), is_gone = k->state == NODOSUM_LEFT && m->incarnation <= k->incarnation;

    if (m->incarnation <= k->sworn || is_gone || !nodosum_word_holds(n, m)) {
        return false;
    }
    k->sworn = m->incarnation;
    memcpy(k->word, m->word, sizeof k->word);
    if (m->incarnation > k->incarnation || k->incarnation - m->incarnation > NODOSUM_WORD_LEAP) {
        k->incarnation = m->incarnation;
        k->is_stale = true;
        nodosum_table_set(n, index, NODOSUM_ALIVE);
    }
    nodosum_gossip_news(n, index);
    if (!was_living && nodosum_table_is_living(k)) {
        k->srtt_us = 0;
        joined(n, from, index);
    }
    return true;
}

void nodosum_merge_tell(struct nodosum *n, uint16_t to, uint16_t index)
{
    struct nodosum_packet *p = to == NODOSUM_NOBODY ? NULL : nodosum_out_to(n, to);

    if (p != NULL) {
        (void)nodosum_gossip_add(n, index, p); /* an empty packet has room */
    }
}

void nodosum_merge_conflict(struct nodosum *n, uint16_t index)
{
    const struct nodosum_member *m = &n->member[index];
    struct nodosum_packet *p = nodosum_out_to(n, index);

    if (p != NULL) {
        (void)nodosum_packet_add_alive(p, &m->id, m->incarnation, &m->about); /* an empty packet has room */
    }
}

void nodosum_merge_died(struct nodosum *n, uint16_t index)
{
    bool is_ours = nodosum_suspect_is_accuser(n, index), is_near = is_ours || nodosum_fingers_has(n, index);

    end_member(n, index, NODOSUM_DEAD);
    if (is_ours) {
        nodosum_push_news(n, index); /* the others find it about now, too */
    }
    if (is_near) {
        nodosum_merge_tell(n, index, index); /* told at once, it can object at once if it lives */
    }
}

bool nodosum_merge_message(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    uint16_t index = nodosum_table_find(n, &m->id);

    if (index == NODOSUM_SELF) {
        return merge_self(n, from, m);
    }
    bool is_word = m->kind == NODOSUM_PACKET_LEFT || m->kind == NODOSUM_PACKET_LIVES;
    if (!is_word && index != NODOSUM_NOBODY && nodosum_word_doubts(n, from, index, m)) {
        return false;
    }
    switch (m->kind) {
    case NODOSUM_PACKET_ALIVE:
        return index == NODOSUM_NOBODY ? add(n, from, m) : merge_alive(n, from, index, m);
    case NODOSUM_PACKET_SUSPECT:
        return index != NODOSUM_NOBODY && merge_suspect(n, index, m);
    case NODOSUM_PACKET_DEAD:
    case NODOSUM_PACKET_LEFT:
        return index != NODOSUM_NOBODY && merge_end(n, index, m);
    case NODOSUM_PACKET_LIVES:
        return index != NODOSUM_NOBODY && merge_lives(n, from, index, m);
    case NODOSUM_PACKET_PING:
    case NODOSUM_PACKET_ACK:
    case NODOSUM_PACKET_PING_REQ:
    case NODOSUM_PACKET_NACK:
    case NODOSUM_PACKET_DIGEST:
    case NODOSUM_PACKET_ROWS:
    case NODOSUM_PACKET_WANT:
    case NODOSUM_PACKET_PUSH:
    case NODOSUM_PACKET_PLACE:
        break;
    }
    assert(false); /* no news */
    return false;
}
