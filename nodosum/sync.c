#include "nodosum/sync.h"

#include <assert.h>
#include <string.h>

#include "nodosum/fingers.h"
#include "nodosum/gossip.h"
#include "nodosum/merge.h"
#include "nodosum/out.h"
#include "nodosum/table.h"

enum {
    JOIN_SEEDS = 3, /* asked at one time: one is enough, and may be down */
    DRAWS = 8,      /* for a dead member: when they are few, another time */
};

/* The members of a range: all, and what a DIGEST says of it. */
struct span {
    uint32_t from, count;
    struct nodosum_range range;
};

/* splitmix64's finish: a sum of these is another sum when anything differs. Not against members that want to
 * collide: these could as well lie. */
static uint64_t mix(const struct nodosum_member *m)
{
    uint64_t z = m->short_id ^ (m->incarnation << 1 | m->is_stale) * UINT64_C(0x9e3779b97f4a7c15);

    z += (uint64_t)m->check << 48;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Only the living are compared: who is dead is forgotten here sooner than there. A suspect is compared as
 * living, for suspicions come and go. */
static struct span span_of(const struct nodosum *n, uint64_t first, uint64_t last)
{
    struct span s = {.from = nodosum_table_lower(n, first), .range = {.first = first, .last = last}};

    for (uint32_t i = s.from; i < n->count; i++) {
        const struct nodosum_member *m = &n->member[n->sorted[i]];
        if (m->short_id > last) {
            break;
        }
        s.count++;
        if (nodosum_table_is_living(m)) {
            s.range.members++;
            s.range.hash += mix(m);
        }
    }
    return s;
}

/* ---- beginning --------------------------------------------------------------------------------------- */

static void put_digest(struct nodosum *n, struct nodosum_packet *p)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_DIGEST, .count = 1};

    if (p != NULL) {
        m.range[0] = span_of(n, 0, UINT64_MAX).range;
        (void)nodosum_gossip_add(n, NODOSUM_SELF, p); /* an empty packet has room for both */
        (void)nodosum_packet_add(p, &m);
    }
}

static uint64_t about_us(struct nodosum *n, uint64_t us)
{
    return us * 3 / 4 + rng_below(&n->rng, us / 2 + 1);
}

static void compare_with_one(struct nodosum *n)
{
    uint16_t to;

    n->sync_gap_us = n->sync_gap_us * 2;
    if (n->sync_gap_us > (uint64_t)NODOSUM_SYNC_MOST_MS * NODOSUM_MS) {
        n->sync_gap_us = (uint64_t)NODOSUM_SYNC_MOST_MS * NODOSUM_MS;
    }
    n->sync_us = n->now_us + about_us(n, n->sync_gap_us);
    if ((n->tuning.is_plain ? nodosum_table_draw(n, 1, NODOSUM_NOBODY, &to)
                            : nodosum_fingers_draw(n, 1, NODOSUM_NOBODY, &to)) == 1) {
        put_digest(n, nodosum_out_to(n, to));
    }
}

void nodosum_sync_hurry(struct nodosum *n)
{
    n->sync_gap_us = (uint64_t)NODOSUM_SYNC_LEAST_MS * NODOSUM_MS / 2; /* doubled when it is used */
    uint64_t soon_us = n->now_us + about_us(n, (uint64_t)NODOSUM_SYNC_LEAST_MS * NODOSUM_MS);
    n->sync_us = soon_us < n->sync_us ? soon_us : n->sync_us;
}

static bool is_at(const struct nodosum *n, const struct nodosum_address *at)
{
    for (uint32_t i = 0; i < n->count; i++) {
        const struct nodosum_member *m = &n->member[n->sorted[i]];
        if (nodosum_table_is_living(m) && m->about.address.port == at->port &&
            memcmp(m->about.address.ip, at->ip, sizeof at->ip) == 0) {
            return true;
        }
    }
    return false;
}

