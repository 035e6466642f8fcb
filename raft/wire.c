#include "raft/wire.h"

#include <stdlib.h>
#include <string.h>

#include "raft/span.h"

enum { ROOM_LEAST = 16 };

static struct raft_bytes bytes_of(const ProtobufCBinaryData *b)
{
    return (struct raft_bytes){b->data, (uint32_t)b->len};
}

enum err raft_wire_key(struct cell_call *call, const ProtobufCBinaryData *key, struct raft_bytes *ret)
{
    if (key->len == 0 || key->len > RAFT_KEY_MAX) {
        cell_call_explain(call, "a key has 1 to %d bytes, this one %zu", RAFT_KEY_MAX, key->len);
        return key->len == 0 ? ERR_INVALID : ERR_LIMIT;
    }
    *ret = bytes_of(key);
    return ERR_OK;
}

enum err raft_wire_value(struct cell_call *call, const ProtobufCBinaryData *value, struct raft_bytes *ret)
{
    if (value->len > RAFT_VALUE_MAX) {
        cell_call_explain(call, "a value has at most %d bytes, this one %zu", RAFT_VALUE_MAX, value->len);
        return ERR_LIMIT;
    }
    *ret = bytes_of(value);
    return ERR_OK;
}

enum err raft_wire_span(struct cell_call *call, const ProtobufCBinaryData *key, const ProtobufCBinaryData *end,
                        protobuf_c_boolean is_prefix, uint8_t buffer[RAFT_KEY_MAX], struct raft_span *ret)
{
    if (key->len > RAFT_KEY_MAX || end->len > RAFT_KEY_MAX) {
        cell_call_explain(call, "a key has at most %d bytes", RAFT_KEY_MAX);
        return ERR_LIMIT;
    }
    if (is_prefix && end->len > 0) {
        cell_call_explain(call, "a prefix has no end");
        return ERR_INVALID;
    }
    if (is_prefix) {
        *ret = raft_span_prefix(bytes_of(key), buffer);
        return ERR_OK;
    }
    if (end->len == 0 && key->len == 0) {
        cell_call_explain(call, "a key has 1 to %d bytes; all keys are the prefix \"\"", RAFT_KEY_MAX);
        return ERR_INVALID;
    }
    *ret = (struct raft_span){.kind = end->len > 0 ? RAFT_SPAN_BETWEEN : RAFT_SPAN_ONE, .key = bytes_of(key),
                              .end = bytes_of(end)};
    return ERR_OK;
}

enum err raft_wire_put(struct cell_call *call, const Cell__Raft__PutRequest *put, struct raft_put *ret)
{
    enum err e = raft_wire_key(call, &put->key, &ret->key);

    if (e == ERR_OK) {
        e = raft_wire_value(call, &put->value, &ret->value);
    }
    if (e == ERR_OK && ((put->keeps_value && put->value.len > 0) || (put->keeps_lease && put->lease != 0))) {
        cell_call_explain(call, "what is kept cannot be given as well");
        e = ERR_INVALID;
    }
    ret->lease = put->lease;
    ret->with_previous = put->with_previous;
    ret->keeps_value = put->keeps_value;
    ret->keeps_lease = put->keeps_lease;
    return e;
}

enum err raft_wire_query(struct cell_call *call, const Cell__Raft__RangeRequest *ask, uint8_t buffer[RAFT_KEY_MAX],
                         struct raft_query *ret)
{
    *ret = (struct raft_query){.revision = ask->revision, .limit = ask->limit, .keys_only = ask->keys_only,
                               .count_only = ask->count_only, .is_descending = ask->descending,
                               .modified_least = ask->modified_least, .created_least = ask->created_least};
    return raft_wire_span(call, &ask->key, &ask->end, ask->is_prefix, buffer, &ret->span);
}

enum err raft_wire_once(struct cell_call *call, const Cell__Raft__Once *once, struct raft_once *ret)
{
    *ret = (struct raft_once){0};
    if (once == NULL) {
        return ERR_OK;
    }
    if (once->session == 0 || once->sequence < once->acknowledged) {
        cell_call_explain(call, "a session's request has its number, and a sequence that is not acknowledged yet");
        return ERR_INVALID;
    }
    *ret = (struct raft_once){once->session, once->sequence, once->acknowledged};
    return ERR_OK;
}

