/* Claims about writes that wait for a replica, and such writes by chance beside a naive list: nothing older is handed over after something
 * newer, all that is kept is accounted for, and no bound is ever exceeded. */
#include <inttypes.h>
#include <string.h>

#include "common/base/rng.h"
#include "mycel/hint.h"
#include "tests/support/check.h"

static const uint8_t hash_key[MYCEL_STORE_HASH_KEY] = "sixteen bytes  ";

struct kit {
    struct mycel_hint h;
    struct mycel_hint_effects fx;
    void *memory;
};

static void open_kit(struct kit *k, struct mycel_hint_limits l)
{
    k->memory = aligned_alloc(64, (mycel_hint_bytes(&l) + 63) / 64 * 64);
    REQUIRE(k->memory != NULL && mycel_hint_init(&k->h, k->memory, &l, hash_key) == ERR_OK, "hints begin");
}

static void tell(struct kit *k, enum mycel_hint_event_kind kind, uint16_t to, uint64_t number, uint64_t now_ms)
{
    struct mycel_hint_event ev = {.kind = kind, .to = to, .number = number, .now_ms = now_ms};

    mycel_hint_step(&k->h, &ev, &k->fx);
}

static void keep(struct kit *k, uint16_t to, const char *key, uint64_t stamp, uint32_t size, uint64_t left_ms, uint64_t now_ms)
{
    static const uint8_t bytes[4096] = "value";
    struct mycel_hint_event ev = {.kind = MYCEL_HINT_EV_KEEP, .to = to, .now_ms = now_ms, .left_ms = left_ms,
                                  .key = {.bucket = 1, .bytes = key, .size = (uint32_t)strlen(key)},
                                  .copy = {.version = {.stamp = stamp, .writer = 7}, .bytes = bytes, .size = size, .is_tombstone = size == 0}};

    mycel_hint_step(&k->h, &ev, &k->fx);
}

/* ---- claims: what happens, and what is sent by it: key and stamp, ! a tombstone --------------------------------------- */

enum deed { KEEP, BACK, LOST, TAKEN, GONE, CLOCK };

struct did {
    enum deed deed;
    uint64_t now_ms;
    const char *key;
    uint64_t what;      /* a stamp, or a number */
    uint64_t left_ms;
    const char *want;
};

#define ALWAYS MYCEL_STORE_FOR_EVER

static const struct {
    const char *why;
    struct did did[8];
} rows[] = {
    {"nobody hears while he is away, and all when he is back, in order",
     {{KEEP, 1, "a", 5, ALWAYS, ""}, {KEEP, 2, "b", 6, ALWAYS, ""}, {BACK, 3, "", 0, 0, "a5 b6 "}, {TAKEN, 4, "", 1, 0, ""}, {CLOCK, 5, "", 0, 0, ""}}},
    {"of one key the later one alone waits", {{KEEP, 1, "a", 5, ALWAYS, ""}, {KEEP, 2, "a", 9, ALWAYS, ""}, {BACK, 3, "", 0, 0, "a9 "}}},
    {"… also when the earlier one comes later", {{KEEP, 1, "a", 9, ALWAYS, ""}, {KEEP, 2, "a", 5, ALWAYS, ""}, {BACK, 3, "", 0, 0, "a9 "}}},
    {"an answer for a write that was replaced says nothing of the later one",
     {{BACK, 0, "", 0, 0, ""}, {KEEP, 1, "a", 5, ALWAYS, "a5 "}, {KEEP, 2, "a", 9, ALWAYS, "a9 "}, {TAKEN, 3, "", 1, 0, ""}, {CLOCK, 2002, "", 0, 0, "a9 "}}},
    {"what is not answered goes again after two seconds, not before",
     {{BACK, 0, "", 0, 0, ""}, {KEEP, 1, "a", 5, ALWAYS, "a5 "}, {CLOCK, 2000, "", 0, 0, ""}, {CLOCK, 2001, "", 0, 0, "a5 "}, {TAKEN, 2002, "", 1, 0, ""}, {CLOCK, 9000, "", 0, 0, ""}}},
    {"who is lost again is sent all of it when he is back", {{KEEP, 1, "a", 5, ALWAYS, ""}, {BACK, 2, "", 0, 0, "a5 "}, {LOST, 3, "", 0, 0, ""},
     {CLOCK, 9000, "", 0, 0, ""}, {BACK, 9001, "", 0, 0, "a5 "}}},
    {"what is over goes as a tombstone, with what is left of its life before", {{KEEP, 1, "a", 5, 100, ""}, {BACK, 100, "", 0, 0, "a5 "},
     {LOST, 100, "", 0, 0, ""}, {BACK, 101, "", 0, 0, "!a5 "}}},
    {"a write is kept for its age, and then not", {{KEEP, 1, "a", 5, ALWAYS, ""}, {CLOCK, 10000, "", 0, 0, ""}, {KEEP, 10000, "b", 6, ALWAYS, ""}, {BACK, 10001, "", 0, 0, "b6 "}}},
    {"nothing waits for who never comes back", {{KEEP, 1, "a", 5, ALWAYS, ""}, {GONE, 2, "", 0, 0, ""}, {BACK, 3, "", 0, 0, ""}}},
};

