#include "raft/kv.h"

#include <assert.h>
#include <string.h>

#include "raft/span.h"

void raft_kv_init(struct raft_kv *kv)
{
    *kv = (struct raft_kv){.quota_bytes = RAFT_QUOTA_BYTES, .due_ms = UINT64_MAX};
    raft_journal_init(&kv->journal);
}

void raft_kv_fini(struct raft_kv *kv)
{
    struct raft_tree_cursor c = raft_tree_seek(&kv->tree, (struct raft_bytes){0});

    raft_lease_clear(&kv->leases);
    raft_session_clear(&kv->sessions);
    for (struct raft_record *r; (r = raft_tree_at(&c)) != NULL; raft_tree_next(&c)) {
        while (r != NULL) {
            struct raft_record *before = raft_record_in_memory(r->before);

            raft_record_free(r);
            r = before;
        }
    }
    raft_tree_clear(&kv->tree);
    raft_journal_fini(&kv->journal);
    raft_answer_fini(&kv->body);
    raft_past_free(kv->past);
    kv->past = NULL;
}

enum err raft_kv_keep_past(struct raft_kv *kv, const struct raft_past_disk *disk, const struct raft_past_tuning *tuning)
{
    assert(kv->past == NULL && kv->tree.count == 0);
    kv->past = raft_past_new(disk, tuning);
    return kv->past != NULL ? ERR_OK : ERR_NOMEM;
}

void raft_kv_empty(struct raft_kv *kv)
{
    struct raft_kv kept = *kv;

    kv->past = NULL;
    raft_kv_fini(kv);
    raft_kv_init(kv);
    kv->past = kept.past;
    if (kv->past != NULL) {
        raft_past_clear(kv->past);
    }
    kv->applied = kept.applied;
    kv->time_ms = kept.time_ms;
    kv->quota_bytes = kept.quota_bytes;
    kv->generation = kept.generation + 1;
}

void raft_kv_replace(struct raft_kv *kv)
{
    raft_kv_empty(kv);
    kv->applied = kv->time_ms = 0;
}

void raft_kv_skip(struct raft_kv *kv, uint64_t index)
{
    assert(index > kv->applied);
    kv->applied = index;
}

void raft_kv_cool(struct raft_kv *kv)
{
    if (kv->past != NULL) {
        kv->held_bytes -= raft_journal_cool(&kv->journal, kv->past);
    }
}

void raft_kv_watch_deadline(struct raft_kv *kv, uint64_t deadline_ms)
{
    if (deadline_ms < kv->due_ms) {
        kv->due_ms = deadline_ms;
    }
}

/* ---- changes -------------------------------------------------------------------------------- */

static bool is_live(const struct raft_record *r)
{
    return r != NULL && !raft_record_is_delete(r);
}

/* `r` follows `old` (or nothing) as the newest state of its key. */
static enum err follow(struct raft_kv *kv, struct raft_record *r, struct raft_record *old)
{
    r->before = raft_record_ref(old);
    r->modified = kv->revision + 1;
    r->part = kv->part++;
    kv->held_bytes += raft_record_cost(r);
    if (old != NULL) {
        old->flags |= RAFT_RECORD_OLD;
        raft_lease_untie(old);
    }
    if (is_live(old)) {
        kv->keys--;
        kv->live_bytes -= raft_record_cost(old);
    }
    if (is_live(r)) {
        kv->keys++;
        kv->live_bytes += raft_record_cost(r);
    }
    return raft_journal_append(&kv->journal, r);
}

