#include "nodosum/probe.h"

#include <assert.h>
#include <string.h>

#include "nodosum/fingers.h"
#include "nodosum/gossip.h"
#include "nodosum/health.h"
#include "nodosum/out.h"
#include "nodosum/suspect.h"
#include "nodosum/table.h"

static bool is_same_id(const struct nodosum_id *a, const struct nodosum_id *b)
{
    return memcmp(a->byte, b->byte, NODOSUM_ID_SIZE) == 0;
}

/* ---- round trips --------------------------------------------------------------------------------- */

uint64_t nodosum_probe_timeout_us(const struct nodosum_member *m)
{
    uint64_t us = m->srtt_us + UINT64_C(4) * m->rttvar_us; /* RFC 6298, (2.2) and (2.3) */

    if (m->srtt_us == 0) {
        return NODOSUM_TIMEOUT_FIRST_MS * NODOSUM_MS;
    }
    us = us < NODOSUM_TIMEOUT_LEAST_MS * NODOSUM_MS ? NODOSUM_TIMEOUT_LEAST_MS * NODOSUM_MS : us;
    return us > NODOSUM_TIMEOUT_MOST_MS * NODOSUM_MS ? NODOSUM_TIMEOUT_MOST_MS * NODOSUM_MS : us;
}

static void sample(struct nodosum *n, uint16_t index, uint64_t rtt_us)
{
    struct nodosum_member *m = &n->member[index];
    uint32_t r = rtt_us == 0 ? 1 : rtt_us > UINT32_MAX / 8 ? UINT32_MAX / 8 : (uint32_t)rtt_us;

    if (m->srtt_us == 0) {
        m->srtt_us = r;
        m->rttvar_us = r / 2;
    } else {
        uint32_t off = m->srtt_us > r ? m->srtt_us - r : r - m->srtt_us;
        m->rttvar_us = (3 * m->rttvar_us + off) / 4;
        m->srtt_us = (7 * m->srtt_us + r) / 8;
        m->srtt_us = m->srtt_us == 0 ? 1 : m->srtt_us;
    }
    nodosum_out_rtt(n, index, r);
}

/* ---- slots ----------------------------------------------------------------------------------------- */

static struct nodosum_slot *slot_of(struct nodosum *n, uint32_t seq)
{
    struct nodosum_slot *s = &n->slot[seq % NODOSUM_SLOTS];

    return s->kind != NODOSUM_SLOT_FREE && s->seq == seq ? s : NULL;
}

static void end_slot(struct nodosum *n, struct nodosum_slot *s)
{
    assert(s->kind == NODOSUM_SLOT_PROBE || s->kind == NODOSUM_SLOT_RELAY);
    n->probing -= s->kind == NODOSUM_SLOT_PROBE;
    n->relaying -= s->kind == NODOSUM_SLOT_RELAY;
    s->kind = NODOSUM_SLOT_ENDED;
}

void nodosum_probe_place(const struct nodosum *n, struct nodosum_packet *p)
{
    struct nodosum_message place = {.kind = NODOSUM_PACKET_PLACE, .place = n->place};

    if (n->place.size > 0) {
        (void)nodosum_packet_add(p, &place); /* what it follows is short, and nothing is lost without it */
    }
}

static bool send_ping(struct nodosum *n, struct nodosum_slot *s)
{
    struct nodosum_message ping = {.kind = NODOSUM_PACKET_PING, .seq = s->seq, .attempt = s->attempts,
                                   .flags = s->tells_place ? NODOSUM_PING_PLACE : 0};
    struct nodosum_packet *p = nodosum_out_to(n, s->target);

    if (p == NULL) {
        return false;
    }
    s->sent_us[s->attempts++] = n->now_us;
    (void)nodosum_packet_add(p, &ping); /* an empty packet has room */
    if (s->tells_place) {
        nodosum_probe_place(n, p);
    }
    nodosum_gossip_fill(n, s->target, p);
    return true;
}