static void writes_wait_as_they_should(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit k;
        open_kit(&k, (struct mycel_hint_limits){10000, 10000, 10, 10, 10000, 3});
        for (size_t n = 0; n < ARRAY_LEN(rows[i].did) && rows[i].did[n].want != NULL; n++) {
            const struct did *d = &rows[i].did[n];
            char got[256] = "", *to = got;
            if (d->deed == KEEP) {
                keep(&k, 2, d->key, d->what, 5, d->left_ms, d->now_ms);
            } else {
                static const enum mycel_hint_event_kind kinds[] = {MYCEL_HINT_EV_KEEP, MYCEL_HINT_EV_BACK, MYCEL_HINT_EV_LOST, MYCEL_HINT_EV_TAKEN,
                                                                   MYCEL_HINT_EV_GONE, MYCEL_HINT_EV_CLOCK};
                tell(&k, kinds[d->deed], 2, d->what, d->now_ms);
            }
            for (uint8_t e = 0; e < k.fx.count; e++) {
                const struct mycel_hint_effect *x = &k.fx.item[e];
                to += sprintf(to, "%s%.*s%" PRIu64 " ", x->copy.is_tombstone ? "!" : "", (int)x->key.size, (const char *)x->key.bytes, x->copy.version.stamp);
                CHECK(x->to == 2 && x->key.bucket == 1 && (x->copy.is_tombstone || memcmp(x->copy.bytes, "value", 5) == 0), "row %zu: what was kept is sent", i);
            }
            CHECK(strcmp(got, d->want) == 0, "row %zu, step %zu: %s: sent %s, and should be %s", i, n, rows[i].why, got, d->want);
        }
        free(k.memory);
    }
}

