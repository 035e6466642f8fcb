#include "mycel/hint.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { NONE = MYCEL_HEAP_NONE };

/* A write that waits. Its block's first word is the heap's. */
struct hint {
    uint32_t word;
    uint32_t older, younger;   /* of all   */
    uint32_t before, behind;   /* of his   */
    uint32_t chain;
    uint32_t value_size, writer;
    uint64_t number, stamp, kept_ms, end_ms;
    uint16_t to, bucket, key_size;
    bool is_tombstone, is_on_way;
    uint8_t bytes[];           /* key, value */
};

static struct hint *at(const struct mycel_hint *h, uint32_t block)
{
    return mycel_heap_at(&h->heap, block);
}

static uint64_t size_of(const struct hint *n)
{
    return (uint64_t)(n->word & ((1u << MYCEL_HEAP_SIZE_BITS) - 1)) * MYCEL_HEAP_UNIT;
}

/* ---- memory ----------------------------------------------------------------------------------------- */

static uint32_t chains_for(uint32_t entries)
{
    uint32_t n = 16;

    while (n < entries) {
        n *= 2;
    }
    return n;
}

/* What is free is in pieces: an eighth more, and one of the largest. */
static uint64_t heap_for(const struct mycel_hint_limits *l)
{
    return l->bytes_max + l->bytes_max / 8 + (l->bytes_max < 1 << 20 ? l->bytes_max : 1 << 20) + 4096;
}

size_t mycel_hint_bytes(const struct mycel_hint_limits *l)
{
    if (l->bytes_max == 0 || l->bytes_max >= UINT64_C(1) << 33 || l->target_bytes_max == 0 || l->entries_max == 0 ||
        l->entries_max >= 1u << 30 || l->target_entries_max == 0 || l->age_ms == 0 || l->age_ms > MYCEL_VERSION_TOMBSTONE_MS / 2 ||
        l->targets_max == 0 || l->targets_max > MYCEL_HINT_TARGETS_MAX) {
        return 0;
    }
    return l->targets_max * sizeof(struct mycel_hint_target) + chains_for(l->entries_max) * sizeof(uint32_t) + heap_for(l);
}

enum err mycel_hint_init(struct mycel_hint *h, void *memory, const struct mycel_hint_limits *limits,
                         const uint8_t hash_key[MYCEL_STORE_HASH_KEY])
{
    uint8_t *bytes = memory;

    if (mycel_hint_bytes(limits) == 0) {
        return ERR_INVALID;
    }
    memset(h, 0, sizeof *h);
    h->limits = *limits;
    memcpy(h->hash_key, hash_key, MYCEL_STORE_HASH_KEY);
    h->target = (void *)bytes;
    memset(h->target, 0, limits->targets_max * sizeof *h->target);
    bytes += limits->targets_max * sizeof *h->target;
    h->chains = chains_for(limits->entries_max);
    h->chain = (void *)bytes;
    memset(h->chain, 0, h->chains * sizeof *h->chain);
    mycel_heap_init(&h->heap, bytes + h->chains * sizeof *h->chain, heap_for(limits));
    return ERR_OK;
}

/* ---- who waits -------------------------------------------------------------------------------------- */

static uint32_t *chain_of(const struct mycel_hint *h, uint16_t to, uint16_t bucket, const void *key, uint32_t size)
{
    uint64_t hash;

    crypto_shorthash((uint8_t *)&hash, key, size, h->hash_key);
    hash += to * 0x9e3779b97f4a7c15u + bucket * 0xc2b2ae3d27d4eb4fu;
    return &h->chain[(hash >> 32) & (h->chains - 1)];
}

static uint32_t find(const struct mycel_hint *h, uint16_t to, const struct mycel_store_key *key)
{
    uint32_t block = *chain_of(h, to, key->bucket, key->bytes, key->size);

    while (block != NONE) {
        const struct hint *n = at(h, block);
        if (n->to == to && n->bucket == key->bucket && n->key_size == key->size && (key->size == 0 || memcmp(n->bytes, key->bytes, key->size) == 0)) {
            break;
        }
        block = n->chain;
    }
    return block;
}

static void forget(struct mycel_hint *h, uint32_t block)
{
    struct hint *n = at(h, block);
    struct mycel_hint_target *t = &h->target[n->to];
    uint32_t *link = chain_of(h, n->to, n->bucket, n->bytes, n->key_size);

    while (*link != block) {
        link = &at(h, *link)->chain;
    }
    *link = n->chain;
    *(n->older != NONE ? &at(h, n->older)->younger : &h->oldest) = n->younger;
    *(n->younger != NONE ? &at(h, n->younger)->older : &h->youngest) = n->older;
    *(n->before != NONE ? &at(h, n->before)->behind : &t->first) = n->behind;
    *(n->behind != NONE ? &at(h, n->behind)->before : &t->last) = n->before;
    t->next = t->next == block ? n->behind : t->next;
    t->on_way -= n->is_on_way;
    t->entries--;
    t->bytes -= size_of(n);
    h->entries--;
    h->bytes -= size_of(n);
    mycel_heap_give(&h->heap, block);
}