static void try_seeds(struct nodosum *n, uint32_t most)
{
    uint32_t from = n->seeds == 0 ? 0 : (uint32_t)rng_below(&n->rng, n->seeds);

    for (uint32_t i = 0; i < n->seeds && most > 0; i++) {
        const struct nodosum_address *at = &n->seed_at[(from + i) % n->seeds];
        if (!is_at(n, at)) {
            put_digest(n, nodosum_out_at(n, at));
            most--;
        }
    }
}

/* Whoever is held for dead may be on the other side of a partition that is over (Serf: reconnect). */
static void try_dead(struct nodosum *n)
{
    for (uint32_t i = 0; i < DRAWS && n->ordered > 0; i++) {
        uint16_t index = n->order[rng_below(&n->rng, n->ordered)];
        if (n->member[index].state == NODOSUM_DEAD) {
            put_digest(n, nodosum_out_to(n, index));
            return;
        }
    }
}

static void look_around(struct nodosum *n)
{
    bool is_alone = n->living == 1;
    uint64_t most_us = (uint64_t)NODOSUM_JOIN_MOST_MS * NODOSUM_MS;

    try_seeds(n, is_alone ? JOIN_SEEDS : 1);
    try_dead(n);
    n->join_us = n->now_us + about_us(n, is_alone ? n->join_gap_us : most_us);
    n->join_gap_us = 2 * n->join_gap_us < most_us ? 2 * n->join_gap_us : most_us;
}

void nodosum_sync_clock(struct nodosum *n)
{
    if (n->is_leaving) {
        return;
    }
    if (n->now_us >= n->sync_us) {
        compare_with_one(n);
    }
    if (n->now_us >= n->join_us) {
        look_around(n);
    }
}

uint64_t nodosum_sync_due_us(const struct nodosum *n)
{
    uint64_t due_us = n->sync_us < n->join_us ? n->sync_us : n->join_us;

    return n->is_leaving ? UINT64_MAX : due_us;
}

/* ---- answering --------------------------------------------------------------------------------------- */

/* Whoever joins does not know us, and listens to nobody whom it does not know: so we come first. */
static void put_answer(struct nodosum *n, uint16_t to, const struct nodosum_message *m)
{
    struct nodosum_packet *p = nodosum_out_to(n, to);

    if (p != NULL && nodosum_gossip_add(n, NODOSUM_SELF, p) && !nodosum_packet_add(p, m)) {
        p = nodosum_out_to(n, to);
        if (p != NULL) {
            (void)nodosum_packet_add(p, m); /* an empty packet has room */
        }
    }
}

static struct nodosum_row row_of(const struct nodosum_member *k)
{
    return (struct nodosum_row){.short_id = k->short_id, .incarnation = k->incarnation, .check = k->check,
                                .state = (uint8_t)(k->state | (k->is_stale ? NODOSUM_ROW_STALE : 0))};
}

void nodosum_sync_ask(struct nodosum *n, uint16_t to, uint16_t index)
{
    const struct nodosum_member *k = &n->member[index];
    struct nodosum_message m = {.kind = NODOSUM_PACKET_ROWS, .first = k->short_id, .last = k->short_id, .count = 1};
    struct nodosum_packet *p = nodosum_out_to(n, to);

    if (p != NULL) {
        m.row[0] = row_of(k);
        (void)nodosum_packet_add(p, &m); /* an empty packet has room */
    }
}

static void put_rows(struct nodosum *n, uint16_t to, const struct span *s)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_ROWS, .first = s->range.first, .last = s->range.last};

    for (uint32_t i = 0; i < s->count && m.count < NODOSUM_ROWS_MAX; i++) {
        const struct nodosum_member *k = &n->member[n->sorted[s->from + i]];
        m.row[m.count++] = row_of(k);
        m.last = m.count == NODOSUM_ROWS_MAX ? k->short_id : m.last; /* nothing is said of what follows */
    }
    put_answer(n, to, &m);
}

