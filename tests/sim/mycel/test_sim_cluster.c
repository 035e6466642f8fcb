/* The cache's members in many drawn worlds, and a few by hand that measure one thing.
 *
 *   PROGRAM [--worlds N] [--from N]     worlds of the seeds from 1 on, and the measured ones
 *   PROGRAM --seed N [--loud]           one again, with a trace
 *   … --faults N                        of one kind alone: enum cluster_faults */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/mycel/cluster.h"
#include "tests/support/check.h"

enum {
    CONVERGED_MS = 180000, /* after the last fault everybody has the same by then */
    SECOND = 1000,
    WORLDS = 16,
    DAY = 24 * 3600000,
};

static struct cluster all;
static int only = -1; /* faults */

static void add_up(const struct cluster *w)
{
    const uint64_t *from = (const uint64_t *)&w->count;
    uint64_t *to = (uint64_t *)&all.count;

    for (size_t i = 0; i < sizeof w->count / sizeof *from; i++) {
        to[i] += from[i];
    }
}

/* ---- drawn ------------------------------------------------------------------------------------------ */

static void drawn(uint64_t seed, bool is_loud)
{
    static struct cluster w;

    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.is_loud = is_loud;
    rng_init(&w.rng, seed);
    w.nodes = 3 + (uint32_t)rng_below(&w.rng, 5);
    w.keys = 20 + (uint32_t)rng_below(&w.rng, 200);
    w.lose_one_in = rng_below(&w.rng, 3) == 0 ? 0 : 5u << rng_below(&w.rng, 5);
    w.double_one_in = rng_below(&w.rng, 2) == 0 ? 0 : 3u << rng_below(&w.rng, 5);
    w.late_ms = 1u << rng_below(&w.rng, 8);
    w.skew_ms = rng_below(&w.rng, 2) == 0 ? 0 : 2000;
    w.has_jumps = w.skew_ms > 0 && rng_below(&w.rng, 2) == 0;
    w.detect_ms = 1u << rng_below(&w.rng, 13);
    w.ops_one_in_ms = 20u << rng_below(&w.rng, 6);
    w.hint_entries = rng_below(&w.rng, 2) == 0 ? 1 : 500;
    w.bytes_per_s = rng_below(&w.rng, 2) == 0 ? 2000 : 1000000;
    w.faults = (enum cluster_faults)rng_below(&w.rng, CLUSTER_ALL_KINDS);
    w.faults = only >= 0 ? (enum cluster_faults)only : w.faults;
    w.is_full = rng_below(&w.rng, 5) == 0;
    w.entries_max = w.is_full ? w.keys / 3 + 10 : 2000;
    w.bytes_max = w.is_full ? 20000 : 400000;
    /* Flapping goes on for ten minutes (MYC-6). */
    w.faults_end_ms = w.faults == CLUSTER_FLAPS ? 600 * SECOND : 60 * SECOND + rng_below(&w.rng, 180 * SECOND);
    bool has_lives = rng_below(&w.rng, 2) == 0;
    for (uint32_t i = 0; i < w.keys; i++) {
        w.key[i].has_lives = has_lives && rng_below(&w.rng, 3) == 0;
    }
    if (is_loud) {
        static const char *const kinds[] = {"calm", "crashes", "flaps", "cuts"};
        printf("%" PRIu32 " members, %" PRIu32 " keys, %s until %" PRIu64 ", one in %" PRIu32 " lost, %" PRIu32 " ms late, seen after %" PRIu32 " ms%s\n", w.nodes, w.keys,
               kinds[w.faults], w.faults_end_ms, w.lose_one_in, w.late_ms, w.detect_ms, w.is_full ? ", full" : "");
    }
    cluster_begin(&w);
    cluster_live(&w, w.faults_end_ms, true);
    for (uint8_t i = 0; i < w.nodes; i++) { /* whoever is down starts, whoever is cut off is not */
        if (!w.node[i].is_up) {
            w.node[i].back_ms = w.now_ms;
        }
    }
    w.heal_ms = w.now_ms;
    uint64_t quiet_ms = w.now_ms + (has_lives ? 80 : 12) * SECOND; /* lives end meanwhile */
    cluster_live(&w, w.now_ms + 10 * SECOND, true);
    while (check_failures == 0 && (w.now_ms < quiet_ms || !cluster_is_settled(&w) || (!w.is_full && !check_converged(&w, false))) &&
           w.now_ms < w.faults_end_ms + CONVERGED_MS) {
        cluster_live(&w, w.now_ms + 2 * SECOND, false);
    }
    CHECK(check_failures > 0 || cluster_is_settled(&w), "seed %" PRIu64 ": everybody is sure in the end", seed);
    if (check_failures == 0 && !w.is_full) {
        (void)check_converged(&w, true);
        all.count.converge_ms = w.now_ms - w.faults_end_ms > all.count.converge_ms ? w.now_ms - w.faults_end_ms : all.count.converge_ms;
    }
    uint64_t longest = all.count.converge_ms;
    if (check_failures == 0 && w.is_full) { /* what was evicted is not brought again and again, but where lives that ended left room */
        cluster_live(&w, w.faults_end_ms + 900 * SECOND, false);
        CHECK(w.count.copies_late < 10, "seed %" PRIu64 ": %" PRIu64 " copies are sent ten minutes after all is quiet", seed, w.count.copies_late);
    }
    for (uint8_t i = 0; i < w.nodes && check_failures == 0; i++) {
        CHECK(w.node[i].hint.entries == 0, "seed %" PRIu64 ": nothing waits in the end: node %d, %" PRIu32 " hints, due %" PRIu64 " now %" PRIu64, seed, i, w.node[i].hint.entries,
              mycel_hint_due_ms(&w.node[i].hint), w.now_ms);
    }
    cluster_end(&w);
    add_up(&w);
    all.count.converge_ms = longest;
}