/* ---- transactions --------------------------------------------------------------------------- */

static enum err write_compare(struct cell_call *call, const Cell__Raft__Compare *c, struct raft_writer *w)
{
    struct raft_compare compare = {.number = c->number};
    uint8_t buffer[RAFT_KEY_MAX];
    enum err e = raft_wire_span(call, &c->key, &c->end, c->is_prefix, buffer, &compare.span);

    if (e == ERR_OK) {
        e = raft_wire_value(call, &c->value, &compare.value);
    }
    if (e != ERR_OK) {
        return e;
    }
    /* Both lists are in the same order: a number that protobuf-c let through may still be of a later version. */
    if ((unsigned)c->target > RAFT_COMPARE_LEASE || (unsigned)c->result > RAFT_COMPARE_GREATER) {
        cell_call_explain(call, "a comparison of a kind that this version does not know");
        return ERR_INVALID;
    }
    compare.target = (enum raft_compare_target)c->target;
    compare.result = (enum raft_compare_result)c->result;
    raft_command_compare(w, &compare);
    return ERR_OK;
}

static enum err write_op(struct cell_call *call, const Cell__Raft__TxnOp *o, bool is_failure, struct raft_writer *w)
{
    struct raft_op op = {.kind = RAFT_OP_PUT};
    uint8_t buffer[RAFT_KEY_MAX];
    enum err e;

    if ((o->put != NULL) + (o->delete_ != NULL) + (o->range != NULL) != 1 ||
        (o->put != NULL && o->put->once != NULL) || (o->delete_ != NULL && o->delete_->once != NULL)) {
        cell_call_explain(call, "an operation of a transaction is one of put, delete and range, without a session");
        return ERR_INVALID;
    }
    if (o->put != NULL) {
        e = raft_wire_put(call, o->put, &op.put);
    } else if (o->delete_ != NULL) {
        op.kind = RAFT_OP_DELETE;
        op.del.with_previous = o->delete_->with_previous;
        e = raft_wire_span(call, &o->delete_->key, &o->delete_->end, o->delete_->is_prefix, buffer, &op.del.span);
    } else {
        op.kind = RAFT_OP_RANGE;
        e = raft_wire_query(call, o->range, buffer, &op.query);
        if (e == ERR_OK && op.query.revision != 0) {
            cell_call_explain(call, "a transaction reads the present only");
            e = ERR_INVALID;
        }
    }
    if (e == ERR_OK) {
        raft_command_op(w, is_failure, &op);
    }
    return e;
}

enum err raft_wire_txn(struct cell_call *call, const Cell__Raft__TxnRequest *ask, struct raft_writer *w)
{
    struct raft_command c;
    enum err e = ERR_OK;

