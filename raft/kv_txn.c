/* Transactions: comparisons, then one branch, all in one revision or nothing. */
#include <assert.h>

#include "raft/kv.h"
#include "raft/span.h"

static bool holds(int order, enum raft_compare_result result)
{
    switch (result) {
    case RAFT_COMPARE_EQUAL:
        return order == 0;
    case RAFT_COMPARE_UNEQUAL:
        return order != 0;
    case RAFT_COMPARE_LESS:
        return order < 0;
    case RAFT_COMPARE_GREATER:
        return order > 0;
    }
    return false;
}

/* r: NULL for a key that is not there: its numbers are 0, and of its value nothing holds. */
static bool record_holds(const struct raft_compare *c, const struct raft_record *r)
{
    uint64_t number = 0;

    switch (c->target) {
    case RAFT_COMPARE_VALUE:
        return r != NULL && holds(raft_span_order(raft_record_value(r), c->value), c->result);
    case RAFT_COMPARE_VERSION:
        number = r != NULL ? r->version : 0;
        break;
    case RAFT_COMPARE_CREATED:
        number = r != NULL ? r->created : 0;
        break;
    case RAFT_COMPARE_MODIFIED:
        number = r != NULL ? r->modified : 0;
        break;
    case RAFT_COMPARE_LEASE:
        number = r != NULL ? raft_record_lease(r) : 0;
        break;
    }
    return holds((number > c->number) - (number < c->number), c->result);
}

static bool compare_holds(const struct raft_kv *kv, const struct raft_compare *c)
{
    struct raft_tree_cursor at = raft_tree_seek(&kv->tree, c->span.key);
    bool is_empty = true;

    for (const struct raft_record *r; (r = raft_tree_at(&at)) != NULL; raft_tree_next(&at)) {
        if (!raft_span_has(&c->span, raft_record_key(r))) {
            break;
        }
        if (raft_record_is_delete(r)) {
            continue;
        }
        is_empty = false;
        if (!record_holds(c, r)) {
            return false;
        }
    }
    return !is_empty || record_holds(c, NULL);
}

/* Whether all of a branch can be done: what one operation lacks keeps all from being done. */
static enum err may_all(const struct raft_kv *kv, struct raft_list ops, const char **ret_text)
{
    struct raft_op op;
    struct raft_kv_more more = {0};
    uint64_t deletes = 0;

    while (raft_command_next_op(&ops, &op)) {
        if (op.kind == RAFT_OP_PUT) {
            enum err e = raft_kv_may_put(kv, &op.put, raft_tree_slot(&kv->tree, op.put.key), more, ret_text);
            if (e != ERR_OK) {
                return e;
            }
            more.puts++; /* some may be of other leases, or have this one already: a lease so full is full */
            more.bytes += raft_record_cost(&(struct raft_record){.key_size = (uint16_t)op.put.key.size,
                                                                 .value_size = op.put.value.size});
        } else if (op.kind == RAFT_OP_DELETE) {
            deletes += raft_kv_count(kv, &op.del.span, RAFT_DELETE_MAX + 1);
            if (deletes > RAFT_DELETE_MAX) {
                *ret_text = "more keys than one command may end: delete them in parts";
                return ERR_LIMIT;
            }
        }
    }
    return ERR_OK;
}

struct showing {
    struct raft_buffer *body;
    size_t begin;
    bool keys_only;
};

static void show(void *context, const struct raft_record *r)
{
    struct showing *s = context;

    raft_answer_pair(s->body, s->begin, r, s->keys_only);
}

static void do_range(struct raft_kv *kv, const struct raft_query *query)
{
    struct showing s = {.body = &kv->body, .keys_only = query->keys_only};
    struct raft_page page;
    size_t room = kv->body.size < RAFT_ANSWER_MAX ? RAFT_ANSWER_MAX - kv->body.size : 0;

    s.begin = raft_answer_begin(&kv->body, RAFT_OP_RANGE);
    enum err e = raft_kv_range(kv, query, room < RAFT_PAGE_BYTES ? room : RAFT_PAGE_BYTES, show, &s, &page);
    assert(e == ERR_OK); /* the only error is a revision, and it asks for none */
    raft_answer_end(&kv->body, s.begin, page.count, page.has_more);
}

static enum err do_op(struct raft_kv *kv, const struct raft_op *op)
{
    const struct raft_record *previous;
    uint64_t deleted = 0;
    size_t begin;
    enum err e = ERR_OK;

    switch (op->kind) {
    case RAFT_OP_PUT:
        begin = raft_answer_begin(&kv->body, RAFT_OP_PUT);
        e = raft_kv_put(kv, &op->put, raft_tree_slot(&kv->tree, op->put.key), &previous);
        if (e == ERR_OK && op->put.with_previous && previous != NULL && begin <= RAFT_ANSWER_MAX) {
            raft_answer_pair(&kv->body, begin, previous, false);
        }
        break;
    case RAFT_OP_DELETE:
        begin = raft_answer_begin(&kv->body, RAFT_OP_DELETE);
        e = raft_kv_delete(kv, &op->del.span, op->del.with_previous ? &kv->body : NULL, begin, &deleted);
        raft_answer_end(&kv->body, begin, deleted, false);
        break;
    case RAFT_OP_RANGE:
        do_range(kv, &op->query);
        break;
    }
    return e;
}

enum err raft_kv_txn(struct raft_kv *kv, const struct raft_txn *txn, struct raft_answer *ret)
{
    struct raft_list compares = txn->compares, branch;
    struct raft_compare compare;
    struct raft_op op;
    enum err e;

    ret->succeeded = true;
    while (ret->succeeded && raft_command_next_compare(&compares, &compare)) {
        ret->succeeded = compare_holds(kv, &compare);
    }
    branch = ret->succeeded ? txn->success : txn->failure;
    ret->error = may_all(kv, branch, &ret->text);
    if (ret->error != ERR_OK) {
        return ERR_OK;
    }
    while (raft_command_next_op(&branch, &op)) {
        e = do_op(kv, &op);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}
