/* Claims about the store, one function each; test_store_drawn.c has it do everything by chance. */
#include "tests/unit/mycel/kit.h"

#include <inttypes.h>

static bool is(const char *got, const char *want)
{
    return got == NULL ? want == NULL : want != NULL && strcmp(got, want) == 0;
}

static void keys_are_not_strung_together(void)
{
    struct kit k;
    kit_open(&k, 4, 100, 100000);
    uint16_t ab = kit_bucket_of(&k, MYCEL_STORE_CHOSEN, 10, 10000), a = kit_bucket_of(&k, MYCEL_STORE_CHOSEN, 10, 10000);

    CHECK(kit_put(&k, ab, "c", "1", 0, 0) == ERR_OK && kit_put(&k, a, "bc", "2", 0, 0) == ERR_OK, "both have room");
    CHECK(is(kit_get(&k, ab, "c", 0), "1") && is(kit_get(&k, a, "bc", 0), "2"), "(ab, c) is not (a, bc)");
    CHECK(kit_get(&k, a, "c", 0) == NULL, "nor is a key the same in two buckets");
    struct mycel_store_key nul = {.bucket = a, .bytes = "bc\0", .size = 3}, none = {.bucket = a, .bytes = NULL, .size = 0};
    struct mycel_store_value v = {.bytes = NULL, .size = 0};
    struct mycel_store_view view;
    CHECK(mycel_store_get(&k.store, &nul, 0, &view) == ERR_NOT_FOUND, "a key is bytes, not text");
    CHECK(mycel_store_put(&k.store, &none, &v, 0) == ERR_OK && mycel_store_get(&k.store, &none, 0, &view) == ERR_OK &&
              view.value_size == 0 && view.key_size == 0, "the empty key and the empty value are some, too");
    kit_close(&k);
}

static void limits_are_kept(void)
{
    struct kit k;
    char key[32];
    kit_open(&k, 2, 100000, 40 << 20);
    uint16_t b = kit_bucket(&k, MYCEL_STORE_CHOSEN, 0);

    for (uint32_t i = 0; i < 200000; i++) {
        snprintf(key, sizeof key, "key %" PRIu32, i);
        CHECK(kit_put(&k, b, key, "value", 0, 0) == ERR_OK, "put %" PRIu32, i);
    }
    struct mycel_store_counts c = kit_counts(&k, b);
    CHECK(c.entries == 100000 && c.evictions == 100000 && k.store.entries == 100000, "200,000 puts into 100,000 places: %" PRIu32, c.entries);
    uint32_t there = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        snprintf(key, sizeof key, "key %" PRIu32, i);
        there += kit_get(&k, b, key, 0) != NULL;
    }
    CHECK(there == 100000, "as many answer: %" PRIu32, there);
    kit_close(&k);

    static char large[5000];
    memset(large, 'x', sizeof large - 1);
    kit_open(&k, 2, 1000, 20000);
    b = kit_bucket(&k, MYCEL_STORE_CHOSEN, 0);
    for (uint32_t i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "%" PRIu32, i);
        large[1 + i * 7 % 4000] = '\0';
        CHECK(kit_put(&k, b, key, large, 0, 0) == ERR_OK, "put %" PRIu32, i);
        large[1 + i * 7 % 4000] = 'x';
        c = kit_counts(&k, b);
        CHECK(c.bytes <= 20000, "after put %" PRIu32 " %" PRIu64 " bytes", i, c.bytes);
    }
    CHECK(kit_put(&k, b, "kept", "1", 0, 0) == ERR_OK, "put");
    struct mycel_store_key at = {.bucket = b, .bytes = "kept", .size = 4};
    struct mycel_store_value v = {.bytes = large, .size = 20000 - 20 - 4};
    AUTO_FREE char *huge = calloc(1, 20000);
    v.bytes = huge;
    CHECK(mycel_store_put(&k.store, &at, &v, 0) == ERR_LIMIT && is(kit_get(&k, b, "kept", 0), "1"), "what never fits changes nothing");
    v.size -= 8;
    CHECK(mycel_store_put(&k.store, &at, &v, 0) == ERR_OK && kit_counts(&k, b).entries == 1, "what fits alone is alone");
    kit_close(&k);
}

