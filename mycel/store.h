/* The entries a node holds: buckets with limits of bytes and of entries, a life for each entry, and a policy that says who goes when a
 * bucket is full. Everything is O(1) and in one piece of memory of the caller; no clock, no I/O, nothing is allocated. An entry is known
 * by its bucket and its key, which are never strung together.
 *
 * An entry costs, beside its key and its value, 20 bytes (32 with a version, 12 more with an end of its life), less than 8 to round up,
 * and 15.2 of the index and of whom was evicted for each that entries_max allows. */
#ifndef CELL_MYCEL_STORE_H
#define CELL_MYCEL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "mycel/heap.h"
#include "mycel/shadow.h"
#include "mycel/wheel.h"

enum {
    MYCEL_STORE_BUCKETS_MAX = 1024,
    MYCEL_STORE_KEY_MAX = 65535,             /* bytes; two of them say it in an entry   */
    MYCEL_STORE_VALUE_MAX = 16 << 20,        /* bytes: what an envelope carries         */
    MYCEL_STORE_HASH_KEY = 16,               /* bytes, secret: nobody chooses collisions */
    MYCEL_STORE_NO_BUCKET = UINT16_MAX,
};

#define MYCEL_STORE_ENTRIES_MAX (UINT32_C(1) << 30)
#define MYCEL_STORE_FOR_EVER UINT64_MAX /* ttl_ms and left_ms: no end */

enum mycel_store_rule {
    MYCEL_STORE_CHOSEN, /* by what would have served best of late */
    MYCEL_STORE_S3FIFO,
    MYCEL_STORE_LRU,
    MYCEL_STORE_2Q,
};

struct mycel_store_limits {
    uint64_t bytes_max;    /* of whole entries as they lie in memory; > 0              */
    uint32_t entries_max;  /* > 0                                                      */
    uint64_t ttl_ms;       /* of entries that are put without one; 0: for ever         */
    enum mycel_store_rule rule;
};

/* What happened to a bucket since it was made; gets = hits + misses. */
struct mycel_store_counts {
    uint64_t gets, hits, misses, sets, deletes, evictions, expirations, refusals;
    uint64_t bytes;        /* now */
    uint32_t entries;      /* now */
    enum mycel_policy_kind rules;
    uint64_t changes;      /* of who rules */
};

/* An entry as it lies in memory: valid until the next call that changes the store. */
struct mycel_store_view {
    const uint8_t *key, *value;
    uint32_t key_size, value_size;
    uint64_t version;      /* a stamp, 0: none */
    uint32_t writer;       /* of it            */
    uint64_t left_ms;      /* of its life, > 0 */
    bool is_tombstone;     /* only mycel_store_peek and mycel_store_scan show those */
};

struct mycel_store_key {
    uint16_t bucket;
    const void *bytes;
    uint32_t size;         /* 0 to MYCEL_STORE_KEY_MAX */
};

struct mycel_store_value {
    const void *bytes;
    uint32_t size;         /* 0 to MYCEL_STORE_VALUE_MAX                            */
    uint64_t version;      /* a stamp, 0: none                                      */
    uint32_t writer;       /* of it; nothing without one                            */
    uint64_t ttl_ms;       /* 0: as the bucket says; or MYCEL_STORE_FOR_EVER        */
    bool is_tombstone;     /* nothing is there, and this is remembered; size 0      */
};

struct mycel_store_bucket {
    bool is_used, is_short_of_bytes; /* … rather than of entries, when the last one went for room */
    struct mycel_store_limits limits;
    struct mycel_store_counts counts;
    struct mycel_policy policy;
    struct mycel_shadow *shadow; /* NULL: the rule is fixed */
    uint32_t shadow_block;       /* of the heap             */
};

struct mycel_store {
    struct mycel_heap heap;
    struct mycel_wheel wheel;
    struct mycel_ghost ghost;
    uint64_t *slot;              /* of the index: half a hash << 32 | block; 0: empty */
    uint32_t slots, entries;
    uint32_t entries_max, entries_given; /* … to buckets */
    uint64_t bytes_max, bytes_given;
    uint16_t buckets_max;
    struct mycel_store_bucket *bucket;
    uint8_t hash_key[MYCEL_STORE_HASH_KEY];
    /* NULL, or told of each entry that has come or is about to go, for whatever reason, and of the slot of the index that is its home. No
     * changes of the store. */
    void (*told)(void *context, const struct mycel_store_view *view, uint16_t bucket, uint32_t home, bool is_in);
    void *context;
};