/* A ping is on its way; NULL: too many are. There is a slot then, for together they take less than all. */
static struct nodosum_slot *begin(struct nodosum *n, enum nodosum_slot_kind kind, uint16_t target, bool tells_place)
{
    uint64_t timeout_us = nodosum_health_scaled(n, nodosum_probe_timeout_us(&n->member[target]));
    struct nodosum_slot *s;

    if (kind == NODOSUM_SLOT_PROBE ? n->probing == NODOSUM_PROBES_MAX : n->relaying == NODOSUM_RELAYS_MAX) {
        return NULL;
    }
    do {
        s = &n->slot[(n->seq + 1) % NODOSUM_SLOTS];
        n->seq += s->kind == NODOSUM_SLOT_PROBE || s->kind == NODOSUM_SLOT_RELAY;
    } while (s->kind == NODOSUM_SLOT_PROBE || s->kind == NODOSUM_SLOT_RELAY);
    *s = (struct nodosum_slot){.kind = kind, .seq = ++n->seq, .target = target, .tells_place = tells_place,
                               .target_id = n->member[target].id, .second_us = n->now_us + timeout_us,
                               .end_us = n->now_us + NODOSUM_END_TIMES * timeout_us};
    n->probing += kind == NODOSUM_SLOT_PROBE;
    n->relaying += kind == NODOSUM_SLOT_RELAY;
    if (!send_ping(n, s)) {
        end_slot(n, s);
        return NULL;
    }
    return s;
}

/* ---- probing ----------------------------------------------------------------------------------------- */

bool nodosum_probe_look(struct nodosum *n, uint16_t index, bool tells_place)
{
    for (uint32_t i = 0; i < NODOSUM_SLOTS; i++) {
        if (n->slot[i].kind == NODOSUM_SLOT_PROBE && n->slot[i].target == index) {
            return true;
        }
    }
    bool is_begun = begin(n, NODOSUM_SLOT_PROBE, index, tells_place) != NULL;
    n->counters.probes += is_begun;
    return is_begun;
}

/* By turns the next of the fingers and the next on the ring: the ring looks at every member every other
 * period, so that a death is seen after two at most; chance alone leaves one unseen for five in one of a
 * hundred (SWIM, section 3.2: e/(e - 1) on average). */
static uint16_t choose(struct nodosum *n)
{
    n->is_ring_turn = !n->is_ring_turn && !n->tuning.is_plain;
    if (n->is_ring_turn) {
        uint64_t self = n->member[NODOSUM_SELF].short_id;
        for (int steps = 1; steps <= NODOSUM_ACCUSERS_MAX; steps++) {
            uint16_t index = nodosum_table_ring(n, NODOSUM_SELF, steps);
            const struct nodosum_member *m = index == NODOSUM_NOBODY ? NULL : &n->member[index];
            bool is_accused = false;
            for (uint32_t i = 0; m != NULL && i < m->accusers; i++) {
                is_accused |= m->accuser[i] == self; /* we know: the one behind it has nobody else */
            }
            if (m != NULL && !is_accused) {
                return index;
            }
        }
    }
    return n->tuning.is_plain ? nodosum_table_next(n) : nodosum_fingers_next(n);
}

static bool is_eager(const struct nodosum *n)
{
    return n->now_us - n->placed_us < (uint64_t)NODOSUM_EAGER_MS * NODOSUM_MS;
}

/* Beside its turns: whoever knows only those beside it and its fingers does not know where it is among all. */
static void wander(struct nodosum *n)
{
    if (n->place.size == 0 || n->periods % (is_eager(n) ? NODOSUM_WANDER_EAGER : NODOSUM_WANDER_PERIODS) != 0) {
        return;
    }
    uint16_t index = nodosum_table_next(n);
    if (index != NODOSUM_NOBODY) {
        (void)nodosum_probe_look(n, index, true); /* the same */
    }
}

