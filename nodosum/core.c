#include "nodosum/core.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "nodosum/gossip.h"
#include "nodosum/health.h"
#include "nodosum/merge.h"
#include "nodosum/out.h"
#include "nodosum/probe.h"
#include "nodosum/push.h"
#include "nodosum/suspect.h"
#include "nodosum/sync.h"
#include "nodosum/table.h"

enum {
    INDEXES = 5,               /* lists of one index a member: sorted, ring, order, suspect, vacant */
    PERIOD_MS = 200,           /* memberlist 1,000: a death in 64 nodes is to be known in about a second */
    GOSSIP_MS = 20,            /* memberlist 200: a round takes less on a LAN, and idle there is none */
    SUSPECT_TENTHS = 15,       /* alpha 1.5 (Lifeguard 5): refutations need rounds, which are short here */
    SUSPECT_LEAST_MS = 600,    /* more than a stop of half a second, and the way back */
    SUSPECT_TIMES = 6,         /* beta (Lifeguard, IV-B; memberlist: SuspicionMaxTimeoutMult) */
    KEEP_MS = 24 * 3600 * 1000 /* Serf: reconnect_timeout, tombstone_timeout */
};

static_assert(sizeof(struct nodosum_member) + INDEXES * sizeof(uint16_t) <= NODOSUM_MEMBER_BYTES,
              "what a member costs is documented");

struct nodosum_tuning nodosum_core_usual(void)
{
    return (struct nodosum_tuning){.period_ms = PERIOD_MS, .gossip_ms = GOSSIP_MS,
                                   .suspect_tenths = SUSPECT_TENTHS, .suspect_least_ms = SUSPECT_LEAST_MS,
                                   .suspect_times = SUSPECT_TIMES, .keep_ms = KEEP_MS};
}

size_t nodosum_core_size(uint32_t members_max)
{
    return sizeof(struct nodosum) + (size_t)members_max * NODOSUM_MEMBER_BYTES;
}

/* Whether somebody can be there. */
static bool are_seeds(const struct nodosum_address *at, uint32_t count)
{
    static const uint8_t nowhere[16];

    for (uint32_t i = 0; i < count && i < NODOSUM_SEEDS_MAX; i++) {
        if (at[i].port == 0 || memcmp(at[i].ip, nowhere, sizeof nowhere) == 0) {
            return false;
        }
    }
    return count <= NODOSUM_SEEDS_MAX;
}

static bool is_valid(const struct nodosum_config *c)
{
    const struct nodosum_about *a = &c->about;
    const struct nodosum_tuning *t = &c->tuning;

    return are_seeds(c->seed_at, c->seeds) && c->members_max >= 2 && c->members_max <= NODOSUM_MEMBERS_MAX &&
           c->incarnation <= NODOSUM_INCARNATION_MAX && a->address.port != 0 &&
           a->name_len <= NAME_MAX_LEN && name_valid(a->name, a->name_len) &&
           a->meta_size <= NODOSUM_META_MAX && a->offers_size <= NODOSUM_OFFERS_BYTES && t->period_ms > 0 && t->gossip_ms > 0 && t->suspect_times > 0 &&
           t->keep_ms > 0 && c->words.say != NULL && c->words.is_said != NULL;
}

/* One block: the state, the members, the lists of indexes. */
static void lay_out(struct nodosum *n, uint32_t members_max)
{
    uint8_t *at = (uint8_t *)(n + 1);

    n->members_max = members_max;
    n->member = (struct nodosum_member *)at;
    uint16_t *index = (uint16_t *)(at + (size_t)members_max * sizeof(struct nodosum_member));
    n->sorted = index;
    n->order = index + members_max;
    n->suspect = index + 2 * (size_t)members_max;
    n->vacant = index + 3 * (size_t)members_max;
    n->ring = index + 4 * (size_t)members_max;
    for (uint32_t i = 0; i < members_max; i++) {
        n->vacant[i] = (uint16_t)(members_max - 1 - i); /* the lowest is given first: 0 to itself */
    }
}

