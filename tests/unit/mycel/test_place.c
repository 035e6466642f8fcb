/* Claims about placement. */
#include "mycel/place.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "tests/support/check.h"

enum { KEYS = 100000, NODES = 50 };

static struct mycel_place here, there;

static uint64_t hash_of(uint32_t key)
{
    return mycel_place_hash("bucket", 6, &key, sizeof key);
}

static void nodes(struct mycel_place *p, uint32_t count, uint32_t without, uint32_t zones)
{
    struct mycel_place_node node[MYCEL_PLACE_NODES_MAX];
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (i != without) {
            node[n++] = (struct mycel_place_node){.id = 1000 - i, .weight = 1, .zone = zones == 0 ? MYCEL_PLACE_NO_ZONE : 1 + i % zones};
        }
    }
    REQUIRE(mycel_place_set(p, node, n) == ERR_OK, "nodes");
}

static void all_nodes_are_asked(void)
{
    static uint32_t primary[NODES], moved, kept_wrong;
    double chi = 0, mean = KEYS / (double)NODES;
    uint32_t at[MYCEL_PLACE_REPLICAS_MAX], then[MYCEL_PLACE_REPLICAS_MAX];

    nodes(&here, NODES, NODES, 0);
    nodes(&there, NODES, 17, 0);
    for (uint32_t key = 0; key < KEYS; key++) {
        uint32_t count = mycel_place_of(&here, hash_of(key), 3, at);
        CHECK(count == 3 && at[0] != at[1] && at[1] != at[2] && at[0] != at[2], "three different ones");
        primary[at[0]]++;
        (void)mycel_place_of(&there, hash_of(key), 3, then);
        bool is_gone = here.id[at[0]] == 1000 - 17, has_moved = here.id[at[0]] != there.id[then[0]];
        moved += has_moved;
        kept_wrong += has_moved && !is_gone;
        kept_wrong += is_gone && there.id[then[0]] != here.id[at[1]];
    }
    for (uint32_t i = 0; i < NODES; i++) {
        CHECK(primary[i] > 0, "node %" PRIu32 " is nobody's primary", i);
        chi += (primary[i] - mean) * (primary[i] - mean) / mean;
    }
    CHECK(chi < 85.4, "chi square of 49 degrees is %.1f: above 85.35 once in a thousand", chi);
    CHECK(moved > .9 * mean && moved < 1.1 * mean, "a node that goes moves one in %d: %" PRIu32, NODES, moved);
    CHECK(kept_wrong == 0, "and only its own keys, each to its second holder: %" PRIu32, kept_wrong);
}

static void weights_are_shares(void)
{
    static const float weight[] = {1, 2, 4, .5f, 8};
    static uint32_t primary[ARRAY_LEN(weight)];
    struct mycel_place_node node[ARRAY_LEN(weight)];
    uint32_t at[MYCEL_PLACE_REPLICAS_MAX], others = 0;

    for (uint32_t i = 0; i < ARRAY_LEN(weight); i++) {
        node[i] = (struct mycel_place_node){.id = i, .weight = weight[i]};
    }
    REQUIRE(mycel_place_set(&here, node, ARRAY_LEN(weight)) == ERR_OK, "nodes");
    node[1].weight = 3;
    REQUIRE(mycel_place_set(&there, node, ARRAY_LEN(weight)) == ERR_OK, "nodes");
    for (uint32_t key = 0; key < KEYS; key++) {
        (void)mycel_place_of(&here, hash_of(key), 1, at);
        uint32_t before = at[0];
        primary[before]++;
        (void)mycel_place_of(&there, hash_of(key), 1, at);
        others += at[0] != before && at[0] != 1;
    }
    for (uint32_t i = 0; i < ARRAY_LEN(weight); i++) {
        double want = KEYS * weight[i] / 15.5;
        CHECK(fabs(primary[i] - want) < 4 * sqrt(want), "weight %.1f has %" PRIu32 " keys, and should have %.0f", (double)weight[i], primary[i], want);
    }
    CHECK(others == 0, "a node that is worth more takes keys, and no others move: %" PRIu32, others);
}

