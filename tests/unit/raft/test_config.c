/* Claims about configurations: majorities against counting by hand, joint ones, and their bytes. */
#include <string.h>

#include "common/base/rng.h"
#include "raft/config.h"
#include "tests/support/check.h"

enum { V = RAFT_VOTER, O = RAFT_OUTGOING, L = RAFT_LEARNER, P = RAFT_PROMOTE, R = RAFT_RETIRE, TRIES = 20000 };

static struct raft_config make(const uint8_t *flags, uint32_t count)
{
    struct raft_config c = {0};

    for (uint32_t i = 0; i < count; i++) {
        c.member[c.count++] = (struct raft_member){.id = i + 1, .flags = flags[i]};
    }
    return c;
}

static const struct {
    uint8_t flags[7];
    uint32_t count, set;
    bool is_quorum;
    const char *why;
} quorums[] = {
    {{0}, 0, 0, false, "nobody agrees with nobody"},
    {{V}, 1, 1, true, "one of one"},
    {{V, V}, 2, 1, false, "half is no majority"},
    {{V, V}, 2, 3, true, "both"},
    {{V, V, V}, 3, 5, true, "two of three"},
    {{V, V, V, V}, 4, 3, false, "two of four"},
    {{V, V, V, V}, 4, 11, true, "three of four"},
    {{V, L, L}, 3, 6, false, "learners count for nothing"},
    {{V, L, L}, 3, 1, true, "and are not asked"},
    {{V | O, V | O, V | O, V}, 4, 12, false, "half of the new, one of the old"},
    {{V | O, V | O, O, V}, 4, 11, true, "three of the new, two of the old"},
    {{O, O, O, V, V, V}, 6, 56, false, "all of the new, none of the old"},
    {{O, O, O, V, V, V}, 6, 7, false, "all of the old, none of the new"},
    {{O, O, O, V, V, V}, 6, 27, true, "two of each"},
    {{L | O, V | O, V | O}, 3, 5, false, "a voter that becomes a learner is in the old half alone"},
};

static void majorities(void)
{
    for (size_t i = 0; i < ARRAY_LEN(quorums); i++) {
        struct raft_config c = make(quorums[i].flags, quorums[i].count);
        CHECK(raft_config_is_quorum(&c, quorums[i].set) == quorums[i].is_quorum, "%s", quorums[i].why);
    }
}

/* Largest value that is reached by a quorum, tried one by one. */
static void values_of_a_quorum(void)
{
    struct rng r;

    rng_init(&r, 1);
    for (int t = 0; t < TRIES; t++) {
        static const uint8_t kinds[] = {V, O, L, V | O, L | O};
        uint8_t flags[RAFT_MEMBERS_MAX];
        uint64_t value[RAFT_MEMBERS_MAX] = {0}, best = 0;
        uint32_t count = (uint32_t)rng_below(&r, RAFT_MEMBERS_MAX + 1);
        for (uint32_t i = 0; i < count; i++) {
            flags[i] = kinds[rng_below(&r, ARRAY_LEN(kinds))];
            value[i] = rng_below(&r, 8);
        }
        struct raft_config c = make(flags, count);
        for (uint64_t v = 1; v < 8; v++) {
            uint32_t set = 0;
            for (uint32_t i = 0; i < count; i++) {
                set |= (uint32_t)(value[i] >= v) << i;
            }
            best = raft_config_is_quorum(&c, set) ? v : best;
        }
        CHECK(raft_config_quorum_value(&c, value) == best, "try %d", t);
    }
}

static void ways_between(void)
{
    static const uint8_t from_flags[] = {V, V, V, L}, to_flags[] = {V, 0, L, V, V};
    struct raft_config from = make(from_flags, 4), to = {0}, joint, back;

    for (uint32_t i = 0; i < ARRAY_LEN(to_flags); i++) {
        struct raft_member m = {.id = i + 1, .flags = to_flags[i]};
        if (m.flags != 0) {
            REQUIRE(raft_config_put(&to, &m) == ERR_OK, "member %u", i);
        }
    }
    CHECK(raft_config_voters_differ(&from, &to), "two go, two come");
    REQUIRE(raft_config_join(&from, &to, &joint) == ERR_OK, "together they are five");
    CHECK(raft_config_is_joint(&joint) && joint.count == 5, "all are in it");
    static const uint8_t expected[] = {V | O, O, L | O, V, V};
    for (uint32_t i = 0; i < 5; i++) {
        CHECK(joint.member[i].flags == expected[i], "member %u", i);
    }
    raft_config_leave(&joint, &back);
    CHECK(back.count == 4 && !raft_config_is_joint(&back), "whoever was only outgoing is gone");
    CHECK(!raft_config_voters_differ(&back, &to), "and what was wanted is there");
    struct raft_config learners = from;
    learners.member[3].flags = L | P;
    CHECK(!raft_config_voters_differ(&from, &learners), "learners are no voters");
    CHECK(raft_config_remove(&from, 77) == ERR_NOT_FOUND && raft_config_remove(&from, 1) == ERR_OK, "out");
    CHECK(raft_config_put(&from, &(struct raft_member){.flags = V}) == ERR_INVALID, "nobody has the id 0");
}