/* At each limit, and one past it. */
static void bounds_hold(void)
{
    struct kit k;
    open_kit(&k, (struct mycel_hint_limits){100000, 100000, 4, 3, 10000, 3});
    keep(&k, 0, "a", 1, 5, ALWAYS, 0);
    keep(&k, 0, "b", 2, 5, ALWAYS, 0);
    keep(&k, 0, "c", 3, 5, ALWAYS, 0);
    CHECK(k.h.counts.full == 0, "three for one are kept");
    keep(&k, 0, "d", 4, 5, ALWAYS, 0);
    CHECK(k.h.counts.full == 1 && k.h.target[0].entries == 3, "for a fourth the oldest goes");
    keep(&k, 1, "a", 5, 5, ALWAYS, 0);
    CHECK(k.h.counts.full == 1 && k.h.entries == 4, "somebody else has room");
    keep(&k, 1, "b", 6, 5, ALWAYS, 0);
    CHECK(k.h.counts.full == 2 && k.h.entries == 4 && k.h.target[0].entries == 2, "for a fifth of all the oldest of all goes");
    tell(&k, MYCEL_HINT_EV_BACK, 0, 0, 1);
    CHECK(k.fx.count == 2 && memcmp(k.fx.item[0].key.bytes, "c", 1) == 0, "those before c are gone");
    free(k.memory);

    open_kit(&k, (struct mycel_hint_limits){1000, 500, 100, 100, 10000, 3});
    keep(&k, 0, "a", 1, 600, ALWAYS, 0);
    CHECK(k.h.counts.refused == 1 && k.h.entries == 0, "what is larger than all for one is not kept");
    keep(&k, 0, "a", 1, 300, ALWAYS, 0);
    keep(&k, 1, "a", 1, 300, ALWAYS, 0);
    CHECK(k.h.entries == 2, "two of 400 bytes are");
    keep(&k, 0, "a", 2, 600, ALWAYS, 0);
    CHECK(k.h.entries == 1 && k.h.counts.refused == 2, "what was replaced is not handed over, though the later one is too large");
    free(k.memory);

    struct mycel_hint_limits wrong = {1000, 500, 100, 100, MYCEL_VERSION_TOMBSTONE_MS / 2, 3};
    CHECK(mycel_hint_bytes(&wrong) > 0, "half a tombstone's age is the most");
    wrong.age_ms++;
    CHECK(mycel_hint_bytes(&wrong) == 0 && mycel_hint_init(&k.h, NULL, &wrong, hash_key) == ERR_INVALID, "and more is refused");
}

/* ---- by chance -------------------------------------------------------------------------------------- */

enum { TARGETS = 4, KEYS = 12 };

struct model {
    uint64_t latest[TARGETS][KEYS]; /* that was kept for him */
    uint64_t has[TARGETS][KEYS];
    bool is_back[TARGETS];
    struct {
        uint16_t to;
        uint64_t number;
        uint8_t key;
        uint64_t stamp;
    } wire[256];
    uint32_t on_wire;
};

static void sent(struct kit *k, struct model *m, struct rng *r, uint64_t seed)
{
    for (uint8_t i = 0; i < k->fx.count; i++) {
        const struct mycel_hint_effect *e = &k->fx.item[i];
        uint8_t key = (uint8_t)(*(const uint8_t *)e->key.bytes - 'a');
        CHECK(m->is_back[e->to], "seed %" PRIu64 ": who is away is not spoken to", seed);
        CHECK(e->copy.version.stamp == m->latest[e->to][key], "seed %" PRIu64 ": the latest one is sent", seed);
        if (m->on_wire < 256 && rng_below(r, 4) > 0) {
            m->wire[m->on_wire].to = e->to;
            m->wire[m->on_wire].number = e->number;
            m->wire[m->on_wire].key = key;
            m->wire[m->on_wire++].stamp = e->copy.version.stamp;
        }
    }
}

