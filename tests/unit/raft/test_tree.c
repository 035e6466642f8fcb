/* The tree against a sorted array: keys that come in order, against it, and drawn, and go the same ways. */
#include "common/base/rng.h"
#include "raft/span.h"
#include "raft/tree.h"
#include "tests/support/check.h"

enum { KEYS = 6000, NAME = 24 };

static char names[KEYS][NAME];
static struct raft_record *records[KEYS]; /* those in the tree */
static struct raft_tree tree;

static struct raft_bytes key_of(int i)
{
    return (struct raft_bytes){(const uint8_t *)names[i], (uint32_t)__builtin_strlen(names[i])};
}

static void add(int i)
{
    records[i] = raft_record_new(key_of(i), (struct raft_bytes){0}, 0);
    REQUIRE(records[i] != NULL && raft_tree_add(&tree, records[i]) == ERR_OK, "memory");
}

static void drop(int i)
{
    raft_tree_remove(&tree, key_of(i));
    raft_record_free(records[i]);
    records[i] = NULL;
}

/* Every key is found or not, in both directions and from every place. */
static void check_all(const char *when)
{
    struct raft_tree_cursor up = raft_tree_seek(&tree, (struct raft_bytes){0});
    struct raft_tree_cursor down = raft_tree_last(&tree);
    uint64_t count = 0;

    for (int i = 0; i < KEYS; i++) {
        struct raft_record **slot = raft_tree_slot(&tree, key_of(i));

        CHECK((slot != NULL ? *slot : NULL) == records[i], "%s: key %d", when, i);
        if (records[i] != NULL) {
            count++;
            CHECK(raft_tree_at(&up) == records[i], "%s: key %d comes next", when, i);
            raft_tree_next(&up);
        }
    }
    CHECK(raft_tree_at(&up) == NULL && tree.count == count, "%s: nothing is left over", when);
    for (int i = KEYS - 1; i >= 0; i--) {
        if (records[i] != NULL) {
            CHECK(raft_tree_at(&down) == records[i], "%s: backwards, key %d comes next", when, i);
            raft_tree_prev(&down);
        }
    }
    CHECK(raft_tree_at(&down) == NULL, "%s: nothing is before the first", when);
}

static void check_seeks(struct rng *rng)
{
    for (int round = 0; round < 500; round++) {
        int i = (int)rng_below(rng, KEYS), above = i, below = i - 1;
        struct raft_tree_cursor at = raft_tree_seek(&tree, key_of(i));
        struct raft_tree_cursor under = raft_tree_seek_below(&tree, key_of(i));

        while (above < KEYS && records[above] == NULL) {
            above++;
        }
        while (below >= 0 && records[below] == NULL) {
            below--;
        }
        CHECK(raft_tree_at(&at) == (above < KEYS ? records[above] : NULL), "the first from key %d on", i);
        CHECK(raft_tree_at(&under) == (below >= 0 ? records[below] : NULL), "the last before key %d", i);
    }
}

static void shuffle(struct rng *rng, int *order)
{
    for (int i = 0; i < KEYS; i++) {
        int j = (int)rng_below(rng, (uint64_t)i + 1);

        order[i] = order[j];
        order[j] = i;
    }
}

enum way { UPWARDS, DOWNWARDS, DRAWN };

static void each(enum way way, const int *order, void (*act)(int i))
{
    for (int i = 0; i < KEYS; i++) {
        act(way == UPWARDS ? i : way == DOWNWARDS ? KEYS - 1 - i : order[i]);
    }
}

int main(void)
{
    static int order[KEYS];
    struct rng rng;

    rng_init(&rng, 7);
    for (int i = 0; i < KEYS; i++) {
        snprintf(names[i], NAME, "key/%05d%.*s", i, i % 9, "xxxxxxxxx");
    }
    check_all("empty");
    for (enum way in = UPWARDS; in <= DRAWN; in++) {
        for (enum way out = UPWARDS; out <= DRAWN; out++) {
            shuffle(&rng, order);
            each(in, order, add);
            check_all("full");
            if (in == UPWARDS) {
                CHECK(raft_tree_bytes(&tree) < KEYS * 11, "keys in order fill their leaves: %zu bytes",
                      raft_tree_bytes(&tree));
            }
            shuffle(&rng, order);
            for (int i = 0; i < KEYS * 3 / 4; i++) {
                drop(order[i]);
            }
            check_all("a quarter");
            check_seeks(&rng);
            CHECK(raft_tree_bytes(&tree) < KEYS / 4 * 64, "poor nodes join: %zu bytes", raft_tree_bytes(&tree));
            for (int i = 0; i < KEYS * 3 / 4; i++) {
                add(order[i]);
            }
            check_all("full again");
            each(out, order, drop);
            check_all("empty again");
            CHECK(tree.root == NULL, "an empty tree has no nodes");
        }
    }
    return CHECK_RESULT();
}
