#include "raft/command_wire.h"

#include <assert.h>

#include "raft/le.h"
#include "raft/span.h"

/* What is left to be read. A read past the end makes it fail for good, so that one look at the end is enough. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool is_bad;
};

static const uint8_t *take(struct reader *r, size_t size)
{
    const uint8_t *at = r->at;

    if (r->is_bad || size > r->left) {
        r->is_bad = true;
        return NULL;
    }
    r->at += size;
    r->left -= size;
    return at;
}

static uint8_t take8(struct reader *r)
{
    const uint8_t *at = take(r, 1);

    return at != NULL ? *at : 0;
}

static uint16_t take16(struct reader *r)
{
    const uint8_t *at = take(r, 2);

    return at != NULL ? raft_le_get16(at) : 0;
}

static uint32_t take32(struct reader *r)
{
    const uint8_t *at = take(r, 4);

    return at != NULL ? raft_le_get32(at) : 0;
}

static uint64_t take64(struct reader *r)
{
    const uint8_t *at = take(r, 8);

    return at != NULL ? raft_le_get64(at) : 0;
}

static struct raft_bytes take_bytes(struct reader *r, uint32_t size, uint32_t most)
{
    struct raft_bytes b = {.size = size};

    r->is_bad = r->is_bad || size > most;
    b.at = take(r, size);
    return b;
}

static void take_span(struct reader *r, struct raft_span *ret)
{
    uint16_t key_size = take16(r);
    uint16_t end_size = take16(r);

    *ret = (struct raft_span){.kind = RAFT_SPAN_BETWEEN};
    if (end_size == COMMAND_END_ONE) {
        ret->kind = RAFT_SPAN_ONE;
        r->is_bad = r->is_bad || key_size == 0;
    } else if (end_size == COMMAND_END_NONE) {
        ret->kind = RAFT_SPAN_FROM;
    }
    ret->key = take_bytes(r, key_size, RAFT_KEY_MAX);
    if (ret->kind == RAFT_SPAN_BETWEEN) {
        ret->end = take_bytes(r, end_size, RAFT_KEY_MAX);
    }
}

static void take_put(struct reader *r, struct raft_put *ret)
{
    uint8_t flags = take8(r);
    uint16_t key_size;
    uint32_t value_size;

    ret->lease = take64(r);
    key_size = take16(r);
    value_size = take32(r);
    ret->with_previous = (flags & COMMAND_WITH_PREVIOUS) != 0;
    ret->keeps_value = (flags & COMMAND_KEEPS_VALUE) != 0;
    ret->keeps_lease = (flags & COMMAND_KEEPS_LEASE) != 0;
    r->is_bad = r->is_bad || key_size == 0 || (flags & ~COMMAND_PUT_FLAGS) != 0;
    ret->key = take_bytes(r, key_size, RAFT_KEY_MAX);
    ret->value = take_bytes(r, value_size, RAFT_VALUE_MAX);
}

static void take_delete(struct reader *r, struct raft_delete *ret)
{
    uint8_t flags = take8(r);

    ret->with_previous = (flags & COMMAND_WITH_PREVIOUS) != 0;
    r->is_bad = r->is_bad || (flags & ~COMMAND_WITH_PREVIOUS) != 0;
    take_span(r, &ret->span);
}

static void take_query(struct reader *r, struct raft_query *ret)
{
    uint8_t flags = take8(r);

    *ret = (struct raft_query){.keys_only = (flags & COMMAND_KEYS_ONLY) != 0,
                               .count_only = (flags & COMMAND_COUNT_ONLY) != 0,
                               .is_descending = (flags & COMMAND_DESCENDING) != 0};
    ret->limit = take32(r);
    ret->modified_least = take64(r);
    ret->created_least = take64(r);
    r->is_bad = r->is_bad || (flags & ~COMMAND_QUERY_FLAGS) != 0;
    take_span(r, &ret->span);
}

static void take_compare(struct reader *r, struct raft_compare *ret)
{
    uint8_t target = take8(r);
    uint8_t result = take8(r);

    r->is_bad = r->is_bad || target > RAFT_COMPARE_LEASE || result > RAFT_COMPARE_GREATER;
    *ret = (struct raft_compare){.target = target, .result = result};
    ret->number = take64(r);
    ret->value = take_bytes(r, take32(r), RAFT_VALUE_MAX);
    take_span(r, &ret->span);
}

static void take_op(struct reader *r, struct raft_op *ret)
{
    uint8_t kind = take8(r);

    *ret = (struct raft_op){.kind = kind};
    if (kind == RAFT_OP_PUT) {
        take_put(r, &ret->put);
    } else if (kind == RAFT_OP_DELETE) {
        take_delete(r, &ret->del);
    } else if (kind == RAFT_OP_RANGE) {
        take_query(r, &ret->query);
    } else {
        r->is_bad = true;
    }
}

static void take_list(struct reader *r, uint16_t count, bool is_compares, struct raft_list *ret)
{
    const uint8_t *begin = r->at;
    struct raft_compare compare;
    struct raft_op op;

    r->is_bad = r->is_bad || count > RAFT_TXN_MAX;
    for (uint16_t i = 0; i < count && !r->is_bad; i++) {
        if (is_compares) {
            take_compare(r, &compare);
        } else {
            take_op(r, &op);
        }
    }
    *ret = (struct raft_list){.at = begin, .size = (uint32_t)(r->at - begin), .count = count};
}

static void take_txn(struct reader *r, struct raft_txn *ret)
{
    uint16_t compares = take16(r);
    uint16_t success = take16(r);
    uint16_t failure = take16(r);

    take_list(r, compares, true, &ret->compares);
    take_list(r, success, false, &ret->success);
    take_list(r, failure, false, &ret->failure);
}

static void take_body(struct reader *r, struct raft_command *c)
{
    switch (c->kind) {
    case RAFT_COMMAND_PUT:
        take_put(r, &c->put);
        break;
    case RAFT_COMMAND_DELETE:
        take_delete(r, &c->del);
        break;
    case RAFT_COMMAND_TXN:
        take_txn(r, &c->txn);
        break;
    case RAFT_COMMAND_LEASE_GRANT:
    case RAFT_COMMAND_LEASE_KEEP:
    case RAFT_COMMAND_LEASE_REVOKE:
    case RAFT_COMMAND_LEASE_EXPIRE:
    case RAFT_COMMAND_SESSION_OPEN:
    case RAFT_COMMAND_SESSION_CLOSE:
    case RAFT_COMMAND_SESSION_EXPIRE:
    case RAFT_COMMAND_COMPACT:
    case RAFT_COMMAND_LIMITS:
    case RAFT_COMMAND_CLOCK:
        c->id = take64(r);
        c->stamp = take64(r);
        c->ttl_ms = take32(r);
        break;
    case RAFT_COMMAND_RESTORE:
        c->ttl_ms = take32(r);
        c->items = take_bytes(r, (uint32_t)r->left, RAFT_COMMAND_MAX);
        break;
    }
}

enum err raft_command_read(const uint8_t *bytes, size_t size, struct raft_command *ret)
{
    struct reader r = {.at = bytes, .left = size, .is_bad = size > RAFT_COMMAND_MAX};
    uint8_t version = take8(&r);
    uint8_t kind = take8(&r);
    uint16_t flags = take16(&r);

    if (r.is_bad || version != RAFT_COMMAND_VERSION || kind < RAFT_COMMAND_PUT || kind > RAFT_COMMAND_RESTORE ||
        (flags & ~COMMAND_ONCE) != 0) {
        return ERR_MALFORMED;
    }
    ret->kind = kind;
    ret->time_ms = take64(&r);
    ret->once = (struct raft_once){0};
    if (flags & COMMAND_ONCE) {
        ret->once.session = take64(&r);
        ret->once.sequence = take64(&r);
        ret->once.acknowledged = take64(&r);
        r.is_bad = r.is_bad || ret->once.session == 0;
    }
    take_body(&r, ret);
    return r.is_bad || r.left > 0 ? ERR_MALFORMED : ERR_OK;
}

/* A list of a command that was read holds what its count says: a reader of it cannot fail. */
bool raft_command_next_compare(struct raft_list *list, struct raft_compare *ret)
{
    struct reader r = {.at = list->at, .left = list->size};

    if (list->count == 0) {
        return false;
    }
    take_compare(&r, ret);
    assert(!r.is_bad);
    *list = (struct raft_list){.at = r.at, .size = (uint32_t)r.left, .count = list->count - 1};
    return true;
}

bool raft_command_next_op(struct raft_list *list, struct raft_op *ret)
{
    struct reader r = {.at = list->at, .left = list->size};

    if (list->count == 0) {
        return false;
    }
    take_op(&r, ret);
    assert(!r.is_bad);
    *list = (struct raft_list){.at = r.at, .size = (uint32_t)r.left, .count = list->count - 1};
    return true;
}
