#include "raft/image.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "raft/image_items.h"
#include "raft/le.h"
#include "raft/span.h"

static void item_head(uint8_t *at, enum image_kind kind, size_t size)
{
    at[0] = (uint8_t)kind;
    raft_le_put32(at + 1, (uint32_t)size);
}

static void add_head(struct raft_buffer *b, const struct raft_kv *kv)
{
    uint8_t item[IMAGE_ITEM + IMAGE_HEAD_SIZE], *at = item + IMAGE_ITEM;

    item_head(item, IMAGE_HEAD, IMAGE_HEAD_SIZE);
    raft_le_put32(at, RAFT_IMAGE_VERSION);
    raft_le_put64(at + 4, kv->revision);
    raft_le_put64(at + 12, kv->journal.compacted);
    raft_le_put64(at + 20, kv->time_ms);
    raft_le_put64(at + 28, kv->quota_bytes);
    raft_le_put64(at + 36, kv->applied);
    at[44] = kv->is_loading;
    raft_le_put32(at + 45, kv->is_loading ? kv->load.part : 0);
    raft_answer_add(b, item, sizeof item);
}

static void add_lease(struct raft_buffer *b, const struct raft_lease *l)
{
    uint8_t item[IMAGE_ITEM + IMAGE_LEASE_SIZE], *at = item + IMAGE_ITEM;

    item_head(item, IMAGE_LEASE, IMAGE_LEASE_SIZE);
    raft_le_put64(at, l->id);
    raft_le_put64(at + 8, l->renewed_ms);
    raft_le_put64(at + 16, l->stamp);
    raft_le_put32(at + 24, l->ttl_ms);
    raft_answer_add(b, item, sizeof item);
}

static void add_answer(struct raft_buffer *b, uint64_t session, const struct raft_kept *k)
{
    uint8_t item[IMAGE_ITEM + IMAGE_ANSWER_SIZE], *at = item + IMAGE_ITEM;

    item_head(item, IMAGE_ANSWER, IMAGE_ANSWER_SIZE + (size_t)k->size);
    raft_le_put64(at, session);
    raft_le_put64(at + 8, k->sequence);
    raft_le_put64(at + 16, k->revision);
    raft_le_put64(at + 24, k->number);
    raft_le_put32(at + 32, k->error);
    raft_le_put32(at + 36, k->ttl_ms);
    at[40] = k->succeeded;
    at[41] = k->is_cut;
    raft_answer_add(b, item, sizeof item);
    raft_answer_add(b, k->body, k->size);
}

static void add_session(struct raft_buffer *b, const struct raft_session *s)
{
    uint8_t item[IMAGE_ITEM + IMAGE_SESSION_SIZE], *at = item + IMAGE_ITEM;

    item_head(item, IMAGE_SESSION, IMAGE_SESSION_SIZE);
    raft_le_put64(at, s->id);
    raft_le_put64(at + 8, s->used_ms);
    raft_le_put64(at + 16, s->stamp);
    raft_le_put64(at + 24, s->acknowledged);
    raft_le_put32(at + 32, s->ttl_ms);
    raft_answer_add(b, item, sizeof item);
    for (uint32_t i = 0; i < s->count; i++) {
        add_answer(b, s->id, s->kept[i]);
    }
}

/* All that is not revisioned, in the order of ids: a table's own order is a matter of its history. */
static enum err add_front(struct raft_buffer *b, const struct raft_kv *kv)
{
    uint32_t most = kv->leases.map.count > kv->sessions.map.count ? kv->leases.map.count : kv->sessions.map.count;
    AUTO_FREE void **sorted = calloc((size_t)most + 1, sizeof sorted[0]);

    if (sorted == NULL) {
        return ERR_NOMEM;
    }
    add_head(b, kv);
    raft_idmap_sorted(&kv->leases.map, sorted);
    for (uint32_t i = 0; i < kv->leases.map.count; i++) {
        add_lease(b, sorted[i]);
    }
    raft_idmap_sorted(&kv->sessions.map, sorted);
    for (uint32_t i = 0; i < kv->sessions.map.count; i++) {
        add_session(b, sorted[i]);
    }
    return b->is_short ? ERR_NOMEM : ERR_OK;
}