enum err nodosum_core_init(void *memory, const struct nodosum_config *config, uint64_t now_us,
                           struct nodosum **ret)
{
    struct nodosum *n = memory;
    struct nodosum_about about = config->about;

    static_assert(alignof(struct nodosum) >= alignof(struct nodosum_member), "members follow the state");
    if (!is_valid(config)) {
        return ERR_INVALID;
    }
    memset(n, 0, sizeof *n);
    lay_out(n, config->members_max);
    rng_init(&n->rng, config->seed);
    n->tuning = config->tuning;
    n->words = config->words;
    n->now_us = now_us;
    n->seeds = config->seeds;
    memcpy(n->seed_at, config->seed_at, sizeof n->seed_at);
    about.meta_version = config->incarnation == 0 ? 1 : config->incarnation;
    about.name[about.name_len] = '\0';
    uint16_t self = nodosum_table_add(n, &config->id, about.meta_version, &about);
    assert(self == NODOSUM_SELF);
    (void)self;
    n->begun = about.meta_version;
    n->seq = (uint32_t)rng_next(&n->rng); /* answers to an earlier life are none to this one */
    n->period_us = now_us + rng_below(&n->rng, (uint64_t)n->tuning.period_ms * NODOSUM_MS);
    n->sync_gap_us = (uint64_t)NODOSUM_SYNC_LEAST_MS * NODOSUM_MS / 2;
    n->sync_us = now_us + rng_below(&n->rng, (uint64_t)NODOSUM_SYNC_LEAST_MS * NODOSUM_MS);
    n->join_gap_us = (uint64_t)NODOSUM_JOIN_LEAST_MS * NODOSUM_MS;
    n->join_us = now_us;
    n->reap_us = now_us + (uint64_t)NODOSUM_REAP_MS * NODOSUM_MS;
    nodosum_gossip_news(n, NODOSUM_SELF);
    *ret = n;
    return ERR_OK;
}

/* ---- steps --------------------------------------------------------------------------------------- */

