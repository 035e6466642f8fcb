/* Reading an image back. Its bytes come from a disk, from another member or from a person's file: nothing in them is
 * believed before it is looked at. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/image.h"
#include "raft/image_items.h"
#include "raft/le.h"
#include "raft/span.h"

void raft_image_expect(struct raft_kv *kv)
{
    assert(kv->tree.count == 0 && kv->revision == 0);
    kv->is_loading = true;
    kv->load = (struct raft_load){0};
}

static enum err load_head(struct raft_kv *kv, const uint8_t *at, size_t size)
{
    struct raft_load *l = &kv->load;

    if (size != IMAGE_HEAD_SIZE || l->has_head || raft_le_get32(at) != RAFT_IMAGE_VERSION || at[44] > 1) {
        return ERR_MALFORMED;
    }
    uint64_t time_ms = raft_le_get64(at + 20);
    kv->revision = raft_le_get64(at + 4);
    kv->journal.compacted = kv->journal.freed_revision = raft_le_get64(at + 12);
    kv->quota_bytes = raft_le_get64(at + 28);
    /* Into a cluster that goes on: what is left of each lease is left of it by our clock too. */
    l->shift_ms = kv->time_ms > time_ms ? kv->time_ms - time_ms : 0;
    kv->time_ms = kv->time_ms > time_ms ? kv->time_ms : time_ms;
    kv->applied = kv->applied > 0 ? kv->applied : raft_le_get64(at + 36);
    l->has_head = true;
    l->is_nested = at[44] == 1;
    l->nested_part = raft_le_get32(at + 45);
    /* Nothing may be left to happen that cannot be counted on from here. */
    bool is_sane = kv->journal.compacted <= kv->revision && kv->revision < UINT64_MAX / 2 &&
                   kv->time_ms < UINT64_MAX / 2 && kv->applied < UINT64_MAX / 2;
    return is_sane ? ERR_OK : ERR_MALFORMED;
}

static bool is_ttl(uint32_t ttl_ms)
{
    return ttl_ms >= RAFT_TTL_LEAST_MS && ttl_ms <= RAFT_TTL_MOST_MS;
}

static enum err load_lease(struct raft_kv *kv, const uint8_t *at, size_t size)
{
    if (size != IMAGE_LEASE_SIZE) {
        return ERR_MALFORMED;
    }
    uint64_t id = raft_le_get64(at), renewed_ms = raft_le_get64(at + 8) + kv->load.shift_ms;
    uint32_t ttl_ms = raft_le_get32(at + 24);
    if (id == 0 || !is_ttl(ttl_ms) || renewed_ms > kv->time_ms) {
        return ERR_MALFORMED;
    }
    enum err e = raft_lease_grant(&kv->leases, id, ttl_ms, renewed_ms);
    if (e != ERR_OK) {
        return e == ERR_NOMEM ? e : ERR_MALFORMED;
    }
    raft_lease_find(&kv->leases, id)->stamp = raft_le_get64(at + 16);
    return ERR_OK;
}

static enum err load_session(struct raft_kv *kv, const uint8_t *at, size_t size)
{
    if (size != IMAGE_SESSION_SIZE) {
        return ERR_MALFORMED;
    }
    uint64_t id = raft_le_get64(at), used_ms = raft_le_get64(at + 8) + kv->load.shift_ms;
    uint32_t ttl_ms = raft_le_get32(at + 32);
    if (id == 0 || !is_ttl(ttl_ms) || used_ms > kv->time_ms || raft_session_find(&kv->sessions, id) != NULL) {
        return ERR_MALFORMED;
    }
    enum err e = raft_session_open(&kv->sessions, id, ttl_ms, used_ms);
    if (e != ERR_OK) {
        return e == ERR_NOMEM ? e : ERR_MALFORMED;
    }
    struct raft_session *s = raft_session_find(&kv->sessions, id);
    s->stamp = raft_le_get64(at + 16);
    s->acknowledged = raft_le_get64(at + 24);
    return ERR_OK;
}