enum err raft_image_begin(struct raft_image *i, struct raft_kv *kv)
{
    *i = (struct raft_image){.kv = kv, .generation = kv->generation, .revision = kv->revision,
                             .compacted = kv->journal.compacted, .pin = RAFT_PINS_MAX,
                             .chain = {.journal = &kv->journal, .past = kv->past}};
    i->pin = raft_journal_pin(&kv->journal, i->compacted);
    if (i->pin == RAFT_PINS_MAX) {
        return ERR_LIMIT;
    }
    return add_front(&i->front, kv);
}

void raft_image_end(struct raft_image *i)
{
    if (i->pin < RAFT_PINS_MAX && i->generation == i->kv->generation) {
        raft_journal_unpin(&i->kv->journal, i->pin);
    }
    i->pin = RAFT_PINS_MAX;
    raft_chain_fini(&i->chain);
    raft_answer_fini(&i->front);
}

/* ---- records -------------------------------------------------------------------------------- */

/* A key that ended before the window began is nothing. */
static bool is_forgotten(const struct raft_image *i, const struct raft_record *r)
{
    return raft_record_is_delete(r) && r->modified <= i->compacted;
}

/* The state before `r`, if the window still has it. */
static enum err before(struct raft_image *i, const struct raft_record *r, const struct raft_record **ret)
{
    const struct raft_record *old = NULL;
    enum err e = r->modified > i->compacted ? raft_chain_before(&i->chain, r, &old) : ERR_OK;

    *ret = old != NULL && !is_forgotten(i, old) ? old : NULL;
    return e;
}

/* Where the last piece ended, within a key: the window has the event of what was put last, wherever its record is now. */
static enum err find_next(struct raft_image *i)
{
    const struct raft_journal *j = &i->kv->journal;
    const struct raft_record *r;

    i->next = NULL;
    if (!i->has_next) {
        return ERR_OK;
    }
    if (i->after_revision == 0) {
        struct raft_record **slot = raft_tree_slot(&i->kv->tree, (struct raft_bytes){i->key, i->key_size});
        assert(slot != NULL); /* it is pinned */
        return raft_chain_to(&i->chain, *slot, i->revision, &i->next);
    }
    uint64_t number = raft_journal_number(j, i->after_revision, i->after_part);
    enum err e = raft_chain_load(&i->chain, raft_journal_at(j, number)->record, &r);
    return e == ERR_OK ? before(i, r, &i->next) : e;
}

/* The newest state, as of the image's revision, of the next key that has one; NULL: there is none. */
static enum err next_key(struct raft_image *i, const struct raft_record **ret)
{
    struct raft_bytes last = {i->key, i->has_key ? i->key_size : 0};
    struct raft_tree_cursor c = raft_tree_seek(&i->kv->tree, last);

    *ret = NULL;
    for (const struct raft_record *r; (r = raft_tree_at(&c)) != NULL; raft_tree_next(&c)) {
        if (i->has_key && raft_span_order(raft_record_key(r), last) == 0) {
            continue;
        }
        enum err e = raft_chain_to(&i->chain, r, i->revision, &r);
        if (e != ERR_OK) {
            return e;
        }
        if (r != NULL && !is_forgotten(i, r)) {
            memcpy(i->key, r->bytes, r->key_size);
            i->key_size = r->key_size;
            i->has_key = true;
            *ret = r;
            break;
        }
    }
    return ERR_OK;
}

static size_t record_size(const struct raft_record *r)
{
    return (size_t)IMAGE_ITEM + IMAGE_RECORD_SIZE + r->key_size + r->value_size;
}

static size_t put_record(uint8_t *out, const struct raft_record *r)
{
    uint8_t *at = out + IMAGE_ITEM;

    item_head(out, IMAGE_RECORD, record_size(r) - IMAGE_ITEM);
    raft_le_put64(at, r->created);
    raft_le_put64(at + 8, r->modified);
    raft_le_put64(at + 16, raft_record_lease(r));
    raft_le_put32(at + 24, r->version);
    raft_le_put32(at + 28, r->part);
    at[32] = raft_record_is_delete(r);
    raft_le_put16(at + 33, r->key_size);
    memcpy(at + IMAGE_RECORD_SIZE, r->bytes, (size_t)r->key_size + r->value_size);
    return record_size(r);
}