static void lives_end_exactly(void)
{
    static const struct {
        uint64_t bucket_ms, ttl_ms, at_ms;
        bool is_there;
        const char *why;
    } rows[] = {
        {0, 10, 9, true, "a millisecond before its end"},
        {0, 10, 10, false, "its end itself is past"},
        {0, 0, UINT64_C(1) << 40, true, "without a life there is no end"},
        {50, 0, 49, true, "the bucket's life"},
        {50, 0, 50, false, "… ends, too"},
        {50, MYCEL_STORE_FOR_EVER, 1000, true, "for ever overrules the bucket"},
        {50, 100, 99, true, "so does a longer one"},
        {50, 5, 5, false, "and a shorter one"},
        {0, UINT64_MAX - 1, UINT64_C(1) << 47, true, "a life beyond all time is the longest there is"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit k;
        kit_open(&k, 1, 10, 10000);
        uint16_t b = kit_bucket(&k, MYCEL_STORE_CHOSEN, rows[i].bucket_ms);
        CHECK(kit_put(&k, b, "k", "v", rows[i].ttl_ms, 0) == ERR_OK, "row %zu", i);
        CHECK((kit_get(&k, b, "k", rows[i].at_ms) != NULL) == rows[i].is_there, "row %zu: %s", i, rows[i].why);
        kit_close(&k);
    }
}

static void what_ends_together_goes_together(void)
{
    struct kit k;
    char key[32];
    kit_open(&k, 1, 20000, 4 << 20);
    uint16_t b = kit_bucket(&k, MYCEL_STORE_CHOSEN, 0);

    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "%" PRIu32, i);
        CHECK(kit_put(&k, b, key, "v", i % 2 == 0 ? 100000 : 0, 0) == ERR_OK, "put");
    }
    CHECK(mycel_store_step(&k.store, 99999, 1000000) == 100000 && kit_counts(&k, b).entries == 20000, "nothing goes early");
    uint32_t steps = 0;
    while (mycel_store_step(&k.store, 100000, 100) != UINT64_MAX) {
        steps++;
        CHECK(20000 - kit_counts(&k, b).entries <= 100 * steps, "no step does more than it may");
        REQUIRE(steps < 2000, "it comes to an end");
    }
    struct mycel_store_counts c = kit_counts(&k, b);
    CHECK(c.entries == 10000 && c.expirations == 10000, "all of them vanish, and nobody else: %" PRIu32, c.entries);
    kit_close(&k);
}

static void lives_change(void)
{
    struct kit k;
    kit_open(&k, 1, 4, 400);
    uint16_t b = kit_bucket(&k, MYCEL_STORE_LRU, 0);
    struct mycel_store_key at = {.bucket = b, .bytes = "k", .size = 1};

    CHECK(mycel_store_expire(&k.store, &at, 10, 0) == ERR_NOT_FOUND, "nobody is there");
    CHECK(kit_put(&k, b, "k", "value", 0, 0) == ERR_OK && mycel_store_expire(&k.store, &at, 10, 5) == ERR_OK, "a life of 10 from 5");
    CHECK(is(kit_get(&k, b, "k", 14), "value"), "the value is the same");
    CHECK(mycel_store_expire(&k.store, &at, MYCEL_STORE_FOR_EVER, 14) == ERR_OK && is(kit_get(&k, b, "k", 100), "value"), "no end");
    CHECK(mycel_store_step(&k.store, 100, 10) == UINT64_MAX, "… and the wheel knows");
    CHECK(mycel_store_expire(&k.store, &at, 10, 100) == ERR_OK && kit_get(&k, b, "k", 110) == NULL, "an end again");
    CHECK(mycel_store_expire(&k.store, &at, 10, 110) == ERR_NOT_FOUND, "it is over");
    CHECK(kit_put(&k, b, "k", "1", 10, 200) == ERR_OK && kit_put(&k, b, "k", "2", 0, 201) == ERR_OK && is(kit_get(&k, b, "k", 300), "2"),
          "a put without a life ends the former one");
    kit_close(&k);
}

static void counts_are_what_happened(void)
{
    struct kit k;
    kit_open(&k, 2, 8, 2000);
    uint16_t b = kit_bucket_of(&k, MYCEL_STORE_LRU, 2, 1000), other = kit_bucket_of(&k, MYCEL_STORE_LRU, 2, 1000);

    (void)kit_put(&k, b, "a", "1", 0, 0);
    (void)kit_put(&k, b, "a", "2", 0, 0);
    (void)kit_put(&k, b, "b", "1", 5, 0);
    (void)kit_get(&k, b, "a", 0);
    (void)kit_get(&k, b, "x", 0);
    (void)kit_get(&k, b, "b", 5);
    (void)kit_put(&k, b, "c", "1", 0, 6);
    (void)kit_put(&k, b, "d", "1", 0, 6);
    (void)kit_delete(&k, b, "c", 6);
    (void)kit_delete(&k, b, "c", 6);
    struct mycel_store_counts c = kit_counts(&k, b), o = kit_counts(&k, other);
    CHECK(c.sets == 5 && c.gets == 3 && c.hits == 1 && c.misses == 2 && c.expirations == 1 && c.evictions == 1 && c.deletes == 1 &&
              c.entries == 1, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, c.sets, c.gets, c.hits,
          c.expirations, c.evictions, c.deletes);
    CHECK(c.bytes == 24 && o.bytes == 0 && o.sets == 0, "an entry of a byte each is 24 bytes; other buckets are not touched");
    kit_close(&k);
}