    if (ask->n_compare > RAFT_TXN_MAX || ask->n_success > RAFT_TXN_MAX || ask->n_failure > RAFT_TXN_MAX) {
        cell_call_explain(call, "a transaction has at most %d comparisons and operations of each branch", RAFT_TXN_MAX);
        return ERR_LIMIT;
    }
    raft_command_txn(w);
    for (size_t i = 0; e == ERR_OK && i < ask->n_compare; i++) {
        e = write_compare(call, ask->compare[i], w);
    }
    for (size_t i = 0; e == ERR_OK && i < ask->n_success; i++) {
        e = write_op(call, ask->success[i], false, w);
    }
    for (size_t i = 0; e == ERR_OK && i < ask->n_failure; i++) {
        e = write_op(call, ask->failure[i], true, w);
    }
    if (e != ERR_OK || w->is_over) {
        return e;
    }
    if (raft_command_read(w->at, w->size, &c) != ERR_OK || !raft_command_is_single(&c.txn.success) ||
        !raft_command_is_single(&c.txn.failure)) {
        cell_call_explain(call, "a key is changed twice by one branch");
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err raft_wire_cas(struct cell_call *call, const Cell__Raft__CasRequest *ask, struct raft_writer *w)
{
    struct raft_compare compare = {.target = ask->compares_value ? RAFT_COMPARE_VALUE : RAFT_COMPARE_MODIFIED,
                                   .number = ask->modified};
    struct raft_op op = {.kind = ask->deletes ? RAFT_OP_DELETE : RAFT_OP_PUT};
    struct raft_op show = {.kind = RAFT_OP_RANGE};
    struct raft_bytes key = {0}, value = {0};
    enum err e = raft_wire_key(call, &ask->key, &key);

    if (e == ERR_OK) {
        e = raft_wire_value(call, &ask->expected, &compare.value);
    }
    if (e == ERR_OK) {
        e = raft_wire_value(call, &ask->value, &value);
    }
    if (e != ERR_OK) {
        return e;
    }
    compare.span = show.query.span = (struct raft_span){.kind = RAFT_SPAN_ONE, .key = key};
    if (ask->deletes) {
        op.del = (struct raft_delete){.span = compare.span};
    } else {
        op.put = (struct raft_put){.key = key, .value = value, .lease = ask->lease};
    }
    raft_command_txn(w);
    raft_command_compare(w, &compare);
    raft_command_op(w, false, &op);
    raft_command_op(w, true, &show);
    return ERR_OK;
}

/* ---- what goes out -------------------------------------------------------------------------- */

void raft_wire_pair(const struct raft_pair *from, bool keys_only, Cell__Raft__Pair *ret)
{
    cell__raft__pair__init(ret);
    ret->key = (ProtobufCBinaryData){from->key.size, (uint8_t *)from->key.at};
    if (!keys_only) {
        ret->value = (ProtobufCBinaryData){from->value.size, (uint8_t *)from->value.at};
    }
    ret->created = from->created;
    ret->modified = from->modified;
    ret->version = from->version;
    ret->lease = from->lease;
}

static void add_pair(struct raft_wire_pairs *p, const struct raft_pair *pair)
{
    if (p->count == p->room && !p->is_short) {
        size_t room = p->room > 0 ? p->room * 2 : ROOM_LEAST;
        Cell__Raft__Pair *wide = realloc(p->pair, room * sizeof wide[0]);

        p->is_short = wide == NULL;
        p->pair = wide != NULL ? wide : p->pair;
        p->room = wide != NULL ? room : p->room;
    }
    if (!p->is_short) {
        raft_wire_pair(pair, p->keys_only, &p->pair[p->count++]);
    }
}

void raft_wire_pairs_add(struct raft_wire_pairs *p, const struct raft_record *r)
{
    struct raft_pair pair;

    raft_answer_pair_of(r, &pair);
    add_pair(p, &pair);
}

void raft_wire_pairs_add_all(struct raft_wire_pairs *p, struct raft_list pairs)
{
    struct raft_pair pair;

    while (raft_answer_next_pair(&pairs, &pair)) {
        add_pair(p, &pair);
    }
}

void raft_wire_pairs_point(struct raft_wire_pairs *p)
{
    p->slot = calloc(p->count + 1, sizeof p->slot[0]);
    p->is_short = p->is_short || p->slot == NULL;
    for (size_t i = 0; !p->is_short && i < p->count; i++) {
        p->slot[i] = &p->pair[i];
    }
}

void raft_wire_pairs_fini(struct raft_wire_pairs *p)
{
    free(p->pair);
    free(p->slot);
    *p = (struct raft_wire_pairs){0};
}

static const char *role_of(uint8_t flags)
{
    if (flags & RAFT_VOTER) {
        return "voter";
    }
    return flags & RAFT_OUTGOING ? "outgoing" : "learner";
}

Cell__Raft__Member **raft_wire_members(struct cell_call *call, const struct raft_shell_status *status)
{
    const struct raft_config *c = status->config;
    Cell__Raft__Member **slot = cell_call_alloc(call, sizeof slot[0] * (c->count + 1));
    Cell__Raft__Member *all = cell_call_alloc(call, sizeof all[0] * (c->count + 1));

    for (uint32_t i = 0; slot != NULL && all != NULL && i < c->count; i++) {
        const struct raft_member *m = &c->member[i];

        cell__raft__member__init(&all[i]);
        all[i].id = m->id;
        all[i].name = (char *)m->name;
        all[i].contact = (char *)m->contact;
        all[i].role = (char *)role_of(m->flags);
        all[i].is_leader = m->id == status->leader;
        all[i].is_self = m->id == status->self;
        slot[i] = &all[i];
    }
    return all != NULL ? slot : NULL;
}