/* A kept body is read again whenever its request is sent again: it must be one. */
static bool is_body(struct raft_bytes body)
{
    enum { HEAD = 14, PAIR = 34 };

    while (body.size > 0) {
        if (body.size < HEAD || body.at[0] < RAFT_OP_PUT || body.at[0] > RAFT_OP_RANGE) {
            return false;
        }
        uint32_t pairs = raft_le_get32(body.at + 10);
        body = (struct raft_bytes){body.at + HEAD, body.size - HEAD};
        for (; pairs > 0; pairs--) {
            if (body.size < PAIR) {
                return false;
            }
            uint64_t pair = (uint64_t)PAIR + raft_le_get16(body.at + 28) + raft_le_get32(body.at + 30);
            if (pair > body.size) {
                return false;
            }
            body = (struct raft_bytes){body.at + pair, body.size - (uint32_t)pair};
        }
    }
    return true;
}

static enum err load_answer(struct raft_kv *kv, const uint8_t *at, size_t size)
{
    struct raft_session *s = size >= IMAGE_ANSWER_SIZE ? raft_session_find(&kv->sessions, raft_le_get64(at)) : NULL;

    if (s == NULL || size - IMAGE_ANSWER_SIZE > RAFT_SESSION_ANSWER_MAX || at[40] > 1 || at[41] > 1) {
        return ERR_MALFORMED;
    }
    uint64_t sequence = raft_le_get64(at + 8);
    struct raft_answer a = {.error = err_from_wire(raft_le_get32(at + 32)), .text = "",
                            .revision = raft_le_get64(at + 16), .number = raft_le_get64(at + 24),
                            .ttl_ms = raft_le_get32(at + 36), .succeeded = at[40] == 1, .is_cut = at[41] == 1,
                            .body = {at + IMAGE_ANSWER_SIZE, (uint32_t)size - IMAGE_ANSWER_SIZE}};
    bool is_next = s->count == 0 || s->kept[s->count - 1]->sequence < sequence;
    if (!is_next || sequence < s->acknowledged || sequence - s->acknowledged >= RAFT_SESSION_WINDOW ||
        (a.is_cut && a.body.size > 0) || !is_body(a.body)) {
        return ERR_MALFORMED;
    }
    return raft_session_keep(&kv->sessions, s, sequence, &a);
}

/* ---- records -------------------------------------------------------------------------------- */

static struct raft_record *record_of(const uint8_t *at, size_t size)
{
    uint16_t key_size = raft_le_get16(at + 33);
    struct raft_bytes key = {at + IMAGE_RECORD_SIZE, key_size};
    struct raft_bytes value = {key.at + key_size, (uint32_t)(size - IMAGE_RECORD_SIZE - key_size)};
    struct raft_record *r = raft_record_new(key, value, raft_le_get64(at + 16));

    if (r != NULL) {
        r->created = raft_le_get64(at);
        r->modified = raft_le_get64(at + 8);
        r->version = raft_le_get32(at + 24);
        r->part = raft_le_get32(at + 28);
        r->flags |= at[32] == 1 ? RAFT_RECORD_DELETE : 0;
    }
    return r;
}

static bool is_record(const struct raft_kv *kv, const uint8_t *at, size_t size)
{
    if (size < IMAGE_RECORD_SIZE || at[32] > 1) {
        return false;
    }
    uint16_t key_size = raft_le_get16(at + 33);
    uint64_t created = raft_le_get64(at), modified = raft_le_get64(at + 8);
    if (key_size == 0 || key_size > RAFT_KEY_MAX || (size_t)IMAGE_RECORD_SIZE + key_size > size) {
        return false;
    }
    size_t value_size = size - IMAGE_RECORD_SIZE - key_size;
    bool is_deleted = at[32] == 1;
    return value_size <= RAFT_VALUE_MAX && modified > 0 && modified <= kv->revision && created <= modified &&
           (!is_deleted || (value_size == 0 && modified > kv->journal.compacted && raft_le_get64(at + 16) == 0));
}

