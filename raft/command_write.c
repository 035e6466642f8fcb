#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/command_wire.h"
#include "raft/le.h"
#include "raft/span.h"

static uint8_t *claim(struct raft_writer *w, size_t size)
{
    uint8_t *at = w->at + w->size;

    if (w->is_over || size > w->room - w->size) {
        w->is_over = true;
        return NULL;
    }
    w->size += size;
    return at;
}

static void give8(struct raft_writer *w, uint8_t value)
{
    uint8_t *at = claim(w, 1);

    if (at != NULL) {
        *at = value;
    }
}

static void give16(struct raft_writer *w, uint16_t value)
{
    uint8_t *at = claim(w, 2);

    if (at != NULL) {
        raft_le_put16(at, value);
    }
}

static void give32(struct raft_writer *w, uint32_t value)
{
    uint8_t *at = claim(w, 4);

    if (at != NULL) {
        raft_le_put32(at, value);
    }
}

static void give64(struct raft_writer *w, uint64_t value)
{
    uint8_t *at = claim(w, 8);

    if (at != NULL) {
        raft_le_put64(at, value);
    }
}

static void give_bytes(struct raft_writer *w, struct raft_bytes b)
{
    uint8_t *at = claim(w, b.size);

    if (at != NULL && b.size > 0) {
        memcpy(at, b.at, b.size);
    }
}

static void give_span(struct raft_writer *w, const struct raft_span *span)
{
    /* A key that is too long must not become a short one: the reader refuses this size. */
    give16(w, span->key.size <= RAFT_KEY_MAX ? (uint16_t)span->key.size : RAFT_KEY_MAX + 1);
    switch (span->kind) {
    case RAFT_SPAN_ONE:
        give16(w, COMMAND_END_ONE);
        break;
    case RAFT_SPAN_BETWEEN:
        give16(w, span->end.size <= RAFT_KEY_MAX ? (uint16_t)span->end.size : RAFT_KEY_MAX + 1);
        break;
    case RAFT_SPAN_FROM:
        give16(w, COMMAND_END_NONE);
        break;
    }
    give_bytes(w, span->key);
    if (span->kind == RAFT_SPAN_BETWEEN) {
        give_bytes(w, span->end);
    }
}

void raft_command_begin(struct raft_writer *w, uint8_t *at, size_t room, enum raft_command_kind kind,
                        uint64_t time_ms, const struct raft_once *once)
{
    bool is_once = once != NULL && once->session != 0;

    *w = (struct raft_writer){.at = at, .room = room};
    give8(w, RAFT_COMMAND_VERSION);
    give8(w, (uint8_t)kind);
    give16(w, is_once ? COMMAND_ONCE : 0);
    give64(w, time_ms);
    if (is_once) {
        give64(w, once->session);
        give64(w, once->sequence);
        give64(w, once->acknowledged);
    }
}

void raft_command_put(struct raft_writer *w, const struct raft_put *put)
{
    give8(w, (uint8_t)((put->with_previous ? COMMAND_WITH_PREVIOUS : 0) | (put->keeps_value ? COMMAND_KEEPS_VALUE : 0) |
                       (put->keeps_lease ? COMMAND_KEEPS_LEASE : 0)));
    give64(w, put->lease);
    give16(w, put->key.size <= RAFT_KEY_MAX ? (uint16_t)put->key.size : RAFT_KEY_MAX + 1);
    give32(w, put->value.size);
    give_bytes(w, put->key);
    give_bytes(w, put->value);
}

void raft_command_delete(struct raft_writer *w, const struct raft_delete *del)
{
    give8(w, del->with_previous ? COMMAND_WITH_PREVIOUS : 0);
    give_span(w, &del->span);
}

static void give_query(struct raft_writer *w, const struct raft_query *q)
{
    assert(q->revision == 0);
    give8(w, (uint8_t)((q->keys_only ? COMMAND_KEYS_ONLY : 0) | (q->count_only ? COMMAND_COUNT_ONLY : 0) |
                       (q->is_descending ? COMMAND_DESCENDING : 0)));
    give32(w, q->limit);
    give64(w, q->modified_least);
    give64(w, q->created_least);
    give_span(w, &q->span);
}

void raft_command_numbers(struct raft_writer *w, uint64_t id, uint64_t stamp, uint32_t ttl_ms)
{
    give64(w, id);
    give64(w, stamp);
    give32(w, ttl_ms);
}

void raft_command_restore(struct raft_writer *w, uint32_t part, struct raft_bytes items)
{
    give32(w, part);
    give_bytes(w, items);
}

void raft_command_txn(struct raft_writer *w)
{
    w->counts = w->size;
    for (int i = 0; i < 3; i++) {
        give16(w, 0);
    }
}

/* which: 0 comparisons, 1 success, 2 failure, in this order in the command. */
static void count_one(struct raft_writer *w, size_t which)
{
    if (w->is_over) {
        return;
    }
    uint8_t *at = w->at + w->counts + 2 * which;
    raft_le_put16(at, (uint16_t)(raft_le_get16(at) + 1));
    for (size_t later = which + 1; later < 3; later++) {
        assert(raft_le_get16(w->at + w->counts + 2 * later) == 0);
    }
}

void raft_command_compare(struct raft_writer *w, const struct raft_compare *compare)
{
    count_one(w, 0);
    give8(w, (uint8_t)compare->target);
    give8(w, (uint8_t)compare->result);
    give64(w, compare->number);
    give32(w, compare->value.size);
    give_bytes(w, compare->value);
    give_span(w, &compare->span);
}

void raft_command_op(struct raft_writer *w, bool is_failure, const struct raft_op *op)
{
    count_one(w, is_failure ? 2 : 1);
    give8(w, (uint8_t)op->kind);
    switch (op->kind) {
    case RAFT_OP_PUT:
        raft_command_put(w, &op->put);
        break;
    case RAFT_OP_DELETE:
        raft_command_delete(w, &op->del);
        break;
    case RAFT_OP_RANGE:
        give_query(w, &op->query);
        break;
    }
}

enum err raft_command_end(const struct raft_writer *w, size_t *ret_size)
{
    struct raft_command c;

    if (w->is_over) {
        return ERR_LIMIT;
    }
    /* The reader is the judge of what may stand in the log. */
    if (raft_command_read(w->at, w->size, &c) != ERR_OK) {
        return ERR_INVALID;
    }
    *ret_size = w->size;
    return ERR_OK;
}

static int by_key(const void *a, const void *b)
{
    return raft_span_order(*(const struct raft_bytes *)a, *(const struct raft_bytes *)b);
}

bool raft_command_is_single(const struct raft_list *branch)
{
    struct raft_bytes puts[RAFT_TXN_MAX];
    struct raft_list rest = *branch;
    struct raft_op op;
    size_t count = 0;

    while (raft_command_next_op(&rest, &op)) {
        if (op.kind == RAFT_OP_PUT) {
            puts[count++] = op.put.key;
        }
    }
    qsort(puts, count, sizeof puts[0], by_key);
    for (size_t i = 1; i < count; i++) {
        if (raft_span_order(puts[i - 1], puts[i]) == 0) {
            return false;
        }
    }
    rest = *branch;
    while (raft_command_next_op(&rest, &op)) {
        for (size_t i = 0; op.kind == RAFT_OP_DELETE && i < count; i++) {
            if (raft_span_has(&op.del.span, puts[i])) {
                return false;
            }
        }
    }
    return true;
}
