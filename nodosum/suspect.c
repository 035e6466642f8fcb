#include "nodosum/suspect.h"

#include <assert.h>
#include <math.h>

#include "nodosum/fingers.h"
#include "nodosum/gossip.h"
#include "nodosum/merge.h"
#include "nodosum/out.h"
#include "nodosum/probe.h"
#include "nodosum/push.h"
#include "nodosum/sync.h"
#include "nodosum/table.h"

enum {
    BESIDE = 2,       /* neighbours on either side that look for themselves: K + 1 in all, one may be the accuser */
    DEATHS_MAX = 16,  /* of one step; the others follow in the next, at once */
    ASK_TIMES = 2,    /* a suspect is asked before it is held dead: an answer is lost less than once in four */
    ASK_FINGERS = 3,  /* asked at one time instead of a suspect that is far: of two times three one answers */
    ASK_MS = 120,     /* … so long before, and again after half of that: two round trips of a WAN           */
};

/* Confirmations that can come: K, or whoever is neither the suspect nor the first accuser. */
static uint32_t confirmers(uint32_t members)
{
    uint32_t others = members > 2 ? members - 2 : 0;

    return others < NODOSUM_ACCUSERS_MAX - 1 ? others : NODOSUM_ACCUSERS_MAX - 1;
}

uint64_t nodosum_suspect_time_us(const struct nodosum_tuning *t, uint32_t members, uint32_t confirmed)
{
    double digits = log10(members < 10 ? 10 : members); /* max(1, log n), as memberlist has it */
    double least_ms = t->suspect_tenths / 10.0 * digits * t->period_ms;
    uint32_t expected = confirmers(members);

    least_ms = least_ms > t->suspect_least_ms ? least_ms : t->suspect_least_ms;
    if (t->is_plain || expected == 0 || confirmed >= expected) {
        return (uint64_t)(least_ms * NODOSUM_MS);
    }
    /* max - (max - min) log(C + 1) / log(K + 1) (Lifeguard, IV-B) */
    double most_ms = least_ms * t->suspect_times;
    double share = log(confirmed + 1) / log(expected + 1);
    return (uint64_t)((most_ms - (most_ms - least_ms) * share) * NODOSUM_MS);
}

static bool add_accuser(struct nodosum_member *m, uint64_t accuser)
{
    for (uint32_t i = 0; i < m->accusers; i++) {
        if (m->accuser[i] == accuser) {
            return false;
        }
    }
    if (m->accusers == NODOSUM_ACCUSERS_MAX) {
        return false;
    }
    m->accuser[m->accusers++] = accuser;
    return true;
}

/* The members beside a suspect look for themselves: confirmations come in one probe's time and not when the
 * round robin comes by. A constant number of them, whatever the size (as Rapid's observers, section 4.1). */
static bool is_beside(const struct nodosum *n, uint16_t suspect)
{
    for (int steps = 1; steps <= BESIDE; steps++) {
        if (nodosum_table_ring(n, suspect, steps) == NODOSUM_SELF ||
            nodosum_table_ring(n, suspect, -steps) == NODOSUM_SELF) {
            return true;
        }
    }
    return false;
}

static void begin(struct nodosum *n, uint16_t index)
{
    struct nodosum_member *m = &n->member[index];

    m->accusers = m->asked = 0;
    nodosum_table_set(n, index, NODOSUM_SUSPECT);
    m->changed_us = n->now_us;
    n->counters.suspected++;
}

bool nodosum_suspect_heard(struct nodosum *n, uint16_t index, const uint64_t *accuser, uint32_t count)
{
    struct nodosum_member *m = &n->member[index];
    bool is_new = m->state != NODOSUM_SUSPECT, has_grown = false;

    assert(count > 0 && nodosum_table_is_living(m) && index != NODOSUM_SELF);
    if (is_new) {
        begin(n, index);
    }
    for (uint32_t i = 0; i < count; i++) {
        has_grown |= add_accuser(m, accuser[i]);
    }
    if (!is_new && !has_grown) {
        return false;
    }
    n->counters.confirmed += !is_new;
    m->due_us = m->changed_us + nodosum_suspect_time_us(&n->tuning, n->living, m->accusers - 1u);
    nodosum_gossip_news(n, index);
    if (is_new && !n->tuning.is_plain && is_beside(n, index)) {
        (void)nodosum_probe_look(n, index, false); /* others look as well */
    }
    return true;
}