static void buckets_have_their_memory_for_themselves(void)
{
    struct kit k;
    uint16_t b;
    kit_open(&k, 2, 10, 1000);
    struct mycel_store_limits limits = {.bytes_max = 600, .entries_max = 5};

    CHECK(mycel_store_open(&k.store, &limits, &b) == ERR_OK, "the first one");
    CHECK(mycel_store_open(&k.store, &limits, &b) == ERR_LIMIT, "there are not so many bytes left");
    limits.bytes_max = 400;
    limits.entries_max = 6;
    CHECK(mycel_store_open(&k.store, &limits, &b) == ERR_LIMIT, "nor so many entries");
    limits.entries_max = 5;
    CHECK(mycel_store_open(&k.store, &limits, &b) == ERR_OK, "what is left is enough");
    CHECK(kit_put(&k, b, "k", "v", 0, 0) == ERR_OK && !mycel_store_clear(&k.store, b, true, 0), "work is needed");
    CHECK(mycel_store_clear(&k.store, b, true, 1) && kit_put(&k, b, "k", "v", 0, 0) == ERR_INVALID, "it is no more");
    CHECK(mycel_store_open(&k.store, &limits, &b) == ERR_OK && kit_get(&k, b, "k", 0) == NULL, "another one begins empty in its place");
    limits = (struct mycel_store_limits){.bytes_max = 0, .entries_max = 1};
    CHECK(mycel_store_open(&k.store, &limits, &b) == ERR_INVALID, "no bytes are no bucket");
    CHECK(mycel_store_bytes(0, 1, 1) == 0 && mycel_store_bytes(1, 0, 1) == 0 && mycel_store_bytes(1, 1, UINT64_MAX) == 0 &&
              mycel_store_bytes(MYCEL_STORE_BUCKETS_MAX + 1, 1, 1) == 0, "sizes out of range");
    kit_close(&k);
}

static void tombstones_are_seen_by_those_who_look_for_them(void)
{
    struct kit k;
    kit_open(&k, 1, 10, 1000);
    uint16_t b = kit_bucket(&k, MYCEL_STORE_CHOSEN, 0);
    struct mycel_store_key at = {.bucket = b, .bytes = "k", .size = 1};
    struct mycel_store_value v = {.version = 77, .is_tombstone = true, .ttl_ms = 100};
    struct mycel_store_view view;

    CHECK(mycel_store_put(&k.store, &at, &v, 0) == ERR_OK && kit_get(&k, b, "k", 1) == NULL, "nothing is to be had");
    CHECK(mycel_store_peek(&k.store, &at, 1, &view) == ERR_OK && view.is_tombstone && view.version == 77 && view.left_ms == 99, "it is remembered");
    CHECK(mycel_store_peek(&k.store, &at, 100, &view) == ERR_NOT_FOUND, "for a while");
    v.size = 1;
    CHECK(mycel_store_put(&k.store, &at, &v, 0) == ERR_INVALID, "there is no value in it");
    kit_close(&k);
}

struct seen {
    uint32_t times[1000];
};

static void see(void *context, const struct mycel_store_view *v)
{
    struct seen *s = context;
    char key[16] = {0};

    memcpy(key, v->key, v->key_size);
    s->times[atoi(key)]++;
}

static void a_scan_shows_everybody_once(void)
{
    static struct seen seen;
    struct kit k;
    char key[16];
    kit_open(&k, 2, 1200, 200000);
    uint16_t b = kit_bucket_of(&k, MYCEL_STORE_CHOSEN, 1000, 100000), other = kit_bucket_of(&k, MYCEL_STORE_CHOSEN, 200, 100000);
    uint32_t cursor = 0, round = 0;

    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%" PRIu32, i);
        CHECK(kit_put(&k, b, key, "v", i % 10 == 3 ? 5 : 0, 0) == ERR_OK && (i >= 100 || kit_put(&k, other, key, "v", 0, 0) == ERR_OK), "put");
    }
    do {
        mycel_store_scan(&k.store, b, 6, 7, &cursor, see, &seen);
        snprintf(key, sizeof key, "%" PRIu32, round * 10 % 1000); /* every tenth one comes and goes meanwhile */
        (void)(round % 2 == 0 ? kit_delete(&k, b, key, 6) : kit_put(&k, b, key, "v", 0, 6));
        REQUIRE(++round < 10000, "a scan ends");
    } while (cursor != 0);
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK(i % 10 == 0 ? seen.times[i] <= 1 : seen.times[i] == (i % 10 == 3 ? 0 : 1), "%" PRIu32 " was shown %" PRIu32 " times", i, seen.times[i]);
    }
    kit_close(&k);
}

int main(void)
{
    keys_are_not_strung_together();
    limits_are_kept();
    lives_end_exactly();
    what_ends_together_goes_together();
    lives_change();
    counts_are_what_happened();
    buckets_have_their_memory_for_themselves();
    tombstones_are_seen_by_those_who_look_for_them();
    a_scan_shows_everybody_once();
    return CHECK_RESULT();
}
