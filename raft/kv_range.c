/* Reads: one key, and pages of ranges, now or at a revision of the window. */
#include "raft/kv.h"
#include "raft/span.h"

enum { PAIR_COST = 64 }; /* what a pair costs in an answer beside its key and value */

/* *ret: what `modified` of a visible record is at most. */
static enum err moment(const struct raft_kv *kv, uint64_t revision, uint64_t *ret)
{
    if (revision > kv->revision || (revision != 0 && revision < kv->journal.compacted)) {
        return ERR_RANGE;
    }
    *ret = revision != 0 ? revision : UINT64_MAX;
    return ERR_OK;
}

enum err raft_kv_get(const struct raft_kv *kv, struct raft_bytes key, uint64_t revision,
                     const struct raft_record **ret)
{
    struct raft_record **slot = raft_tree_slot(&kv->tree, key);
    const struct raft_record *r;
    uint64_t most;
    enum err e = moment(kv, revision, &most);

    if (e != ERR_OK) {
        return e;
    }
    r = slot != NULL ? raft_record_at(*slot, most) : NULL;
    if (r == NULL) {
        return ERR_NOT_FOUND;
    }
    *ret = r;
    return ERR_OK;
}

/* Where a range begins: at its end when it is read from there. */
static struct raft_tree_cursor first(const struct raft_kv *kv, const struct raft_query *q)
{
    if (!q->is_descending) {
        return raft_tree_seek(&kv->tree, q->span.key);
    }
    switch (q->span.kind) {
    case RAFT_SPAN_BETWEEN:
        return raft_tree_seek_below(&kv->tree, q->span.end);
    case RAFT_SPAN_FROM:
        return raft_tree_last(&kv->tree);
    case RAFT_SPAN_ONE:
        break;
    }
    return raft_tree_seek(&kv->tree, q->span.key);
}

struct count {
    uint64_t pairs, looked;
    size_t bytes;
};

/* Whether the page is full before one more record. */
static bool is_full(const struct count *c, const struct raft_query *q, size_t bytes, size_t more)
{
    return (q->limit > 0 && c->pairs >= q->limit) || c->looked >= RAFT_PAGE_LOOKED ||
           (c->pairs > 0 && !q->count_only && c->bytes + more > bytes);
}

enum err raft_kv_range(const struct raft_kv *kv, const struct raft_query *query, size_t bytes,
                       void (*show)(void *context, const struct raft_record *r), void *context,
                       struct raft_page *ret)
{
    struct raft_tree_cursor c = first(kv, query);
    struct count count = {0};
    struct raft_bytes last = query->span.key;
    uint64_t most;
    enum err e = moment(kv, query->revision, &most);

    if (e != ERR_OK) {
        return e;
    }
    *ret = (struct raft_page){0};
    for (struct raft_record *newest; (newest = raft_tree_at(&c)) != NULL;) {
        struct raft_bytes key = raft_record_key(newest);
        const struct raft_record *r = raft_record_at(newest, most);
        size_t more = (size_t)PAIR_COST + key.size + (r != NULL && !query->keys_only ? r->value_size : 0);

        if (!raft_span_has(&query->span, key)) {
            break;
        }
        if (is_full(&count, query, bytes, more)) {
            ret->has_more = true;
            ret->next = query->is_descending ? last : key;
            break;
        }
        count.looked++;
        last = key;
        if (r != NULL && r->modified >= query->modified_least && r->created >= query->created_least) {
            count.pairs++;
            count.bytes += more;
            if (!query->count_only) {
                show(context, r);
            }
        }
        if (query->is_descending) {
            raft_tree_prev(&c);
        } else {
            raft_tree_next(&c);
        }
    }
    ret->count = count.pairs;
    return ERR_OK;
}