/* Each row: so many nodes in so many zones, and how many zones the three holders are to be in. */
static const struct {
    uint32_t nodes, zones, holders, in;
    const char *why;
} rows[] = {
    {9, 3, 3, 3, "each zone has one"},
    {9, 5, 3, 3, "three of five zones"},
    {9, 2, 3, 2, "both zones, and one of them twice"},
    {9, 1, 3, 1, "one zone has all three"},
    {2, 0, 2, 2, "there are but two nodes"},
    {1, 1, 1, 1, "one node has everything"},
};

static void zones_are_different(void)
{
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        nodes(&here, rows[r].nodes, MYCEL_PLACE_NODES_MAX, rows[r].zones);
        for (uint32_t key = 0; key < 2000; key++) {
            uint32_t at[MYCEL_PLACE_REPLICAS_MAX], in = 0, count = mycel_place_of(&here, hash_of(key), 3, at);
            for (uint32_t i = 0; i < count; i++) {
                bool is_new = true;
                for (uint32_t j = 0; j < i; j++) {
                    CHECK(at[i] != at[j], "row %zu: nobody twice", r);
                    is_new &= rows[r].zones == 0 || here.zone[at[i]] != here.zone[at[j]];
                }
                in += is_new;
            }
            CHECK(count == rows[r].holders && in == rows[r].in, "row %zu, key %" PRIu32 ": %s", r, key, rows[r].why);
            CHECK(mycel_place_is_holder(&here, hash_of(key), 3, here.id[at[count - 1]]), "row %zu: the last one is a holder", r);
        }
    }
}

static void keys_are_not_strung_together(void)
{
    CHECK(mycel_place_hash("ab", 2, "c", 1) != mycel_place_hash("a", 1, "bc", 2), "(ab, c) is not (a, bc)");
    CHECK(mycel_place_hash("", 0, "abc", 3) != mycel_place_hash("abc", 3, "", 0), "nor is the empty name");
    CHECK(mycel_place_hash("bucket", 6, "key", 3) == UINT64_C(0x3a09de8752200f3d), "the number is part of what members agree on: %" PRIx64,
          mycel_place_hash("bucket", 6, "key", 3));
}

static void wrong_nodes_are_refused(void)
{
    struct mycel_place_node node[2] = {{.id = 1, .weight = 1}, {.id = 1, .weight = 1}};

    nodes(&here, 3, MYCEL_PLACE_NODES_MAX, 0);
    CHECK(mycel_place_set(&here, node, 2) == ERR_EXISTS, "one id twice");
    node[1].id = 2;
    node[1].weight = 0;
    CHECK(mycel_place_set(&here, node, 2) == ERR_INVALID, "no weight");
    node[1].weight = NAN;
    CHECK(mycel_place_set(&here, node, 2) == ERR_INVALID, "no number");
    node[1].weight = 1e-39f;
    CHECK(mycel_place_set(&here, node, 2) == ERR_INVALID, "too little to be reckoned with");
    CHECK(mycel_place_set(&here, node, MYCEL_PLACE_NODES_MAX + 1) == ERR_LIMIT && here.count == 3, "too many, and nothing has changed");
    CHECK(mycel_place_set(&here, NULL, 0) == ERR_OK && here.count == 0, "nobody");
    uint32_t at[MYCEL_PLACE_REPLICAS_MAX];
    CHECK(mycel_place_of(&here, 1, 3, at) == 0, "… holds nothing");
}

/* By hand: test_mycel_place N prints how long N keys take among 100 nodes. */
static void measure(uint32_t count)
{
    uint32_t at[MYCEL_PLACE_REPLICAS_MAX], sum = 0;
    struct timespec a, b;

    nodes(&here, 100, MYCEL_PLACE_NODES_MAX, 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (uint32_t key = 0; key < count; key++) {
        sum += mycel_place_of(&here, key * 0x9e3779b97f4a7c15u, 3, at) + at[0];
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    printf("%.1f ns a key (%" PRIu32 ")\n", ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / count, sum);
}

int main(int argc, char **argv)
{
    all_nodes_are_asked();
    weights_are_shares();
    zones_are_different();
    keys_are_not_strung_together();
    wrong_nodes_are_refused();
    if (argc > 1) {
        measure((uint32_t)atoi(argv[1]));
    }
    return CHECK_RESULT();
}