static void too_many(void)
{
    struct raft_config a = {0}, b = {0}, joint;

    for (uint64_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
        REQUIRE(raft_config_put(&a, &(struct raft_member){.id = 100 - i, .flags = V}) == ERR_OK, "member %lu", (unsigned long)i);
    }
    CHECK(raft_config_put(&a, &(struct raft_member){.id = 200, .flags = V}) == ERR_LIMIT, "one more");
    CHECK(raft_config_put(&a, &(struct raft_member){.id = 100, .flags = L}) == ERR_OK, "in the place of itself");
    REQUIRE(raft_config_put(&b, &(struct raft_member){.id = 1, .flags = V}) == ERR_OK, "another");
    CHECK(raft_config_join(&a, &b, &joint) == ERR_OK && joint.count == RAFT_MEMBERS_MAX, "fifteen voters and one");
    REQUIRE(raft_config_put(&b, &(struct raft_member){.id = 2, .flags = V}) == ERR_OK, "and one more");
    CHECK(raft_config_join(&a, &b, &joint) == ERR_LIMIT, "too many");
}

/* All who may rest, do: a leader and the rest of those who are there are a majority, or nobody rests. */
static void who_may_rest(void)
{
    struct rng rng;
    uint32_t rested = 0, most = 0;

    rng_init(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        uint8_t flags[9];
        uint32_t count = 1 + (uint32_t)rng_below(&rng, 9), leads = (uint32_t)rng_below(&rng, count);
        for (uint32_t i = 0; i < count; i++) {
            flags[i] = rng_below(&rng, 4) == 0 ? L : V;
        }
        flags[leads] = V;
        struct raft_config c = make(flags, count);
        uint32_t set = ((uint32_t)rng_next(&rng) | (uint32_t)rng_next(&rng) | UINT32_C(1) << leads) & ((UINT32_C(1) << count) - 1);
        uint32_t answers = set, resting = 0;
        for (uint32_t i = 0; i < count; i++) {
            bool rests = i != leads && raft_config_may_rest(&c, set | UINT32_C(1) << i, c.member[leads].id, c.member[i].id);
            if (rests && flags[i] == V && ((set >> i) & 1) != 0) {
                answers &= ~(UINT32_C(1) << i);
                resting++;
            }
            CHECK(flags[i] == V || rests, "who counts nowhere may");
        }
        CHECK(resting == 0 || raft_config_is_quorum(&c, answers), "%u of %u rest", resting, count);
        rested += resting;
        most += count == 9 && resting == 4;
    }
    CHECK(rested > 5000 && most > 10, "%u, %u", rested, most);
    struct raft_config joint = make((const uint8_t[]){V, V | O, O, V}, 4);
    CHECK(!raft_config_may_rest(&joint, 15, joint.member[0].id, joint.member[1].id), "nobody of a joint one");
    CHECK(raft_config_may_rest(&joint, 15, 0, joint.member[1].id), "but when nobody leads");
}

static const struct {
    uint8_t flags[3];
    bool is_target;
    const char *why;
} targets[] = {
    {{V, V, V}, true, "voters"},           {{L, L, L}, false, "without a voter nothing is decided"},
    {{V, O, V}, false, "joint"},           {{V, V | L, V}, false, "two kinds"},
    {{V, V | P, V}, false, "a voter is one already"}, {{V, L | R, V}, false, "a learner goes by itself"},
    {{V, L | P, V | R}, true, "one for another"}, {{V, 0, V}, false, "no kind"}, {{V, 32 | V, V}, false, "an unknown flag"},
};

static void bytes(void)
{
    static const uint8_t flags[] = {V | O, L | P, V | R};
    struct raft_config c = make(flags, 3), back;
    uint8_t packed[RAFT_CONFIG_BYTES_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct raft_config t = make(targets[i].flags, 3);
        CHECK(raft_config_is_target(&t) == targets[i].is_target, "%s", targets[i].why);
    }
    strcpy(c.member[0].name, "one");
    memset(c.member[1].contact, 'x', RAFT_CONTACT_MAX - 1);
    memset(c.member[2].name, 'y', RAFT_NAME_MAX - 1);
    size_t size = raft_config_pack(&c, packed);
    REQUIRE(raft_config_unpack(packed, size, &back) == ERR_OK, "what was packed");
    CHECK(memcmp(&c, &back, sizeof c) == 0, "is the same");
    packed[size] = 0;
    CHECK(raft_config_unpack(packed, size + 1, &back) == ERR_MALFORMED, "a byte too many");
    for (size_t cut = 0; cut < size; cut++) {
        CHECK(raft_config_unpack(packed, cut, &back) == ERR_MALFORMED, "cut at %zu", cut);
    }
    packed[0]++;
    CHECK(raft_config_unpack(packed, size, &back) == ERR_INCOMPATIBLE, "another version");
    packed[0]--;
    packed[1] = RAFT_MEMBERS_MAX + 1;
    CHECK(raft_config_unpack(packed, size, &back) == ERR_MALFORMED, "too many");
}

int main(void)
{
    majorities();
    values_of_a_quorum();
    ways_between();
    too_many();
    who_may_rest();
    bytes();
    return CHECK_RESULT();
}
