/* RPC-13: the merge laws of the G-counter and of the last-writer-wins register, on drawn states that
 * often share replicas and stamps, and the limits of both. */
#include <inttypes.h>
#include <string.h>

#include "common/base/gcounter.h"
#include "common/base/lww.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

enum {
    CASES = 100000
};

static bool same_count(const struct gcounter *a, const struct gcounter *b)
{
    return a->count == b->count && memcmp(a->slot, b->slot, a->count * sizeof a->slot[0]) == 0;
}

static void draw_counter(struct rng *r, struct gcounter *c)
{
    *c = (struct gcounter){0};
    for (uint64_t n = rng_below(r, 12); n > 0; n--) {
        /* Ids at both ends of the range, few enough that counters share them. */
        uint64_t id = rng_below(r, 8) < 4 ? rng_below(r, 8) : UINT64_MAX - rng_below(r, 8);
        REQUIRE(gcounter_add(c, id, rng_below(r, 5)) == ERR_OK, "few replicas, small sums");
    }
}

static struct gcounter merged(const struct gcounter *a, const struct gcounter *b)
{
    struct gcounter both = *a;

    REQUIRE(gcounter_merge(&both, b) == ERR_OK, "sixteen replicas at most");
    return both;
}

/* What the slot of `replica` holds, the naive way. */
static uint64_t added_by(const struct gcounter *c, uint64_t replica)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->slot[i].replica == replica) {
            return c->slot[i].added;
        }
    }
    return 0;
}

static void counters_keep_the_merge_laws(void)
{
    struct gcounter a, b, c;
    struct rng r;

    rng_init(&r, 20130);
    for (unsigned i = 0; i < CASES; i++) {
        draw_counter(&r, &a);
        draw_counter(&r, &b);
        draw_counter(&r, &c);
        struct gcounter ab = merged(&a, &b), ba = merged(&b, &a), bc = merged(&b, &c);
        struct gcounter left = merged(&ab, &c), right = merged(&a, &bc), again = merged(&ab, &ab);
        struct gcounter absorbed = merged(&ab, &b);

        CHECK(same_count(&ab, &ba), "case %u: commutative", i);
        CHECK(same_count(&left, &right), "case %u: associative", i);
        CHECK(same_count(&again, &ab), "case %u: idempotent", i);
        CHECK(same_count(&absorbed, &ab), "case %u: a late copy adds nothing", i);
        CHECK(gcounter_is_valid(&ab), "case %u: well formed", i);
        CHECK(gcounter_value(&ab) >= gcounter_value(&a), "case %u: monotone", i);
        for (uint32_t k = 0; k < ab.count; k++) {
            uint64_t id = ab.slot[k].replica, x = added_by(&a, id), y = added_by(&b, id);
            CHECK(ab.slot[k].added == (x > y ? x : y), "case %u: the larger of both", i);
        }
    }
}

/* Five replicas add and gossip in any order: at the end each knows every single addition. */
static void no_addition_is_lost_or_counted_twice(void)
{
    enum { REPLICAS = 5, STEPS = 20000 };
    struct gcounter at[REPLICAS] = {0};
    uint64_t sum = 0;
    struct rng r;

    rng_init(&r, 20131);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t who = rng_below(&r, REPLICAS), amount = rng_below(&r, 100);
        CHECK(gcounter_add(&at[who], 1000 + who, amount) == ERR_OK, "step %u", i);
        sum += amount;
        CHECK(gcounter_merge(&at[rng_below(&r, REPLICAS)], &at[who]) == ERR_OK, "step %u", i);
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < REPLICAS; i++) {
            CHECK(gcounter_merge(&at[i], &at[(i + 1) % REPLICAS]) == ERR_OK, "round %u", round);
            CHECK(gcounter_merge(&at[0], &at[i]) == ERR_OK, "round %u", round);
        }
    }
    CHECK(gcounter_value(&at[0]) == sum, "%" PRIu64 " of %" PRIu64, gcounter_value(&at[0]), sum);
}

static void counters_have_ends(void)
{
    struct gcounter full = {0}, one = {0}, before;

    for (uint64_t i = 0; i < GCOUNTER_REPLICAS_MAX; i++) {
        CHECK(gcounter_add(&full, 10 * i, 1) == ERR_OK, "replica %" PRIu64, i);
    }
    before = full;
    CHECK(gcounter_add(&full, 5, 1) == ERR_LIMIT, "one replica too many");
    CHECK(gcounter_add(&full, 5, 0) == ERR_OK, "adding nothing needs no slot");
    CHECK(gcounter_add(&one, 5, 1) == ERR_OK, "a counter of its own");
    CHECK(gcounter_merge(&full, &one) == ERR_LIMIT, "nor by a merge");
    CHECK(same_count(&full, &before), "refusals change nothing");
    CHECK(gcounter_merge(&full, &before) == ERR_OK, "a full one merges with what it knows");
    CHECK(gcounter_add(&full, 0, UINT64_MAX - 1) == ERR_OK, "to the last number");
    CHECK(gcounter_add(&full, 0, 1) == ERR_RANGE, "one past it");
    CHECK(added_by(&full, 0) == UINT64_MAX, "unchanged");
    CHECK(gcounter_value(&full) == UINT64_MAX, "the sum sticks");
}

