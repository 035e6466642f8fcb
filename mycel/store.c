#include "mycel/store.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "mycel/entry.h"
#include "mycel/store_inside.h"

enum {
    ALIGN = 64,
    FEW_LARGE = 4 << 20,
    NONE = MYCEL_HEAP_NONE,
};

static_assert((int)MYCEL_HEAP_SIZE_BITS == (int)MYCEL_POLICY_SIZE_BITS, "the heap's size of a block is the policy's size of an entry");
static_assert(crypto_shorthash_KEYBYTES == MYCEL_STORE_HASH_KEY, "the hash is libsodium's SipHash");

/* ---- memory ----------------------------------------------------------------------------------------- */

static size_t up(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Three in four are used at most: a key that is not there is found out after 8.5 slots, of a line or two. */
static uint32_t slots_of(uint32_t entries_max)
{
    return entries_max + entries_max / 3 + 8;
}

/* Every bucket may have a shadow. What is free is in pieces: an eighth is enough for many entries, and where a few fill a bucket as much
 * again (with an eighth a bucket of 100 KB with values up to 16 KB was filled to 88 KB, and found 39 instead of 42 of a hundred). */
static uint64_t heap_bytes(uint16_t buckets_max, uint32_t entries_max, uint64_t bytes_max)
{
    uint64_t shadows, each = mycel_shadow_bytes(UINT32_MAX), few = mycel_shadow_bytes(1);

    shadows = (uint64_t)buckets_max * few + (uint64_t)entries_max * (each / MYCEL_SHADOW_NODES + 1);
    shadows = shadows < buckets_max * each ? shadows : buckets_max * each;
    uint64_t few_large = bytes_max < FEW_LARGE ? bytes_max : FEW_LARGE;
    return bytes_max + bytes_max / 8 + few_large + shadows + shadows / 8 + 4096;
}

size_t mycel_store_bytes(uint16_t buckets_max, uint32_t entries_max, uint64_t bytes_max)
{
    if (buckets_max == 0 || buckets_max > MYCEL_STORE_BUCKETS_MAX || entries_max == 0 || entries_max > MYCEL_STORE_ENTRIES_MAX ||
        bytes_max == 0 || heap_bytes(buckets_max, entries_max, bytes_max > UINT64_C(1) << 34 ? 0 : bytes_max) >= UINT64_C(1) << 34 ||
        bytes_max > UINT64_C(1) << 34) {
        return 0;
    }
    return up(slots_of(entries_max) * sizeof(uint64_t)) + up(mycel_ghost_bytes(entries_max)) +
           up(buckets_max * sizeof(struct mycel_store_bucket)) + up(heap_bytes(buckets_max, entries_max, bytes_max));
}

enum err mycel_store_init(struct mycel_store *s, void *memory, uint16_t buckets_max, uint32_t entries_max, uint64_t bytes_max,
                          const uint8_t hash_key[MYCEL_STORE_HASH_KEY], uint64_t now_ms)
{
    uint8_t *at = memory;

    if (mycel_store_bytes(buckets_max, entries_max, bytes_max) == 0 || now_ms > MYCEL_WHEEL_MS_MAX || (uintptr_t)memory % ALIGN != 0) {
        return ERR_INVALID;
    }
    memset(s, 0, sizeof *s);
    s->slots = slots_of(entries_max);
    s->entries_max = entries_max;
    s->bytes_max = bytes_max;
    s->buckets_max = buckets_max;
    memcpy(s->hash_key, hash_key, MYCEL_STORE_HASH_KEY);
    s->slot = (void *)at;
    memset(at, 0, s->slots * sizeof(uint64_t));
    at += up(s->slots * sizeof(uint64_t));
    mycel_ghost_init(&s->ghost, at, entries_max);
    at += up(mycel_ghost_bytes(entries_max));
    s->bucket = (void *)at;
    memset(at, 0, buckets_max * sizeof(struct mycel_store_bucket));
    at += up(buckets_max * sizeof(struct mycel_store_bucket));
    mycel_heap_init(&s->heap, at, heap_bytes(buckets_max, entries_max, bytes_max));
    mycel_wheel_init(&s->wheel, &s->heap, now_ms, mycel_entry_wheel, mycel_entry_end_ms);
    return ERR_OK;
}

static uint64_t hash_of(const struct mycel_store *s, uint16_t bucket, const void *key, uint32_t size)
{
    uint64_t hash;

    crypto_shorthash((uint8_t *)&hash, key, size, s->hash_key);
    return hash + bucket * 0x9e3779b97f4a7c15u;
}

uint64_t mycel_store_hash(const struct mycel_store *s, const struct mycel_entry *e)
{
    return hash_of(s, e->bucket, mycel_entry_key(e), mycel_entry_key_size(e));
}

/* ---- index ------------------------------------------------------------------------------------------ */

uint32_t mycel_store_home(const struct mycel_store *s, uint64_t hash)
{
    return (uint32_t)(((hash >> 32) * s->slots) >> 32);
}

uint32_t mycel_store_next(const struct mycel_store *s, uint32_t at)
{
    return at + 1 < s->slots ? at + 1 : 0;
}

static bool is_key(const struct mycel_entry *e, const struct mycel_store_key *key)
{
    return e->bucket == key->bucket && mycel_entry_key_size(e) == key->size &&
           (key->size == 0 || memcmp(mycel_entry_key(e), key->bytes, key->size) == 0);
}

/* The slot of a key; where it would be if it is not there. */
static uint32_t look_up(const struct mycel_store *s, const struct mycel_store_key *key, uint64_t hash)
{
    uint32_t at = mycel_store_home(s, hash);

    while (s->slot[at] != 0 &&
           ((s->slot[at] ^ hash) >> 32 != 0 || !is_key(mycel_heap_at(&s->heap, (uint32_t)s->slot[at]), key))) {
        at = mycel_store_next(s, at);
    }
    return at;
}

static uint32_t slot_of(const struct mycel_store *s, uint32_t block, uint64_t hash)
{
    uint32_t at = mycel_store_home(s, hash);

    while ((uint32_t)s->slot[at] != block) {
        assert(s->slot[at] != 0);
        at = mycel_store_next(s, at);
    }
    return at;
}

/* Empty a slot: whoever stands behind it, farther from home than they need, moves up. */
static void vacate(struct mycel_store *s, uint32_t gap)
{
    for (uint32_t at = mycel_store_next(s, gap); s->slot[at] != 0; at = mycel_store_next(s, at)) {
        uint32_t from = mycel_store_home(s, s->slot[at]), walked = at >= from ? at - from : at + s->slots - from;
        if (walked >= (at >= gap ? at - gap : at + s->slots - gap)) {
            s->slot[gap] = s->slot[at];
            gap = at;
        }
    }
    s->slot[gap] = 0;
}

/* ---- entries ---------------------------------------------------------------------------------------- */

struct mycel_store_bucket *mycel_store_bucket_of(const struct mycel_store *s, uint16_t bucket)
{
    return bucket < s->buckets_max && s->bucket[bucket].is_used ? &s->bucket[bucket] : NULL;
}

static uint64_t bytes_of(uint32_t units)
{
    return (uint64_t)units * MYCEL_HEAP_UNIT;
}

bool mycel_store_is_over(const struct mycel_entry *e, uint64_t now_ms)
{
    return mycel_entry_has_end(e) && mycel_entry_end_of(e) <= now_ms;
}

void mycel_store_show(const struct mycel_entry *e, uint64_t now_ms, struct mycel_store_view *ret)
{
    *ret = (struct mycel_store_view){
        .key = mycel_entry_key(e),
        .key_size = mycel_entry_key_size(e),
        .value = mycel_entry_value(e),
        .value_size = mycel_entry_value_size(e),
        .version = mycel_entry_version(e),
        .writer = mycel_entry_writer(e),
        .left_ms = mycel_entry_has_end(e) ? mycel_entry_end_of(e) - now_ms : MYCEL_STORE_FOR_EVER,
        .is_tombstone = mycel_entry_is_tombstone(e),
    };
}

static void tell(const struct mycel_store *s, const struct mycel_entry *e, uint64_t hash, bool is_in)
{
    struct mycel_store_view view;

    if (s->told != NULL) {
        mycel_store_show(e, 0, &view);
        s->told(s->context, &view, e->bucket, mycel_store_home(s, hash), is_in);
    }
}

/* Its memory, its slot and its place in the wheel; the policy has let go of it. */
static void drop(struct mycel_store *s, uint32_t block, uint32_t slot)
{
    struct mycel_entry *e = mycel_heap_at(&s->heap, block);
    struct mycel_store_bucket *b = &s->bucket[e->bucket];

    if (mycel_entry_has_end(e)) {
        mycel_wheel_remove(&s->wheel, block);
    }
    tell(s, e, s->slot[slot], false);
    vacate(s, slot);
    b->counts.bytes -= bytes_of(mycel_policy_size(&e->policy));
    b->counts.entries--;
    s->entries--;
    mycel_heap_give(&s->heap, block);
}

/* It goes for another reason than room. */
static void take_out(struct mycel_store *s, uint32_t block, uint32_t slot)
{
    struct mycel_entry *e = mycel_heap_at(&s->heap, block);

    mycel_policy_remove(&s->bucket[e->bucket].policy, block);
    drop(s, block, slot);
}

void mycel_store_take_out(struct mycel_store *s, uint32_t block)
{
    take_out(s, block, slot_of(s, block, mycel_store_hash(s, mycel_heap_at(&s->heap, block))));
}

static void unshadow(struct mycel_store_bucket *b, uint64_t hash)
{
    if (b->shadow != NULL && mycel_shadow_has(b->shadow, hash)) {
        mycel_shadow_removed(b->shadow, hash);
    }
}

static bool evict(struct mycel_store *s, struct mycel_store_bucket *b)
{
    bool is_ghost;
    uint32_t block = mycel_policy_victim(&b->policy, &is_ghost);

    if (block == MYCEL_POLICY_NONE) {
        return false;
    }
    uint64_t hash = mycel_store_hash(s, mycel_heap_at(&s->heap, block));
    if (is_ghost) {
        mycel_policy_haunt(&b->policy, hash);
    }
    b->counts.evictions++;
    drop(s, block, slot_of(s, block, hash));
    return true;
}

/* A block may be a unit larger than what was asked for. */
static bool is_too_much(const struct mycel_store *s, const struct mycel_store_bucket *b, uint32_t block)
{
    const struct mycel_entry *e = mycel_heap_at(&s->heap, block);

    return b->counts.bytes + bytes_of(mycel_policy_size(&e->policy)) > b->limits.bytes_max;
}

/* A block for an entry of the bucket, which it is room for by its limits. */
static uint32_t take_block(struct mycel_store *s, struct mycel_store_bucket *b, uint32_t bytes)
{
    while (b->counts.entries >= b->limits.entries_max ||
           b->counts.bytes + bytes_of(mycel_heap_units(bytes)) > b->limits.bytes_max) {
        b->is_short_of_bytes = b->counts.entries < b->limits.entries_max;
        if (!evict(s, b)) {
            return NONE;
        }
    }
    uint32_t block = mycel_heap_take(&s->heap, bytes);
    while (block == NONE && evict(s, b)) { /* the memory is in pieces */
        block = mycel_heap_take(&s->heap, bytes);
    }
    while (block != NONE && is_too_much(s, b, block) && evict(s, b)) {
    }
    return block;
}

/* ---- use -------------------------------------------------------------------------------------------- */

static bool is_full(const struct mycel_store_bucket *b)
{
    return b->counts.evictions > 0;
}

/* What a policy has on all keys: what is here now, but if bytes are short what may be here, for large entries leave gaps as they go. */
static void fit(struct mycel_store_bucket *b)
{
    uint64_t here = b->policy.small.size + b->policy.main.size;

    mycel_shadow_fit(b->shadow, b->counts.entries, b->is_short_of_bytes ? b->limits.bytes_max / MYCEL_HEAP_UNIT : here);
}

static void told(struct mycel_store_bucket *b, uint64_t hash, uint32_t size)
{
    if (b->shadow != NULL && mycel_shadow_has(b->shadow, hash)) {
        fit(b);
        mycel_shadow_read(b->shadow, hash, size, is_full(b));
        if (b->shadow->rules != b->policy.kind) {
            mycel_policy_rule(&b->policy, b->shadow->rules);
        }
    }
}

/* Drop an entry whose life is over; *e is not to be used any more. */
static void expire(struct mycel_store *s, struct mycel_store_bucket *b, uint32_t block, uint64_t hash)
{
    b->counts.expirations++;
    unshadow(b, hash);
    take_out(s, block, slot_of(s, block, hash));
}

enum err mycel_store_get(struct mycel_store *s, const struct mycel_store_key *key, uint64_t now_ms, struct mycel_store_view *ret)
{
    struct mycel_store_bucket *b = mycel_store_bucket_of(s, key->bucket);

    if (b == NULL || key->size > MYCEL_STORE_KEY_MAX) {
        return ERR_NOT_FOUND;
    }
    uint64_t hash = hash_of(s, key->bucket, key->bytes, key->size);
    uint32_t block = (uint32_t)s->slot[look_up(s, key, hash)];
    struct mycel_entry *e = mycel_heap_at(&s->heap, block);
    if (block != NONE && mycel_store_is_over(e, now_ms)) {
        expire(s, b, block, hash);
        block = NONE;
    }
    if (block == NONE || mycel_entry_is_tombstone(e)) {
        b->counts.misses++;
        told(b, hash, 0);
        return ERR_NOT_FOUND;
    }
    b->counts.hits++;
    told(b, hash, mycel_policy_size(&e->policy));
    mycel_policy_read(&b->policy, block);
    mycel_store_show(e, now_ms, ret);
    return ERR_OK;
}

enum err mycel_store_peek(const struct mycel_store *s, const struct mycel_store_key *key, uint64_t now_ms, struct mycel_store_view *ret)
{
    if (mycel_store_bucket_of(s, key->bucket) == NULL || key->size > MYCEL_STORE_KEY_MAX) {
        return ERR_NOT_FOUND;
    }
    uint32_t block = (uint32_t)s->slot[look_up(s, key, hash_of(s, key->bucket, key->bytes, key->size))];
    if (block == NONE || mycel_store_is_over(mycel_heap_at(&s->heap, block), now_ms)) {
        return ERR_NOT_FOUND;
    }
    mycel_store_show(mycel_heap_at(&s->heap, block), now_ms, ret);
    return ERR_OK;
}

/* ---- change ----------------------------------------------------------------------------------------- */

static uint64_t end_from(const struct mycel_store_bucket *b, uint64_t ttl_ms, uint64_t now_ms)
{
    uint64_t ttl = ttl_ms != 0 ? ttl_ms : b->limits.ttl_ms != 0 ? b->limits.ttl_ms : MYCEL_STORE_FOR_EVER;

    if (ttl == MYCEL_STORE_FOR_EVER) {
        return MYCEL_STORE_FOR_EVER;
    }
    return ttl < MYCEL_WHEEL_MS_MAX - now_ms ? now_ms + ttl : MYCEL_WHEEL_MS_MAX;
}

/* Into the index, the queues and the wheel. is_known: it replaces one whose state it has. */
static void bring_in(struct mycel_store *s, struct mycel_store_bucket *b, uint32_t block, uint64_t hash, bool is_known)
{
    struct mycel_entry *e = mycel_heap_at(&s->heap, block);
    uint32_t at = mycel_store_home(s, hash);

    while (s->slot[at] != 0) {
        at = mycel_store_next(s, at);
    }
    s->slot[at] = (hash >> 32) << 32 | block;
    s->entries++;
    b->counts.entries++;
    b->counts.bytes += bytes_of(mycel_policy_size(&e->policy));
    if (is_known) {
        mycel_policy_return(&b->policy, block);
    } else {
        mycel_policy_add(&b->policy, block, hash);
    }
    if (mycel_entry_has_end(e)) {
        mycel_wheel_add(&s->wheel, block);
    }
    tell(s, e, hash, true);
}

/* The entry keeps its block: only what it says changes. */
static void overwrite(struct mycel_store *s, uint32_t block, const struct mycel_entry_shape *shape, const struct mycel_store_key *key,
                      const struct mycel_store_value *value, uint64_t hash)
{
    struct mycel_entry *e = mycel_heap_at(&s->heap, block);

    tell(s, e, hash, false);
    if (mycel_entry_has_end(e)) {
        mycel_wheel_remove(&s->wheel, block);
    }
    mycel_entry_write(e, shape, key, value);
    if (mycel_entry_has_end(e)) {
        mycel_wheel_add(&s->wheel, block);
    }
    tell(s, e, hash, true);
}

enum err mycel_store_put(struct mycel_store *s, const struct mycel_store_key *key, const struct mycel_store_value *value, uint64_t now_ms)
{
    struct mycel_store_bucket *b = mycel_store_bucket_of(s, key->bucket);

    if (b == NULL || key->size > MYCEL_STORE_KEY_MAX || value->size > MYCEL_STORE_VALUE_MAX || (value->is_tombstone && value->size > 0)) {
        return ERR_INVALID;
    }
    struct mycel_entry_shape shape = mycel_entry_shape_of(key, value, end_from(b, value->ttl_ms, now_ms));
    uint32_t units = mycel_heap_units(shape.bytes);
    if (bytes_of(units + 1) > b->limits.bytes_max) { /* the block may be so large */
        b->counts.refusals++;
        return ERR_LIMIT;
    }
    uint64_t hash = hash_of(s, key->bucket, key->bytes, key->size);
    uint32_t slot = look_up(s, key, hash), block = (uint32_t)s->slot[slot];
    if (block != NONE && mycel_store_is_over(mycel_heap_at(&s->heap, block), now_ms)) {
        expire(s, b, block, hash);
        block = NONE;
    }
    bool is_known = block != NONE;
    uint16_t state = 0;
    if (is_known) {
        struct mycel_entry *e = mycel_heap_at(&s->heap, block);
        mycel_policy_written(&b->policy, block);
        state = e->policy.state;
        if (mycel_policy_size(&e->policy) != units) {
            take_out(s, block, slot);
            block = NONE;
        }
    }
    if (block != NONE) {
        overwrite(s, block, &shape, key, value, hash);
    } else {
        block = take_block(s, b, shape.bytes);
        if (block == NONE) {
            b->counts.refusals++;
            return ERR_NOMEM;
        }
        struct mycel_entry *e = mycel_heap_at(&s->heap, block);
        e->policy.state = state;
        mycel_entry_write(e, &shape, key, value);
        bring_in(s, b, block, hash, is_known);
    }
    b->counts.sets++;
    if (b->shadow != NULL && mycel_shadow_has(b->shadow, hash)) {
        fit(b);
        mycel_shadow_written(b->shadow, hash, units);
    }
    return ERR_OK;
}

static enum err take_away(struct mycel_store *s, const struct mycel_store_key *key, uint64_t now_ms, bool is_counted)
{
    struct mycel_store_bucket *b = mycel_store_bucket_of(s, key->bucket);

    if (b == NULL || key->size > MYCEL_STORE_KEY_MAX) {
        return ERR_NOT_FOUND;
    }
    uint64_t hash = hash_of(s, key->bucket, key->bytes, key->size);
    uint32_t slot = look_up(s, key, hash), block = (uint32_t)s->slot[slot];
    if (block == NONE) {
        return ERR_NOT_FOUND;
    }
    struct mycel_entry *e = mycel_heap_at(&s->heap, block);
    if (mycel_store_is_over(e, now_ms)) {
        expire(s, b, block, hash);
        return ERR_NOT_FOUND;
    }
    bool was_there = !mycel_entry_is_tombstone(e);
    unshadow(b, hash);
    take_out(s, block, slot);
    b->counts.deletes += is_counted && was_there;
    return was_there ? ERR_OK : ERR_NOT_FOUND;
}

enum err mycel_store_delete(struct mycel_store *s, const struct mycel_store_key *key, uint64_t now_ms)
{
    return take_away(s, key, now_ms, true);
}

void mycel_store_forget(struct mycel_store *s, const struct mycel_store_key *key, uint64_t now_ms)
{
    (void)take_away(s, key, now_ms, false); /* nothing was there: so it is */
}

/* The entry has no place for an end: it moves to a block that has. */
static enum err move(struct mycel_store *s, struct mycel_store_bucket *b, uint32_t block, uint64_t end_ms)
{
    struct mycel_entry *e = mycel_heap_at(&s->heap, block);
    struct mycel_store_key key = {.bucket = e->bucket, .bytes = mycel_entry_key(e), .size = mycel_entry_key_size(e)};
    struct mycel_store_value value = {.bytes = mycel_entry_value(e), .size = mycel_entry_value_size(e), .version = mycel_entry_version(e),
                                      .writer = mycel_entry_writer(e), .is_tombstone = mycel_entry_is_tombstone(e)};
    struct mycel_entry_shape shape = mycel_entry_shape_of(&key, &value, end_ms);
    uint64_t hash = mycel_store_hash(s, e);

    mycel_policy_remove(&b->policy, block); /* it cannot be the one who goes */
    uint32_t to = take_block(s, b, shape.bytes);
    if (to == NONE) {
        mycel_policy_return(&b->policy, block);
        return ERR_NOMEM;
    }
    struct mycel_entry *moved = mycel_heap_at(&s->heap, to);
    moved->policy.state = e->policy.state;
    mycel_entry_write(moved, &shape, &key, &value);
    drop(s, block, slot_of(s, block, hash));
    bring_in(s, b, to, hash, true);
    return ERR_OK;
}

enum err mycel_store_expire(struct mycel_store *s, const struct mycel_store_key *key, uint64_t ttl_ms, uint64_t now_ms)
{
    struct mycel_store_bucket *b = mycel_store_bucket_of(s, key->bucket);

    if (b == NULL || key->size > MYCEL_STORE_KEY_MAX) {
        return ERR_NOT_FOUND;
    }
    uint64_t hash = hash_of(s, key->bucket, key->bytes, key->size), end_ms = end_from(b, ttl_ms, now_ms);
    uint32_t block = (uint32_t)s->slot[look_up(s, key, hash)];
    struct mycel_entry *e = mycel_heap_at(&s->heap, block);
    if (block == NONE || mycel_store_is_over(e, now_ms) || mycel_entry_is_tombstone(e)) {
        return ERR_NOT_FOUND;
    }
    if (!mycel_entry_has_place(e)) {
        return end_ms == MYCEL_STORE_FOR_EVER ? ERR_OK : move(s, b, block, end_ms);
    }
    if (mycel_entry_has_end(e)) {
        mycel_wheel_remove(&s->wheel, block);
    }
    mycel_entry_set_end(e, end_ms);
    if (mycel_entry_has_end(e)) {
        mycel_wheel_add(&s->wheel, block);
    }
    return ERR_OK;
}

uint64_t mycel_store_step(struct mycel_store *s, uint64_t now_ms, uint32_t work)
{
    uint32_t block;

    while ((block = mycel_wheel_over(&s->wheel, now_ms, &work)) != NONE) {
        const struct mycel_entry *e = mycel_heap_at(&s->heap, block);
        expire(s, &s->bucket[e->bucket], block, mycel_store_hash(s, e));
    }
    return mycel_wheel_due_ms(&s->wheel);
}