/* Into parts of as many members each. A part begins at a member whose short id is not its neighbour's. */
static void put_parts(struct nodosum *n, uint16_t to, const struct span *s)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_DIGEST};
    uint64_t first = s->range.first;

    for (uint32_t part = 1; part <= NODOSUM_RANGES_MAX; part++) {
        uint32_t at = s->from + s->count * part / NODOSUM_RANGES_MAX;
        uint64_t next = part == NODOSUM_RANGES_MAX ? 0 : n->member[n->sorted[at]].short_id;
        uint64_t last = part == NODOSUM_RANGES_MAX ? s->range.last : next - 1;
        if (part < NODOSUM_RANGES_MAX && next <= first) {
            continue;
        }
        m.range[m.count++] = span_of(n, first, last).range;
        first = next;
    }
    if (m.count > 0) {
        put_answer(n, to, &m);
    }
}

static bool may_answer(struct nodosum *n)
{
    uint64_t held;

    if (!rate_pass(&n->sync_rate, NODOSUM_SYNC_RATE, (uint64_t)1000 * NODOSUM_MS, n->now_us, &held)) {
        n->counters.held++;
        return false;
    }
    return true;
}

static void compare(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct span s = span_of(n, m->range[i].first, m->range[i].last);
        if (s.range.members == m->range[i].members && s.range.hash == m->range[i].hash) {
            continue;
        }
        if (!may_answer(n)) {
            return;
        }
        if (s.count <= NODOSUM_ROWS_MAX ||
            n->member[n->sorted[s.from]].short_id == n->member[n->sorted[s.from + s.count - 1]].short_id) {
            put_rows(n, from, &s);
        } else {
            put_parts(n, from, &s);
        }
    }
}

/* The packet that is being filled for one member; a full one is followed by another. */
struct filling {
    uint16_t to;
    struct nodosum_packet *p;
};

/* Whoever is dead here and lives there is suspected there, no more: it may be on the other side of a partition
 * that just ended, and lives (memberlist's mergeState). That is hearsay: however many say so, they count as one accuser,
 * the suspect itself, or half a cluster would confirm each other's memories faster than a thousand can refute them. */
static bool add_dead(struct nodosum *n, const struct nodosum_member *m, struct nodosum_packet *p)
{
    struct nodosum_message doubt = {.kind = NODOSUM_PACKET_SUSPECT, .id = m->id,
                                    .incarnation = m->incarnation, .count = 1};

    doubt.accuser[0] = m->short_id;
    return nodosum_packet_add(p, &doubt);
}

static bool add_record(struct nodosum *n, uint16_t index, struct nodosum_packet *p)
{
    const struct nodosum_member *m = &n->member[index];

    if (m->state == NODOSUM_DEAD) {
        return add_dead(n, m, p);
    }
    if (m->state == NODOSUM_SUSPECT && !m->is_stale &&
        !nodosum_packet_add_alive(p, &m->id, m->incarnation, &m->about)) {
        return false; /* who does not know it cannot know that it is suspected */
    }
    return (m->state == NODOSUM_ALIVE && m->is_stale) || nodosum_gossip_add(n, index, p);
}

static void push(struct nodosum *n, struct filling *f, uint16_t index)
{
    if (f->p != NULL && add_record(n, index, f->p)) {
        return;
    }
    f->p = may_answer(n) ? nodosum_out_to(n, f->to) : NULL;
    if (f->p != NULL) {
        (void)add_record(n, index, f->p); /* an empty packet has room */
    }
}

/* Whether what is known here of `m` is more than the row says. */
static bool knows_more(const struct nodosum_member *m, const struct nodosum_row *row)
{
    uint8_t state = row->state & (NODOSUM_ROW_STALE - 1);
    bool is_end = m->state == NODOSUM_DEAD || m->state == NODOSUM_LEFT;

    if (m->incarnation != row->incarnation) {
        return m->incarnation > row->incarnation;
    }
    return (is_end && m->state > state) || (!m->is_stale && (row->state & NODOSUM_ROW_STALE) != 0);
}

