/* Reads: one key, and pages of ranges, now or at a revision of the window. */
#include "raft/chain.h"
#include "raft/kv.h"
#include "raft/span.h"

enum {
    PAIR_COST = 64, /* what a pair costs in an answer beside its key and value */
    LOAD_LOOKS = 8, /* a record that is read back counts as so many looked at  */
};

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
    struct raft_chain chain = {.journal = &kv->journal, .past = kv->past};
    const struct raft_record *r = NULL;
    uint64_t most;
    enum err e = moment(kv, revision, &most);

    raft_past_hide(kv->past);
    if (e == ERR_OK && slot != NULL) {
        e = raft_chain_at(&chain, *slot, most, &r);
    }
    if (e == ERR_OK) {
        e = r != NULL ? raft_chain_show(&chain, r) : ERR_NOT_FOUND;
    }
    raft_chain_fini(&chain);
    if (e == ERR_OK) {
        *ret = r;
    }
    return e;
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

static void step(struct raft_tree_cursor *c, const struct raft_query *q)
{
    if (q->is_descending) {
        raft_tree_prev(c);
    } else {
        raft_tree_next(c);
    }
}

enum err raft_kv_range(const struct raft_kv *kv, const struct raft_query *query, size_t bytes,
                       void (*show)(void *context, const struct raft_record *r), void *context,
                       struct raft_page *ret)
{
    struct raft_tree_cursor c = first(kv, query);
    struct raft_chain chain = {.journal = &kv->journal, .past = kv->past};
    struct count count = {0};
    struct raft_bytes last = query->span.key;
    struct raft_page page = {0};
    uint64_t most;
    enum err e = moment(kv, query->revision, &most);

    raft_past_hide(kv->past);
    for (struct raft_record *newest; e == ERR_OK && (newest = raft_tree_at(&c)) != NULL; step(&c, query)) {
        struct raft_bytes key = raft_record_key(newest);
        uint64_t loads = chain.loads;
        const struct raft_record *r;

        if (!raft_span_has(&query->span, key)) {
            break;
        }
        e = raft_chain_at(&chain, newest, most, &r);
        if (e != ERR_OK) {
            break;
        }
        size_t more = (size_t)PAIR_COST + key.size + (r != NULL && !query->keys_only ? r->value_size : 0);
        if (is_full(&count, query, bytes, more)) {
            page.has_more = true;
            page.next = query->is_descending ? last : key;
            break;
        }
        count.looked += 1 + LOAD_LOOKS * (chain.loads - loads);
        last = key;
        if (r != NULL && r->modified >= query->modified_least && r->created >= query->created_least) {
            count.pairs++;
            count.bytes += more;
            if (!query->count_only) {
                e = raft_chain_show(&chain, r);
            }
            if (!query->count_only && e == ERR_OK) {
                show(context, r);
            }
        }
    }
    raft_chain_fini(&chain);
    if (e == ERR_OK) {
        page.count = count.pairs;
        *ret = page;
    }
    return e;
}
