#include "mycel/entry.h"

#include <assert.h>
#include <string.h>

/* The high byte of the policy's state. */
enum {
    HAS_PLACE = 1 << 8,     /* for an end, which may be none */
    HAS_VERSION = 1 << 9,
    TOMBSTONE = 1 << 10,
    SLACK_AT = 12,          /* four bits: bytes of the block behind the value */
    MINE = 0xff00,
    VERSION = 12,           /* stamp and writer */
    PLACE = 12,
};

#define NO_END MYCEL_WHEEL_MS_MAX

static_assert(sizeof(struct mycel_entry) == 20, "what an entry costs is documented");
static_assert(sizeof(uint32_t) + sizeof(struct mycel_wheel_node) == PLACE, "what an end costs is documented");

static uint32_t before_key(const struct mycel_entry *e)
{
    return ((e->policy.state & HAS_PLACE) != 0 ? PLACE : 0) + ((e->policy.state & HAS_VERSION) != 0 ? VERSION : 0);
}

struct mycel_entry_shape mycel_entry_shape_of(const struct mycel_store_key *key, const struct mycel_store_value *value, uint64_t end_ms)
{
    return (struct mycel_entry_shape){
        .bytes = (uint32_t)sizeof(struct mycel_entry) + (end_ms != MYCEL_STORE_FOR_EVER ? PLACE : 0) +
                 (value->version != 0 ? VERSION : 0) + key->size + value->size,
        .end_ms = end_ms,
    };
}

void mycel_entry_write(struct mycel_entry *e, const struct mycel_entry_shape *shape, const struct mycel_store_key *key,
                       const struct mycel_store_value *value)
{
    uint32_t block = mycel_policy_size(&e->policy) * MYCEL_HEAP_UNIT, slack = block - shape->bytes;
    bool has_place = shape->end_ms != MYCEL_STORE_FOR_EVER;

    assert(slack < 16);
    e->policy.state = (uint16_t)((e->policy.state & ~MINE) | (has_place ? HAS_PLACE : 0) | (value->version != 0 ? HAS_VERSION : 0) |
                                 (value->is_tombstone ? TOMBSTONE : 0) | slack << SLACK_AT);
    e->policy.other = (uint16_t)key->size;
    e->bucket = key->bucket;
    if (has_place) {
        mycel_entry_set_end(e, shape->end_ms);
    }
    uint8_t *at = e->rest + (has_place ? PLACE : 0);
    if (value->version != 0) {
        memcpy(at, &value->version, sizeof value->version);
        memcpy(at + sizeof value->version, &value->writer, sizeof value->writer);
        at += VERSION;
    }
    if (key->size > 0) {
        memcpy(at, key->bytes, key->size);
    }
    if (value->size > 0) {
        memcpy(at + key->size, value->bytes, value->size);
    }
}

bool mycel_entry_has_place(const struct mycel_entry *e)
{
    return (e->policy.state & HAS_PLACE) != 0;
}

void mycel_entry_set_end(struct mycel_entry *e, uint64_t end_ms)
{
    uint64_t end = end_ms == MYCEL_STORE_FOR_EVER ? NO_END : end_ms < NO_END ? end_ms : NO_END - 1;
    uint32_t low = (uint32_t)end;

    memcpy(e->rest, &low, sizeof low);
    e->end_high = (uint16_t)(end >> 32);
}

static uint64_t end_of(const struct mycel_entry *e)
{
    uint32_t low;

    memcpy(&low, e->rest, sizeof low);
    return (uint64_t)e->end_high << 32 | low;
}

bool mycel_entry_has_end(const struct mycel_entry *e)
{
    return mycel_entry_has_place(e) && end_of(e) != NO_END;
}

bool mycel_entry_is_tombstone(const struct mycel_entry *e)
{
    return (e->policy.state & TOMBSTONE) != 0;
}

uint64_t mycel_entry_end_of(const struct mycel_entry *e)
{
    assert(mycel_entry_has_end(e));
    return end_of(e);
}

uint64_t mycel_entry_version(const struct mycel_entry *e)
{
    uint64_t version = 0;

    if ((e->policy.state & HAS_VERSION) != 0) {
        memcpy(&version, e->rest + before_key(e) - VERSION, sizeof version);
    }
    return version;
}

uint32_t mycel_entry_writer(const struct mycel_entry *e)
{
    uint32_t writer = 0;

    if ((e->policy.state & HAS_VERSION) != 0) {
        memcpy(&writer, e->rest + before_key(e) - sizeof writer, sizeof writer);
    }
    return writer;
}

const uint8_t *mycel_entry_key(const struct mycel_entry *e)
{
    return e->rest + before_key(e);
}

uint32_t mycel_entry_key_size(const struct mycel_entry *e)
{
    return e->policy.other;
}

const uint8_t *mycel_entry_value(const struct mycel_entry *e)
{
    return mycel_entry_key(e) + e->policy.other;
}

uint32_t mycel_entry_value_size(const struct mycel_entry *e)
{
    return mycel_policy_size(&e->policy) * MYCEL_HEAP_UNIT - (uint32_t)sizeof *e - before_key(e) - e->policy.other -
           (e->policy.state >> SLACK_AT);
}

struct mycel_wheel_node *mycel_entry_wheel(const struct mycel_heap *heap, uint32_t block)
{
    struct mycel_entry *e = mycel_heap_at(heap, block);

    return (struct mycel_wheel_node *)(e->rest + sizeof(uint32_t));
}

uint64_t mycel_entry_end_ms(const struct mycel_heap *heap, uint32_t block)
{
    return mycel_entry_end_of(mycel_heap_at(heap, block));
}
