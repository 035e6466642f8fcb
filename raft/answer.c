#include "raft/answer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/le.h"

enum {
    RESULT_HEAD = 14, /* u8 kind, u8 more, u64 number, u32 pairs */
    PAIR_HEAD = 34,   /* three u64, u32 version, u16 and u32 sizes */
    ROOM_LEAST = 256,
};

void raft_answer_add(struct raft_buffer *b, const void *bytes, size_t size)
{
    if (b->is_short) {
        return;
    }
    if (size > b->room - b->size) {
        size_t room = b->room > 0 ? b->room * 2 : ROOM_LEAST;

        while (room - b->size < size) {
            room *= 2;
        }
        uint8_t *at = realloc(b->at, room);
        if (at == NULL) {
            b->is_short = true;
            return;
        }
        b->at = at;
        b->room = room;
    }
    if (size > 0) {
        memcpy(b->at + b->size, bytes, size);
    }
    b->size += size;
}

void raft_answer_fini(struct raft_buffer *b)
{
    free(b->at);
    *b = (struct raft_buffer){0};
}

size_t raft_answer_begin(struct raft_buffer *b, enum raft_op_kind kind)
{
    uint8_t head[RESULT_HEAD] = {(uint8_t)kind};
    size_t begin = b->size;

    raft_answer_add(b, head, sizeof head);
    return begin;
}

void raft_answer_pair(struct raft_buffer *b, size_t begin, const struct raft_record *r, bool key_only)
{
    uint8_t head[PAIR_HEAD];
    uint32_t value_size = key_only ? 0 : r->value_size;

    raft_le_put64(head, r->created);
    raft_le_put64(head + 8, r->modified);
    raft_le_put64(head + 16, raft_record_lease(r));
    raft_le_put32(head + 24, r->version);
    raft_le_put16(head + 28, r->key_size);
    raft_le_put32(head + 30, value_size);
    raft_answer_add(b, head, sizeof head);
    raft_answer_add(b, r->bytes, (size_t)r->key_size + value_size);
    if (!b->is_short) {
        uint8_t *count = b->at + begin + RESULT_HEAD - 4;

        raft_le_put32(count, raft_le_get32(count) + 1);
    }
}

void raft_answer_end(struct raft_buffer *b, size_t begin, uint64_t number, bool has_more)
{
    if (!b->is_short) {
        b->at[begin + 1] = has_more;
        raft_le_put64(b->at + begin + 2, number);
    }
}

void raft_answer_pair_of(const struct raft_record *r, struct raft_pair *ret)
{
    *ret = (struct raft_pair){.created = r->created, .modified = r->modified, .lease = raft_record_lease(r),
                              .version = r->version, .key = raft_record_key(r), .value = raft_record_value(r)};
}

bool raft_answer_next_pair(struct raft_list *pairs, struct raft_pair *ret)
{
    const uint8_t *at = pairs->at;

    if (pairs->count == 0) {
        return false;
    }
    assert(pairs->size >= PAIR_HEAD);
    *ret = (struct raft_pair){.created = raft_le_get64(at), .modified = raft_le_get64(at + 8),
                              .lease = raft_le_get64(at + 16), .version = raft_le_get32(at + 24),
                              .key = {at + PAIR_HEAD, raft_le_get16(at + 28)}};
    ret->value = (struct raft_bytes){ret->key.at + ret->key.size, raft_le_get32(at + 30)};
    uint32_t size = PAIR_HEAD + ret->key.size + ret->value.size;
    assert(pairs->size >= size);
    *pairs = (struct raft_list){.at = at + size, .size = pairs->size - size, .count = pairs->count - 1};
    return true;
}

bool raft_answer_next(struct raft_bytes *body, struct raft_result *ret)
{
    struct raft_list rest;
    struct raft_pair pair;

    if (body->size == 0) {
        return false;
    }
    assert(body->size >= RESULT_HEAD);
    *ret = (struct raft_result){.kind = body->at[0], .has_more = body->at[1] != 0,
                                .number = raft_le_get64(body->at + 2)};
    ret->pairs = (struct raft_list){.at = body->at + RESULT_HEAD, .size = body->size - RESULT_HEAD,
                                    .count = raft_le_get32(body->at + 10)};
    rest = ret->pairs;
    while (raft_answer_next_pair(&rest, &pair)) {
    }
    ret->pairs.size -= rest.size;
    *body = (struct raft_bytes){rest.at, rest.size};
    return true;
}
