#include "raft/wal.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "raft/le.h"

enum {
    HEAD_AT_VERSION = 8,
    HEAD_AT_SIZE = 12,
    HEAD_AT_CLUSTER = 16,
    HEAD_AT_MEMBER = 24,
    HEAD_AT_NUMBER = 32,
    HEAD_AT_CHECK = 40,
};

static const char head_magic[8] = "CELLRLOG";

_Static_assert((int)RAFT_WAL_SEGMENT_ANY >= (int)RAFT_WAL_HEAD + (int)RAFT_FRAME_MAX, "any frame fits");

void raft_wal_init(struct raft_wal *w, const struct raft_frame_owner *owner, uint32_t segment_size)
{
    assert(segment_size >= RAFT_WAL_SEGMENT_MIN && segment_size <= RAFT_WAL_SEGMENT_MAX &&
           segment_size % RAFT_WAL_SEGMENT_MIN == 0);
    *w = (struct raft_wal){.owner = *owner, .segment_size = segment_size, .segment = 1, .at = RAFT_WAL_HEAD};
}

uint32_t raft_wal_body_max(uint32_t segment_size)
{
    uint32_t most = segment_size - RAFT_WAL_HEAD - RAFT_FRAME_HEAD - 8;

    return most < RAFT_FRAME_BODY_MAX ? most : RAFT_FRAME_BODY_MAX;
}

bool raft_wal_turns(const struct raft_wal *w, uint32_t size)
{
    return raft_frame_size(size) > w->segment_size - w->at;
}

/* Give `frame` its place and its neighbours; nothing of *w changes on an error. */
static enum err place(struct raft_wal *w, struct raft_frame frame, const uint8_t *body, struct raft_wal_piece *ret)
{
    bool turns = w->is_repair || raft_wal_turns(w, frame.size);

    if (frame.size > raft_wal_body_max(w->segment_size)) {
        return ERR_LIMIT;
    }
    if (turns && w->durable != w->sequence) {
        return ERR_UNAVAILABLE; /* a batch stays in one segment */
    }
    if (turns) {
        w->segment++;
        w->at = RAFT_WAL_HEAD;
        w->is_repair = false;
    }
    frame.sequence = ++w->sequence;
    frame.ahead = (uint32_t)(frame.sequence - 1 - w->durable);
    frame.chain = w->chain;
    ret->segment = w->segment;
    ret->at = w->at;
    ret->body = body;
    raft_frame_seal(&frame, &w->owner, body, w->at, ret->head, ret->tail, &ret->tail_size);
    ret->frame = frame;
    w->chain = frame.check;
    w->at += raft_frame_size(frame.size);
    assert(w->at <= w->segment_size && w->durable < w->sequence);
    return ERR_OK;
}

enum err raft_wal_append(struct raft_wal *w, const struct raft_run *run, uint64_t prev_term, struct raft_wal_piece *ret)
{
    assert(run->first > w->base && run->first <= w->last + 1);
    assert(run->count == 0 || run->term >= prev_term);
    assert(run->first <= w->last || prev_term == w->last_term);
    uint64_t term = run->count > 0 ? run->term : prev_term;
    enum err e = place(w,
                       (struct raft_frame){.kind = RAFT_FRAME_ENTRIES,
                                           .first = run->first,
                                           .term = term,
                                           .prev_term = prev_term,
                                           .count = run->count,
                                           .size = run->size},
                       run->bytes, ret);

    if (e == ERR_OK) {
        w->last = run->first + run->count - 1;
        w->last_term = term;
    }
    return e;
}

enum err raft_wal_rebase(struct raft_wal *w, uint64_t base, uint64_t base_term, struct raft_wal_piece *ret)
{
    enum err e = place(w,
                       (struct raft_frame){.kind = RAFT_FRAME_BASE,
                                           .first = base + 1,
                                           .term = base_term,
                                           .prev_term = base_term},
                       NULL, ret);

    if (e == ERR_OK) {
        w->base = w->last = base;
        w->base_term = w->last_term = base_term;
    }
    return e;
}

enum err raft_wal_repair(struct raft_wal *w, struct raft_wal_piece *ret)
{
    w->is_repair = true;
    return place(w,
                 (struct raft_frame){.kind = RAFT_FRAME_REPAIR,
                                     .first = w->last + 1,
                                     .term = w->last_term,
                                     .prev_term = w->last_term},
                 NULL, ret);
}

void raft_wal_synced(struct raft_wal *w)
{
    w->durable = w->sequence;
}

void raft_wal_head_write(const struct raft_frame_owner *owner, uint64_t number, uint32_t segment_size, uint8_t *out)
{
    memset(out, 0, RAFT_WAL_HEAD);
    memcpy(out, head_magic, sizeof head_magic);
    raft_le_put32(out + HEAD_AT_VERSION, RAFT_WAL_VERSION);
    raft_le_put32(out + HEAD_AT_SIZE, segment_size);
    raft_le_put64(out + HEAD_AT_CLUSTER, owner->cluster);
    raft_le_put64(out + HEAD_AT_MEMBER, owner->member);
    raft_le_put64(out + HEAD_AT_NUMBER, number);
    raft_le_put32(out + HEAD_AT_CHECK, bytes_crc32c(0, out, HEAD_AT_CHECK));
}

enum raft_wal_head raft_wal_head_look(const struct raft_frame_owner *owner, uint64_t number, uint32_t segment_size,
                                      const uint8_t *in)
{
    if (memcmp(in, head_magic, sizeof head_magic) != 0 ||
        raft_le_get32(in + HEAD_AT_CHECK) != bytes_crc32c(0, in, HEAD_AT_CHECK) ||
        !raft_frame_is_blank(in + HEAD_AT_CHECK + 4, RAFT_WAL_HEAD - HEAD_AT_CHECK - 4)) {
        return RAFT_WAL_HEAD_DAMAGED;
    }
    if (raft_le_get32(in + HEAD_AT_VERSION) != RAFT_WAL_VERSION) {
        return RAFT_WAL_HEAD_OTHER_VERSION;
    }
    if (raft_le_get64(in + HEAD_AT_CLUSTER) != owner->cluster) {
        return RAFT_WAL_HEAD_OTHER_CLUSTER;
    }
    if (raft_le_get64(in + HEAD_AT_MEMBER) != owner->member) {
        return RAFT_WAL_HEAD_OTHER_MEMBER;
    }
    if (raft_le_get64(in + HEAD_AT_NUMBER) != number) {
        return RAFT_WAL_HEAD_OTHER_NUMBER;
    }
    return raft_le_get32(in + HEAD_AT_SIZE) == segment_size ? RAFT_WAL_HEAD_OURS : RAFT_WAL_HEAD_OTHER_SIZE;
}