static struct raft_record *chain_end(struct raft_record *r)
{
    while (r->before != 0) {
        r = raft_record_in_memory(r->before); /* all of them are, until the image is whole */
    }
    return r;
}

/* A newest record: the next key. */
static enum err add_newest(struct raft_kv *kv, struct raft_record *r)
{
    uint64_t lease_id = raft_record_lease(r);
    struct raft_lease *lease = lease_id != 0 ? raft_lease_find(&kv->leases, lease_id) : NULL;

    /* Transactions of earlier versions went over the limit, each by what it had. */
    if (lease_id != 0 && (lease == NULL || lease->key_count >= RAFT_DELETE_MAX + RAFT_TXN_MAX)) {
        return ERR_MALFORMED;
    }
    enum err e = raft_tree_add(&kv->tree, r);
    if (e != ERR_OK) {
        return e;
    }
    if (lease != NULL) {
        raft_lease_tie(lease, r);
    }
    if (!raft_record_is_delete(r)) {
        kv->keys++;
        kv->live_bytes += raft_record_cost(r);
    }
    return ERR_OK;
}

static enum err load_record(struct raft_kv *kv, const uint8_t *at, size_t size)
{
    struct raft_tree_cursor c = raft_tree_last(&kv->tree);
    struct raft_record *last = raft_tree_at(&c);
    enum err e = ERR_OK;

    if (!is_record(kv, at, size)) {
        return ERR_MALFORMED;
    }
    struct raft_record *r = record_of(at, size);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    int order = last != NULL ? raft_span_order(raft_record_key(r), raft_record_key(last)) : 1;
    if (order > 0) {
        e = add_newest(kv, r);
    } else if (order == 0) {
        struct raft_record *tail = kv->load.tail != NULL ? kv->load.tail : chain_end(last);
        bool is_older = r->modified < tail->modified || (r->modified == tail->modified && r->part < tail->part);

        if (is_older && tail->modified > kv->journal.compacted) {
            r->flags |= RAFT_RECORD_OLD;
            tail->before = raft_record_ref(r);
        } else {
            e = ERR_MALFORMED;
        }
    } else {
        e = ERR_MALFORMED;
    }
    if (e != ERR_OK) {
        raft_record_free(r);
        return e;
    }
    kv->held_bytes += raft_record_cost(r);
    kv->load.tail = r;
    return ERR_OK;
}

/* ---- the end -------------------------------------------------------------------------------- */

static int by_moment(const void *a, const void *b)
{
    const struct raft_record *left = *(struct raft_record *const *)a, *right = *(struct raft_record *const *)b;

    if (left->modified != right->modified) {
        return left->modified < right->modified ? -1 : 1;
    }
    return (left->part > right->part) - (left->part < right->part);
}

/* All records, and those of the window written to `out` unless it is NULL. */
static uint64_t walk(const struct raft_kv *kv, struct raft_record **out, uint64_t *ret_events)
{
    struct raft_tree_cursor c = raft_tree_seek(&kv->tree, (struct raft_bytes){0});
    uint64_t records = 0, events = 0;

    for (struct raft_record *r; (r = raft_tree_at(&c)) != NULL; raft_tree_next(&c)) {
        for (; r != NULL; r = raft_record_in_memory(r->before)) {
            records++;
            if (r->modified > kv->journal.compacted) {
                if (out != NULL) {
                    out[events] = r;
                }
                events++;
            }
        }
    }
    *ret_events = events;
    return records;
}

/* Every revision of the window has its changes, numbered from 0: the journal counts on it. */
static bool follows(const struct raft_kv *kv, const struct raft_record *last, const struct raft_record *r)
{
    if (last != NULL && r->modified == last->modified) {
        return r->part == last->part + 1;
    }
    return r->part == 0 && r->modified == (last != NULL ? last->modified : kv->journal.compacted) + 1;
}

static enum err load_end(struct raft_kv *kv, const uint8_t *at, size_t size)
{
    uint64_t events;
    uint64_t records = walk(kv, NULL, &events);