enum err raft_kv_put(struct raft_kv *kv, const struct raft_put *put, struct raft_record **slot,
                     const struct raft_record **ret_previous)
{
    struct raft_record *old = slot != NULL ? *slot : NULL;
    bool was_live = is_live(old);
    uint64_t lease = put->keeps_lease ? (was_live ? raft_record_lease(old) : 0) : put->lease;
    struct raft_bytes value = put->value;
    enum err e = ERR_OK;

    if (put->keeps_value) {
        value = was_live ? raft_record_value(old) : (struct raft_bytes){0};
    }
    struct raft_record *r = raft_record_new(put->key, value, lease);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->created = was_live ? old->created : kv->revision + 1;
    r->version = was_live ? old->version + 1 : 1;
    if (slot != NULL) {
        *slot = r;
    } else {
        e = raft_tree_add(&kv->tree, r);
    }
    if (e != ERR_OK) {
        raft_record_free(r);
        return e;
    }
    e = follow(kv, r, old);
    if (lease != 0) {
        raft_lease_tie(raft_lease_find(&kv->leases, lease), r);
    }
    *ret_previous = was_live ? old : NULL;
    return e;
}

enum err raft_kv_end_key(struct raft_kv *kv, struct raft_record **slot)
{
    struct raft_record *old = *slot;
    struct raft_record *r = raft_record_new(raft_record_key(old), (struct raft_bytes){0}, 0);

    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->flags |= RAFT_RECORD_DELETE;
    *slot = r;
    return follow(kv, r, old);
}

enum err raft_kv_delete(struct raft_kv *kv, const struct raft_span *span, struct raft_buffer *shown, size_t begin,
                        uint64_t *ret_deleted)
{
    struct raft_tree_cursor c = raft_tree_seek(&kv->tree, span->key);
    uint64_t deleted = 0;
    enum err e = ERR_OK;

    for (struct raft_record *r; e == ERR_OK && (r = raft_tree_at(&c)) != NULL; raft_tree_next(&c)) {
        if (!raft_span_has(span, raft_record_key(r))) {
            break;
        }
        if (!is_live(r)) {
            continue;
        }
        if (shown != NULL && shown->size + r->key_size + r->value_size <= begin + RAFT_PAGE_BYTES &&
            shown->size <= RAFT_ANSWER_MAX) {
            raft_answer_pair(shown, begin, r, false);
        }
        e = raft_kv_end_key(kv, raft_tree_place(&c));
        deleted++;
    }
    *ret_deleted = deleted;
    return e;
}

uint64_t raft_kv_count(const struct raft_kv *kv, const struct raft_span *span, uint64_t most)
{
    struct raft_tree_cursor c = raft_tree_seek(&kv->tree, span->key);
    uint64_t count = 0;

    for (const struct raft_record *r; (r = raft_tree_at(&c)) != NULL && count < most; raft_tree_next(&c)) {
        if (!raft_span_has(span, raft_record_key(r))) {
            break;
        }
        count += is_live(r);
    }
    return count;
}

enum err raft_kv_may_put(const struct raft_kv *kv, const struct raft_put *put, struct raft_record *const *slot,
                         struct raft_kv_more more, const char **ret_text)
{
    bool exists = slot != NULL && is_live(*slot);
    uint64_t bytes = more.bytes + raft_record_cost(&(struct raft_record){.key_size = (uint16_t)put->key.size,
                                                                         .value_size = put->value.size});

    if ((put->keeps_lease || put->keeps_value) && !exists) {
        *ret_text = "there is no such key, of which something could be kept";
        return ERR_NOT_FOUND;
    }
    if (put->lease != 0 && !put->keeps_lease) {
        const struct raft_lease *lease = raft_lease_find(&kv->leases, put->lease);

        if (lease == NULL) {
            *ret_text = "there is no such lease: it has ended, or never was";
            return ERR_NOT_FOUND;
        }
        if (lease->key_count + more.puts >= RAFT_DELETE_MAX) {
            *ret_text = "the lease has as many keys as one command may end";
            return ERR_LIMIT;
        }
    }
    /* Deleting is always allowed, so a full store is mended by its users, and there is no alarm to take back. */
    if (kv->live_bytes + bytes > kv->quota_bytes + (exists ? raft_record_cost(*slot) : 0)) {
        *ret_text = "the store is full: delete something";
        return ERR_LIMIT;
    }
    return ERR_OK;
}