static void damaged_counters_are_seen(void)
{
    struct gcounter c = {.count = 2, .slot = {{1, 1}, {2, 1}}};

    CHECK(gcounter_is_valid(&c), "as made");
    c.slot[1].replica = 1;
    CHECK(!gcounter_is_valid(&c), "a replica twice");
    c.slot[1].replica = 0;
    CHECK(!gcounter_is_valid(&c), "out of order");
    c.slot[1] = (struct gcounter_slot){2, 0};
    CHECK(!gcounter_is_valid(&c), "an empty slot");
    c = (struct gcounter){.count = GCOUNTER_REPLICAS_MAX + 1};
    CHECK(!gcounter_is_valid(&c), "more slots than there are");
}

static bool same_register(const struct lww *a, const struct lww *b)
{
    return a->stamp == b->stamp && a->replica == b->replica && a->size == b->size &&
           memcmp(a->value, b->value, a->size) == 0;
}

static struct lww draw_register(struct rng *r)
{
    struct lww made = {0};
    uint8_t value[3];

    if (rng_below(r, 8) == 0) {
        return made; /* never written */
    }
    for (size_t i = 0; i < sizeof value; i++) {
        value[i] = (uint8_t)rng_below(r, 2);
    }
    /* Few stamps and replicas: ties of both, and one replica writing twice under one stamp. */
    REQUIRE(lww_set(&made, 1 + rng_below(r, 3), rng_below(r, 3), value,
                    (uint32_t)rng_below(r, sizeof value + 1)) == ERR_OK, "an empty one");
    return made;
}

static struct lww latest(struct lww a, struct lww b)
{
    bool changed = lww_merge(&a, &b);

    CHECK(!changed || same_register(&a, &b), "what changed it is what is there");
    return a;
}

static void registers_keep_the_merge_laws(void)
{
    struct rng r;

    rng_init(&r, 20132);
    for (unsigned i = 0; i < CASES; i++) {
        struct lww a = draw_register(&r), b = draw_register(&r), c = draw_register(&r);
        struct lww ab = latest(a, b), ba = latest(b, a);
        struct lww left = latest(ab, c), right = latest(a, latest(b, c)), again = latest(ab, ab);

        CHECK(same_register(&ab, &ba), "case %u: commutative", i);
        CHECK(same_register(&left, &right), "case %u: associative", i);
        CHECK(same_register(&again, &ab), "case %u: idempotent", i);
        CHECK(ab.stamp >= a.stamp && ab.stamp >= b.stamp, "case %u: never back in time", i);
        CHECK(ab.stamp > b.stamp || ab.replica >= b.replica, "case %u: ties by replica", i);
        CHECK(same_register(&ab, &a) || same_register(&ab, &b), "case %u: one of the two", i);
    }
}

static void registers_have_ends(void)
{
    static const uint8_t big[LWW_VALUE_MAX + 1] = {7};
    struct lww r = {0}, before, bad;

    CHECK(lww_is_valid(&r), "never written");
    CHECK(lww_set(&r, 5, 1, big, LWW_VALUE_MAX + 1) == ERR_LIMIT, "one byte too long");
    CHECK(r.stamp == 0, "unchanged");
    CHECK(lww_set(&r, 5, 1, big, LWW_VALUE_MAX) == ERR_OK, "as long as it gets");
    before = r;
    CHECK(lww_set(&r, 5, 1, big, LWW_VALUE_MAX) == ERR_PRECONDITION, "the same again is not later");
    CHECK(lww_set(&r, 4, 9, NULL, 0) == ERR_PRECONDITION, "earlier, though a larger replica");
    CHECK(same_register(&r, &before), "refusals change nothing");
    CHECK(lww_set(&r, 5, 2, NULL, 0) == ERR_OK, "the larger replica wins; a value may be empty");
    bad = r;
    bad.size = LWW_VALUE_MAX + 1;
    CHECK(!lww_is_valid(&bad), "longer than there is room");
    bad = (struct lww){.size = 1};
    CHECK(!lww_is_valid(&bad), "a value that nobody wrote");
}

int main(void)
{
    counters_keep_the_merge_laws();
    no_addition_is_lost_or_counted_twice();
    counters_have_ends();
    damaged_counters_are_seen();
    registers_keep_the_merge_laws();
    registers_have_ends();
    return CHECK_RESULT();
}
