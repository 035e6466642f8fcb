/* The store on recorded and made-up requests, beside other policies: how many of a hundred are found. Held to bounds.
 *
 *   test_sim_mycel --data DIR [--seed N] [--only NAME]           the suite: 30 entries, and a hundredth of the trace's
 *   test_sim_mycel --data DIR --all [--seed N] [--only NAME]     … and a thousandth and a tenth
 *   test_sim_mycel --data DIR --table [--seed N] [--only NAME]   what every policy finds */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"
#include "mycel/store.h"
#include "tests/sim/mycel/traces.h"

enum { VALUE = 12, ENTRY = 40 };

static int failures;

#define MUST(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* Bytes of a value: all the same, or 16 to 16 KB, evenly by their logarithm. */
static uint32_t size_of(uint32_t id, bool mixed)
{
    uint32_t mix = (id + 1) * 0x9e3779b9u;

    return mixed ? (uint32_t)(16 * pow(2, (mix >> 16) / 65536. * 10)) : VALUE;
}

struct result {
    double found, changes;
};

/* entries: as many of one size; bytes: as much of mixed ones. */
static struct result replay(const struct refs_trace *t, enum mycel_store_rule rule, uint32_t entries, uint64_t bytes)
{
    static const uint8_t hash_key[MYCEL_STORE_HASH_KEY] = "sixteen bytes  ";
    static char value[32768];
    size_t size = mycel_store_bytes(1, entries, bytes);
    void *memory = aligned_alloc(64, size);
    struct mycel_store s;
    struct mycel_store_limits limits = {.bytes_max = bytes, .entries_max = entries, .rule = rule};
    struct mycel_store_counts c;
    uint16_t bucket;
    bool mixed = bytes / entries != ENTRY;

    if (memory == NULL || mycel_store_init(&s, memory, 1, entries, bytes, hash_key, 0) != ERR_OK ||
        mycel_store_open(&s, &limits, &bucket) != ERR_OK) {
        abort();
    }
    for (size_t i = 0; i < t->count; i++) {
        struct mycel_store_key key = {.bucket = bucket, .bytes = &t->id[i], .size = sizeof t->id[i]};
        struct mycel_store_value v = {.bytes = value, .size = size_of(t->id[i], mixed)};
        struct mycel_store_view view;
        if (mycel_store_get(&s, &key, i, &view) != ERR_OK && mycel_store_put(&s, &key, &v, i) != ERR_OK) {
            abort();
        }
    }
    if (mycel_store_counts_of(&s, bucket, &c) != ERR_OK) {
        abort();
    }
    free(memory);
    return (struct result){.found = 100. * (double)c.hits / (double)c.gets, .changes = (double)c.changes};
}

static double percent(const struct refs_trace *t, uint64_t found)
{
    return 100. * (double)found / (double)t->count;
}

static void hold_entries(const struct traces_item *item, uint32_t capacity)
{
    const struct refs_trace *t = &item->trace;
    uint64_t bytes = (uint64_t)capacity * ENTRY;
    double lru = percent(t, refs_lru(t, capacity)), s3 = percent(t, refs_s3fifo(t, capacity)), two = percent(t, refs_2q(t, capacity));
    struct result chosen = replay(t, MYCEL_STORE_CHOSEN, capacity, bytes), plain = replay(t, MYCEL_STORE_LRU, capacity, bytes);
    double best = fmax(lru, fmax(s3, two));

    MUST(fabs(plain.found - lru) < 1e-6, "%s, %u: LRU finds %.3f, and a plain one %.3f", item->name, capacity, plain.found, lru);
    struct result s3_here = replay(t, MYCEL_STORE_S3FIFO, capacity, bytes), two_here = replay(t, MYCEL_STORE_2Q, capacity, bytes);
    /* Ghosts grow old by evictions, not by how many there are, and a victim is looked for among so many only: about the same, but where
     * a few decide. */
    double apart = capacity < 300 ? 101 : 1.2;
    MUST(fabs(s3_here.found - s3) < apart, "%s, %u: S3-FIFO finds %.2f, and a plain one %.2f", item->name, capacity, s3_here.found, s3);
    MUST(fabs(two_here.found - two) < apart, "%s, %u: 2Q finds %.2f, and a plain one %.2f", item->name, capacity, two_here.found, two);
    MUST(chosen.found > lru - (strcmp(item->name, "by turns") == 0 ? 2 : 1), "%s, %u: %.2f are found, by LRU %.2f", item->name, capacity, chosen.found, lru);
    MUST(chosen.found > best - 2, "%s, %u: %.2f are found, by the best of three %.2f", item->name, capacity, chosen.found, best);
}

static void hold_bytes(const struct traces_item *item, uint64_t bytes)
{
    struct result lru = replay(&item->trace, MYCEL_STORE_LRU, item->trace.ids, bytes);
    struct result chosen = replay(&item->trace, MYCEL_STORE_CHOSEN, item->trace.ids, bytes);

    MUST(chosen.found > lru.found - 1, "%s, %u KB: %.2f are found, by LRU %.2f", item->name, (uint32_t)(bytes >> 10), chosen.found, lru.found);
}

static void print(const struct traces_item *item, uint32_t capacity)
{
    const struct refs_trace *t = &item->trace;
    struct result chosen = replay(t, MYCEL_STORE_CHOSEN, capacity, (uint64_t)capacity * ENTRY);

    printf("| %s %u | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | **%.1f** | %.0f |\n", item->name, capacity, percent(t, refs_opt(t, capacity)),
           percent(t, refs_fifo(t, capacity)), percent(t, refs_lru(t, capacity)), percent(t, refs_2q(t, capacity)),
           percent(t, refs_arc(t, capacity)), percent(t, refs_s3fifo(t, capacity)), chosen.found, chosen.changes);
}

int main(int argc, char **argv)
{
    static const double shares[] = {0, .001, .01, .1};
    const char *data = NULL, *only = "";
    uint64_t seed = 1;
    bool is_table = false, is_all = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--table") == 0) {
            is_table = is_all = true;
        } else if (strcmp(argv[i], "--all") == 0) {
            is_all = true;
        } else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
            data = argv[++i];
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: %s --data DIR [--all | --table] [--seed N] [--only NAME]\n", argv[0]);
            return 64;
        }
    }
    for (uint32_t n = 0; n < TRACES_COUNT; n++) {
        struct traces_item item = traces_make(n, data, seed);
        for (size_t i = 0; i < ARRAY_LEN(shares) && strstr(item.name, only) != NULL; i++) {
            uint32_t ids = item.trace.ids > 50000 ? 50000 : item.trace.ids;
            uint32_t capacity = i == 0 ? 30 : (uint32_t)(ids * shares[i]);
            if (capacity < 30 || (!is_all && i % 2 == 1)) {
                continue;
            }
            if (is_table) {
                print(&item, capacity);
                continue;
            }
            hold_entries(&item, capacity);
            hold_bytes(&item, i == 0 ? 100000 : capacity * UINT64_C(2048));
        }
        traces_free(&item);
    }
    return failures == 0 ? 0 : 1;
}
