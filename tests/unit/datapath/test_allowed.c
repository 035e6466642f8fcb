/* The prefix tries: a table, and a list of prefixes that is looked through for comparison. */
#include "datapath/allowed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { NOBODY = DATAPATH_ALLOWED_NOBODY, ROOM = 64, LIST = 48, PEERS = 100 };

static struct datapath_allowed_node memory[2 * ROOM];
static uint32_t firsts[PEERS];

static struct datapath_prefix v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t bits)
{
    return (struct datapath_prefix){.ip = {a, b, c, d}, .size = DATAPATH_ALLOWED_V4, .bits = bits};
}

static uint32_t find4(const struct datapath_allowed *t, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return datapath_allowed_find(t, (const uint8_t[]){a, b, c, d}, DATAPATH_ALLOWED_V4);
}

static void add(struct datapath_allowed *t, struct datapath_prefix p, uint32_t peer, uint32_t expected)
{
    uint32_t former;

    CHECK(datapath_allowed_add(t, &p, peer, &former) == ERR_OK && former == expected, "peer %" PRIu32, peer);
}

static void the_longest_prefix_wins(void)
{
    static const struct {
        uint8_t ip[4];
        uint32_t peer;
        const char *why;
    } rows[] = {
        {{192, 168, 4, 20}, 1, "in a /24"},        {{192, 168, 4, 4}, 2, "in a /32 within it"},
        {{192, 168, 200, 182}, 3, "in the /16"},   {{192, 95, 5, 64}, 4, "first of a /27"},
        {{192, 95, 5, 95}, 4, "last of it"},       {{192, 95, 5, 96}, 8, "one behind: the /0"},
        {{192, 95, 5, 63}, 8, "one before"},       {{255, 255, 255, 255}, 8, "the last address"},
        {{10, 0, 0, 1}, 5, "one half of a /8"},    {{10, 128, 0, 0}, 6, "the other"},
    };
    struct datapath_allowed t;

    datapath_allowed_init(&t, memory, ROOM, firsts, PEERS);
    CHECK(find4(&t, 1, 2, 3, 4) == NOBODY, "empty");
    add(&t, v4(192, 168, 4, 0, 24), 1, NOBODY);
    add(&t, v4(192, 168, 4, 4, 32), 2, NOBODY);
    add(&t, v4(192, 168, 0, 0, 16), 3, NOBODY);
    add(&t, v4(192, 95, 5, 64, 27), 4, NOBODY);
    CHECK(find4(&t, 192, 95, 5, 96) == NOBODY, "nobody's yet");
    add(&t, v4(10, 0, 0, 0, 9), 5, NOBODY);
    add(&t, v4(10, 128, 0, 0, 9), 6, NOBODY);
    add(&t, v4(0, 0, 0, 0, 0), 7, NOBODY);
    add(&t, v4(0, 0, 0, 0, 0), 8, 7); /* it changes hands */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const uint8_t *ip = rows[i].ip;
        CHECK(find4(&t, ip[0], ip[1], ip[2], ip[3]) == rows[i].peer, "row %zu: %s", i, rows[i].why);
    }
    CHECK(datapath_allowed_find(&t, (const uint8_t[16]){192, 168, 4, 4}, 16) == NOBODY, "IPv6 is another world");
    struct datapath_prefix p = v4(192, 168, 4, 4, 32);
    CHECK(datapath_allowed_drop(&t, &p, 1) == ERR_NOT_FOUND, "not his");
    CHECK(datapath_allowed_drop(&t, &p, 2) == ERR_OK, "his");
    CHECK(datapath_allowed_drop(&t, &p, 2) == ERR_NOT_FOUND, "once");
    CHECK(find4(&t, 192, 168, 4, 4) == 1, "the /24 has it again");
}

struct told {
    size_t count;
    uint8_t third[4];
};

static void tell(void *context, uint32_t peer, const struct datapath_prefix *prefix)
{
    struct told *t = context;

    t->third[t->count++ % 4] = prefix->ip[2];
}