static void begin(struct nodosum *n, uint64_t now_us, struct nodosum_effects *fx)
{
    assert(now_us >= n->now_us);
    fx->sends = fx->rtts = 0;
    n->fx = fx;
    n->now_us = now_us;
    nodosum_health_wake(n);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void end(struct nodosum *n)
{
    struct nodosum_effects *fx = n->fx;
    uint64_t due_us = least(nodosum_probe_due_us(n), nodosum_sync_due_us(n));

    nodosum_push_clock(n); /* what this step found */
    nodosum_out_end(n);
    due_us = n->push_us == 0 ? due_us : least(due_us, n->push_us);
    due_us = least(due_us, least(nodosum_suspect_due_us(n), n->reap_us));
    due_us = n->gossip_us == 0 ? due_us : least(due_us, n->gossip_us);
    if (n->is_leaving && !n->has_left) {
        due_us = least(due_us, n->leave_us);
        n->has_left = n->member[NODOSUM_SELF].level == NODOSUM_LEVELS || n->living == 0 ||
                      n->now_us >= n->leave_us;
    }
    fx->due_us = n->has_left ? UINT64_MAX : due_us;
    fx->revision = n->revision;
    fx->has_left = n->has_left;
    /* What is due already cannot be late: a confirmation may end a suspicion in the past. */
    n->promised_us = fx->due_us > n->now_us ? fx->due_us : n->now_us;
    n->fx = NULL;
}

void nodosum_core_clock(struct nodosum *n, uint64_t now_us, struct nodosum_effects *fx)
{
    begin(n, now_us, fx);
    if (!n->has_left) {
        nodosum_suspect_clock(n);
        nodosum_probe_clock(n);
        nodosum_sync_clock(n);
        nodosum_gossip_clock(n); /* last: it tells what the others found */
        if (n->now_us >= n->reap_us) {
            n->reap_us = n->now_us + (uint64_t)NODOSUM_REAP_MS * NODOSUM_MS;
            nodosum_table_reap(n);
        }
    }
    end(n);
}

static void answer_ping(struct nodosum *n, uint16_t index, const struct nodosum_id *from,
                        const struct nodosum_address *at, const struct nodosum_message *m)
{
    struct nodosum_message ack = {.kind = NODOSUM_PACKET_ACK, .seq = m->seq, .attempt = m->attempt,
                                  .flags = index == NODOSUM_NOBODY ? NODOSUM_ACK_STRANGER : 0};
    struct nodosum_packet *p = nodosum_out_back(n, from, at);

    if (p != NULL) {
        (void)nodosum_packet_add(p, &ack); /* an empty packet has room */
        if (index != NODOSUM_NOBODY) {
            if ((m->flags & NODOSUM_PING_PLACE) != 0) {
                nodosum_probe_place(n, p);
            }
            nodosum_gossip_fill(n, index, p); /* to strangers no more than they sent */
        }
    }
}

/* What a known member sent. */
static void take(struct nodosum *n, uint16_t index, const struct nodosum_message *m)
{
    switch (m->kind) {
    case NODOSUM_PACKET_ACK:
        nodosum_probe_acked(n, index, m);
        break;
    case NODOSUM_PACKET_NACK:
        nodosum_probe_nacked(n, index, m);
        break;
    case NODOSUM_PACKET_PING_REQ:
        nodosum_probe_asked(n, index, m);
        break;
    case NODOSUM_PACKET_ALIVE:
    case NODOSUM_PACKET_SUSPECT:
    case NODOSUM_PACKET_DEAD:
    case NODOSUM_PACKET_LEFT:
    case NODOSUM_PACKET_LIVES:
        (void)nodosum_merge_message(n, index, m); /* nothing follows from old news */
        break;
    case NODOSUM_PACKET_DIGEST:
    case NODOSUM_PACKET_ROWS:
    case NODOSUM_PACKET_WANT:
        nodosum_sync_message(n, index, m);
        break;
    case NODOSUM_PACKET_PLACE:
        nodosum_out_heard(n, index, &m->place);
        break;
    case NODOSUM_PACKET_PING:
    case NODOSUM_PACKET_PUSH:
        assert(false); /* seen to before */
        break;
    }
}

/* What a packet says behind a PUSH, as far as it is to be passed on. */
struct passing {
    uint64_t last;
    uint32_t count;
    uint16_t index[NODOSUM_PUSH_MAX];
};

static void note(struct nodosum *n, struct passing *passing, const struct nodosum_message *m)
{
    bool is_news = m->kind >= NODOSUM_PACKET_ALIVE && m->kind <= NODOSUM_PACKET_LEFT;
    uint16_t index = is_news && n->is_passing ? nodosum_table_find(n, &m->id) : NODOSUM_NOBODY;

    if (index != NODOSUM_NOBODY && passing->count < ARRAY_LEN(passing->index) &&
        nodosum_push_is_due(n, index, m, passing->last)) {
        passing->index[passing->count++] = index;
    }
}

static void pass_on(struct nodosum *n, const struct passing *passing)
{
    if (passing->count > 0) {
        nodosum_push_pass(n, passing->index, passing->count, passing->last);
    }
    n->is_passing = false;
}

enum err nodosum_core_packet(struct nodosum *n, uint64_t now_us, const struct nodosum_id *from,
                             const struct nodosum_address *at, const uint8_t *bytes, size_t size,
                             struct nodosum_effects *fx)
{
    struct nodosum_message m;
    struct passing passing = {0};
    size_t place = 1;
    enum err e = nodosum_packet_check(bytes, size);

    begin(n, now_us, fx);
    n->counters.packets_in++;
    n->counters.bytes_in += size;
    n->counters.malformed += e != ERR_OK;
    while (e == ERR_OK && !n->has_left && nodosum_packet_next(bytes, size, &place, &m)) {
        uint16_t index = nodosum_table_find(n, from); /* anew: a message may have made or moved it */
        bool introduces = m.kind == NODOSUM_PACKET_ALIVE && memcmp(m.id.byte, from->byte, NODOSUM_ID_SIZE) == 0;
        if (index == NODOSUM_SELF) {
            n->counters.strangers++; /* our own packet came back to us */
        } else if (m.kind == NODOSUM_PACKET_PING) {
            answer_ping(n, index, from, at, &m);
        } else if (index != NODOSUM_NOBODY && m.kind == NODOSUM_PACKET_PUSH) {
            n->is_passing = true;
            passing.last = m.last;
        } else if (index != NODOSUM_NOBODY) {
            take(n, index, &m);
            note(n, &passing, &m);
        } else if (introduces) {
            (void)nodosum_merge_message(n, index, &m); /* a full table counts it */
        } else {
            n->counters.strangers++;
        }
    }
    pass_on(n, &passing);
    end(n);
    return e;
}

/* Replace *to by other bytes; whether they are other ones. `from` may be NULL when there are none. */
static bool replace(uint8_t *to, uint16_t *to_size, const uint8_t *from, size_t size)
{
    if (size == *to_size && (size == 0 || memcmp(from, to, size) == 0)) {
        return false;
    }
    *to_size = (uint16_t)size;
    if (size > 0) {
        memcpy(to, from, size);
    }
    return true;
}

/* It says something else of itself from now on, in a new incarnation. */
static enum err say(struct nodosum *n, struct nodosum_about *about)
{
    struct nodosum_member *self = &n->member[NODOSUM_SELF];

    if (self->incarnation == NODOSUM_INCARNATION_MAX) {
        return ERR_LIMIT;
    }
    about->meta_version = ++self->incarnation;
    nodosum_table_describe(n, NODOSUM_SELF, about);
    nodosum_gossip_news(n, NODOSUM_SELF);
    nodosum_push_news(n, NODOSUM_SELF);
    return ERR_OK;
}

enum err nodosum_core_update(struct nodosum *n, uint64_t now_us, const uint8_t *meta, size_t size,
                             struct nodosum_effects *fx)
{
    struct nodosum_about about = n->member[NODOSUM_SELF].about;
    enum err e = ERR_OK;

    begin(n, now_us, fx);
    if (size > NODOSUM_META_MAX) {
        e = ERR_LIMIT;
    } else if (n->is_leaving) {
        e = ERR_PRECONDITION;
    } else if (replace(about.meta, &about.meta_size, meta, size)) {
        e = say(n, &about);
    }
    end(n);
    return e;
}

enum err nodosum_core_offer(struct nodosum *n, uint64_t now_us, const uint8_t *offers, size_t size,
                            struct nodosum_effects *fx)
{
    struct nodosum_about about = n->member[NODOSUM_SELF].about;
    enum err e = ERR_OK;

    begin(n, now_us, fx);
    if (size > NODOSUM_OFFERS_BYTES) {
        e = ERR_LIMIT;
    } else if (n->is_leaving) {
        e = ERR_PRECONDITION;
    } else if (replace(about.offers, &about.offers_size, offers, size)) {
        e = say(n, &about);
    }
    end(n);
    return e;
}

enum err nodosum_core_place(struct nodosum *n, uint64_t now_us, const uint8_t *place, size_t size)
{
    if (size > NODOSUM_META_PLACE_MAX) {
        return ERR_LIMIT;
    }
    n->placed_us = n->place.size == 0 ? now_us : n->placed_us;
    n->place = (struct nodosum_place){.size = (uint8_t)size};
    if (size > 0) {
        memcpy(n->place.bytes, place, size);
    }
    return ERR_OK;
}

enum err nodosum_core_look(struct nodosum *n, uint64_t now_us, const struct nodosum_id *id, struct nodosum_effects *fx)
{
    enum err e = ERR_PRECONDITION;

    begin(n, now_us, fx);
    uint16_t index = nodosum_table_find(n, id);
    if (index == NODOSUM_NOBODY || index == NODOSUM_SELF || !nodosum_table_is_living(&n->member[index])) {
        e = ERR_NOT_FOUND;
    } else if (!n->is_leaving) {
        e = nodosum_probe_look(n, index, n->place.size > 0) ? ERR_OK : ERR_LIMIT;
    }
    end(n);
    return e;
}

enum err nodosum_core_move(struct nodosum *n, uint64_t now_us, const struct nodosum_address *to,
                           struct nodosum_effects *fx)
{
    struct nodosum_about about = n->member[NODOSUM_SELF].about;
    enum err e = ERR_OK;

    begin(n, now_us, fx);
    if (!are_seeds(to, 1)) {
        e = ERR_INVALID;
    } else if (n->is_leaving) {
        e = ERR_PRECONDITION;
    } else if (to->port != about.address.port || memcmp(to->ip, about.address.ip, sizeof to->ip) != 0) {
        about.address = *to;
        e = say(n, &about);
    }
    end(n);
    return e;
}

enum err nodosum_core_seeds(struct nodosum *n, uint64_t now_us, const struct nodosum_address *at, uint32_t count,
                            struct nodosum_effects *fx)
{
    enum err e = are_seeds(at, count) ? ERR_OK : ERR_INVALID;

    begin(n, now_us, fx);
    if (e == ERR_OK) {
        n->seeds = count;
        memcpy(n->seed_at, at, count * sizeof *at);
        n->join_us = now_us;
        n->join_gap_us = (uint64_t)NODOSUM_JOIN_LEAST_MS * NODOSUM_MS;
        if (!n->is_leaving) {
            nodosum_sync_clock(n);
        }
    }
    end(n);
    return e;
}

void nodosum_core_leave(struct nodosum *n, uint64_t now_us, struct nodosum_effects *fx)
{
    struct nodosum_member *self = &n->member[NODOSUM_SELF];

    begin(n, now_us, fx);
    if (!n->is_leaving) {
        n->is_leaving = true; /* its incarnation stays */
        n->words.say(n->words.keys, false, self->incarnation, self->word);
        self->sworn = 0;
        n->leave_us = now_us + (uint64_t)NODOSUM_LEAVE_MS * NODOSUM_MS;
        nodosum_table_set(n, NODOSUM_SELF, NODOSUM_LEFT);
        nodosum_gossip_news(n, NODOSUM_SELF);
        nodosum_push_news(n, NODOSUM_SELF);
    }
    end(n);
}

/* ---- looking --------------------------------------------------------------------------------------- */

uint32_t nodosum_core_count(const struct nodosum *n)
{
    return n->count;
}

uint32_t nodosum_core_living(const struct nodosum *n)
{
    return n->living;
}

static struct nodosum_view view(const struct nodosum_member *m)
{
    return (struct nodosum_view){.id = m->id, .state = (enum nodosum_state)m->state,
                                 .incarnation = m->incarnation, .rtt_us = m->srtt_us, .is_contested = m->is_contested,
                                 .about = &m->about};
}

struct nodosum_view nodosum_core_view(const struct nodosum *n, uint32_t i)
{
    assert(i < n->count);
    return view(&n->member[n->sorted[i]]);
}

bool nodosum_core_find(const struct nodosum *n, const struct nodosum_id *id, struct nodosum_view *ret)
{
    uint16_t index = nodosum_table_find(n, id);

    if (index == NODOSUM_NOBODY) {
        return false;
    }
    *ret = view(&n->member[index]);
    return true;
}

uint32_t nodosum_core_health(const struct nodosum *n)
{
    return n->health;
}

const struct nodosum_counters *nodosum_core_counters(const struct nodosum *n)
{
    return &n->counters;
}