    if (size != IMAGE_END_SIZE || raft_le_get64(at) != records) {
        return ERR_MALFORMED;
    }
    kv->due_ms = 0; /* look at once what has run out */
    if (kv->load.is_nested) {
        kv->load = (struct raft_load){.has_head = true, .part = kv->load.nested_part};
        return ERR_OK;
    }
    AUTO_FREE struct raft_record **sorted = calloc(events + 1, sizeof sorted[0]);
    if (sorted == NULL) {
        return ERR_NOMEM;
    }
    (void)walk(kv, sorted, &events);
    qsort(sorted, events, sizeof sorted[0], by_moment);
    for (uint64_t i = 0; i < events; i++) {
        if (!follows(kv, i > 0 ? sorted[i - 1] : NULL, sorted[i])) {
            return ERR_MALFORMED;
        }
        enum err e = raft_journal_append(&kv->journal, sorted[i]);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (kv->revision != (events > 0 ? sorted[events - 1]->modified : kv->journal.compacted)) {
        return ERR_MALFORMED;
    }
    kv->is_loading = false;
    kv->load = (struct raft_load){0};
    raft_kv_cool(kv);
    return ERR_OK;
}

static enum err load_item(struct raft_kv *kv, uint8_t kind, const uint8_t *at, size_t size)
{
    if (kind != IMAGE_HEAD && !kv->load.has_head) {
        return ERR_MALFORMED;
    }
    switch ((enum image_kind)kind) {
    case IMAGE_HEAD:
        return load_head(kv, at, size);
    case IMAGE_LEASE:
        return load_lease(kv, at, size);
    case IMAGE_SESSION:
        return load_session(kv, at, size);
    case IMAGE_ANSWER:
        return load_answer(kv, at, size);
    case IMAGE_RECORD:
        return load_record(kv, at, size);
    case IMAGE_END:
        return load_end(kv, at, size);
    }
    return ERR_MALFORMED;
}

enum err raft_image_load(struct raft_kv *kv, const uint8_t *bytes, size_t size, bool *ret_is_done)
{
    assert(kv->is_loading);
    *ret_is_done = false;
    while (size > 0) {
        if (*ret_is_done || size < IMAGE_ITEM || raft_le_get32(bytes + 1) > size - IMAGE_ITEM) {
            return ERR_MALFORMED;
        }
        size_t item_size = raft_le_get32(bytes + 1);
        enum err e = load_item(kv, bytes[0], bytes + IMAGE_ITEM, item_size);
        if (e != ERR_OK) {
            return e;
        }
        *ret_is_done = bytes[0] == IMAGE_END;
        bytes += IMAGE_ITEM + item_size;
        size -= IMAGE_ITEM + item_size;
    }
    return ERR_OK;
}

static enum err refuse(struct raft_answer *ret, enum err e, const char *text)
{
    ret->error = e;
    ret->text = text;
    return ERR_OK;
}

enum err raft_kv_restore(struct raft_kv *kv, const struct raft_command *c, struct raft_answer *ret)
{
    uint32_t part = c->ttl_ms;
    bool is_done = false;

    if (part == 0 && (kv->is_loading || (kv->revision == 0 && kv->leases.map.count == 0 && kv->sessions.map.count == 0))) {
        raft_kv_empty(kv);
        raft_image_expect(kv);
    } else if (!kv->is_loading) {
        return refuse(ret, ERR_PRECONDITION, "a restore needs a store that has never been used");
    } else if (part != kv->load.part) {
        return refuse(ret, ERR_ABORTED, "that part is not the next one: begin again with part 0");
    }
    enum err e = raft_image_load(kv, c->items.at, c->items.size, &is_done);
    if (e == ERR_NOMEM) {
        return e;
    }
    if (e != ERR_OK) {
        kv->load.part = UINT32_MAX;
        return refuse(ret, ERR_MALFORMED, "this is no part of a backup: begin again with part 0");
    }
    if (!is_done) {
        kv->load.part = part + 1;
    }
    ret->number = kv->keys;
    return ERR_OK;
}
