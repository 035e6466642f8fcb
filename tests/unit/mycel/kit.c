#include "tests/unit/mycel/kit.h"

void kit_open(struct kit *k, uint16_t buckets, uint32_t entries, uint64_t bytes)
{
    static const uint8_t hash_key[MYCEL_STORE_HASH_KEY] = "sixteen bytes  ";
    size_t size = mycel_store_bytes(buckets, entries, bytes);

    REQUIRE(size > 0, "such a store can be");
    k->memory = aligned_alloc(64, size);
    REQUIRE(k->memory != NULL, "memory");
    memset(k->memory, 0xa5, size);
    REQUIRE(mycel_store_init(&k->store, k->memory, buckets, entries, bytes, hash_key, 0) == ERR_OK, "a store begins");
}

void kit_close(struct kit *k)
{
    free(k->memory);
}

uint16_t kit_bucket_of(struct kit *k, enum mycel_store_rule rule, uint32_t entries, uint64_t bytes)
{
    uint16_t bucket = MYCEL_STORE_NO_BUCKET;
    struct mycel_store_limits limits = {.bytes_max = bytes, .entries_max = entries, .rule = rule};

    REQUIRE(mycel_store_open(&k->store, &limits, &bucket) == ERR_OK, "a bucket begins");
    return bucket;
}

uint16_t kit_bucket(struct kit *k, enum mycel_store_rule rule, uint64_t ttl_ms)
{
    uint16_t bucket = kit_bucket_of(k, rule, k->store.entries_max - k->store.entries_given, k->store.bytes_max - k->store.bytes_given);

    k->store.bucket[bucket].limits.ttl_ms = ttl_ms;
    return bucket;
}

static struct mycel_store_key key_of(uint16_t bucket, const char *key)
{
    return (struct mycel_store_key){.bucket = bucket, .bytes = key, .size = (uint32_t)strlen(key)};
}

enum err kit_put(struct kit *k, uint16_t bucket, const char *key, const char *value, uint64_t ttl_ms, uint64_t now_ms)
{
    struct mycel_store_key at = key_of(bucket, key);
    struct mycel_store_value v = {.bytes = value, .size = (uint32_t)strlen(value), .ttl_ms = ttl_ms};

    return mycel_store_put(&k->store, &at, &v, now_ms);
}

enum err kit_delete(struct kit *k, uint16_t bucket, const char *key, uint64_t now_ms)
{
    struct mycel_store_key at = key_of(bucket, key);

    return mycel_store_delete(&k->store, &at, now_ms);
}

const char *kit_get(struct kit *k, uint16_t bucket, const char *key, uint64_t now_ms)
{
    static char text[4096];
    struct mycel_store_key at = key_of(bucket, key);
    struct mycel_store_view v;

    if (mycel_store_get(&k->store, &at, now_ms, &v) != ERR_OK) {
        return NULL;
    }
    REQUIRE(v.value_size < sizeof text, "values of these tests are short");
    memcpy(text, v.value, v.value_size);
    text[v.value_size] = '\0';
    return text;
}

struct mycel_store_counts kit_counts(struct kit *k, uint16_t bucket)
{
    struct mycel_store_counts c = {0};

    CHECK(mycel_store_counts_of(&k->store, bucket, &c) == ERR_OK, "the bucket is there");
    return c;
}