static void ask_helpers(struct nodosum *n, struct nodosum_slot *s)
{
    struct nodosum_message ask = {.kind = NODOSUM_PACKET_PING_REQ, .seq = s->seq, .id = s->target_id};

    s->helpers = (uint8_t)(n->tuning.is_plain ? nodosum_table_draw(n, NODOSUM_HELPERS, s->target, s->helper)
                                              : nodosum_fingers_draw_near(n, NODOSUM_HELPERS, s->target, s->helper));
    for (uint32_t i = 0; i < s->helpers; i++) {
        struct nodosum_packet *p = nodosum_out_to(n, s->helper[i]);
        if (p != NULL) {
            (void)nodosum_packet_add(p, &ask); /* an empty packet has room */
            nodosum_gossip_fill(n, s->helper[i], p);
        }
    }
}

static void fail(struct nodosum *n, struct nodosum_slot *s)
{
    n->counters.probes_failed++;
    /* A helper that says "I had no answer either" shows that we are well (Lifeguard, IV-A: nack). */
    if (s->helpers == 0 || __builtin_popcount(s->nacked) < s->helpers) {
        nodosum_health_worse(n);
    }
    end_slot(n, s);
    if (nodosum_table_is_living(&n->member[s->target])) {
        nodosum_suspect_accuse(n, s->target);
    }
}

/* The helper of another: a word when the first ping went unanswered, silence at the end. */
static void relay_clock(struct nodosum *n, struct nodosum_slot *s)
{
    if (s->attempts < NODOSUM_ATTEMPTS && n->now_us >= s->second_us) {
        struct nodosum_message nack = {.kind = NODOSUM_PACKET_NACK, .seq = s->asker_seq};
        struct nodosum_packet *p = is_same_id(&n->member[s->asker].id, &s->asker_id)
                                       ? nodosum_out_to(n, s->asker) : NULL;
        s->attempts = NODOSUM_ATTEMPTS; /* said once */
        if (p != NULL && !n->tuning.is_plain) {
            (void)nodosum_packet_add(p, &nack); /* an empty packet has room */
        }
    }
    if (n->now_us >= s->end_us) {
        end_slot(n, s);
    }
}

static void probe_clock(struct nodosum *n, struct nodosum_slot *s)
{
    if (!is_same_id(&n->member[s->target].id, &s->target_id)) {
        end_slot(n, s); /* forgotten, and another has its index */
    } else if (n->now_us >= s->end_us) {
        fail(n, s);
    } else if (s->attempts < NODOSUM_ATTEMPTS && n->now_us >= s->second_us) {
        ask_helpers(n, s);
        if (n->tuning.is_plain || !send_ping(n, s)) {
            s->attempts = NODOSUM_ATTEMPTS; /* there is no second one */
            s->sent_us[1] = 0;
        }
    }
}

void nodosum_probe_clock(struct nodosum *n)
{
    for (uint32_t i = 0; i < NODOSUM_SLOTS; i++) {
        if (n->slot[i].kind == NODOSUM_SLOT_PROBE) {
            probe_clock(n, &n->slot[i]);
        } else if (n->slot[i].kind == NODOSUM_SLOT_RELAY) {
            relay_clock(n, &n->slot[i]);
        }
    }
    if (n->now_us < n->period_us || n->is_leaving) {
        return;
    }
    n->period_us = n->now_us + nodosum_health_scaled(n, (uint64_t)n->tuning.period_ms * NODOSUM_MS);
    n->periods++;
    uint16_t index = choose(n);
    if (index != NODOSUM_NOBODY) {
        /* The next on the ring is a finger, too: it hears of this node often enough. */
        bool is_turn = !n->is_ring_turn && (is_eager(n) || n->periods / 2 % 2 == 0);
        (void)nodosum_probe_look(n, index, n->place.size > 0 && is_turn); /* with too many under way it has its turn later */
    }
    wander(n);
}

