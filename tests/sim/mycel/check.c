#include <inttypes.h>
#include <string.h>

#include "tests/sim/mycel/cluster.h"
#include "tests/support/check.h"

enum { SLACK_MS = MYCEL_REPLICA_ENDING_MS }; /* by which an entry may outlive its end: copies take time */

static int by_version(const struct mycel_version *a, const struct mycel_version *b)
{
    if (a->stamp != b->stamp) {
        return a->stamp < b->stamp ? -1 : 1;
    }
    return (a->writer > b->writer) - (a->writer < b->writer);
}

/* Whether there may be nothing, though so much was acknowledged: what came last may have been a value whose life is over. */
static bool may_be_over(const struct cluster *w, uint32_t key, const struct mycel_version *acked)
{
    const struct cluster_key *k = &w->key[key];

    for (uint32_t i = 0; i < CLUSTER_VALUES && i < k->values; i++) {
        if (by_version(&k->value[i].version, acked) >= 0 && k->value[i].end_ms <= w->now_ms + SLACK_MS) {
            return true;
        }
    }
    return false;
}

void check_value(struct cluster *w, uint32_t key, const struct mycel_version_copy *copy)
{
    uint64_t stamp, end;
    uint32_t of;

    if (copy->version.stamp == 0 || copy->is_tombstone) {
        return;
    }
    REQUIRE(copy->size == 24 + key % 40, "seed %" PRIu64 ": a value is whole", w->seed);
    memcpy(&stamp, copy->bytes, 8);
    memcpy(&of, copy->bytes + 8, 4);
    memcpy(&end, copy->bytes + 16, 8);
    CHECK(stamp == copy->version.stamp && of == key, "seed %" PRIu64 ": a value is that of its key and version", w->seed);
    CHECK(end == UINT64_MAX || w->now_ms <= end + SLACK_MS, "seed %" PRIu64 ": key %" PRIu32 " is over and there at %" PRIu64, w->seed, key, w->now_ms);
}

void check_wrote(struct cluster *w, const struct cluster_task *t, enum err e)
{
    struct cluster_key *k = &w->key[t->key];

    w->count.timeouts += e == ERR_TIMEOUT;
    w->count.unavailable += e == ERR_UNAVAILABLE;
    if (e != ERR_OK) {
        return;
    }
    w->count.acked++;
    if (by_version(&t->copy.version, &k->acked) > 0) {
        k->acked = t->copy.version;
        k->is_acked_tombstone = t->copy.is_tombstone;
    }
}

void check_read(struct cluster *w, const struct cluster_task *t, enum err e, const struct mycel_version_copy *copy)
{
    w->count.timeouts += e == ERR_TIMEOUT;
    w->count.unavailable += e == ERR_UNAVAILABLE;
    w->count.found += e == ERR_OK;
    w->count.nothing += e == ERR_NOT_FOUND;
    if (e != ERR_OK && e != ERR_NOT_FOUND) {
        return;
    }
    check_value(w, t->key, copy);
    if (w->is_full || (copy->version.stamp == 0 && may_be_over(w, t->key, &t->floor))) {
        return;
    }
    CHECK(by_version(&copy->version, &t->floor) >= 0, "seed %" PRIu64 ": of key %" PRIu32 " %" PRIx64 " was acknowledged, and %" PRIx64 " is found at %" PRIu64, w->seed,
          t->key, t->floor.stamp, copy->version.stamp, w->now_ms);
}

bool check_converged(struct cluster *w, bool is_fatal)
{
    const struct cluster_node *seer = &w->node[0];

    for (uint32_t key = 0; key < w->keys; key++) {
        char text[16];
        struct mycel_store_key k = cluster_key_of(key, text);
        uint64_t hash = mycel_replica_hash(&seer->replica, 0, k.bytes, k.size);
        struct mycel_version_copy first = {0};
        bool has_first = false;
        for (uint8_t n = 0; n < w->nodes; n++) {
            struct mycel_version_copy here = mycel_replica_find(&w->node[n].replica, &k, w->now_ms);
            bool is_holder = mycel_place_is_holder(&seer->place, hash, CLUSTER_REPLICAS, seer->place.id[n]);
            check_value(w, key, &here);
            if (!is_holder) {
                bool is_left = here.version.stamp == 0;
                CHECK(is_left || !is_fatal, "seed %" PRIu64 ": node %d still has key %" PRIu32 ", which is not its", w->seed, n, key);
                if (!is_left) {
                    return false;
                }
                continue;
            }
            bool is_same = !has_first || (by_version(&here.version, &first.version) == 0 && here.is_tombstone == first.is_tombstone);
            bool is_whole = by_version(&here.version, &w->key[key].acked) >= 0 || (here.version.stamp == 0 && may_be_over(w, key, &w->key[key].acked));
            CHECK(is_same || !is_fatal, "seed %" PRIu64 ": node %d has %" PRIx64 " of key %" PRIu32 ", others %" PRIx64, w->seed, n, here.version.stamp, key, first.version.stamp);
            CHECK(is_whole || !is_fatal, "seed %" PRIu64 ": key %" PRIu32 ": %" PRIx64 " was acknowledged, and node %d has %" PRIx64, w->seed, key, w->key[key].acked.stamp, n,
                  here.version.stamp);
            if (!is_same || !is_whole) {
                return false;
            }
            first = here;
            has_first = true;
        }
    }
    return true;
}