/* ---- measured --------------------------------------------------------------------------------------- */

static void calm(struct cluster *w, uint32_t nodes, uint32_t keys)
{
    memset(w, 0, sizeof *w);
    rng_init(&w->rng, 7);
    w->nodes = nodes;
    w->keys = keys;
    w->late_ms = 2;
    w->detect_ms = 200;
    w->ops_one_in_ms = 5;
    w->hint_entries = 1000;
    w->bytes_per_s = 1000000;
    w->entries_max = 2000;
    w->bytes_max = 400000;
    cluster_begin(w);
    for (uint32_t key = 0; key < keys; key++) {
        cluster_write(w, (uint8_t)(key % nodes), key, false);
        cluster_live(w, w->now_ms + 10, false);
    }
    cluster_live(w, w->now_ms + 5 * SECOND, false);
    REQUIRE(w->count.acked == keys && check_converged(w, true), "all is written: %" PRIu64 " of %" PRIu32 ", %" PRIu64 " unavailable", w->count.acked, keys, w->count.unavailable);
}

/* Copies that holders lack, if those who are up are the members. */
static uint64_t lacking(struct cluster *w)
{
    struct mycel_place_node list[CLUSTER_NODES_MAX];
    static struct mycel_place place;
    uint32_t count = 0;
    uint64_t lacks = 0;

    for (uint8_t i = 0; i < w->nodes; i++) {
        if (w->node[i].is_up) {
            list[count++] = (struct mycel_place_node){.id = w->node[i].sync.self, .weight = 1};
        }
    }
    REQUIRE(mycel_place_set(&place, list, count) == ERR_OK, "members can be placed");
    for (uint32_t key = 0; key < w->keys; key++) {
        char text[16];
        struct mycel_store_key k = cluster_key_of(key, text);
        for (uint8_t i = 0; i < w->nodes; i++) {
            lacks += w->node[i].is_up && mycel_place_is_holder(&place, mycel_replica_hash(&w->node[i].replica, 0, k.bytes, k.size), CLUSTER_REPLICAS, w->node[i].sync.self) &&
                     mycel_replica_find(&w->node[i].replica, &k, w->now_ms).version.stamp != w->key[key].acked.stamp;
        }
    }
    return lacks;
}