/* As they were said: who moves away and comes back is the last; what another took is his last. */
static void they_stay_in_the_order_in_which_they_came(void)
{
    static const struct {
        uint32_t peer;
        size_t count;
        uint8_t third[4];
    } rows[] = {{1, 3, {1, 7, 9}}, {2, 2, {5, 3}}, {3, 0, {0}}};
    struct datapath_allowed t;
    uint32_t former;
    struct datapath_prefix moved = v4(10, 0, 3, 0, 24), back = v4(10, 0, 9, 0, 24), same = v4(10, 0, 1, 0, 24);

    datapath_allowed_init(&t, memory, ROOM, firsts, PEERS);
    add(&t, v4(10, 0, 9, 0, 24), 1, NOBODY);
    add(&t, v4(10, 0, 3, 0, 24), 1, NOBODY);
    add(&t, v4(10, 0, 1, 0, 24), 1, NOBODY);
    add(&t, v4(10, 0, 7, 0, 24), 1, NOBODY);
    add(&t, v4(10, 0, 5, 0, 24), 2, NOBODY);
    CHECK(datapath_allowed_add(&t, &moved, 2, &former) == ERR_OK && former == 1, "it is another's now");
    CHECK(datapath_allowed_drop(&t, &back, 1) == ERR_OK && datapath_allowed_add(&t, &back, 1, &former) == ERR_OK, "gone and back");
    CHECK(datapath_allowed_add(&t, &same, 1, &former) == ERR_OK && former == 1, "what is his stays where it is");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct told told = {.count = 0};
        datapath_allowed_each(&t, rows[i].peer, tell, &told);
        CHECK(told.count == rows[i].count && memcmp(told.third, rows[i].third, told.count) == 0, "row %zu", i);
    }
}

static void bad_prefixes_are_refused(void)
{
    struct datapath_prefix rows[] = {v4(10, 0, 0, 1, 31), v4(10, 0, 0, 0, 33), v4(128, 0, 0, 0, 0),
                                     {.size = 5}, {.size = 16, .bits = 129}, {.ip = {[15] = 1}, .size = 16, .bits = 127}};
    struct datapath_allowed t;
    uint32_t former = 77;

    datapath_allowed_init(&t, memory, ROOM, firsts, PEERS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(datapath_allowed_add(&t, &rows[i], 1, &former) == ERR_INVALID && former == 77, "row %zu", i);
        CHECK(datapath_allowed_drop(&t, &rows[i], 1) == ERR_INVALID, "row %zu", i);
        bool is_same;
        CHECK(datapath_allowed_holder(&t, &rows[i], &is_same) == NOBODY && !is_same, "row %zu", i);
    }
    for (unsigned i = 0; i < ROOM; i++) {
        add(&t, v4(10, 0, (uint8_t)i, (uint8_t)(i * 37), 32), i, NOBODY);
    }
    struct datapath_prefix over = v4(11, 0, 0, 0, 8), known = v4(10, 0, 3, 111, 32);
    CHECK(datapath_allowed_add(&t, &over, 1, &former) == ERR_LIMIT, "one too many");
    CHECK(datapath_allowed_add(&t, &known, 99, &former) == ERR_OK && former == 3, "a known one may change hands");
    datapath_allowed_drop_peer(&t, 5);
    CHECK(datapath_allowed_add(&t, &over, 1, &former) == ERR_OK, "room again");
}

/* ---- against a list --------------------------------------------------------------------------------- */

struct listed {
    struct datapath_prefix prefix;
    uint32_t peer;
};

static bool holds(const struct datapath_prefix *p, const uint8_t *ip)
{
    for (unsigned at = 0; at < p->bits; at++) {
        if ((p->ip[at / 8] ^ ip[at / 8]) >> (7 - at % 8) & 1) {
            return false;
        }
    }
    return true;
}

static uint32_t find_in(const struct listed *list, size_t count, const uint8_t *ip, size_t size)
{
    int best = -1;
    uint32_t peer = NOBODY;

    for (size_t i = 0; i < count; i++) {
        if (list[i].prefix.size == size && holds(&list[i].prefix, ip) && list[i].prefix.bits > best) {
            best = list[i].prefix.bits;
            peer = list[i].peer;
        }
    }
    return peer;
}

/* Few different bits, so that prefixes meet. */
static void draw_ip(struct rng *r, uint8_t *ip, size_t size)
{
    memset(ip, 0, 16);
    for (size_t i = 0; i < size; i += 1 + size / 5) {
        ip[i] = (uint8_t)(rng_below(r, 4) << 6 | rng_below(r, 3));
    }
}

static struct datapath_prefix draw_prefix(struct rng *r)
{
    struct datapath_prefix p = {.size = rng_below(r, 2) == 0 ? 4 : 16};

    p.bits = (uint8_t)rng_below(r, 8 * p.size + 1);
    draw_ip(r, p.ip, p.size);
    for (unsigned at = p.bits; at < 128; at++) {
        p.ip[at / 8] &= (uint8_t)~(0x80u >> at % 8);
    }
    return p;
}

static size_t index_of(const struct listed *list, size_t count, const struct datapath_prefix *p)
{
    size_t i = 0;

    while (i < count && memcmp(&list[i].prefix, p, sizeof *p) != 0) {
        i++;
    }
    return i;
}