/* Whether the row says more than is known here. */
static bool knows_less(const struct nodosum_member *m, const struct nodosum_row *row)
{
    uint8_t state = row->state & (NODOSUM_ROW_STALE - 1);

    if (m->incarnation != row->incarnation) {
        return m->incarnation < row->incarnation;
    }
    return (state >= NODOSUM_DEAD && m->state < state) ||
           (m->is_stale && (row->state & NODOSUM_ROW_STALE) == 0);
}

/* Both know it in the same incarnation, and not the same of it. */
static bool conflicts(const struct nodosum_member *m, const struct nodosum_row *row)
{
    return m->incarnation == row->incarnation && m->check != row->check && !m->is_stale &&
           (row->state & NODOSUM_ROW_STALE) == 0 && nodosum_table_is_living(m) && row->state < NODOSUM_DEAD;
}

/* Both lists are ordered: walk them side by side. */
static void compare_rows(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    struct nodosum_message want = {.kind = NODOSUM_PACKET_WANT};
    struct filling f = {.to = from};
    uint32_t at = nodosum_table_lower(n, m->first), row = 0;

    while (row < m->count || (at < n->count && n->member[n->sorted[at]].short_id <= m->last)) {
        uint16_t index = at < n->count ? n->sorted[at] : NODOSUM_NOBODY;
        const struct nodosum_member *k = index == NODOSUM_NOBODY ? NULL : &n->member[index];
        bool is_ours = k != NULL && (row == m->count || k->short_id <= m->row[row].short_id);
        bool is_theirs = row < m->count && (k == NULL || m->row[row].short_id <= k->short_id);
        if (is_ours && (is_theirs ? knows_more(k, &m->row[row]) : nodosum_table_is_living(k))) {
            push(n, &f, index);
        } else if (is_theirs && (is_ours ? knows_less(k, &m->row[row])
                                         : (m->row[row].state & (NODOSUM_ROW_STALE - 1)) < NODOSUM_DEAD)) {
            want.want[want.count++] = m->row[row].short_id;
        } else if (is_ours && is_theirs && index != NODOSUM_SELF && conflicts(k, &m->row[row])) {
            nodosum_merge_conflict(n, index);
        } else if (is_ours && is_theirs && index == NODOSUM_SELF && conflicts(k, &m->row[row])) {
            want.want[want.count++] = k->short_id; /* what they know of us: we shall refute it */
        }
        at += is_ours;
        row += is_theirs;
    }
    struct nodosum_packet *p = want.count == 0 || !may_answer(n) ? NULL : nodosum_out_to(n, from);
    if (p != NULL) {
        (void)nodosum_packet_add(p, &want); /* an empty packet has room */
    }
    if (want.count > 0 || f.p != NULL) {
        nodosum_sync_hurry(n);
    }
}

static void give(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    struct filling f = {.to = from};

    for (uint32_t i = 0; i < m->count; i++) {
        uint32_t at = nodosum_table_lower(n, m->want[i]);
        while (at < n->count && n->member[n->sorted[at]].short_id == m->want[i]) {
            push(n, &f, n->sorted[at++]);
        }
    }
    nodosum_sync_hurry(n);
}

void nodosum_sync_message(struct nodosum *n, uint16_t from, const struct nodosum_message *m)
{
    assert(from != NODOSUM_SELF);
    if (m->kind == NODOSUM_PACKET_DIGEST) {
        compare(n, from, m);
    } else if (m->kind == NODOSUM_PACKET_ROWS) {
        compare_rows(n, from, m);
    } else {
        assert(m->kind == NODOSUM_PACKET_WANT);
        give(n, from, m);
    }
}