/* Items of the front until one would not fit. */
static size_t give_front(struct raft_image *i, uint8_t *out, size_t want)
{
    size_t size = 0;

    while (i->front_given < i->front.size) {
        const uint8_t *item = i->front.at + i->front_given;
        size_t item_size = IMAGE_ITEM + raft_le_get32(item + 1);

        if (size > 0 && size + item_size > want) {
            break;
        }
        memcpy(out + size, item, item_size);
        size += item_size;
        i->front_given += item_size;
    }
    return size;
}

/* The end, if there is room for it. */
static size_t give_end(struct raft_image *i, uint8_t *out, size_t room)
{
    if (IMAGE_ITEM + IMAGE_END_SIZE > room) {
        return 0;
    }
    item_head(out, IMAGE_END, IMAGE_END_SIZE);
    raft_le_put64(out + IMAGE_ITEM, i->records);
    i->is_ended = true;
    return IMAGE_ITEM + IMAGE_END_SIZE;
}

/* Records behind what the piece has, *size bytes; about `want` in all. */
static enum err give_records(struct raft_image *i, uint8_t *out, size_t room, size_t want, size_t *size)
{
    enum err e = find_next(i);

    while (e == ERR_OK) {
        if (i->next == NULL) {
            i->after_revision = 0;
            e = next_key(i, &i->next);
        }
        if (e != ERR_OK) {
            break;
        }
        if (i->next == NULL) {
            *size += give_end(i, out + *size, room - *size);
            break;
        }
        if (*size > 0 && *size + record_size(i->next) > want) {
            break;
        }
        *size += put_record(out + *size, i->next);
        i->records++;
        i->after_revision = i->next->modified;
        i->after_part = i->next->part;
        e = before(i, i->next, &i->next);
    }
    i->has_next = i->next != NULL;
    return e;
}

enum err raft_image_next(struct raft_image *i, uint8_t *out, size_t room, size_t want, size_t *ret_size)
{
    enum err e = ERR_OK;

    assert(room >= RAFT_IMAGE_ROOM);
    if (i->generation != i->kv->generation) {
        return ERR_ABORTED;
    }
    want = want < room ? want : room;
    size_t size = give_front(i, out, want);
    if (i->front_given == i->front.size && !i->is_ended) {
        e = give_records(i, out, room, want, &size);
    }
    if (e == ERR_OK) {
        *ret_size = size;
    }
    return e;
}

/* ---- sums ----------------------------------------------------------------------------------- */

struct raft_image_sum {
    struct raft_image image;
    crypto_generichash_state state;
    uint8_t piece[RAFT_IMAGE_ROOM];
};

enum err raft_image_sum_new(struct raft_kv *kv, struct raft_image_sum **ret)
{
    /* The state wants 64 bytes' alignment. */
    struct raft_image_sum *s = aligned_alloc(_Alignof(struct raft_image_sum), sizeof *s);

    if (s == NULL) {
        return ERR_NOMEM;
    }
    (void)crypto_generichash_init(&s->state, NULL, 0, crypto_generichash_BYTES_MIN); /* cannot fail: sizes are constants */
    enum err e = raft_image_begin(&s->image, kv);
    if (e != ERR_OK) {
        raft_image_sum_free(s);
        return e;
    }
    *ret = s;
    return ERR_OK;
}

enum err raft_image_sum_next(struct raft_image_sum *s, size_t want, bool *ret_is_done, uint64_t *ret)
{
    uint8_t digest[crypto_generichash_BYTES_MIN];
    size_t size;
    enum err e = raft_image_next(&s->image, s->piece, sizeof s->piece, want, &size);

    if (e != ERR_OK) {
        return e;
    }
    *ret_is_done = size == 0;
    if (size > 0) {
        (void)crypto_generichash_update(&s->state, s->piece, size);
    } else {
        (void)crypto_generichash_final(&s->state, digest, sizeof digest);
        *ret = raft_le_get64(digest);
    }
    return ERR_OK;
}

void raft_image_sum_free(struct raft_image_sum *s)
{
    if (s != NULL) {
        raft_image_end(&s->image);
        free(s);
    }
}