/* Bytes of memory for a store of so many buckets, entries, and bytes in entries; 0: out of range, or more than there can be (16 GiB). */
size_t mycel_store_bytes(uint16_t buckets_max, uint32_t entries_max, uint64_t bytes_max);

/* memory: of mycel_store_bytes(…), aligned to 64, borrowed as long as `s` is used. now_ms: here and below, monotonic,
 * <= MYCEL_WHEEL_MS_MAX. hash_key: drawn once. ERR_INVALID: a number is out of its range. */
enum err mycel_store_init(struct mycel_store *s, void *memory, uint16_t buckets_max, uint32_t entries_max, uint64_t bytes_max,
                          const uint8_t hash_key[MYCEL_STORE_HASH_KEY], uint64_t now_ms) MUST_CHECK;

/* A bucket that has its memory for itself. ERR_INVALID; ERR_LIMIT: there are no more buckets, entries or bytes to give. */
enum err mycel_store_open(struct mycel_store *s, const struct mycel_store_limits *limits, uint16_t *ret_bucket) MUST_CHECK;

/* Every entry of the bucket goes, and with `close` the bucket itself, at most `work` entries at a time. true: done. O(work + slots). */
bool mycel_store_clear(struct mycel_store *s, uint16_t bucket, bool close, uint32_t work);

/* ERR_NOT_FOUND: nothing is there, its life is over, or it is a tombstone. A use that is counted. */
enum err mycel_store_get(struct mycel_store *s, const struct mycel_store_key *key, uint64_t now_ms, struct mycel_store_view *ret) MUST_CHECK;

/* The same without being a use, tombstones too. */
enum err mycel_store_peek(const struct mycel_store *s, const struct mycel_store_key *key, uint64_t now_ms,
                          struct mycel_store_view *ret) MUST_CHECK;

/* Whatever was there is replaced. Others may have to go for it. Nothing of `key` and `value` lies in the store. ERR_INVALID: a size is out of range;
 * ERR_LIMIT: larger than the bucket (and nothing has changed); ERR_NOMEM: the memory is in too small pieces: the key has no value now. */
enum err mycel_store_put(struct mycel_store *s, const struct mycel_store_key *key, const struct mycel_store_value *value,
                         uint64_t now_ms) MUST_CHECK;

/* ERR_NOT_FOUND, as mycel_store_get, but a tombstone goes, too. */
enum err mycel_store_delete(struct mycel_store *s, const struct mycel_store_key *key, uint64_t now_ms) MUST_CHECK;

/* The same for what is not a client's deleting: it is not counted, and nothing may be there. */
void mycel_store_forget(struct mycel_store *s, const struct mycel_store_key *key, uint64_t now_ms);

/* Another life, from now on; 0: as the bucket says. ERR_NOT_FOUND, ERR_NOMEM: the entry would have to move, and there is no room beside it
 * (nothing has changed). */
enum err mycel_store_expire(struct mycel_store *s, const struct mycel_store_key *key, uint64_t ttl_ms, uint64_t now_ms) MUST_CHECK;

/* Drop what is over; work: entries that may be looked at, > 0. Returns when to come again: UINT64_MAX: nothing will be over. An entry that
 * is over is never shown, dropped or not. */
uint64_t mycel_store_step(struct mycel_store *s, uint64_t now_ms, uint32_t work);

/* Show entries of a bucket, tombstones too; whoever is there during the whole scan is shown once, whatever else happens. *cursor: 0 to
 * begin, and 0 when all were shown. At most `steps` (> 0) slots of the index a call, and the rest of a slot's chain. show: no changes of the store. */
void mycel_store_scan(const struct mycel_store *s, uint16_t bucket, uint64_t now_ms, uint32_t steps, uint32_t *cursor,
                      void (*show)(void *context, const struct mycel_store_view *view), void *context);

/* Whether an entry would find room without another one's having to go. */
bool mycel_store_has_room(const struct mycel_store *s, uint16_t bucket, uint32_t key_size, uint32_t value_size);

/* ERR_NOT_FOUND: no such bucket. */
enum err mycel_store_counts_of(const struct mycel_store *s, uint16_t bucket, struct mycel_store_counts *ret) MUST_CHECK;

#endif
