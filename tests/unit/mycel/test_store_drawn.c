/* The store beside a naive one, by chance: puts, reads, deletes, lives, scans of several buckets, in memory that is too small and in
 * memory that is not. What is read is what was put last; what has room is there; numbers and memory add up. */
#include "tests/unit/mycel/kit.h"

#include <inttypes.h>

#include "common/base/rng.h"

enum { KEYS = 300, BUCKETS = 3, VALUE = 600 };

struct plain {
    bool is_there, is_tombstone;
    uint64_t end_ms, version;
    uint32_t size, writer;
    uint8_t fill;
};

struct world {
    struct kit k;
    struct rng rng;
    uint16_t bucket[BUCKETS];
    struct plain plain[BUCKETS][KEYS];
    uint64_t hits[BUCKETS], misses[BUCKETS], sets[BUCKETS];
    uint64_t now_ms, seed;
    bool has_room;
    char key[KEYS][64];
};

static bool is_up(const struct world *w, const struct plain *p)
{
    return p->is_there && p->end_ms > w->now_ms;
}

static void compare(struct world *w, uint32_t b, uint32_t n, enum err e, const struct mycel_store_view *v, bool tombstones)
{
    const struct plain *p = &w->plain[b][n];
    bool is_expected = is_up(w, p) && (tombstones || !p->is_tombstone);

    CHECK(e == ERR_OK ? is_expected : !is_expected || !w->has_room, "seed %" PRIu64 ": key %" PRIu32 " of bucket %" PRIu32 " at %" PRIu64, w->seed, n, b, w->now_ms);
    if (e == ERR_OK && is_expected) {
        bool is_same = v->value_size == p->size && v->version == p->version && v->writer == p->writer && v->is_tombstone == p->is_tombstone &&
                       v->left_ms == (p->end_ms == UINT64_MAX ? UINT64_MAX : p->end_ms - w->now_ms) &&
                       v->key_size == strlen(w->key[n]) && memcmp(v->key, w->key[n], v->key_size) == 0;
        for (uint32_t i = 0; is_same && i < p->size; i++) {
            is_same = v->value[i] == p->fill;
        }
        CHECK(is_same, "seed %" PRIu64 ": key %" PRIu32 " is not what was put last", w->seed, n);
    }
}

static uint64_t end_of(const struct world *w, uint64_t ttl_ms)
{
    return ttl_ms == 0 || ttl_ms == MYCEL_STORE_FOR_EVER ? UINT64_MAX : w->now_ms + ttl_ms;
}

static void act(struct world *w)
{
    uint32_t b = (uint32_t)rng_below(&w->rng, BUCKETS), n = (uint32_t)rng_below(&w->rng, KEYS);
    struct plain *p = &w->plain[b][n];
    struct mycel_store *s = &w->k.store;
    struct mycel_store_key key = {.bucket = w->bucket[b], .bytes = w->key[n], .size = (uint32_t)strlen(w->key[n])};
    struct mycel_store_view v;
    uint64_t ttl = rng_below(&w->rng, 3) == 0 ? rng_below(&w->rng, 2000) : 0;
    uint8_t bytes[VALUE];
    enum err e;

    switch (rng_below(&w->rng, 8)) {
    case 0:
    case 1:
    case 2: {
        struct plain new = {.is_there = true, .end_ms = end_of(w, ttl), .version = rng_below(&w->rng, 2) * rng_next(&w->rng),
                            .is_tombstone = rng_below(&w->rng, 10) == 0, .fill = (uint8_t)rng_next(&w->rng)};
        new.writer = new.version != 0 ? (uint32_t)rng_next(&w->rng) : 0;
        new.size = new.is_tombstone ? 0 : (uint32_t)rng_below(&w->rng, VALUE);
        memset(bytes, new.fill, sizeof bytes);
        struct mycel_store_value value = {.bytes = bytes, .size = new.size, .version = new.version, .writer = new.writer, .ttl_ms = ttl, .is_tombstone = new.is_tombstone};
        e = mycel_store_put(s, &key, &value, w->now_ms);
        CHECK(e == ERR_OK || (e == ERR_NOMEM && !w->has_room), "seed %" PRIu64 ": put", w->seed);
        *p = e == ERR_OK ? new : (struct plain){0};
        w->sets[b] += e == ERR_OK;
        break;
    }
    case 3:
    case 4:
    case 5:
        e = mycel_store_get(s, &key, w->now_ms, &v);
        compare(w, b, n, e, &v, false);
        w->hits[b] += e == ERR_OK;
        w->misses[b] += e != ERR_OK;
        break;
    case 6:
        e = mycel_store_delete(s, &key, w->now_ms);
        CHECK((e == ERR_OK) == (is_up(w, p) && !p->is_tombstone) || !w->has_room, "seed %" PRIu64 ": delete", w->seed);
        p->is_there = false;
        break;
    default:
        if (rng_below(&w->rng, 2) == 0) {
            compare(w, b, n, mycel_store_peek(s, &key, w->now_ms, &v), &v, true);
            break;
        }
        e = mycel_store_expire(s, &key, ttl == 0 ? MYCEL_STORE_FOR_EVER : ttl, w->now_ms);
        if (e == ERR_OK) {
            CHECK(is_up(w, p) && !p->is_tombstone, "seed %" PRIu64 ": a life for nobody", w->seed);
            p->end_ms = end_of(w, ttl);
        } else {
            CHECK(e == ERR_NOMEM ? !w->has_room : !is_up(w, p) || p->is_tombstone || !w->has_room, "seed %" PRIu64 ": expire", w->seed);
        }
    }
}

