#include "mycel/store.h"

#include "mycel/entry.h"
#include "mycel/store_inside.h"

enum { NONE = MYCEL_HEAP_NONE };

static enum mycel_policy_kind kind_of(enum mycel_store_rule rule)
{
    switch (rule) {
    case MYCEL_STORE_CHOSEN:
    case MYCEL_STORE_S3FIFO:
        return MYCEL_POLICY_S3FIFO;
    case MYCEL_STORE_LRU:
        return MYCEL_POLICY_LRU;
    case MYCEL_STORE_2Q:
        return MYCEL_POLICY_2Q;
    }
    return MYCEL_POLICY_S3FIFO;
}

enum err mycel_store_open(struct mycel_store *s, const struct mycel_store_limits *limits, uint16_t *ret_bucket)
{
    uint16_t free = 0;

    if (limits->bytes_max == 0 || limits->entries_max == 0 || limits->rule > MYCEL_STORE_2Q) {
        return ERR_INVALID;
    }
    while (free < s->buckets_max && s->bucket[free].is_used) {
        free++;
    }
    if (free == s->buckets_max || limits->bytes_max > s->bytes_max - s->bytes_given ||
        limits->entries_max > s->entries_max - s->entries_given) {
        return ERR_LIMIT;
    }
    struct mycel_store_bucket *b = &s->bucket[free];
    *b = (struct mycel_store_bucket){.limits = *limits};
    if (limits->rule == MYCEL_STORE_CHOSEN) {
        size_t bytes = mycel_shadow_bytes(limits->entries_max) + sizeof(struct mycel_shadow) + MYCEL_HEAP_UNIT;
        b->shadow_block = mycel_heap_take(&s->heap, (uint32_t)bytes);
        if (b->shadow_block == NONE) {
            return ERR_LIMIT;
        }
        b->shadow = (void *)((uint8_t *)mycel_heap_at(&s->heap, b->shadow_block) + MYCEL_HEAP_UNIT);
        mycel_shadow_init(b->shadow, b->shadow + 1, limits->entries_max);
    }
    mycel_policy_init(&b->policy, s->heap.base, MYCEL_HEAP_UNIT, &s->ghost, limits->entries_max);
    mycel_policy_rule(&b->policy, kind_of(limits->rule));
    b->is_used = true;
    s->bytes_given += limits->bytes_max;
    s->entries_given += limits->entries_max;
    *ret_bucket = free;
    return ERR_OK;
}

bool mycel_store_clear(struct mycel_store *s, uint16_t bucket, bool close, uint32_t work)
{
    struct mycel_store_bucket *b = mycel_store_bucket_of(s, bucket);

    if (b == NULL) {
        return true;
    }
    while (b->counts.entries > 0) {
        uint32_t block = b->policy.main.oldest != NONE ? b->policy.main.oldest : b->policy.small.oldest;
        if (work-- == 0) {
            return false;
        }
        mycel_store_take_out(s, block);
    }
    if (b->shadow != NULL) {
        mycel_shadow_init(b->shadow, b->shadow + 1, b->limits.entries_max);
    }
    if (close) {
        if (b->shadow != NULL) {
            mycel_heap_give(&s->heap, b->shadow_block);
        }
        s->bytes_given -= b->limits.bytes_max;
        s->entries_given -= b->limits.entries_max;
        b->is_used = false;
    }
    return true;
}

bool mycel_store_has_room(const struct mycel_store *s, uint16_t bucket, uint32_t key_size, uint32_t value_size)
{
    const struct mycel_store_bucket *b = mycel_store_bucket_of(s, bucket);
    struct mycel_store_key key = {.bucket = bucket, .size = key_size};
    struct mycel_store_value value = {.size = value_size, .version = 1};

    if (b == NULL || b->counts.entries >= b->limits.entries_max) {
        return false;
    }
    /* With an end; and the heap may give a unit more. */
    uint64_t units = (uint64_t)mycel_heap_units(mycel_entry_shape_of(&key, &value, 1).bytes) + 1;
    return b->counts.bytes + units * MYCEL_HEAP_UNIT <= b->limits.bytes_max;
}

enum err mycel_store_counts_of(const struct mycel_store *s, uint16_t bucket, struct mycel_store_counts *ret)
{
    const struct mycel_store_bucket *b = mycel_store_bucket_of(s, bucket);

    if (b == NULL) {
        return ERR_NOT_FOUND;
    }
    *ret = b->counts;
    ret->gets = ret->hits + ret->misses;
    ret->rules = b->policy.kind;
    ret->changes = b->shadow != NULL ? b->shadow->changes : 0;
    return ERR_OK;
}

/* ---- scan ------------------------------------------------------------------------------------------- */

/* A cursor is a slot, and whoever's home it is stands behind it without a gap; where a key's home is never changes. */
void mycel_store_scan(const struct mycel_store *s, uint16_t bucket, uint64_t now_ms, uint32_t steps, uint32_t *cursor,
                      void (*show)(void *context, const struct mycel_store_view *view), void *context)
{
    uint32_t at = *cursor < s->slots ? *cursor : 0;

    for (uint32_t i = 0; i < steps && at < s->slots; i++, at++) {
        for (uint32_t n = at; s->slot[n] != 0; n = mycel_store_next(s, n)) {
            const struct mycel_entry *e = mycel_heap_at(&s->heap, (uint32_t)s->slot[n]);
            if (mycel_store_home(s, s->slot[n]) == at && e->bucket == bucket && !mycel_store_is_over(e, now_ms)) {
                struct mycel_store_view view;
                mycel_store_show(e, now_ms, &view);
                show(context, &view);
            }
        }
    }
    *cursor = at < s->slots ? at : 0;
}
