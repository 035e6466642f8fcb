#include "mycel/replica.h"

#include <assert.h>
#include <string.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

uint64_t mycel_replica_hash(const struct mycel_replica *r, uint16_t bucket, const void *key, uint32_t size)
{
    return mycel_place_hash(r->name[bucket].bytes, r->name[bucket].size, key, size);
}

uint32_t mycel_replica_range(uint64_t hash)
{
    return (uint32_t)(hash >> 56);
}

uint32_t mycel_replica_holders(const struct mycel_replica *r, uint64_t hash, uint32_t ret[MYCEL_PLACE_REPLICAS_MAX], bool *is_mine)
{
    uint32_t count = r->place == NULL ? 0 : mycel_place_of(r->place, hash, r->replicas, ret);

    *is_mine = false;
    for (uint32_t i = 0; i < count; i++) {
        *is_mine |= ret[i] == r->self;
    }
    return count;
}

/* ---- sums ------------------------------------------------------------------------------------------- */

static void add(struct mycel_replica *r, const struct mycel_store_view *v, uint16_t bucket, bool is_in)
{
    uint64_t hash = mycel_replica_hash(r, bucket, v->key, v->key_size);
    uint32_t holder[MYCEL_PLACE_REPLICAS_MAX];
    bool is_mine;
    uint32_t count = mycel_replica_holders(r, hash, holder, &is_mine);

    if (!is_mine) {
        return;
    }
    uint64_t item = mix(hash ^ mix(v->version ^ mix(v->writer * UINT64_C(2) + v->is_tombstone)));
    for (uint32_t i = 0; i < count; i++) {
        if (holder[i] != r->self) {
            r->sum[holder[i]][mycel_replica_range(hash)] += is_in ? item : -item;
        }
    }
}

/* Who is at home before the slot that is counted next is in the sums; everybody else is going to be. */
static void told(void *context, const struct mycel_store_view *view, uint16_t bucket, uint32_t home, bool is_in)
{
    struct mycel_replica *r = context;

    if (home < r->counted) {
        add(r, view, bucket, is_in);
    }
}

struct counting {
    struct mycel_replica *r;
    uint16_t bucket;
};

static void count_one(void *context, const struct mycel_store_view *view)
{
    const struct counting *c = context;

    add(c->r, view, c->bucket, true);
}

bool mycel_replica_is_counted(const struct mycel_replica *r)
{
    return r->place != NULL && r->counted == r->store->slots;
}

bool mycel_replica_count(struct mycel_replica *r, uint32_t steps)
{
    uint32_t next = 0;

    assert(steps > 0);
    if (r->place == NULL || r->counted == r->store->slots) {
        return r->place != NULL;
    }
    for (uint16_t b = 0; b < r->store->buckets_max; b++) {
        struct counting c = {.r = r, .bucket = b};
        uint32_t cursor = r->counted;
        /* Also what is over, until it is dropped: it is going to be told of then. */
        mycel_store_scan(r->store, b, 0, steps, &cursor, count_one, &c);
        next = cursor == 0 ? r->store->slots : cursor;
    }
    r->counted = next;
    return r->counted == r->store->slots;
}

/* ---- who is there ----------------------------------------------------------------------------------- */

void mycel_replica_init(struct mycel_replica *r, struct mycel_store *store, const struct mycel_replica_name *name, uint32_t writer,
                        uint32_t replicas, uint64_t (*sum)[MYCEL_REPLICA_RANGES], uint32_t nodes_max)
{
    assert(replicas > 0 && replicas <= MYCEL_PLACE_REPLICAS_MAX && nodes_max > 0 && nodes_max <= MYCEL_PLACE_NODES_MAX);
    *r = (struct mycel_replica){.store = store, .name = name, .clock = {.writer = writer}, .self = MYCEL_REPLICA_NOBODY,
                                .replicas = replicas, .nodes_max = nodes_max, .sum = sum};
    store->told = told;
    store->context = r;
}

void mycel_replica_place(struct mycel_replica *r, const struct mycel_place *place, uint64_t self)
{
    assert(place->count <= r->nodes_max);
    r->place = place;
    r->self = MYCEL_REPLICA_NOBODY;
    r->counted = 0;
    r->view = place->count;
    for (uint32_t i = 0; i < place->count; i++) {
        uint32_t share;
        memcpy(&share, &place->share[i], sizeof share);
        r->view = mix(r->view ^ mix(place->id[i] ^ mix((uint64_t)share << 32 | place->zone[i])));
        r->self = place->id[i] == self ? i : r->self;
    }
    memset(r->sum, 0, r->nodes_max * sizeof *r->sum);
}

/* ---- copies ----------------------------------------------------------------------------------------- */

struct mycel_version_copy mycel_replica_copy_of(const struct mycel_store_view *v)
{
    return (struct mycel_version_copy){.version = {.stamp = v->version, .writer = v->writer}, .is_tombstone = v->is_tombstone, .bytes = v->value,
                                       .size = v->value_size};
}

struct mycel_version_copy mycel_replica_find(const struct mycel_replica *r, const struct mycel_store_key *key, uint64_t now_ms)
{
    struct mycel_store_view view;

    if (mycel_store_peek(r->store, key, now_ms, &view) != ERR_OK) {
        return (struct mycel_version_copy){0};
    }
    return mycel_replica_copy_of(&view);
}

enum err mycel_replica_take(struct mycel_replica *r, const struct mycel_store_key *key, const struct mycel_version_copy *copy, uint64_t left_ms,
                            uint64_t wall_ms, uint64_t now_ms)
{
    struct mycel_version_copy there = mycel_replica_find(r, key, now_ms);
    enum err e = mycel_version_heard(&r->clock, &copy->version, wall_ms);

    if (e != ERR_OK) {
        return e;
    }
    if (there.version.stamp != 0 && mycel_version_compare(&there, copy) >= 0) {
        return ERR_EXISTS;
    }
    bool is_over = left_ms == 0, is_tombstone = copy->is_tombstone || is_over;
    if (is_over && there.version.stamp == 0) {
        return ERR_OK;
    }
    struct mycel_store_value value = {.bytes = copy->bytes, .size = is_tombstone ? 0 : (uint32_t)copy->size, .version = copy->version.stamp,
                                      .writer = copy->version.writer, .is_tombstone = is_tombstone,
                                      .ttl_ms = is_tombstone ? MYCEL_STORE_FOR_EVER : left_ms};
    e = mycel_store_put(r->store, key, &value, now_ms);
    if (e != ERR_OK) {
        /* What is earlier than a write that was taken must not be found after it. */
        mycel_store_forget(r->store, key, now_ms);
    }
    return e;
}