static uint64_t copies(const struct cluster *w)
{
    uint64_t sum = w->count.copies;

    for (uint8_t i = 0; i < w->nodes; i++) {
        sum += w->node[i].is_up ? w->node[i].sync.counts.copies : 0;
    }
    return sum;
}

static void goes_to_rest(struct cluster *w, const char *what)
{
    cluster_live(w, w->now_ms + 40 * SECOND, false);
    CHECK(cluster_is_settled(w) && lacking(w) == 0, "%s: everybody has what is his", what);
}

/* Of six members one dies, and is back, empty; another one is cut off for a minute while a tenth is written: each time exactly what is lacking is sent. */
static void differences_alone_are_sent(void)
{
    static struct cluster w;

    calm(&w, 6, 600);
    uint64_t before = copies(&w);
    cluster_live(&w, w.now_ms + 100 * SECOND, false);
    CHECK(copies(&w) == before, "where nothing differs nothing is sent");
    cluster_crash(&w, 2);
    uint64_t least = lacking(&w);
    before = copies(&w);
    cluster_live(&w, w.now_ms + 40 * SECOND, false);
    CHECK(cluster_is_settled(&w) && copies(&w) - before == least && least > 200, "who dies is replaced by %" PRIu64 " copies, and %" PRIu64 " were sent", least, copies(&w) - before);
    cluster_start(&w, 2, false);
    least = lacking(&w);
    before = copies(&w);
    goes_to_rest(&w, "who began empty");
    CHECK(copies(&w) - before == least && least > 200, "who began empty lacks %" PRIu64 ", and %" PRIu64 " were sent", least, copies(&w) - before);
    CHECK(check_converged(&w, true), "and whoever had it instead has let go of it");
    printf("  of 600 keys on six members: %" PRIu64 " copies to who was back empty, as many as it lacked\n", least);
    cluster_end(&w);
}

/* Bytes are sent at the rate that was allowed. */
static void filling_is_bounded(void)
{
    static struct cluster w;

    calm(&w, 3, 600);
    for (uint8_t i = 0; i < 3; i++) {
        w.node[i].sync.bytes_per_s = 2000;
        w.node[i].sync.credit = 0;
    }
    cluster_crash(&w, 0);
    cluster_live(&w, w.now_ms + SECOND, false);
    cluster_start(&w, 0, false);
    uint64_t began_ms = w.now_ms;
    while (lacking(&w) > 0 && w.now_ms < began_ms + 120 * SECOND) {
        cluster_live(&w, w.now_ms + 100, false);
    }
    double s = (double)(w.now_ms - began_ms) / 1000;
    /* 600 copies of about 50 bytes and 64 beside: 66 KB at 4 KB/s. */
    CHECK(s > 12 && s < 25, "two who may send 2 KB/s fill one in %.1f s", s);
    cluster_end(&w);
}

static uint64_t entries(const struct cluster *w)
{
    uint64_t sum = 0;

    for (uint8_t i = 0; i < w->nodes; i++) {
        sum += w->node[i].is_up ? w->node[i].store.entries : 0;
    }
    return sum;
}