static struct mycel_version_copy copy_of(const struct hint *n)
{
    return (struct mycel_version_copy){.version = {.stamp = n->stamp, .writer = n->writer}, .is_tombstone = n->is_tombstone,
                                       .bytes = n->bytes + n->key_size, .size = n->value_size};
}

/* Whether one of so many bytes is within the bounds; if not, who is to go: of all the oldest, or of his. */
static bool is_room(const struct mycel_hint *h, const struct mycel_hint_target *t, uint64_t bytes, uint32_t *ret_goes)
{
    if (t->entries >= h->limits.target_entries_max || t->bytes + bytes > h->limits.target_bytes_max) {
        *ret_goes = t->first;
        return false;
    }
    *ret_goes = h->oldest;
    return h->entries < h->limits.entries_max && h->bytes + bytes <= h->limits.bytes_max;
}

/* A block within the bounds; the oldest go for it. NONE: it is larger than they are. */
static uint32_t take_block(struct mycel_hint *h, uint16_t to, size_t size)
{
    /* The heap may give a unit more. */
    uint64_t bytes = ((uint64_t)mycel_heap_units((uint32_t)size) + 1) * MYCEL_HEAP_UNIT;
    uint32_t goes, block;

    if (bytes > h->limits.bytes_max || bytes > h->limits.target_bytes_max) {
        return NONE;
    }
    while (!is_room(h, &h->target[to], bytes, &goes)) {
        forget(h, goes);
        h->counts.full++;
    }
    while ((block = mycel_heap_take(&h->heap, (uint32_t)size)) == NONE && h->oldest != NONE) {
        forget(h, h->oldest);
        h->counts.full++;
    }
    return block;
}

static void bring_in(struct mycel_hint *h, uint32_t block)
{
    struct hint *n = at(h, block);
    struct mycel_hint_target *t = &h->target[n->to];
    uint32_t *head = chain_of(h, n->to, n->bucket, n->bytes, n->key_size);

    n->chain = *head;
    *head = block;
    n->younger = n->behind = NONE;
    n->older = h->youngest;
    *(n->older != NONE ? &at(h, n->older)->younger : &h->oldest) = block;
    h->youngest = block;
    n->before = t->last;
    *(n->before != NONE ? &at(h, n->before)->behind : &t->first) = block;
    t->last = block;
    t->next = t->next == NONE ? block : t->next;
    t->entries++;
    t->bytes += size_of(n);
    h->entries++;
    h->bytes += size_of(n);
}

static void keep(struct mycel_hint *h, const struct mycel_hint_event *ev)
{
    uint32_t there = find(h, ev->to, &ev->key);
    size_t size = sizeof(struct hint) + ev->key.size + ev->copy.size;

    if (there != NONE) {
        struct mycel_version_copy waits = copy_of(at(h, there));
        if (mycel_version_compare(&waits, &ev->copy) >= 0) {
            h->counts.late++;
            return;
        }
        /* What it says would be handed over for nothing, also when the later one finds no room. */
        forget(h, there);
        h->counts.replaced++;
    }
    uint32_t block = size <= UINT32_MAX / 2 ? take_block(h, ev->to, size) : NONE;
    if (block == NONE) {
        h->counts.refused++;
        return;
    }
    struct hint *n = at(h, block);
    uint32_t word = n->word;
    *n = (struct hint){.word = word, .to = ev->to, .bucket = ev->key.bucket, .key_size = (uint16_t)ev->key.size, .value_size = (uint32_t)ev->copy.size,
                       .writer = ev->copy.version.writer, .stamp = ev->copy.version.stamp, .number = ++h->number, .kept_ms = ev->now_ms,
                       .end_ms = ev->left_ms < MYCEL_STORE_FOR_EVER - ev->now_ms ? ev->now_ms + ev->left_ms : MYCEL_STORE_FOR_EVER,
                       .is_tombstone = ev->copy.is_tombstone};
    if (ev->key.size > 0) {
        memcpy(n->bytes, ev->key.bytes, ev->key.size);
    }
    if (ev->copy.size > 0) {
        memcpy(n->bytes + ev->key.size, ev->copy.bytes, ev->copy.size);
    }
    bring_in(h, block);
    h->counts.kept++;
}

/* ---- handing over ----------------------------------------------------------------------------------- */

