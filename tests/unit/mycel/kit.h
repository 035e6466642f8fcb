/* A store in memory of its own, and short words for what tests do with it. */
#ifndef CELL_TESTS_UNIT_MYCEL_KIT_H
#define CELL_TESTS_UNIT_MYCEL_KIT_H

#include <string.h>

#include "mycel/store.h"
#include "tests/support/check.h"

struct kit {
    void *memory;
    struct mycel_store store;
};

void kit_open(struct kit *k, uint16_t buckets, uint32_t entries, uint64_t bytes);
void kit_close(struct kit *k);

/* A bucket that takes all that is still to be had. */
uint16_t kit_bucket(struct kit *k, enum mycel_store_rule rule, uint64_t ttl_ms);
uint16_t kit_bucket_of(struct kit *k, enum mycel_store_rule rule, uint32_t entries, uint64_t bytes);

enum err kit_put(struct kit *k, uint16_t bucket, const char *key, const char *value, uint64_t ttl_ms, uint64_t now_ms);
enum err kit_delete(struct kit *k, uint16_t bucket, const char *key, uint64_t now_ms);

/* The value, NULL if there is none; until the next call. */
const char *kit_get(struct kit *k, uint16_t bucket, const char *key, uint64_t now_ms);

struct mycel_store_counts kit_counts(struct kit *k, uint16_t bucket);

#endif