struct counted {
    const struct listed *list;
    size_t listed, count;
};

static void count_one(void *context, uint32_t peer, const struct datapath_prefix *prefix)
{
    struct counted *c = context;
    size_t at = index_of(c->list, c->listed, prefix);

    CHECK(at < c->listed && c->list[at].peer == peer, "it is his");
    c->count++;
}

/* Of those in the list that hold `p` and are no longer, the owner of the longest. */
static uint32_t holder_in(const struct listed *list, size_t count, const struct datapath_prefix *p, bool *ret_is_same)
{
    uint32_t best = NOBODY;
    unsigned bits = 0;

    *ret_is_same = false;
    for (size_t i = 0; i < count; i++) {
        const struct datapath_prefix *q = &list[i].prefix;
        bool is_above = q->size == p->size && q->bits <= p->bits && holds(q, p->ip);
        if (is_above && (best == NOBODY || q->bits > bits)) {
            best = list[i].peer;
            bits = q->bits;
            *ret_is_same = q->bits == p->bits;
        }
    }
    return best;
}

static bool holder_is_as_the_list_says(struct rng *r, const struct datapath_allowed *t, const struct listed *list, size_t count)
{
    struct datapath_prefix p = draw_prefix(r);
    bool is_same, should_be_same;
    uint32_t expected = holder_in(list, count, &p, &should_be_same), holder = datapath_allowed_holder(t, &p, &is_same);

    CHECK(holder == expected && is_same == should_be_same, "%" PRIu32 " holds it, not %" PRIu32, holder, expected);
    return is_same;
}

static size_t change(struct rng *r, struct datapath_allowed *t, struct listed *list, size_t count)
{
    struct datapath_prefix p = draw_prefix(r);
    uint32_t peer = (uint32_t)rng_below(r, 6), former;
    size_t at = index_of(list, count, &p);
    uint64_t what = rng_below(r, 20);

    if (what == 0) {
        struct counted seen = {.list = list, .listed = count}, expected = {.count = 0}, all = {.list = list, .listed = count};
        datapath_allowed_each(t, peer, count_one, &seen);
        datapath_allowed_each(t, NOBODY, count_one, &all);
        CHECK(all.count == count, "all of all");
        for (size_t i = 0; i < count;) {
            bool is_his = list[i].peer == peer;
            expected.count += is_his;
            if (is_his) {
                list[i] = list[--count];
            } else {
                i++;
            }
        }
        CHECK(seen.count == expected.count, "all of a peer");
        datapath_allowed_drop_peer(t, peer);
    } else if (what < 8) {
        at = count == 0 || what < 3 ? at : (size_t)rng_below(r, count);
        bool is_there = at < count;
        p = is_there ? list[at].prefix : p;
        CHECK(datapath_allowed_drop(t, &p, is_there ? list[at].peer : peer) == (is_there ? ERR_OK : ERR_NOT_FOUND), "drop");
        if (is_there) {
            list[at] = list[--count];
        }
    } else if (at < count || count < LIST) {
        CHECK(datapath_allowed_add(t, &p, peer, &former) == ERR_OK, "add");
        CHECK(former == (at < count ? list[at].peer : NOBODY), "former");
        list[at] = (struct listed){.prefix = p, .peer = peer};
        count += at == count;
    }
    return count;
}

static void agrees_with_a_list(void)
{
    enum { STEPS = 30000 };
    struct listed list[LIST + 1];
    struct datapath_allowed t;
    struct rng r;
    size_t count = 0, found = 0, same = 0;

    rng_init(&r, 6);
    datapath_allowed_init(&t, memory, LIST, firsts, PEERS); /* so many nodes must do */
    for (unsigned i = 0; i < STEPS; i++) {
        uint8_t ip[16];
        size_t size = rng_below(&r, 2) == 0 ? 4 : 16;
        count = change(&r, &t, list, count);
        CHECK(t.prefixes == count, "step %u: %" PRIu32 " of %zu", i, t.prefixes, count);
        draw_ip(&r, ip, size);
        uint32_t expected = find_in(list, count, ip, size);
        CHECK(datapath_allowed_find(&t, ip, size) == expected, "step %u", i);
        found += expected != NOBODY;
        same += holder_is_as_the_list_says(&r, &t, list, count);
    }
    CHECK(same > 100, "%zu prefixes were there themselves", same);
    CHECK(found > STEPS / 4 && found < STEPS, "%zu addresses were somebody's", found);
}

int main(void)
{
    the_longest_prefix_wins();
    they_stay_in_the_order_in_which_they_came();
    bad_prefixes_are_refused();
    agrees_with_a_list();
    return CHECK_RESULT();
}