struct tally {
    struct world *w;
    uint32_t bucket, count;
};

static void see(void *context, const struct mycel_store_view *v)
{
    struct tally *t = context;
    uint32_t n = (uint32_t)atoi((const char *)v->key);

    compare(t->w, t->bucket, n, ERR_OK, v, true);
    t->count++;
}

static void add_up(struct world *w)
{
    uint32_t entries = 0;
    uint64_t bytes = 0;

    for (uint32_t b = 0; b < BUCKETS; b++) {
        struct mycel_store_counts c = kit_counts(&w->k, w->bucket[b]);
        struct tally t = {.w = w, .bucket = b};
        uint32_t cursor = 0, up = 0;
        do {
            mycel_store_scan(&w->k.store, w->bucket[b], w->now_ms, 64, &cursor, see, &t);
        } while (cursor != 0);
        for (uint32_t n = 0; n < KEYS; n++) {
            up += is_up(w, &w->plain[b][n]);
        }
        CHECK(w->has_room ? t.count == up : t.count <= up, "seed %" PRIu64 ": a scan shows %" PRIu32 " of %" PRIu32, w->seed, t.count, up);
        CHECK(c.hits == w->hits[b] && c.misses == w->misses[b] && c.sets == w->sets[b], "seed %" PRIu64 ": numbers", w->seed);
        CHECK(c.bytes <= w->k.store.bucket[w->bucket[b]].limits.bytes_max && c.entries <= w->k.store.bucket[w->bucket[b]].limits.entries_max,
              "seed %" PRIu64 ": limits", w->seed);
        entries += c.entries;
        bytes += c.bytes;
    }
    CHECK(entries == w->k.store.entries, "seed %" PRIu64 ": entries add up", w->seed);
    CHECK(bytes <= (uint64_t)w->k.store.heap.taken * MYCEL_HEAP_UNIT, "seed %" PRIu64 ": bytes add up", w->seed);
}

static uint32_t count_up(const struct world *w)
{
    uint32_t up = 0;

    for (uint32_t b = 0; b < BUCKETS; b++) {
        for (uint32_t n = 0; n < KEYS; n++) {
            up += is_up(w, &w->plain[b][n]);
        }
    }
    return up;
}

static void run(uint64_t seed)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.seed = seed;
    rng_init(&w.rng, seed);
    w.has_room = seed % 2 == 0;
    kit_open(&w.k, BUCKETS, w.has_room ? 3 * 400 : 3 * (uint32_t)(1 + rng_below(&w.rng, 200)),
             w.has_room ? 3 * 400 * (VALUE + 150) : 3 * (1000 + rng_below(&w.rng, 50000)));
    for (uint32_t b = 0; b < BUCKETS; b++) {
        w.bucket[b] = kit_bucket_of(&w.k, (enum mycel_store_rule)rng_below(&w.rng, 4), w.k.store.entries_max / 3, w.k.store.bytes_max / 3);
    }
    for (uint32_t n = 0; n < KEYS; n++) {
        snprintf(w.key[n], sizeof w.key[n], "%" PRIu32 " %.*s", n, (int)(n % 40), "........................................");
    }
    uint32_t taken = w.k.store.heap.taken;
    for (uint32_t i = 0; i < 6000; i++) {
        act(&w);
        w.now_ms += rng_below(&w.rng, 4) == 0 ? rng_below(&w.rng, 1u << rng_below(&w.rng, 9)) : 0;
        if (rng_below(&w.rng, 4) == 0) {
            uint64_t due = mycel_store_step(&w.k.store, w.now_ms, 1 + (uint32_t)rng_below(&w.rng, 5));
            CHECK(due > 0, "seed %" PRIu64 ": due", w.seed);
        }
        if (i % 100 == 99) {
            while (mycel_store_step(&w.k.store, w.now_ms, 100) <= w.now_ms) {
            }
            CHECK(!w.has_room || w.k.store.entries == count_up(&w), "seed %" PRIu64 ": what is over is gone", seed);
            add_up(&w);
        }
    }
    while (mycel_store_step(&w.k.store, w.now_ms, 100) <= w.now_ms) {
    }
    for (uint32_t b = 0; b < BUCKETS; b++) {
        while (!mycel_store_clear(&w.k.store, w.bucket[b], false, 10)) {
        }
    }
    for (uint32_t b = 0; b < BUCKETS; b++) {
        uint32_t most = (uint32_t)(w.k.store.bytes_max / 3 - 64);
        AUTO_FREE char *bytes = calloc(1, most);
        struct mycel_store_key key = {.bucket = w.bucket[b], .bytes = "k", .size = 1};
        struct mycel_store_value v = {.bytes = bytes, .size = most};
        CHECK(mycel_store_put(&w.k.store, &key, &v, w.now_ms) == ERR_OK, "seed %" PRIu64 ": memory is whole again", seed);
        CHECK(mycel_store_delete(&w.k.store, &key, w.now_ms) == ERR_OK, "seed %" PRIu64 ": and given back", seed);
    }
    CHECK(w.k.store.heap.taken == taken && w.k.store.entries == 0 && w.k.store.wheel.count == 0, "seed %" PRIu64 ": all is given back", seed);
    kit_close(&w.k);
}

int main(int argc, char **argv)
{
    uint64_t from = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, count = argc > 2 ? strtoull(argv[2], NULL, 10) : 120;

    for (uint64_t seed = from; seed < from + count && check_failures == 0; seed++) {
        run(seed);
    }
    return CHECK_RESULT();
}