/* Told directly: a round of gossip saved for those who can confirm or refute. */
static void tell_neighbours(struct nodosum *n, uint16_t index)
{
    for (int steps = -BESIDE; steps <= BESIDE; steps++) {
        uint16_t to = steps == 0 ? index : nodosum_table_ring(n, index, steps);
        struct nodosum_packet *p = to == NODOSUM_NOBODY || to == NODOSUM_SELF ? NULL : nodosum_out_to(n, to);
        if (p != NULL) {
            (void)nodosum_gossip_add(n, index, p); /* an empty packet has room */
        }
    }
}

void nodosum_suspect_accuse(struct nodosum *n, uint16_t index)
{
    uint64_t self = n->member[NODOSUM_SELF].short_id;

    if (nodosum_suspect_heard(n, index, &self, 1) && !n->tuning.is_plain) {
        tell_neighbours(n, index);
        nodosum_push_news(n, index);
    }
}

bool nodosum_suspect_is_accuser(const struct nodosum *n, uint16_t index)
{
    const struct nodosum_member *m = &n->member[index];

    for (uint32_t i = 0; i < m->accusers; i++) {
        if (m->accuser[i] == n->member[NODOSUM_SELF].short_id) {
            return true;
        }
    }
    return false;
}

/* Who accuses a suspect or has it for a finger asks it; the others, for whom there would be too many of them for one
 * that is slow already, ask some of their fingers whether it refuted. */
static void ask(struct nodosum *n, uint16_t index)
{
    uint16_t to[ASK_FINGERS];

    if (n->tuning.is_plain || nodosum_fingers_has(n, index) || nodosum_suspect_is_accuser(n, index)) {
        nodosum_merge_tell(n, index, index);
        return;
    }
    uint32_t count = nodosum_fingers_draw(n, ASK_FINGERS, index, to);
    for (uint32_t i = 0; i < count; i++) {
        nodosum_sync_ask(n, to[i], index);
    }
}

/* When a suspect is asked the next time; its due time when it was asked enough. News that it refuted may have
 * passed this node by, for telling is a matter of luck: of a hundred members one misses what a hundred others
 * tell eight times when a third of it is lost. The suspect itself knows. */
static uint64_t next_us(const struct nodosum *n, const struct nodosum_member *m)
{
    uint64_t before_us = (uint64_t)ASK_MS * NODOSUM_MS * (ASK_TIMES - m->asked) / ASK_TIMES;

    return n->tuning.is_plain || m->due_us < before_us ? m->due_us : m->due_us - before_us;
}

void nodosum_suspect_clock(struct nodosum *n)
{
    uint32_t acts = 0;

    for (uint32_t i = n->suspects; i > 0 && acts < DEATHS_MAX; i--) {
        uint16_t index = n->suspect[i - 1];
        struct nodosum_member *m = &n->member[index];
        if (m->due_us <= n->now_us) {
            nodosum_merge_died(n, index); /* takes it out, and puts the last in its place */
            acts++;
        } else if (next_us(n, m) <= n->now_us) {
            m->asked++;
            ask(n, index);
            acts++;
        }
    }
}

uint64_t nodosum_suspect_due_us(const struct nodosum *n)
{
    uint64_t due_us = UINT64_MAX;

    for (uint32_t i = 0; i < n->suspects; i++) {
        uint64_t at_us = next_us(n, &n->member[n->suspect[i]]);
        due_us = at_us < due_us ? at_us : due_us;
    }
    return due_us;
}