static void send(struct mycel_hint *h, uint32_t block, uint64_t now_ms, struct mycel_hint_effects *fx)
{
    struct hint *n = at(h, block);
    struct mycel_hint_effect *e = &fx->item[fx->count++];

    *e = (struct mycel_hint_effect){.to = n->to, .number = n->number, .copy = copy_of(n), .left_ms = MYCEL_STORE_FOR_EVER,
                                    .key = {.bucket = n->bucket, .bytes = n->bytes, .size = n->key_size}};
    if (n->end_ms <= now_ms) {
        e->copy.is_tombstone = true;
        e->copy.size = 0;
    } else if (n->end_ms != MYCEL_STORE_FOR_EVER) {
        e->left_ms = n->end_ms - now_ms;
    }
    n->is_on_way = true;
    h->target[n->to].on_way++;
    h->counts.sent++;
}

/* As many as may be on their way to him, in their order. */
static void pump(struct mycel_hint *h, uint16_t to, uint64_t now_ms, struct mycel_hint_effects *fx)
{
    struct mycel_hint_target *t = &h->target[to];

    if (t->is_back && t->on_way > 0 && now_ms >= t->moved_ms + MYCEL_HINT_RETRY_MS) {
        for (uint32_t b = t->first; b != t->next; b = at(h, b)->behind) {
            at(h, b)->is_on_way = false;
        }
        t->on_way = 0;
        t->next = t->first;
    }
    while (t->is_back && t->next != NONE && t->on_way < MYCEL_HINT_WINDOW && fx->count < MYCEL_HINT_WINDOW) {
        uint32_t block = t->next;
        t->moved_ms = t->on_way == 0 ? now_ms : t->moved_ms;
        t->next = at(h, block)->behind;
        send(h, block, now_ms, fx);
    }
}

static void lost(struct mycel_hint *h, struct mycel_hint_target *t)
{
    t->is_back = false;
    for (uint32_t b = t->first; b != NONE && b != t->next; b = at(h, b)->behind) {
        at(h, b)->is_on_way = false;
    }
    t->on_way = 0;
    t->next = t->first;
}

/* His answers come from among those on their way. */
static void taken(struct mycel_hint *h, const struct mycel_hint_event *ev)
{
    struct mycel_hint_target *t = &h->target[ev->to];

    for (uint32_t b = t->first, i = 0; b != NONE && b != t->next && i < 2 * MYCEL_HINT_WINDOW; b = at(h, b)->behind, i++) {
        if (at(h, b)->number == ev->number) {
            forget(h, b);
            h->counts.handed++;
            t->moved_ms = ev->now_ms;
            return;
        }
    }
}

static void age(struct mycel_hint *h, uint64_t now_ms)
{
    for (uint32_t i = 0; i < MYCEL_HINT_WORK_MAX && h->oldest != NONE && now_ms - at(h, h->oldest)->kept_ms >= h->limits.age_ms; i++) {
        forget(h, h->oldest);
        h->counts.old++;
    }
}

void mycel_hint_step(struct mycel_hint *h, const struct mycel_hint_event *ev, struct mycel_hint_effects *fx)
{
    assert(ev->to < h->limits.targets_max);
    struct mycel_hint_target *t = &h->target[ev->to];

    fx->count = 0;
    age(h, ev->now_ms);
    switch (ev->kind) {
    case MYCEL_HINT_EV_KEEP:
        keep(h, ev);
        break;
    case MYCEL_HINT_EV_BACK:
        t->is_back = true;
        break;
    case MYCEL_HINT_EV_LOST:
        lost(h, t);
        break;
    case MYCEL_HINT_EV_TAKEN:
        taken(h, ev);
        break;
    case MYCEL_HINT_EV_GONE:
        while (t->first != NONE) {
            forget(h, t->first);
            h->counts.gone++;
        }
        lost(h, t);
        break;
    case MYCEL_HINT_EV_CLOCK:
        for (uint16_t i = 0; i < h->limits.targets_max; i++) {
            pump(h, (uint16_t)((h->turn + i) % h->limits.targets_max), ev->now_ms, fx);
        }
        h->turn = (uint16_t)((h->turn + 1) % h->limits.targets_max);
        return;
    }
    pump(h, ev->to, ev->now_ms, fx);
}

uint64_t mycel_hint_due_ms(const struct mycel_hint *h)
{
    uint64_t due = h->oldest == NONE ? UINT64_MAX : at(h, h->oldest)->kept_ms + h->limits.age_ms;

    for (uint16_t i = 0; i < h->limits.targets_max; i++) {
        const struct mycel_hint_target *t = &h->target[i];
        if (t->is_back && t->next != NONE && t->on_way < MYCEL_HINT_WINDOW) {
            return 0;
        }
        uint64_t again = t->moved_ms + MYCEL_HINT_RETRY_MS;
        due = t->is_back && t->on_way > 0 && again < due ? again : due;
    }
    return due;
}