static void chance(uint64_t seed)
{
    struct rng r;
    struct kit k;
    static struct model m;

    rng_init(&r, seed);
    memset(&m, 0, sizeof m);
    bool is_tight = rng_below(&r, 2) == 0;
    struct mycel_hint_limits l = {is_tight ? 2000 : 1000000, is_tight ? 900 : 1000000, is_tight ? 20 : 1000, is_tight ? 7 : 1000,
                                  is_tight ? 3000 : MYCEL_HINT_AGE_MS, TARGETS};
    open_kit(&k, l);
    uint64_t now_ms = 0, stamp = 100;
    for (uint32_t i = 0; i < 3000; i++) {
        uint16_t to = (uint16_t)rng_below(&r, TARGETS);
        uint8_t key = (uint8_t)rng_below(&r, KEYS);
        now_ms += rng_below(&r, 40);
        switch (rng_below(&r, 8)) {
        case 0:
        case 1:
        case 2: {
            char name[2] = {(char)('a' + key), 0};
            uint64_t of = ++stamp - rng_below(&r, 20);
            m.latest[to][key] = of > m.latest[to][key] ? of : m.latest[to][key];
            if (of == m.latest[to][key]) {
                keep(&k, to, name, of, (uint32_t)rng_below(&r, 200), ALWAYS, now_ms);
            }
            break;
        }
        case 3:
            m.is_back[to] = rng_below(&r, 2) == 0;
            tell(&k, m.is_back[to] ? MYCEL_HINT_EV_BACK : MYCEL_HINT_EV_LOST, to, 0, now_ms);
            break;
        case 4:
        case 5:
        case 6:
            if (m.on_wire > 0) {
                uint32_t n = (uint32_t)rng_below(&r, m.on_wire);
                uint64_t *has = &m.has[m.wire[n].to][m.wire[n].key];
                *has = m.wire[n].stamp > *has ? m.wire[n].stamp : *has;
                tell(&k, MYCEL_HINT_EV_TAKEN, m.wire[n].to, m.wire[n].number, now_ms);
                if (rng_below(&r, 4) > 0) { /* else it comes twice */
                    m.wire[n] = m.wire[--m.on_wire];
                }
            } else {
                k.fx.count = 0;
            }
            break;
        default:
            tell(&k, MYCEL_HINT_EV_CLOCK, 0, 0, now_ms);
        }
        sent(&k, &m, &r, seed);
        k.fx.count = 0;
        const struct mycel_hint_counts *c = &k.h.counts;
        uint64_t bytes = 0;
        for (uint16_t t = 0; t < TARGETS; t++) {
            bytes += k.h.target[t].bytes;
            REQUIRE(k.h.target[t].bytes <= l.target_bytes_max && k.h.target[t].entries <= l.target_entries_max && k.h.target[t].on_way <= MYCEL_HINT_WINDOW,
                    "seed %" PRIu64 ": his bounds hold", seed);
        }
        REQUIRE(k.h.bytes == bytes && bytes <= l.bytes_max && k.h.entries <= l.entries_max, "seed %" PRIu64 ": all bounds hold", seed);
        REQUIRE(c->kept == c->handed + c->replaced + c->full + c->old + c->gone + k.h.entries, "seed %" PRIu64 ": every write is accounted for", seed);
    }
    for (uint32_t i = 0; i < 2000 && k.h.entries > 0; i++) {
        now_ms += 100;
        tell(&k, i < TARGETS ? MYCEL_HINT_EV_BACK : MYCEL_HINT_EV_CLOCK, (uint16_t)(i % TARGETS), 0, now_ms);
        m.is_back[i % TARGETS] = true;
        struct mycel_hint_effects fx = k.fx;
        for (uint8_t n = 0; n < fx.count; n++) {
            uint64_t *has = &m.has[fx.item[n].to][*(const uint8_t *)fx.item[n].key.bytes - 'a'];
            *has = fx.item[n].copy.version.stamp > *has ? fx.item[n].copy.version.stamp : *has;
        }
        for (uint8_t n = 0; n < fx.count; n++) {
            tell(&k, MYCEL_HINT_EV_TAKEN, fx.item[n].to, fx.item[n].number, now_ms);
        }
    }
    CHECK(k.h.entries == 0, "seed %" PRIu64 ": all of it is handed over", seed);
    if (k.h.counts.full == 0 && k.h.counts.old == 0) {
        CHECK(memcmp(m.has, m.latest, sizeof m.has) == 0, "seed %" PRIu64 ": and everybody has the latest", seed);
    } else {
        CHECK(is_tight, "seed %" PRIu64 ": nothing is dropped where there is room", seed);
    }
    free(k.memory);
}

int main(int argc, char **argv)
{
    writes_wait_as_they_should();
    bounds_hold();
    uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 60;
    for (uint64_t seed = 1; seed <= seeds && check_failures == 0; seed++) {
        chance(seed);
    }
    return CHECK_RESULT();
}