/* A tombstone is kept for a day, then forgotten by all, and what was deleted does not come back. */
static void tombstones_are_forgotten_after_a_day(void)
{
    static struct cluster w;

    calm(&w, 4, 60);
    for (uint32_t key = 0; key < 30; key++) {
        cluster_write(&w, (uint8_t)(key % 4), key, true);
        cluster_live(&w, w.now_ms + 10, false);
    }
    cluster_live(&w, w.now_ms + 600 * SECOND, false);
    REQUIRE(entries(&w) == 180, "%" PRIu64 " entries, of which 90 are tombstones", entries(&w));
    cluster_live(&w, w.now_ms + DAY - 720 * SECOND, false);
    CHECK(entries(&w) == 180, "%" PRIu64 " entries, as long as a day is not over", entries(&w));
    cluster_live(&w, w.now_ms + 4 * 3600 * SECOND, false);
    CHECK(entries(&w) == 90, "%" PRIu64 " entries, when it is", entries(&w));
    uint64_t before = copies(&w);
    cluster_crash(&w, 1);
    cluster_live(&w, w.now_ms + 20 * SECOND, false);
    cluster_start(&w, 1, false);
    cluster_live(&w, w.now_ms + 40 * SECOND, false);
    CHECK(entries(&w) == 90 && copies(&w) > before, "and they stay so");
    cluster_end(&w);
}

/* The primary dies: reads go on within 100 ms. */
static void reads_go_on(void)
{
    static struct cluster w;

    calm(&w, 5, 100);
    w.detect_ms = 3000;
    cluster_crash(&w, 3);
    uint64_t found = w.count.found;
    for (uint32_t key = 0; key < 100; key++) {
        cluster_read(&w, (uint8_t)(key % 3), key);
        cluster_live(&w, w.now_ms + 5, false);
    }
    cluster_live(&w, w.now_ms + 100, false);
    CHECK(w.count.found == found + 100, "of 100 reads %" PRIu64 " were answered", w.count.found - found);
    cluster_end(&w);
}

static void worlds(uint64_t from, uint64_t count)
{
    for (uint64_t seed = from; seed < from + count && check_failures == 0; seed++) {
        drawn(seed, false);
        if (check_failures > 0) {
            printf("replay: test_sim_cluster --seed %" PRIu64 " --loud\n", seed);
        }
    }
    const struct cluster *w = &all;
    printf("  %" PRIu64 " writes, %" PRIu64 " acknowledged; %" PRIu64 " reads, %" PRIu64 " found, %" PRIu64 " nothing; %" PRIu64 " unavailable, %" PRIu64 " timed out\n",
           w->count.writes, w->count.acked, w->count.reads, w->count.found, w->count.nothing, w->count.unavailable, w->count.timeouts);
    printf("  %" PRIu64 " crashes, %" PRIu64 " cuts, %" PRIu64 " views, %" PRIu64 " jumps; %" PRIu64 " packets, %" PRIu64 " lost\n", w->count.crashes, w->count.cuts,
           w->count.views, w->count.jumps, w->count.packets, w->count.lost);
    printf("  %" PRIu64 " passes, %" PRIu64 " offers, %" PRIu64 " copies, %" PRIu64 " let go; %" PRIu64 " hints, %" PRIu64 " handed over, %" PRIu64 " dropped; %" PRIu64
           " repairs; the same after %.1f s at most\n", w->count.passes, w->count.offers, w->count.copies, w->count.left, w->count.hinted, w->count.handed, w->count.dropped,
           w->count.repairs, (double)w->count.converge_ms / 1000);
}

int main(int argc, char **argv)
{
    uint64_t count = WORLDS, from = 1;

    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t value = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--faults") == 0) {
            only = (int)value;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            drawn(value, argc > i + 2);
            return CHECK_RESULT();
        }
        count = strcmp(argv[i], "--worlds") == 0 ? value : count;
        from = strcmp(argv[i], "--from") == 0 ? value : from;
    }
    reads_go_on();
    differences_alone_are_sent();
    filling_is_bounded();
    tombstones_are_forgotten_after_a_day();
    worlds(from, count);
    if (count >= WORLDS && check_failures == 0 && only < 0) {
        CHECK(all.count.acked > 100 * count && all.count.found > 50 * count && all.count.crashes > count && all.count.cuts > count && all.count.copies > 10 * count &&
              all.count.left > 5 * count && all.count.handed > 2 * count && all.count.repairs > count, "enough happened");
    }
    return CHECK_RESULT();
}