uint64_t nodosum_probe_due_us(const struct nodosum *n)
{
    uint64_t due_us = n->is_leaving ? UINT64_MAX : n->period_us;

    for (uint32_t i = 0; i < NODOSUM_SLOTS; i++) {
        const struct nodosum_slot *s = &n->slot[i];
        if (s->kind == NODOSUM_SLOT_PROBE || s->kind == NODOSUM_SLOT_RELAY) {
            uint64_t at_us = s->attempts < NODOSUM_ATTEMPTS ? s->second_us : s->end_us;
            due_us = at_us < due_us ? at_us : due_us;
        }
    }
    return due_us;
}

/* ---- answers ----------------------------------------------------------------------------------------- */

static bool is_helper(const struct nodosum_slot *s, uint16_t from)
{
    for (uint32_t i = 0; i < s->helpers; i++) {
        if (s->helper[i] == from) {
            return true;
        }
    }
    return false;
}

static void pass_on(struct nodosum *n, const struct nodosum_slot *s)
{
    struct nodosum_message ack = {.kind = NODOSUM_PACKET_ACK, .seq = s->asker_seq, .attempt = NODOSUM_RELAYED};

    if (is_same_id(&n->member[s->asker].id, &s->asker_id)) {
        struct nodosum_packet *p = nodosum_out_to(n, s->asker);
        if (p != NULL) {
            (void)nodosum_packet_add(p, &ack); /* an empty packet has room */
        }
    }
}

static void introduce(struct nodosum *n, uint16_t to)
{
    struct nodosum_packet *p = nodosum_out_to(n, to);

    if (p != NULL) {
        (void)nodosum_gossip_add(n, NODOSUM_SELF, p); /* an empty packet has room */
    }
}

void nodosum_probe_acked(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    struct nodosum_slot *s = slot_of(n, m->seq);
    bool is_relayed = m->attempt == NODOSUM_RELAYED;

    /* Only whom we asked can answer, and once. */
    if (s == NULL || s->is_answered || !is_same_id(&n->member[s->target].id, &s->target_id) ||
        (is_relayed ? !is_helper(s, from) : s->target != from)) {
        return;
    }
    s->is_answered = true;
    if (!is_relayed && s->sent_us[m->attempt] != 0) {
        /* A late answer counts too: otherwise a slow member would be timed out again and again. */
        sample(n, from, n->now_us - s->sent_us[m->attempt]);
    }
    if (s->kind == NODOSUM_SLOT_ENDED) {
        n->counters.acks_late++;
        return;
    }
    if (s->kind == NODOSUM_SLOT_RELAY) {
        pass_on(n, s);
    } else {
        nodosum_health_better(n);
    }
    end_slot(n, s);
    if ((m->flags & NODOSUM_ACK_STRANGER) != 0 && !is_relayed) {
        introduce(n, from);
    }
}

void nodosum_probe_nacked(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    struct nodosum_slot *s = slot_of(n, m->seq);

    for (uint32_t i = 0; s != NULL && s->kind == NODOSUM_SLOT_PROBE && i < s->helpers; i++) {
        s->nacked |= (uint8_t)((s->helper[i] == from) << i);
    }
}

void nodosum_probe_asked(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    uint16_t target = nodosum_table_find(n, &m->id);
    struct nodosum_slot *s = NULL;

    if (target == NODOSUM_SELF) {
        return; /* it could have asked us itself */
    }
    if (target != NODOSUM_NOBODY) {
        s = begin(n, NODOSUM_SLOT_RELAY, target, false);
    }
    if (s != NULL) {
        s->asker = from;
        s->asker_id = n->member[from].id;
        s->asker_seq = m->seq;
    } else if (!n->tuning.is_plain) {
        struct nodosum_message nack = {.kind = NODOSUM_PACKET_NACK, .seq = m->seq};
        struct nodosum_packet *p = nodosum_out_to(n, from);
        if (p != NULL) {
            (void)nodosum_packet_add(p, &nack); /* an empty packet has room */
        }
    }
}
