/* What a request costs the cache's store, beside a plain hash table with chains and an LRU list over fixed entries: nanoseconds of
 * processor for a read, and for the put that follows a miss. Keys of 8 bytes by Zipf's law (.99), values of 64 bytes.
 *
 *   mycel_store [ENTRIES [REQUESTS]] */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/rng.h"
#include "mycel/store.h"

enum { VALUE = 64 };

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Ranks by the inverse of the continuous distribution, spread over all keys. */
static uint64_t *requests(uint32_t keys, uint32_t count)
{
    uint64_t *key = malloc(count * sizeof *key);
    struct rng r;

    rng_init(&r, 1);
    for (uint32_t i = 0; key != NULL && i < count; i++) {
        double rank = pow(rng_unit(&r) * (pow(keys, .01) - 1) + 1, 100);
        key[i] = (uint64_t)rank * 0x9e3779b97f4a7c15u;
    }
    return key;
}

/* ---- the floor -------------------------------------------------------------------------------------- */

struct plain_entry {
    uint64_t key;
    uint32_t chain, newer, older;
    uint8_t value[VALUE];
};

struct plain {
    struct plain_entry *entry; /* 0 is the list's head */
    uint32_t *first, buckets, used, max;
};

static void plain_unlink(struct plain *p, uint32_t n)
{
    p->entry[p->entry[n].newer].older = p->entry[n].older;
    p->entry[p->entry[n].older].newer = p->entry[n].newer;
}

static void plain_front(struct plain *p, uint32_t n)
{
    p->entry[n].newer = 0;
    p->entry[n].older = p->entry[0].older;
    p->entry[p->entry[0].older].newer = n;
    p->entry[0].older = n;
}

static uint32_t *plain_chain(struct plain *p, uint64_t key)
{
    return &p->first[(key * 0xff51afd7ed558ccdu) >> 32 & (p->buckets - 1)];
}

static bool plain_get(struct plain *p, uint64_t key)
{
    uint32_t n = *plain_chain(p, key);

    while (n != 0 && p->entry[n].key != key) {
        n = p->entry[n].chain;
    }
    if (n != 0) {
        plain_unlink(p, n);
        plain_front(p, n);
    }
    return n != 0;
}

static void plain_put(struct plain *p, uint64_t key, const uint8_t *value)
{
    uint32_t n = p->used < p->max ? ++p->used : 0;

    if (n == 0) {
        n = p->entry[0].newer;
        uint32_t *link = plain_chain(p, p->entry[n].key);
        while (*link != n) {
            link = &p->entry[*link].chain;
        }
        *link = p->entry[n].chain;
        plain_unlink(p, n);
    }
    p->entry[n].key = key;
    memcpy(p->entry[n].value, value, VALUE);
    p->entry[n].chain = *plain_chain(p, key);
    *plain_chain(p, key) = n;
    plain_front(p, n);
}

static void run_plain(const uint64_t *key, uint32_t count, uint32_t entries)
{
    static const uint8_t value[VALUE];
    struct plain p = {.entry = calloc(entries + 1, sizeof *p.entry), .buckets = 1, .max = entries};
    uint64_t hits = 0;

    while (p.buckets < entries) {
        p.buckets *= 2;
    }
    p.first = calloc(p.buckets, sizeof *p.first);
    uint64_t begun = now_ns();
    for (uint32_t i = 0; i < count; i++) {
        if (plain_get(&p, key[i])) {
            hits++;
        } else {
            plain_put(&p, key[i], value);
        }
    }
    printf("plain table, LRU: %.0f ns a request, %.1f %% found, %zu bytes an entry beside key and value\n",
           (double)(now_ns() - begun) / count, 100. * (double)hits / count, sizeof(struct plain_entry) - VALUE - 8 + 4);
    free(p.entry);
    free(p.first);
}

static void run_store(const uint64_t *key, uint32_t count, uint32_t entries, enum mycel_store_rule rule, const char *name)
{
    static const uint8_t value[VALUE], hash_key[MYCEL_STORE_HASH_KEY];
    uint64_t bytes = (uint64_t)entries * 96;
    size_t size = mycel_store_bytes(1, entries, bytes);
    void *memory = aligned_alloc(64, size);
    struct mycel_store s;
    struct mycel_store_limits limits = {.bytes_max = bytes, .entries_max = entries, .rule = rule};
    struct mycel_store_counts c;
    uint16_t bucket;

    if (memory == NULL || mycel_store_init(&s, memory, 1, entries, bytes, hash_key, 0) != ERR_OK || mycel_store_open(&s, &limits, &bucket) != ERR_OK) {
        exit(1);
    }
    uint64_t begun = now_ns();
    for (uint32_t i = 0; i < count; i++) {
        struct mycel_store_key k = {.bucket = bucket, .bytes = &key[i], .size = sizeof key[i]};
        struct mycel_store_value v = {.bytes = value, .size = VALUE};
        struct mycel_store_view view;
        if (mycel_store_get(&s, &k, i, &view) != ERR_OK && mycel_store_put(&s, &k, &v, i) != ERR_OK) {
            exit(1);
        }
    }
    double ns = (double)(now_ns() - begun) / count;
    if (mycel_store_counts_of(&s, bucket, &c) == ERR_OK) {
        double index = (double)(s.slots * sizeof *s.slot + mycel_ghost_bytes(entries)) / entries;
        printf("store, %s: %.0f ns a request, %.1f %% found, %.1f bytes an entry beside key and value\n", name, ns,
               100. * (double)c.hits / count, (double)c.bytes / c.entries - VALUE - 8 + index);
    }
    free(memory);
}

int main(int argc, char **argv)
{
    uint32_t entries = argc > 1 ? (uint32_t)atoi(argv[1]) : 100000, count = argc > 2 ? (uint32_t)atoi(argv[2]) : 2000000;
    uint64_t *key = requests(entries * 10, count);

    for (int turn = 0; key != NULL && turn < 2; turn++) {
        run_plain(key, count, entries);
        run_store(key, count, entries, MYCEL_STORE_LRU, "LRU");
        run_store(key, count, entries, MYCEL_STORE_S3FIFO, "S3-FIFO");
        run_store(key, count, entries, MYCEL_STORE_CHOSEN, "chosen");
    }
    free(key);
    return 0;
}
